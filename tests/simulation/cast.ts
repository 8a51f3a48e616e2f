/** Who takes part in a world. */
import type { ServerSettings } from "../../src/server/settings.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { Plan } from "./plan.ts";
import type { Random } from "./random.ts";
import type { MachineClock, Timeline } from "./timeline.ts";
import type { Truth } from "./truth.ts";
import type { Worker } from "./worker.ts";

export interface Cast {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly plane: ControlPlane;
  readonly workers: readonly Worker[];
  readonly settings: ServerSettings;
  readonly serverClock: MachineClock;
  readonly truth: Truth;
  note(who: string, what: string): void;
}
