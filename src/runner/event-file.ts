/** The events of one attempt on disk, one JSON line each, numbered without holes (SP-01). */
import * as v from "valibot";
import { isTerminal, type RunEventBody } from "../run/event.ts";
import type { Clock } from "../run/ports.ts";
import { WireEvent } from "../protocol/messages.ts";
import { parseJson } from "../workflow/json.ts";
import type { Disk } from "./disk.ts";

export interface SpooledEvent {
  readonly seq: number;
  readonly at: number;
  readonly type: string;
  readonly step: string | undefined;
  readonly sizeBytes: number;
}

export interface EventFile {
  readonly lastSeq: number;
  /** The attempt's terminal event is written. */
  readonly isComplete: boolean;
  /** Why events could not be written any more; they are kept in memory from then on. null while all is well. */
  readonly brokenBy: string | null;
  /** What is known of an event without reading it. */
  peek(seq: number): SpooledEvent | undefined;
  /** Calls must not overlap. Terminal events are on the disk itself when this resolves. */
  append(body: RunEventBody): Promise<SpooledEvent>;
  /** Events `from` to `to`, both included, flushed to the disk itself before they are given away. */
  read(from: number, to: number): Promise<WireEvent[]>;
  close(): void;
}

interface Entry extends SpooledEvent {
  readonly offset: number;
  readonly mono: number;
  /** Only for what could not be written. */
  readonly kept: WireEvent | null;
}

const encoder = new TextEncoder();

/** Goes on where the file ends; a line that a crash cut short is dropped. */
export async function openEventFile(disk: Disk, path: string, clock: Clock): Promise<EventFile> {
  const entries = await readEntries(disk, path);
  let size = entries.reduce((end, entry) => end + entry.sizeBytes, 0);
  const file = disk.openAppend(path);
  await file.truncate(size);
  const startedAt = clock.mono() - (entries.at(-1)?.mono ?? 0);
  let flushedSeq = 0;
  let brokenBy: string | null = null;
  let isComplete = entries.some(isTerminal);
  let isClosed = false;

  const write = async (event: WireEvent, line: Uint8Array): Promise<WireEvent | null> => {
    try {
      if (brokenBy !== null) throw new Error(brokenBy);
      // A line is small: into the page cache at once, without a turn of the thread pool.
      for (let at = 0; at < line.length;) at += file.writeSync(line.subarray(at));
      if (isTerminal(event)) await file.sync();
      return null;
    } catch (error) {
      brokenBy ??= error instanceof Error ? error.message : String(error);
      return event;
    }
  };

  return {
    get lastSeq(): number {
      return entries.length;
    },
    get isComplete(): boolean {
      return isComplete;
    },
    get brokenBy(): string | null {
      return brokenBy;
    },
    peek: (seq) => entries[seq - 1],
    append: async (body) => {
      const event: WireEvent = {
        ...body,
        seq: entries.length + 1,
        at: Math.round(clock.now()),
        mono: Math.round(clock.mono() - startedAt),
      };
      const line = encoder.encode(JSON.stringify(event) + "\n");
      const kept = await write(event, line);
      const entry = { ...newEntry(event, size, line.length), kept };
      if (kept === null) size += line.length;
      entries.push(entry);
      if (isTerminal(event)) isComplete = true;
      return entry;
    },
    read: async (from, to) => {
      const wanted = entries.slice(from - 1, to);
      const kept = wanted.flatMap((entry) => entry.kept ?? []);
      const onDisk = wanted.filter((entry) => entry.kept === null);
      const first = onDisk[0];
      const last = onDisk.at(-1);
      if (first === undefined || last === undefined) return kept;
      if (flushedSeq < last.seq && !isClosed) {
        await file.sync();
        flushedSeq = last.seq;
      }
      const bytes = await disk.readRange(path, first.offset, last.offset + last.sizeBytes - first.offset);
      const lines = new TextDecoder().decode(bytes).split("\n").slice(0, -1);
      return [...lines.map((line) => v.parse(WireEvent, JSON.parse(line))), ...kept];
    },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      file.close();
    },
  };
}

async function readEntries(disk: Disk, path: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  const bytes = await disk.readBytes(path) ?? new Uint8Array();
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    const event = v.safeParse(WireEvent, parseJson(new TextDecoder().decode(bytes.subarray(start, end))));
    if (!event.success || event.output.seq !== entries.length + 1) break;
    entries.push(newEntry(event.output, start, end + 1 - start));
    start = end + 1;
  }
  return entries;
}

function newEntry(event: WireEvent, offset: number, sizeBytes: number): Entry {
  const { seq, at, mono, type, step } = event;
  return { seq, at, mono, type, step, offset, sizeBytes, kept: null };
}
