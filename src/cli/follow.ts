/** Follows a run to its end: step output live on stderr, each line under its step's name. */
import * as v from "valibot";
import { StepStatus } from "../run/event.ts";
import type { Api } from "./api-client.ts";
import { writeBytes } from "./command.ts";
import { type Node, nodesOf, RunDetails, runPath } from "./run-json.ts";

const utf8 = new TextEncoder();

/** How long the output of steps that went before a waiting one may take to arrive. */
const LAST_BYTES_MS = 500;

export interface FollowOptions {
  readonly isQuiet: boolean;
  readonly signal: AbortSignal;
}

/** The run when it is over or waits for a person, with all of its output shown. */
export async function followRun(
  api: Api,
  run: { name: string; dagRunId: string },
  options: FollowOptions,
): Promise<RunDetails> {
  const followed = new Map<string, Promise<void>>();
  const idle = new AbortController();
  let last: RunDetails | null = null;
  const signal = AbortSignal.any([options.signal, idle.signal]);
  for await (const { event, data } of api.events(`${runPath(run)}/stream`, options.signal)) {
    if (event !== "run") continue;
    const details = v.parse(RunDetails, JSON.parse(data));
    last = details;
    if (details.statusLabel === "waiting") break;
    if (options.isQuiet) continue;
    for (const node of nodesOf(details)) {
      if (!hasBegun(node) || followed.has(node.step.name)) continue;
      followed.set(node.step.name, followStep(api, run, node, signal));
    }
  }
  // The log of a step that waits has no end yet.
  if (last?.statusLabel === "waiting") setTimeout(() => idle.abort(), LAST_BYTES_MS);
  await Promise.all(followed.values());
  if (last === null) throw new Error("the run's stream ended before it told anything");
  return last;
}

function hasBegun({ statusLabel, startedAt }: Node): boolean {
  return !["not_started", "waiting"].includes(statusLabel) && v.is(StepStatus, statusLabel) &&
    startedAt !== "-";
}

async function followStep(
  api: Api,
  run: { name: string; dagRunId: string },
  { step: { name: step }, statusLabel, exitCode, logSizes }: Node,
  signal: AbortSignal,
): Promise<void> {
  // Its sizes are known when its runner has told of its end: of thousands of steps that say nothing no log is asked for.
  const isTold = exitCode !== null || statusLabel === "succeeded";
  const streams = (["stdout", "stderr"] as const).filter((stream) => !isTold || logSizes[stream] > 0);
  await Promise.all(streams.map(async (stream) => {
    const write = newLineWriter(`${step} │ `);
    const path = `${runPath(run)}/steps/${encodeURIComponent(step)}/log/stream?stream=${stream}`;
    for await (const { event, data } of api.events(path, signal)) {
      if (event === "chunk") write.bytes(Uint8Array.fromBase64(data));
    }
    write.end();
  }));
}

/** Whole lines go out at once, so that steps that run together do not tear each other's. */
function newLineWriter(prefix: string): { bytes(bytes: Uint8Array): void; end(): void } {
  const decoder = new TextDecoder();
  let rest = "";
  const print = (lines: readonly string[]): void => {
    if (lines.length === 0) return;
    writeBytes(Deno.stderr, utf8.encode(lines.map((line) => `${prefix}${line}\n`).join("")));
  };
  return {
    bytes(bytes) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      print(lines);
    },
    end() {
      if (rest !== "") print([rest]);
      rest = "";
    },
  };
}
