/** What a step can do. A name of the language without a deed does not compile. */
import type { Outcome, ResolvedAction } from "../../run/ports.ts";
import type { ActionName } from "../../workflow/workflow.ts";
import { container } from "./container.ts";
import { dockerRun } from "./docker-run.ts";
import { harnessRun } from "./harness-run.ts";
import { run } from "./run.ts";
import type { Work } from "./work.ts";

type ActionOf = { readonly [A in ResolvedAction as A["name"]]: A };
export type Action<N extends ActionName> = (action: ActionOf[N], work: Work) => Promise<Outcome>;

const ACTIONS: { readonly [N in ActionName]: Action<N> } = {
  "run": run,
  "container": container,
  "docker.run": dockerRun,
  "harness.run": harnessRun,
};

export function perform<N extends ActionName>(name: N, action: ActionOf[N], work: Work): Promise<Outcome> {
  return ACTIONS[name](action, work);
}
