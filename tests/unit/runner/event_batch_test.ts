/** What the server is told of a step's end, or of the attempt's, it is told after their logs. */
import assert from "node:assert/strict";
import { newEventBatch } from "../../../src/runner/event-batch.ts";
import type { SpooledEvent } from "../../../src/runner/event-file.ts";
import type { LogProgress } from "../../../src/runner/log-lane.ts";
import type { StreamFile } from "../../../src/runner/stream-file.ts";

const TIMING = { now: 0, sinceSentMs: 1_000, flushMs: 1_000 };

function streamOf(step: string, size: number, isEnded: boolean): StreamFile {
  const idle = (): Promise<never> => Promise.reject(new Error("not asked"));
  return {
    step,
    stream: "stdout",
    path: "",
    size,
    dropped: 0,
    dropReason: "",
    isEnded,
    isFresh: size === 0,
    append: idle,
    startFile: () => {},
    reopenFile: idle,
    read: idle,
    drop: () => {},
    end: idle,
    pad: idle,
  };
}

const TYPES = ["attempt.started", "step.started", "step.finished", "attempt.finished"];
const EVENTS = TYPES.map((type, at): SpooledEvent => ({
  seq: at + 1,
  at: 0,
  type,
  step: type.startsWith("step") ? "a" : undefined,
  sizeBytes: 1,
}));

/** The last event that can be sent. */
function lastOf(streams: readonly StreamFile[], delivered: readonly StreamFile[]): number {
  const spool = {
    peek: (seq: number) => EVENTS[seq - 1],
    streams,
    streamsOf: (step: string) => streams.filter((stream) => stream.step === step),
  };
  const sent = { offset: 0, waitingSince: null, isBusy: false };
  const logs: LogProgress = new Map(
    streams.map((stream) => [stream, { ...sent, isDelivered: delivered.includes(stream) }]),
  );
  const batch = newEventBatch(spool, logs, 1, 100);
  batch.dueInMs(TIMING);
  return batch.last;
}

const [own, other] = [streamOf("a", 3, true), streamOf("b", 3, true)];
const CASES: readonly [name: string, streams: StreamFile[], delivered: StreamFile[], last: number][] = [
  ["a step's end waits for its log", [own], [], 2],
  ["a step's end does not wait for another step's log, the attempt's does", [own, other], [own], 3],
  ["everything goes when every log was delivered", [own, other], [own, other], 4],
  ["a stream without bytes is waited for only until it ended", [streamOf("a", 0, true)], [], 4],
  ["a stream that may get bytes is waited for", [streamOf("a", 0, false)], [], 2],
];
for (const [name, streams, delivered, last] of CASES) {
  Deno.test(`M6 M7 ${name}`, () => assert.equal(lastOf(streams, delivered), last));
}
