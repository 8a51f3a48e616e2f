/** Step logs: one row for each stream, its bytes in chunks by absolute offset. */
import { and, asc, desc, eq, gt, lt, sql } from "drizzle-orm";
import { concat } from "../../run/bytes.ts";
import type { RunStatus } from "../../run/event.ts";
import type { StreamName } from "../../run/ports.ts";
import type { StepState } from "../../run/state.ts";
import type { Executor, Transaction } from "./db.ts";
import { statusOf } from "./runs.ts";
import { logChunks, logStreams, runs, runSteps } from "./schema.ts";
import { toStep } from "./steps.ts";

export type LogStream = typeof logStreams.$inferSelect;

export interface LogPlace {
  readonly runId: string;
  readonly fence: number;
  readonly step: string;
  readonly stream: StreamName;
}

/** A chunk fits comfortably into one row and one read. */
const CHUNK_BYTES = 262_144;

/** The stream's row, made if needed, held until the transaction ends. `newId` is used only for a new one. */
export async function lockStream(tx: Transaction, place: LogPlace, newId: string): Promise<LogStream> {
  const [row] = await tx.insert(logStreams).values({
    id: newId,
    runId: place.runId,
    attempt: place.fence,
    step: place.step,
    stream: place.stream,
    nextOffset: 0,
    stored: 0,
    lines: 0,
  }).onConflictDoUpdate({
    target: [logStreams.runId, logStreams.attempt, logStreams.step, logStreams.stream],
    // Changes nothing: it locks the row and answers it as it is.
    set: { isFinal: logStreams.isFinal },
  }).returning();
  if (row === undefined) throw new Error(`log stream of ${place.step} was neither made nor found`);
  return row;
}

/** A log that is known from its beginning. */
export interface WholeLog {
  readonly id: string;
  readonly step: string;
  readonly stream: StreamName;
  readonly bytes: Uint8Array;
  readonly isFinal: boolean;
}

/** Rows in one statement: far below what it may have as parameters. */
const ROWS_MAX = 1_000;

/** Those of an attempt of which nothing was written so far. Answers the ids of those: nothing was done about the others. */
export async function insertLogs(
  tx: Transaction,
  { runId, fence }: Pick<LogPlace, "runId" | "fence">,
  logs: readonly WholeLog[],
  capBytes: number,
): Promise<ReadonlySet<string>> {
  const inserted = new Set<string>();
  for (let from = 0; from < logs.length; from += ROWS_MAX) {
    const some = logs.slice(from, from + ROWS_MAX);
    const streams = some.map(({ id, step, stream, bytes, isFinal }) => {
      const kept = bytes.subarray(0, capBytes);
      const common = { id, runId, attempt: fence, step, stream, isFinal };
      return { ...common, nextOffset: bytes.length, stored: kept.length, lines: countLines(kept) };
    });
    const rows = await tx.insert(logStreams).values(streams).onConflictDoNothing().returning({
      id: logStreams.id,
    });
    for (const { id } of rows) inserted.add(id);
    const chunks = some.filter(({ id }) => inserted.has(id))
      .flatMap(({ id, bytes }) => chunksOf(id, bytes.subarray(0, capBytes), 0, 0));
    if (chunks.length > 0) await tx.insert(logChunks).values(chunks);
  }
  return inserted;
}

/** How far the logs of an attempt have come, once what is being written has been. */
export async function settledStreams(
  tx: Transaction,
  runId: string,
  fence: number,
): Promise<Pick<LogStream, "step" | "stream" | "nextOffset" | "isFinal">[]> {
  const { step, stream, nextOffset, isFinal } = logStreams;
  return await tx.select({ step, stream, nextOffset, isFinal }).from(logStreams)
    .where(and(eq(logStreams.runId, runId), eq(logStreams.attempt, fence)))
    .orderBy(asc(logStreams.id)).for("update");
}

/** null: nothing was written there. */
export async function findStream(db: Executor, place: LogPlace): Promise<LogStream | null> {
  const [row] = await db.select().from(logStreams).where(and(
    eq(logStreams.runId, place.runId),
    eq(logStreams.attempt, place.fence),
    eq(logStreams.step, place.step),
    eq(logStreams.stream, place.stream),
  ));
  return row ?? null;
}

/** Number of the latest attempt that wrote to this stream; 0: none did. */
export async function lastWriter(db: Executor, place: Omit<LogPlace, "fence">): Promise<number> {
  const [row] = await db.select({ attempt: logStreams.attempt }).from(logStreams).where(and(
    eq(logStreams.runId, place.runId),
    eq(logStreams.step, place.step),
    eq(logStreams.stream, place.stream),
  )).orderBy(desc(logStreams.attempt)).limit(1);
  return row?.attempt ?? 0;
}

