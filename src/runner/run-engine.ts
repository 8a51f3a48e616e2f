/** The runner's engine as one run sees it: behind its policy, and with a network of its own where the runner gives one. */
import type { Failure } from "../run/failure.ts";
import { isFailure } from "../run/outcome.ts";
import type { Engine } from "./containers/engine.ts";
import type { EngineGuard } from "./containers/guard.ts";
import type { Labels } from "./containers/labels.ts";
import type { RunNetwork } from "./containers/run-network.ts";

/** Disposal ends what the run had of the engine for itself. Never throws. */
export interface RunEngine extends AsyncDisposable {
  open(): Promise<Engine | Failure>;
}

export function newRunEngine(
  open: () => Promise<Engine | Failure>,
  guard: EngineGuard,
  labels: Labels,
): RunEngine {
  const own: { network?: RunNetwork } = {};
  return {
    open: async () => {
      const engine = await open();
      if (isFailure(engine)) return engine;
      const choice = engine.runtime.network;
      if (choice !== "bridge") {
        const room = await import("./containers/run-network.ts");
        own.network ??= room.newRunNetwork(labels, choice === "internal");
      }
      return { ...engine, guard, ...own };
    },
    [Symbol.asyncDispose]: async () => await own.network?.[Symbol.asyncDispose](),
  };
}
