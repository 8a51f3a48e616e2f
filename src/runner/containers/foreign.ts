/** Somebody else's container, waited for until it runs (2.3.3, F53, F54). */
import type { ContainerFacts } from "../../run/event.ts";
import { refuseTarget } from "../../workflow/container-name.ts";
import { inspectContainer, type Inspected } from "./api/container.ts";
import { isMissing } from "./api/error.ts";
import { describe, diagnose } from "./diagnose.ts";
import type { Engine } from "./engine.ts";
import { killTree } from "./kill-tree.ts";
import { anyExecToken, shortId } from "./names.ts";
import { type Made, stopFailure, unmade } from "./outcome.ts";
import { pause } from "./waiting.ts";

export interface ForeignContainer {
  readonly id: string;
  readonly facts: ContainerFacts;
}

const POLL_MS = 500;

export async function findForeign(
  engine: Engine,
  target: string,
  signal: AbortSignal,
): Promise<Made<ForeignContainer>> {
  const subject = { name: target };
  const wrong = refuseTarget(target);
  if (wrong !== null) return unmade(describe(engine.runtime, { code: "SPEC_INVALID", ...wrong }, subject));
  const until = performance.now() + engine.limits.readyMs;
  while (true) {
    const reply = await inspectContainer(engine.socket, target, signal);
    if (signal.aborted) return unmade(stopFailure(signal));
    const refused = reply.ok ? engine.guard.exec(plainName(reply.value)) : null;
    if (refused !== null) return unmade(describe(engine.runtime, refused, subject));
    if (reply.ok && reply.value.State.Running && !reply.value.State.Paused) {
      return { ok: true, value: { id: reply.value.Id, facts: factsOf(engine, reply.value) } };
    }
    if (!reply.ok && !isMissing(reply.error)) {
      return { ok: false, error: diagnose(engine.runtime, reply.error, subject, signal) };
    }
    const isPaused = reply.ok && reply.value.State.Paused;
    if (isPaused || performance.now() >= until) {
      const state = reply.ok ? reply.value.State.Status : "not found";
      const waited = isPaused ? "" : ` after ${Math.round(engine.limits.readyMs / 1000)} s`;
      const message = `container ${target} does not run${waited}: ${state}`;
      const remedy = isPaused ? `${engine.runtime.kind} unpause ${target}` : "start it, or correct its name";
      return unmade(describe(engine.runtime, { code: "CONTAINER_NOT_RUNNING", message, remedy }, subject));
    }
    await pause(POLL_MS, signal);
  }
}

/**
 * Ends what an earlier process of the runner left there: it would run beside the next try (B04, F64). false: something of it
 * may still run.
 */
export async function sweepForeign(
  engine: Engine,
  target: string,
  owner: string,
  user: string | null,
  signal: AbortSignal,
): Promise<boolean> {
  if (refuseTarget(target) !== null) return true;
  const reply = await inspectContainer(engine.socket, target, signal);
  if (!reply.ok) return isMissing(reply.error);
  if (!reply.value.State.Running) return true;
  if (engine.guard.exec(plainName(reply.value)) !== null) return false;
  return await killTree(engine, reply.value.Id, anyExecToken(owner), user, "KILL", 0) !== "unknown";
}

function plainName({ Name }: Inspected): string {
  return Name.replace(/^\//, "");
}

export function factsOf(engine: Engine, inspected: Inspected): ContainerFacts {
  const { Id, Image, Config } = inspected;
  return {
    engine: engine.runtime.kind,
    address: engine.address,
    id: shortId(Id),
    name: plainName(inspected),
    image: Config.Image,
    digest: Image,
  };
}
