/** Waiting for a background container to be of use (containers contract 2.11). */
import type { Reporter } from "../../run/ports.ts";
import type { Failure } from "../../run/failure.ts";
import type { ImageContainer } from "../../workflow/workflow.ts";
import { compilePattern } from "../../workflow/condition.ts";
import { followLogs, inspectContainer, type Inspected } from "./api/container.ts";
import { StreamError } from "./api/error.ts";
import { splitFrames } from "./api/frames.ts";
import type { CreatedContainer } from "./created.ts";
import { describe, diagnose, diagnoseWords } from "./diagnose.ts";
import type { Engine } from "./engine.ts";
import { hasHealthcheck, newHealthProbe } from "./health.ts";
import { stopFailure } from "./outcome.ts";
import { isLaunchFailure } from "./output.ts";
import { deadlineAfter, pause } from "./waiting.ts";

type Wanted = Pick<
  ImageContainer,
  "startup" | "waitFor" | "logPattern" | "restartPolicy" | "readyTimeoutSec"
>;

const POLL_MS = 500;
const SECOND_LOOK_MS = 200;
/** Where the engine starts it again, being up for a moment says less. */
const RESTART_LOOK_MS = 1_000;
/** Right after the start things are quick: the first looks are close together. */
const FIRST_POLL_MS = 20;
/** A main process that comes up at the second or third try is of use; one that never stays up is not (F75). */
const LOOP_RESTARTS = 3;
const TAIL_BYTES = 1_024;
const LINE_MAX = 1_048_576;

/** One budget for all of it (2.11.1). null: ready. */
export async function waitUntilReady(
  engine: Engine,
  made: CreatedContainer,
  wanted: Wanted,
  report: Reporter,
  signal: AbortSignal,
): Promise<Failure | null> {
  const budget = deadlineAfter(readyMsOf(engine, wanted));
  const waiting = AbortSignal.any([signal, budget]);
  return await waitForState(engine, made, wanted, report, waiting, signal) ??
    (wanted.logPattern === null
      ? null
      : await waitForLine(engine, made, wanted, wanted.logPattern, waiting, signal));
}

async function waitForState(
  engine: Engine,
  made: CreatedContainer,
  wanted: Wanted,
  report: Reporter,
  waiting: AbortSignal,
  signal: AbortSignal,
): Promise<Failure | null> {
  const { waitFor } = wanted;
  let last = "not asked yet";
  let exitCode: number | null = null;
  /** How often it had been restarted when it was first seen running. */
  let restartsSeen: number | null = null;
  let probe: ReturnType<typeof newHealthProbe> | null = null;
  for (let pauseMs = FIRST_POLL_MS; !waiting.aborted; pauseMs = Math.min(POLL_MS, pauseMs * 2)) {
    const reply = await inspectContainer(engine.socket, made.id, waiting);
    if (!reply.ok) {
      if (waiting.aborted) break;
      return diagnose(engine.runtime, reply.error, made.subject, signal).failure;
    }
    const { State, RestartCount } = reply.value;
    // While it runs again some engines say 0.
    if (State.Status !== "running" && State.Status !== "created") exitCode = State.ExitCode;
    if (RestartCount >= LOOP_RESTARTS) return await restarting(engine, made, RestartCount, exitCode);
    const willRestart = wanted.restartPolicy !== null && wanted.restartPolicy !== "no";
    if (!State.Running && !willRestart && State.Status !== "created") {
      return await ended(engine, made, reply.value);
    }
    last = State.Status;
    if (State.Running && State.Status !== "restarting") {
      if (waitFor === "running") {
        // A process of the author's that fails at once runs for a moment, too: it is looked at twice (F50).
        if (restartsSeen === RestartCount || wanted.startup === "keepalive") return null;
        restartsSeen = RestartCount;
        await pause(willRestart ? RESTART_LOOK_MS : SECOND_LOOK_MS, waiting);
        continue;
      }
      if (!hasHealthcheck(reply.value)) {
        await report.note("warn", "wait_for is healthy, but neither image nor container has a healthcheck");
        return null;
      }
      probe ??= newHealthProbe(engine, made.id);
      const health = await probe(reply.value, waiting);
      last = `${State.Status}, ${health.status}`;
      if (health.status === "healthy") return null;
      if (health.status === "unhealthy") {
        const message = `the container is unhealthy; its last probe said: ${health.output.trim()}`;
        return failureOf(engine, made, "READINESS_FAILED", message, "see what the healthcheck needs");
      }
    }
    await pause(pauseMs, waiting);
  }
  return signal.aborted ? stopFailure(signal) : timeoutFailure(engine, made, wanted, waitFor, last);
}

