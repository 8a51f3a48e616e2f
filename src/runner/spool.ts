/**
 * What an attempt has to tell, on disk before it is told (SP-01): one line per event, one file per log stream. It
 * survives the runner; `reopenSpool` finds it again (RS-01). It knows nothing of the network.
 */
import { join } from "node:path";
import * as v from "valibot";
import type { WireEvent } from "../protocol/messages.ts";
import { isTerminal, type RunEventBody } from "../run/event.ts";
import { Uuid } from "../run/ids.ts";
import type { Clock, Journal, OutputSink, StreamName } from "../run/ports.ts";
import type { Logged } from "../run/progress.ts";
import { Needs, NO_NEEDS } from "../protocol/resources.ts";
import { parseJson } from "../workflow/json.ts";
import { type Disk, type DiskFile, readText, writeText } from "./disk.ts";
import { openEventFile, type SpooledEvent } from "./event-file.ts";
import { openRecovery, type Recovery } from "./recovery.ts";
import { newStreamFile, reopenStreamFile, type StreamFile } from "./stream-file.ts";

const SpoolHeader = v.object({
  attemptId: Uuid,
  attemptToken: v.string(),
  fence: v.number(),
  name: v.string(),
  dagRunId: v.string(),
  /** Of the machine, when the attempt began or last went on. */
  bootId: v.optional(v.string(), ""),
  /** Of the runner, while its work goes on. */
  takesSlot: v.optional(v.boolean(), true),
  needs: v.optional(Needs, NO_NEEDS),
});
export type SpoolHeader = v.InferOutput<typeof SpoolHeader>;

const HEADER = "attempt.json";

const StreamEntry = v.object({
  file: v.string(),
  step: v.string(),
  stream: v.picklist(["stdout", "stderr"]),
  /** Bytes that the stream had by then, in files of earlier tries. */
  from: v.optional(v.number()),
});

/** Bytes of logs on disk over all attempts of the runner, against `spoolMax` (SP-03). */
export interface SpoolBudget {
  limitBytes: number;
  usedBytes: number;
}

/** What a watcher of the spool cares for: `logs` are bytes, and the ends of streams that have some. */
export type Topic = "events" | "logs";

export interface Spool extends Journal, AsyncDisposable {
  readonly header: SpoolHeader;
  readonly lastSeq: number;
  /** The attempt's terminal event is written. */
  readonly isComplete: boolean;
  /** Why events could not be written any more (SP-03); null while all is well. */
  readonly brokenBy: string | null;
  /** In the order in which they were opened. */
  readonly streams: readonly StreamFile[];
  /** Those of one step. */
  streamsOf(step: string): readonly StreamFile[];
  /** Paths of the logs of the step's try; both files exist from now on, and are empty when the try begins (S-86). */
  openStep(step: string): Readonly<Record<StreamName, string>>;
  /** Paths of the latest logs of a step that has logged; null: it has not. */
  logsOf(step: string): Readonly<Record<StreamName, string>> | null;
  /** For a process of the runner that comes after this one. */
  readonly recovery: Recovery;
  /** What the step has in its log. */
  logged(step: string): Logged;
  /** Tells again what the last try of the step has in its log. */
  replay(step: string, sink: OutputSink): Promise<void>;
  /** What is known of an event without reading it. */
  peek(seq: number): SpooledEvent | undefined;
  /** Events `from` to `to`, both included, flushed to the disk itself before they are given away. */
  read(from: number, to: number): Promise<WireEvent[]>;
  /** Calls `look` after each change of that topic, until disposed. */
  watch(topic: Topic, look: () => void): Disposable;
  /** Something outside the spool changed that its watchers look at. */
  touch(topic: Topic): void;
  /** For processes that come after this one. */
  keepHeader(header: SpoolHeader): Promise<void>;
  /** Deletes everything. Nothing may be written afterwards. */
  remove(): Promise<void>;
}

export interface SpoolPorts {
  readonly disk: Disk;
  readonly clock: Clock;
}

