/**
 * The runner's one engine: opened when something first needs it, so that a runner without containers loads none of it,
 * and a wrong selection only fails what needs a container (1.1.5).
 */
import type { EngineFacts } from "../protocol/messages.ts";
import type { Failure } from "../run/failure.ts";
import type { Log } from "../run/ports.ts";
import { isFailure } from "../run/outcome.ts";
import type { Engine } from "./containers/engine.ts";
import { addressText, type Runtime } from "./containers/runtime.ts";

export interface EngineDoor extends AsyncDisposable {
  /** For the log: kind and address, or why there is none. */
  readonly name: string;
  /** null: not a socket on this machine. */
  readonly socketPath: string | null;
  readonly authConfig: string | null;
  open(): Promise<Engine | Failure>;
  /** What the runner tells at registration (1.1.4); never fails for want of an engine. */
  facts(workDir: string, signal: AbortSignal): Promise<EngineFacts>;
  /** Removes containers that an earlier process of this runner left. Never throws. */
  reap(runnerId: string, isLive: (attemptId: string) => boolean, log: Log): Promise<void>;
}

const FACTS_MS = 10_000;
const REAP_MS = 30_000;

export function openEngineDoor(runtime: Runtime | Failure): EngineDoor {
  if (isFailure(runtime)) return closedDoor(runtime);
  let engine: Promise<Engine> | null = null;
  let hasComplained = false;
  const open = (): Promise<Engine> =>
    engine ??= import("./containers/engine.ts").then((room) => room.openEngine(runtime));
  return {
    name: `${runtime.kind} at ${addressText(runtime.address)}`,
    socketPath: runtime.address.kind === "unix" ? runtime.address.path : null,
    authConfig: runtime.authConfig,
    open,
    facts: async (workDir, signal) => {
      const { checkEngine } = await import("./containers/doctor.ts");
      return await checkEngine(
        await open(),
        workDir,
        AbortSignal.any([signal, AbortSignal.timeout(FACTS_MS)]),
      );
    },
    reap: async (runnerId, isLive, log) => {
      const { reap } = await import("./containers/reaper.ts");
      const reaped = await reap(await open(), runnerId, isLive, AbortSignal.timeout(REAP_MS));
      if (reaped.ok && reaped.value > 0) log.info("left containers removed", { count: reaped.value });
      const wasKnown = hasComplained;
      hasComplained = !reaped.ok;
      if (reaped.ok || wasKnown) return;
      const facts = { engine: addressText(runtime.address), reason: reaped.error.message };
      // A runner without an engine is nothing to worry about: only a step that needs one fails, and says why.
      if (reaped.error.kind === "unreachable") log.info("no container engine answers", facts);
      else log.warn("left containers not looked for", facts);
    },
    [Symbol.asyncDispose]: async () => {
      await (await engine)?.[Symbol.asyncDispose]();
    },
  };
}

function closedDoor(failure: Failure): EngineDoor {
  const { code, message, remedy } = failure;
  return {
    name: `none: ${message}`,
    socketPath: null,
    authConfig: null,
    open: () => Promise.resolve(failure),
    facts: () => {
      const engine = failure.engine ?? "docker";
      return Promise.resolve({ engine, address: failure.address ?? "", problem: { code, message, remedy } });
    },
    reap: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
