/**
 * What an attempt has to tell, on disk before it is told (SP-01): one line per event, one file per log stream. It
 * survives the runner; `reopenSpool` finds it again (RS-01). It knows nothing of the network.
 */
import { join } from "node:path";
import * as v from "valibot";
import { isTerminal, type RunEventBody } from "../run/event.ts";
import { Uuid } from "../run/ids.ts";
import type { Clock, Journal, StreamName } from "../run/ports.ts";
import { WireEvent } from "../protocol/messages.ts";
import { openStreamFile, readRange, type StreamFile } from "./stream-file.ts";

const SpoolHeader = v.object({
  attemptId: Uuid,
  attemptToken: v.string(),
  fence: v.number(),
  name: v.string(),
  dagRunId: v.string(),
});
export type SpoolHeader = v.InferOutput<typeof SpoolHeader>;

const StreamEntry = v.object({
  file: v.string(),
  step: v.string(),
  stream: v.picklist(["stdout", "stderr"]),
});

/** Bytes of logs on disk over all attempts of the runner, against `spoolMax` (SP-03). */
export interface SpoolBudget {
  limitBytes: number;
  usedBytes: number;
}

export interface Spool extends Journal, AsyncDisposable {
  readonly header: SpoolHeader;
  readonly lastSeq: number;
  /** The attempt's terminal event is written. */
  readonly isComplete: boolean;
  /** Why events could not be written any more (SP-03); they are kept in memory then. null while all is well. */
  readonly brokenBy: string | null;
  /** In the order in which they were opened. */
  readonly streams: readonly StreamFile[];
  /** Paths of the step's logs; both files exist from now on. */
  openStep(step: string): Promise<Readonly<Record<StreamName, string>>>;
  /** What is known of an event without reading it. */
  peek(seq: number): SpooledEvent | undefined;
  /** Events `from` to `to`, both included, flushed to the disk itself before they are given away. */
  read(from: number, to: number): Promise<WireEvent[]>;
  /** Grows with everything worth looking at; `changed` resolves when it has grown beyond `since`, or on abort. */
  readonly revision: number;
  changed(since: number, signal: AbortSignal): Promise<void>;
  /** Something outside the spool changed that its watchers look at. */
  touch(): void;
  /** Deletes everything. Nothing may be written afterwards. */
  remove(): Promise<void>;
}

export interface SpooledEvent {
  readonly seq: number;
  readonly at: number;
  readonly type: string;
  readonly step: string | undefined;
  readonly sizeBytes: number;
}

export async function newSpool(
  folder: string,
  header: SpoolHeader,
  clock: Clock,
  budget: SpoolBudget,
): Promise<Spool> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const kept = { ...header } satisfies SpoolHeader;
  await Deno.writeTextFile(join(folder, "attempt.json"), JSON.stringify(kept), { mode: 0o600 });
  return await open(folder, header, clock, budget, [], []);
}

/** null when the folder holds no whole spool. A line that a crash cut short is dropped. */
export async function reopenSpool(folder: string, clock: Clock, budget: SpoolBudget): Promise<Spool | null> {
  const header = v.safeParse(SpoolHeader, await readJson(join(folder, "attempt.json")));
  if (!header.success) return null;
  const entries: Entry[] = [];
  const path = join(folder, "events.jsonl");
  const bytes = await Deno.readFile(path).catch(() => new Uint8Array());
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    const event = v.safeParse(WireEvent, parseJson(new TextDecoder().decode(bytes.subarray(start, end))));
    if (!event.success || event.output.seq !== entries.length + 1) break;
    entries.push(newEntry(event.output, start, end + 1 - start));
    start = end + 1;
  }
  if (start < bytes.length) await Deno.truncate(path, start);
  const streams: StreamFile[] = [];
  const listed = await Deno.readTextFile(join(folder, "streams.jsonl")).catch(() => "");
  for (const line of listed.split("\n")) {
    const entry = v.safeParse(StreamEntry, parseJson(line));
    if (!entry.success) continue;
    streams.push(
      await openStreamFile(join(folder, entry.output.file), entry.output.step, entry.output.stream),
    );
  }
  const spool = await open(folder, header.output, clock, budget, entries, streams);
  for (const entry of entries) await endStreams(streams, entry);
  return spool;
}

interface Entry extends SpooledEvent {
  readonly offset: number;
  readonly mono: number;
  /** Only for what could not be written. */
  readonly kept: WireEvent | null;
}