/** For the runner's user only: logs may hold what nobody else should read (SP-05). */
export async function newSpool(
  folder: string,
  header: SpoolHeader,
  ports: SpoolPorts,
  budget: SpoolBudget,
): Promise<Spool> {
  await ports.disk.makeFolder(folder, 0o700);
  await writeText(ports.disk, join(folder, HEADER), JSON.stringify(header));
  return await open(folder, header, ports, budget, [], 0);
}

/** null when the folder holds no whole spool. */
export async function reopenSpool(
  folder: string,
  ports: SpoolPorts,
  budget: SpoolBudget,
): Promise<Spool | null> {
  const json = await readText(ports.disk, join(folder, HEADER));
  const header = v.safeParse(SpoolHeader, parseJson(json));
  if (!header.success) return null;
  const streams: StreamFile[] = [];
  let files = 0;
  const listed = await readText(ports.disk, join(folder, "streams.jsonl"));
  for (const line of listed.split("\n")) {
    const entry = v.safeParse(StreamEntry, parseJson(line));
    if (!entry.success) continue;
    const { file, step, stream, from } = entry.output;
    const known = streams.findLast((one) => one.step === step && one.stream === stream);
    files++;
    if (from === undefined || known === undefined) {
      streams.push(reopenStreamFile(ports.disk, join(folder, file), step, stream));
    } else await known.reopenFile(join(folder, file), from);
  }
  const spool = await open(folder, header.output, ports, budget, streams, files);
  for (let seq = 1; seq <= spool.lastSeq; seq++) await endStreams(spool, spool.peek(seq));
  return spool;
}