async function waitForLine(
  engine: Engine,
  made: CreatedContainer,
  wanted: Wanted,
  patternText: string,
  waiting: AbortSignal,
  signal: AbortSignal,
): Promise<Failure | null> {
  const pattern = compilePattern(patternText);
  const what = `log_pattern ${patternText}`;
  const logs = await followLogs(engine.socket, made.id, true, waiting);
  if (logs.ok) {
    using stream = logs.value;
    const lines = { stdout: "", stderr: "" };
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    try {
      for await (const piece of splitFrames(stream, "container logs")) {
        const parts = (lines[piece.stream] + decoders[piece.stream].decode(piece.bytes, { stream: true }))
          .split("\n");
        // Where a piece ends says nothing: Docker itself keeps a line back until it is whole.
        lines[piece.stream] = (parts.pop() ?? "").slice(-LINE_MAX);
        if (parts.some((line) => pattern.test(line.replace(/\r$/, "")))) return null;
      }
      // The log may end a moment before the engine knows that the process did.
      await pause(SECOND_LOOK_MS, waiting);
      const now = await inspectContainer(engine.socket, made.id, waiting);
      if (now.ok && !now.value.State.Running) return await ended(engine, made, now.value);
      const message = `the log ended without a line that matches ${patternText}`;
      return failureOf(engine, made, "READINESS_FAILED", message, "is the command long-running?");
    } catch (thrown) {
      if (!(thrown instanceof StreamError)) throw thrown;
      if (!waiting.aborted) return diagnose(engine.runtime, thrown.error, made.subject, signal).failure;
    }
  } else if (!waiting.aborted) return diagnose(engine.runtime, logs.error, made.subject, signal).failure;
  return signal.aborted
    ? stopFailure(signal)
    : timeoutFailure(engine, made, wanted, what, "running, no line matched");
}

/** F50: with its code and the end of its log. */
async function ended(engine: Engine, made: CreatedContainer, { State }: Inspected): Promise<Failure> {
  const tail = await logTail(engine, made.id);
  if (isLaunchFailure(tail, State.ExitCode)) {
    return diagnoseWords(engine.runtime, "container start", tail, made.subject).failure;
  }
  const message = `the container's main process ended with code ${State.ExitCode} (${State.Status})`;
  return failureOf(engine, made, "READINESS_FAILED", message + saying(tail), "is its command long-running?");
}

/** F75: the engine would go on for ever. */
async function restarting(
  engine: Engine,
  made: CreatedContainer,
  times: number,
  exitCode: number | null,
): Promise<Failure> {
  const end = exitCode === null ? "" : `; its main process last ended with code ${exitCode}`;
  const message = `the container was restarted ${times} times by its restart_policy${end}` +
    saying(await logTail(engine, made.id));
  return failureOf(engine, made, "READINESS_FAILED", message, "is its command long-running?");
}

function saying(tail: string): string {
  return tail === "" ? "" : `; its log ends with:\n${tail.trimEnd()}`;
}

async function logTail(engine: Engine, id: string): Promise<string> {
  const logs = await followLogs(engine.socket, id, false, AbortSignal.timeout(POLL_MS * 10));
  if (!logs.ok) return "";
  using stream = logs.value;
  let text = "";
  try {
    for await (const { bytes } of splitFrames(stream, "container logs")) {
      text = (text + new TextDecoder().decode(bytes)).slice(-TAIL_BYTES);
    }
  } catch (thrown) {
    if (!(thrown instanceof StreamError)) throw thrown;
  }
  return text;
}

function readyMsOf({ limits }: Engine, { readyTimeoutSec }: Wanted): number {
  return readyTimeoutSec === undefined ? limits.readyMs : readyTimeoutSec * 1000;
}

function timeoutFailure(
  engine: Engine,
  made: CreatedContainer,
  wanted: Wanted,
  what: string,
  last: string,
): Failure {
  const seconds = Math.round(readyMsOf(engine, wanted) / 1000);
  const message = `the container was not ready (${what}) within ${seconds} s; last state: ${last}`;
  return failureOf(
    engine,
    made,
    "READINESS_TIMEOUT",
    message,
    "see what it waits for in its log, or give it more of ready_timeout_sec",
  );
}

function failureOf(
  engine: Engine,
  made: CreatedContainer,
  code: Failure["code"],
  message: string,
  remedy: string,
): Failure {
  return describe(engine.runtime, { code, message, remedy }, made.subject);
}