async function open(
  folder: string,
  header: SpoolHeader,
  clock: Clock,
  budget: SpoolBudget,
  entries: Entry[],
  streams: StreamFile[],
): Promise<Spool> {
  const path = join(folder, "events.jsonl");
  const file = await Deno.open(path, { create: true, append: true, mode: 0o600 });
  const startedAt = clock.mono() - (entries.at(-1)?.mono ?? 0);
  const waiters = new Set<() => void>();
  let size = (await file.stat()).size;
  let flushedSeq = 0;
  let lane: Promise<void> = Promise.resolve();
  let openings: Promise<unknown> = Promise.resolve();
  let brokenBy: string | null = null;
  let isClosed = false;
  let revision = 0;
  let isComplete = entries.some(isTerminal);
  budget.usedBytes += streams.reduce((sum, stream) => sum + stream.size, 0);

  const grow = (): void => {
    revision++;
    for (const wake of [...waiters]) wake();
  };

  const write = async (body: RunEventBody): Promise<void> => {
    const event: WireEvent = {
      ...body,
      seq: entries.length + 1,
      at: Math.round(clock.now()),
      mono: Math.round(clock.mono() - startedAt),
    };
    const line = new TextEncoder().encode(JSON.stringify(event) + "\n");
    let kept: WireEvent | null = null;
    try {
      if (brokenBy !== null) throw new Error(brokenBy);
      for (let at = 0; at < line.length;) at += await file.write(line.subarray(at));
      if (isTerminal(event)) await file.sync();
    } catch (error) {
      kept = event;
      brokenBy ??= error instanceof Error ? error.message : String(error);
    }
    const entry = { ...newEntry(event, size, line.length), kept };
    if (kept === null) size += line.length;
    await endStreams(streams, entry);
    entries.push(entry);
    if (isTerminal(event)) isComplete = true;
    grow();
  };

  const append = async (body: RunEventBody): Promise<void> => {
    if (body.type === "step.finished") {
      for (const stream of streams) {
        if (stream.step === body.step && stream.dropped > 0) await write(droppedEvent(stream));
      }
    }
    await write(body);
  };

  const openStream = (step: string, stream: StreamName): Promise<StreamFile> => {
    const opened = openings.then(async () => {
      const known = streams.find((other) => other.step === step && other.stream === stream && !other.isEnded);
      if (known !== undefined) return known;
      const name = `${String(streams.length + 1).padStart(4, "0")}.${stream}`;
      const listed = JSON.stringify({ file: name, step, stream }) + "\n";
      await Deno.writeTextFile(join(folder, "streams.jsonl"), listed, { append: true, mode: 0o600 });
      const file = await openStreamFile(join(folder, name), step, stream);
      streams.push(file);
      return file;
    });
    openings = opened.catch(() => {});
    return opened;
  };

  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await lane;
    await openings;
    for (const stream of streams) await stream.end();
    file.close();
    budget.usedBytes -= streams.reduce((sum, stream) => sum + stream.size, 0);
  };

  return {
    header,
    streams,
    get lastSeq(): number {
      return entries.length;
    },
    get isComplete(): boolean {
      return isComplete;
    },
    get brokenBy(): string | null {
      return brokenBy;
    },
    get revision(): number {
      return revision;
    },
    event: (body) => lane = lane.then(() => append(body)),
    log: async (step, name, bytes) => {
      const stream =
        streams.find((other) => other.step === step && other.stream === name && !other.isEnded) ??
          await openStream(step, name);
      if (budget.usedBytes + bytes.length > budget.limitBytes) stream.drop("the runner's spool is full");
      const before = stream.size;
      await stream.append(bytes);
      budget.usedBytes += stream.size - before;
      grow();
    },
    openStep: async (step) => {
      const stdout = await openStream(step, "stdout");
      const stderr = await openStream(step, "stderr");
      return { stdout: stdout.path, stderr: stderr.path };
    },
    peek: (seq) => entries[seq - 1],
    read: async (from, to) => {
      const wanted = entries.slice(from - 1, to);
      const onDisk = wanted.filter((entry) => entry.kept === null);
      const first = onDisk[0];
      const last = onDisk.at(-1);
      if (first === undefined || last === undefined) return wanted.flatMap((entry) => entry.kept ?? []);
      if (flushedSeq < last.seq && !isClosed) {
        await file.syncData();
        flushedSeq = last.seq;
      }
      const bytes = await readRange(path, first.offset, last.offset + last.sizeBytes - first.offset);
      const lines = new TextDecoder().decode(bytes).split("\n").slice(0, -1);
      const read = lines.map((line) => v.parse(WireEvent, JSON.parse(line)));
      return [...read, ...wanted.flatMap((entry) => entry.kept ?? [])];
    },
    touch: grow,
    changed: (since, signal) =>
      new Promise((resolve) => {
        if (revision > since || signal.aborted) return resolve();
        const wake = (): void => {
          waiters.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        waiters.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      }),
    remove: async () => {
      await close();
      await Deno.remove(folder, { recursive: true }).catch(() => {});
    },
    [Symbol.asyncDispose]: close,
  };
}

function newEntry(event: WireEvent, offset: number, sizeBytes: number): Entry {
  return {
    seq: event.seq,
    at: event.at,
    mono: event.mono,
    type: event.type,
    step: event.step,
    offset,
    sizeBytes,
    kept: null,
  };
}

/** A finished step writes no more; a finished attempt has no steps. */
async function endStreams(streams: readonly StreamFile[], event: SpooledEvent): Promise<void> {
  for (const stream of streams) {
    const isOver = isTerminal(event) || (event.type === "step.finished" && event.step === stream.step);
    if (isOver && !stream.isEnded) await stream.end();
  }
}

/** Resolves when the spool has grown beyond `revision`, after `waitMs`, or on abort. */
export async function changedWithin(
  clock: Clock,
  spool: Spool,
  revision: number,
  waitMs: number,
  stop: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([stop, over.signal]);
  const waits = [spool.changed(revision, either)];
  if (Number.isFinite(waitMs)) waits.push(clock.sleep(waitMs, either));
  await Promise.race(waits);
  over.abort();
  await Promise.all(waits);
}

function droppedEvent(stream: StreamFile): RunEventBody {
  return {
    type: "log.dropped",
    step: stream.step,
    data: {
      stream: stream.stream,
      fromOffset: stream.size,
      bytes: stream.dropped,
      reason: stream.dropReason,
    },
  };
}

async function readJson(path: string): Promise<unknown> {
  return parseJson(await Deno.readTextFile(path).catch(() => ""));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