async function open(
  folder: string,
  header: SpoolHeader,
  { disk, clock }: SpoolPorts,
  budget: SpoolBudget,
  streams: StreamFile[],
  files: number,
): Promise<Spool> {
  const byStep = Map.groupBy(streams, (stream) => stream.step);
  const streamsOf = (step: string): readonly StreamFile[] => byStep.get(step) ?? [];
  const events = await openEventFile(disk, join(folder, "events.jsonl"), clock);
  const recovery = await openRecovery(disk, folder);
  const watchers: Readonly<Record<Topic, Set<() => void>>> = { events: new Set(), logs: new Set() };
  /** Of the streams; opened with the first. */
  let list: DiskFile | null = null;
  /** Steps of which a try has begun that has no files yet. */
  const begun = new Set<string>();
  let lane: Promise<unknown> = Promise.resolve();
  let isClosed = false;
  budget.usedBytes += sizeOf(streams);

  const touch = (topic: Topic): void => {
    for (const look of watchers[topic]) look();
  };

  const append = async (body: RunEventBody): Promise<void> => {
    if (body.type === "step.finished") {
      const cut = streamsOf(body.step).filter((stream) => stream.dropped > 0);
      for (const stream of cut) await events.append(droppedEvent(stream));
    }
    if (body.type === "step.started") {
      recovery.begin(body.step, sizesOf(streamsOf(body.step)));
      begun.add(body.step);
    }
    // Ended first: who sees the event must see that its streams have their length.
    const step = "step" in body ? body.step : undefined;
    await endStreams({ streams, streamsOf }, { type: body.type, step });
    await events.append(body);
    touch("events");
    if (isTerminal(body) || streamsOf(step ?? "").some(hasBytes)) touch("logs");
  };

  /** Written down before it has anything. */
  const listFile = (step: string, stream: StreamName, from?: number): string => {
    const file = `${String(++files).padStart(4, "0")}.${stream}`;
    list ??= disk.openAppend(join(folder, "streams.jsonl"));
    writeLine(list, JSON.stringify({ file, step, stream, from }));
    return join(folder, file);
  };

  const knownStream = (step: string, stream: StreamName): StreamFile | undefined =>
    streamsOf(step).find((one) => one.stream === stream && !one.isEnded);

  const openStream = (step: string, stream: StreamName): StreamFile => {
    const known = knownStream(step, stream);
    if (known !== undefined) return known;
    const file = onDisk(() => newStreamFile(disk, listFile(step, stream), step, stream));
    streams.push(file);
    byStep.set(step, [...streamsOf(step), file]);
    return file;
  };

  const openTry = (step: string, stream: StreamName, isNew: boolean): string => {
    const known = isNew ? knownStream(step, stream) : undefined;
    if (known === undefined || known.isFresh) return openStream(step, stream).path;
    const path = onDisk(() => {
      const listed = listFile(step, stream, known.size);
      disk.makeFile(listed);
      return listed;
    });
    known.startFile(path);
    return path;
  };

  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await lane;
    for (const stream of streams) await stream.end();
    events.close();
    list?.close();
    recovery[Symbol.dispose]();
    budget.usedBytes -= sizeOf(streams);
  };

  const logged = (step: string): Logged => {
    const all = sizesOf(streamsOf(step));
    const before = recovery.before(step);
    return { before, last: { stdout: all.stdout - before.stdout, stderr: all.stderr - before.stderr } };
  };

  const replay = async (step: string, sink: OutputSink): Promise<void> => {
    const { before } = logged(step);
    const left = { ...before };
    for (const stream of streamsOf(step)) {
      let offset = Math.min(left[stream.stream], stream.size);
      left[stream.stream] -= offset;
      while (offset < stream.size) {
        const bytes = await stream.read(offset, REPLAY_BYTES);
        await sink.write(stream.stream, bytes);
        offset += bytes.length;
      }
    }
  };

  return {
    header,
    streams,
    recovery,
    logged,
    replay,
    streamsOf,
    get lastSeq(): number {
      return events.lastSeq;
    },
    get isComplete(): boolean {
      return events.isComplete;
    },
    get brokenBy(): string | null {
      return events.brokenBy;
    },
    peek: events.peek,
    read: events.read,
    touch,
    event: (body) => {
      const appended = lane.then(() => append(body));
      lane = appended.catch(() => {});
      return appended;
    },
    log: async (step, name, bytes) => {
      const stream = openStream(step, name);
      if (budget.usedBytes + bytes.length > budget.limitBytes) stream.drop("the runner's spool is full");
      const before = stream.size;
      await stream.append(bytes);
      budget.usedBytes += stream.size - before;
      touch("logs");
    },
    openStep: (step) => {
      const isNew = begun.delete(step);
      return { stdout: openTry(step, "stdout", isNew), stderr: openTry(step, "stderr", isNew) };
    },
    logsOf: (step) => {
      const last = (name: StreamName) => streamsOf(step).findLast((one) => one.stream === name);
      const [stdout, stderr] = [last("stdout"), last("stderr")];
      return stdout === undefined || stderr === undefined
        ? null
        : { stdout: stdout.path, stderr: stderr.path };
    },
    watch: (topic, look) => {
      watchers[topic].add(look);
      return { [Symbol.dispose]: () => watchers[topic].delete(look) };
    },
    keepHeader: (changed) => writeText(disk, join(folder, HEADER), JSON.stringify(changed)),
    remove: async () => {
      await close();
      await disk.remove(folder);
    },
    [Symbol.asyncDispose]: close,
  };
}

/** The disk does not take what has to be on it. */
export class SpoolError extends Error {}

function onDisk<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new SpoolError(error instanceof Error ? error.message : String(error));
  }
}

/** A line that was cut short by a crash must not swallow this one. */
function writeLine(file: DiskFile, line: string): void {
  const bytes = new TextEncoder().encode(`\n${line}\n`);
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

/** A finished step writes no more; a finished attempt has no steps. */
async function endStreams(
  { streams, streamsOf }: Pick<Spool, "streams" | "streamsOf">,
  event: Pick<SpooledEvent, "type" | "step"> | undefined,
): Promise<void> {
  if (event === undefined) return;
  const over = isTerminal(event)
    ? streams
    : event.type === "step.finished"
    ? streamsOf(event.step ?? "")
    : [];
  for (const stream of over) if (!stream.isEnded) await stream.end();
}

const REPLAY_BYTES = 65_536;

function sizesOf(streams: readonly StreamFile[]): Record<StreamName, number> {
  const of = (name: StreamName): number => sizeOf(streams.filter(({ stream }) => stream === name));
  return { stdout: of("stdout"), stderr: of("stderr") };
}

function hasBytes(stream: StreamFile): boolean {
  return stream.size > 0;
}

function sizeOf(streams: readonly StreamFile[]): number {
  return streams.reduce((sum, stream) => sum + stream.size, 0);
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
