/**
 * What is kept of a run while the database is not open: the run as it was submitted, its attempt, and every report that was
 * acknowledged, in order, a line of JSON each. A line is on the disk before its report is answered: nothing is told twice or
 * lost.
 */
import { join } from "node:path";
import * as v from "valibot";
import { EventsRequest, LogQuery, RegisterRequest } from "../../protocol/messages.ts";
import { EpochMs } from "../../run/event.ts";
import { RunId, Uuid } from "../../run/ids.ts";
import type { AheadAttempt, AheadReport, AheadRun } from "../../server/dispatch/adopt.ts";
import { parseJson } from "../../workflow/json.ts";
import { UserError } from "../command.ts";
import type { Home } from "../home.ts";

const Texts = v.record(v.string(), v.string());

const Run = v.object({
  at: EpochMs,
  id: Uuid,
  dagRunId: v.nullable(RunId),
  name: v.string(),
  text: v.string(),
  params: v.variant("kind", [
    v.object({ kind: v.literal("none") }),
    v.object({ kind: v.literal("text"), text: v.string() }),
    v.object({ kind: v.literal("tokens"), tokens: v.array(v.string()) }),
    v.object({ kind: v.literal("json"), json: v.string() }),
  ]),
  labels: v.array(v.string()),
  selector: Texts,
  sourceDir: v.string(),
  defaultDir: v.string(),
  triggerActor: v.string(),
});

const Attempt = v.object({
  at: EpochMs,
  id: Uuid,
  claimId: Uuid,
  tokenDigest: v.string(),
  runner: v.object({ id: Uuid, tokenDigest: v.string(), facts: RegisterRequest }),
});

const Report = v.variant("kind", [
  v.object({ kind: v.literal("events"), at: EpochMs, request: EventsRequest }),
  v.object({
    kind: v.literal("log"),
    at: EpochMs,
    piece: v.object({
      ...v.pick(LogQuery, ["step", "stream"]).entries,
      offset: v.number(),
      fence: v.number(),
      isFinal: v.boolean(),
      bytes: v.pipe(v.string(), v.base64(), v.transform((text) => Uint8Array.fromBase64(text))),
    }),
  }),
]);

export interface AheadRecord {
  readonly run: AheadRun;
  /** null: nothing of it was executed. */
  readonly attempt: AheadAttempt | null;
  readonly reports: readonly AheadReport[];
}

export interface RecordFile extends Disposable {
  readonly sizeBytes: number;
  /** Returns when it would survive a loss of power; throws when the disk does not take it, and may be repeated then. */
  add(line: AheadAttempt | AheadReport): Promise<void>;
}

function folderOf(home: Home): string {
  return join(home.dir, "ahead");
}

export async function createRecord(home: Home, run: AheadRun): Promise<RecordFile> {
  const folder = folderOf(home);
  // Ids begin with the time: names in order are runs in order.
  const file = await openFile(folder, `${run.id}.jsonl`);
  let sizeBytes = 0;
  const write = async (line: unknown): Promise<void> => {
    const bytes = new TextEncoder().encode(JSON.stringify(line, asText) + "\n");
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await file.syncData();
    } catch (error) {
      // No half of a line may be in the way of the next.
      await file.truncate(sizeBytes);
      await file.seek(sizeBytes, Deno.SeekMode.Start);
      throw error;
    }
    sizeBytes += bytes.length;
  };
  try {
    await write(run);
  } catch (error) {
    file.close();
    throw unwritable(folder, error);
  }
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    add: write,
    [Symbol.dispose]: () => file.close(),
  };
}

async function openFile(folder: string, name: string): Promise<Deno.FsFile> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    return await Deno.open(join(folder, name), { createNew: true, write: true, mode: 0o600 });
  } catch (error) {
    throw unwritable(folder, error);
  }
}

function unwritable(folder: string, error: unknown): UserError {
  return new UserError(
    `cannot keep the run in ${folder}: ${error instanceof Error ? error.message : String(error)}\n` +
      "Is there room on the disk, and may this user write there? Set DAGU_HOME to another folder.",
  );
}

function asText(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? value.toBase64() : value;
}

/** Paths of the records of this home, oldest first. */
export async function listRecords(home: Home): Promise<string[]> {
  const folder = folderOf(home);
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter(({ name }) => name.endsWith(".jsonl")).map(({ name }) => join(folder, name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new UserError(
      `cannot read ${folder}: ${error instanceof Error ? error.message : String(error)}\n` +
        "It holds runs that are not in the database yet; another user may own it.",
    );
  }
}

/** A last line that was cut short was not acknowledged. "empty": nothing was; null: none that this version can read. */
export async function readRecord(path: string): Promise<AheadRecord | "empty" | null> {
  const lines = (await Deno.readTextFile(path)).split("\n").slice(0, -1).map(parseJson);
  if (lines.length === 0) return "empty";
  const run = v.safeParse(Run, lines[0]);
  const attempt = v.safeParse(v.nullable(Attempt), lines[1] ?? null);
  const reports = v.safeParse(v.array(Report), lines.slice(2));
  return run.success && attempt.success && reports.success
    ? { run: run.output, attempt: attempt.output, reports: reports.output }
    : null;
}