/** Appends what is next; beyond `capBytes` bytes are counted and not stored. */
export async function appendLog(
  tx: Transaction,
  stream: LogStream,
  bytes: Uint8Array,
  capBytes: number,
  isFinal: boolean,
): Promise<{ nextOffset: number; limitReached: boolean }> {
  const kept = bytes.subarray(0, Math.max(0, capBytes - stream.stored));
  for (const chunk of chunksOf(stream.id, kept, stream.stored, stream.lines)) {
    await tx.insert(logChunks).values(chunk);
  }
  const lines = stream.lines + countLines(kept);
  const nextOffset = stream.nextOffset + bytes.length;
  await tx.update(logStreams)
    .set({ nextOffset, stored: stream.stored + kept.length, lines, isFinal: stream.isFinal || isFinal })
    .where(eq(logStreams.id, stream.id));
  return { nextOffset, limitReached: nextOffset > stream.stored + kept.length };
}

/** `off` and `firstLine`: how many bytes and line ends the stream has before these. */
function chunksOf(
  streamId: string,
  bytes: Uint8Array,
  off: number,
  firstLine: number,
): (typeof logChunks.$inferInsert)[] {
  const chunks: (typeof logChunks.$inferInsert)[] = [];
  let lines = firstLine;
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const data = bytes.subarray(at, at + CHUNK_BYTES);
    chunks.push({ streamId, off: off + at, len: data.length, firstLine: lines, data });
    lines += countLines(data);
  }
  return chunks;
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

/** How far a step and its log have come, in one look. */
export interface LogView {
  readonly runStatus: RunStatus;
  /** It is that of an attempt after which there was another. */
  readonly isEarlier: boolean;
  readonly step: StepState | null;
  readonly stream: LogStream | null;
}

export interface LogWanted extends Omit<LogPlace, "fence"> {
  /** Absent: whichever wrote to it last. */
  readonly attempt?: number;
}

/** null: there is no such run. */
export async function viewLog(db: Executor, place: LogWanted): Promise<LogView | null> {
  const { attempt } = place;
  const [row] = await db.select({
    status: runs.status,
    attempt: runs.attempt,
    step: runSteps,
    stream: logStreams,
  })
    .from(runs)
    .leftJoin(runSteps, and(eq(runSteps.runId, runs.id), eq(runSteps.step, place.step)))
    .leftJoin(
      logStreams,
      and(
        eq(logStreams.runId, runs.id),
        eq(logStreams.step, place.step),
        eq(logStreams.stream, place.stream),
        ...(attempt === undefined ? [] : [eq(logStreams.attempt, attempt)]),
      ),
    )
    .where(eq(runs.id, place.runId)).orderBy(sql`${logStreams.attempt} desc nulls last`).limit(1);
  if (row === undefined) return null;
  return {
    runStatus: statusOf(row.status),
    isEarlier: attempt !== undefined && attempt < row.attempt,
    step: row.step === null ? null : toStep(row.step),
    stream: row.stream,
  };
}

/** At most about `maxBytes` from `offset`; empty at the end. */
export async function readLog(
  db: Executor,
  streamId: string,
  offset: number,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const rows = await db.select({ off: logChunks.off, data: logChunks.data }).from(logChunks)
    .where(and(
      eq(logChunks.streamId, streamId),
      // By its place alone an index finds the first: no chunk is longer.
      gt(logChunks.off, offset - CHUNK_BYTES),
      lt(logChunks.off, offset + maxBytes),
      gt(sql`${logChunks.off} + ${logChunks.len}`, offset),
    ))
    .orderBy(asc(logChunks.off));
  return concat(rows.map((row) => row.data.subarray(Math.max(0, offset - row.off))));
}

/**
 * Where to read from to see the zero-based line whole: the last chunk with fewer line ends before it than the line has. The
 * line may have begun in an earlier chunk than the one that holds its end.
 */
export async function findLine(
  db: Executor,
  streamId: string,
  line: number,
): Promise<{ offset: number; line: number }> {
  const [start] = await db.select({ off: logChunks.off, firstLine: logChunks.firstLine }).from(logChunks)
    .where(and(eq(logChunks.streamId, streamId), lt(logChunks.firstLine, line)))
    .orderBy(desc(logChunks.off)).limit(1);
  return start === undefined ? { offset: 0, line: 0 } : { offset: start.off, line: start.firstLine };
}
