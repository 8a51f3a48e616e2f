/** A runner gives something back: one run (M4), what it has not started (M15), or itself. */
import type { DeclineRequest } from "../../protocol/messages.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { endAttempt, isLive, liveOfRunner, lockRunAndAttempt } from "../store/attempts.ts";
import { markAway, type RunnerRow, setRunnerState } from "../store/runners.ts";
import { finishRun } from "../store/runs.ts";
import { admit, type AttemptCaller, fenced, type ReportRefusal } from "./caller.ts";
import { endFromOutside } from "./end.ts";
import { graceOf } from "./patience.ts";
import { requeueAttempt } from "./requeue.ts";

/** A retry elsewhere would hide an attack or repeat a mistake (M4): these fail the run at once. */
const FATAL = ["signature_invalid", "policy_denied", "definition_invalid"] as const;

export async function declineAttempt(
  ports: ServerPorts,
  caller: AttemptCaller,
  request: DeclineRequest,
): Promise<{ ok: true; outcome: "requeued" | "failed" } | ReportRefusal> {
  const admitted = await admit(ports.db, caller, request.fence);
  if (!admitted.ok) return admitted;
  const { attempt } = admitted;
  const isFatal = FATAL.some((reason) => reason === request.reason);
  const outcome = isFatal
    ? await failDeclined(ports, attempt.id, request)
    : await requeueAttempt(ports, attempt.id, "declined", { excludeRunner: true });
  return outcome === null ? fenced() : { ok: true, outcome };
}

async function failDeclined(
  ports: ServerPorts,
  attemptId: string,
  request: DeclineRequest,
): Promise<"failed" | null> {
  const now = new Date(ports.clock.now());
  const code = request.reason === "definition_invalid" ? "SPEC_INVALID" as const : "POLICY_DENIED" as const;
  const message = `the runner declined the run (${request.reason})${
    request.detail === undefined ? "" : `: ${request.detail}`
  }`;
  const failure = {
    code,
    message: message.slice(0, 4096),
    remedy: request.reason === "signature_invalid"
      ? "dagu sign FILE --key KEY, with a key that the runner's policy trusts"
      : "correct the definition, or the runner's policy",
  };
  const runId = await ports.db.transaction(async (tx) => {
    const held = await lockRunAndAttempt(tx, attemptId);
    if (held === null || !isLive(held.attempt) || held.attempt.startedAt !== null) return null;
    await endAttempt(tx, held.attempt.id, { state: "declined", reason: request.reason }, now);
    await finishRun(tx, held.run.id, { status: "failed", reason: request.reason, failure, finishedAt: now });
    return held.run.id;
  });
  if (runId === null) return null;
  ports.wake.notify("ready");
  ports.wake.notify(`run:${runId}`);
  return "failed";
}

/** No more claims; with `handback`, what has not started goes to other runners. */
export async function drainRunner(
  ports: ServerPorts,
  runner: RunnerRow,
  mode: "finish" | "handback",
): Promise<void> {
  await setRunnerState(ports.db, runner.id, "draining");
  if (mode === "handback") await handBack(ports, runner);
}

/**
 * The process ends; its identity stays good for the next one. What it had begun and not told to an end it gives up, and is
 * lost at once (M15). Only of a process that counts its starts: another's message may come late, when a newer one works.
 */
export async function leaveRunner(ports: ServerPorts, runner: RunnerRow, boot: number): Promise<void> {
  await handBack(ports, runner);
  for (const attempt of boot > 0 ? await liveOfRunner(ports.db, runner.id) : []) {
    await endFromOutside(ports, attempt.id, {
      state: "lost",
      reason: "runner_restarted",
      failure: {
        code: "RUNNER_RESTARTED",
        message: `runner ${runner.name} left while it executed the run`,
        remedy: "start the run again",
      },
    });
  }
  if (boot > 0) await markAway(ports.db, runner.id, boot);
  else if (runner.state === "draining") await setRunnerState(ports.db, runner.id, "active");
}

/**
 * Its credentials are void at once; what it executes ends as lost, without grace (RS-05). It is told nothing any more, so a
 * run that goes on elsewhere does so when the old lease and grace have stopped it here.
 */
export async function revokeRunner(
  ports: ServerPorts,
  settings: ServerSettings,
  runner: RunnerRow,
  by: string,
): Promise<void> {
  await setRunnerState(ports.db, runner.id, "revoked");
  await handBack(ports, runner);
  for (const attempt of await liveOfRunner(ports.db, runner.id)) {
    await endFromOutside(ports, attempt.id, {
      state: "lost",
      reason: "runner_lost",
      failure: {
        code: "RUNNER_LOST",
        message: `runner ${runner.name} was revoked by ${by} while it executed the run`,
        remedy: "start the run again: another runner takes it",
      },
      retryAt: (run) => new Date(ports.clock.now() + settings.runner.leaseMs + graceOf(settings, run)),
    });
  }
}

async function handBack(ports: ServerPorts, runner: RunnerRow): Promise<void> {
  for (const attempt of await liveOfRunner(ports.db, runner.id)) {
    if (attempt.startedAt === null) {
      await requeueAttempt(ports, attempt.id, "handed_back", { excludeRunner: false });
    }
  }
}
