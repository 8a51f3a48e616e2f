/** Follows a run to its end, with what its steps say as they say it. */
import * as v from "valibot";
import { StepStatus } from "../run/event.ts";
import { type Api, nullIfMissing } from "./api-client.ts";
import { type Node, nodesOf, RunDetails, runPath } from "./run-json.ts";
import type { StepOutput } from "./step-output.ts";

export interface FollowOptions {
  /** null: it is not wanted, or is heard elsewhere. */
  readonly output: StepOutput | null;
  readonly signal: AbortSignal;
  /** A run that is tried again, as it was: what its steps said then was shown then. */
  readonly before?: RunDetails;
}

/** The run when it is over or waits for a person, and what it had to say was shown. */
export async function followRun(
  api: Api,
  run: { name: string; dagRunId: string },
  options: FollowOptions,
): Promise<RunDetails> {
  const { output } = options;
  const followed = new Map<string, Promise<unknown>>();
  const known = options.before === undefined ? [] : nodesOf(options.before).filter(hasBegun);
  const before = new Map(known.map(({ step, startedAt }) => [step.name, startedAt]));
  let last: unknown = null;
  for await (const { event, data } of api.events(`${runPath(run)}/stream`, options.signal)) {
    if (event !== "run") continue;
    last = JSON.parse(data);
    const { statusLabel } = v.parse(Status, last);
    const nodes = output === null ? [] : nodesOf(v.parse(RunDetails, last));
    for (const node of nodes) {
      const { step: { name }, startedAt } = node;
      if (output === null || !hasBegun(node) || followed.has(name) || before.get(name) === startedAt) {
        continue;
      }
      followed.set(name, followStep(api, run, node, output, options.signal).catch(nullIfMissing));
    }
    if (statusLabel === "waiting") break;
  }
  await Promise.all(followed.values());
  if (last === null) {
    options.signal.throwIfAborted();
    throw new Error("the run's stream ended before it told anything");
  }
  return v.parse(RunDetails, last);
}

export const STREAMS = ["stdout", "stderr"] as const;

/** Most of what a large run tells on its way is not looked at. */
const Status = v.object({ statusLabel: v.string() });

export function hasBegun({ statusLabel, startedAt }: Node): boolean {
  return statusLabel !== "not_started" && v.is(StepStatus, statusLabel) && startedAt !== "-";
}

async function followStep(
  api: Api,
  run: { name: string; dagRunId: string },
  { step: { name: step }, statusLabel, exitCode, logSizes }: Node,
  output: StepOutput,
  signal: AbortSignal,
): Promise<void> {
  // Its sizes are known when its runner has told of its end: of thousands of steps that say nothing no log is asked for.
  const isTold = exitCode !== null || statusLabel === "succeeded";
  const streams = STREAMS.filter((stream) => output.takes(step, stream) && (!isTold || logSizes[stream] > 0));
  await Promise.all(streams.map(async (stream) => {
    const path = `${runPath(run)}/steps/${encodeURIComponent(step)}/log/stream?stream=${stream}`;
    for await (const { event, data } of api.events(path, signal)) {
      if (event === "chunk") output.bytes(step, stream, Uint8Array.fromBase64(data));
    }
    output.end(step, stream);
  }));
}
