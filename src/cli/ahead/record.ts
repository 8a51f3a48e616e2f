/**
 * What is kept of a run while the database is not open: the run as it was submitted, and everything that was acknowledged of
 * it, in order, a line of JSON each. A line is on the disk before its answer is given: nothing is told twice or lost.
 */
import { join } from "node:path";
import * as v from "valibot";
import { EventsRequest, LogQuery, RegisterRequest } from "../../protocol/messages.ts";
import { EpochMs } from "../../run/event.ts";
import { RunId, Uuid } from "../../run/ids.ts";
import type { AheadEntry, AheadRun } from "../../server/dispatch/adopt.ts";
import { parseJson } from "../../workflow/json.ts";
import { UserError } from "../command.ts";
import type { Home } from "../home.ts";

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
  selector: v.record(v.string(), v.string()),
  sourceDir: v.string(),
  defaultDir: v.string(),
  triggerActor: v.string(),
});

const Entry = v.variant("kind", [
  v.object({
    kind: v.literal("runner"),
    at: EpochMs,
    id: Uuid,
    tokenDigest: v.string(),
    facts: RegisterRequest,
  }),
  v.object({
    kind: v.literal("attempt"),
    at: EpochMs,
    id: Uuid,
    runnerId: Uuid,
    claimId: Uuid,
    tokenDigest: v.string(),
  }),
  v.object({ kind: v.literal("stop"), at: EpochMs, by: v.string(), isForced: v.boolean() }),
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
  readonly entries: readonly AheadEntry[];
}

export interface RecordFile extends Disposable {
  readonly sizeBytes: number;
  /** Returns when the disk has it; throws when the disk does not take it, and may be repeated then. */
  add(entry: AheadEntry): Promise<void>;
}

function folderOf(home: Home): string {
  return join(home.dir, "ahead");
}

export async function createRecord(home: Home, run: AheadRun): Promise<RecordFile> {
  const folder = folderOf(home);
  // Ids begin with the time: names in order are runs in order.
  const path = join(folder, `${run.id}.jsonl`);
  const file = await openFile(folder, path);
  let sizeBytes = 0;
  let isTorn = false;
  const write = async (line: unknown): Promise<void> => {
    const bytes = new TextEncoder().encode(JSON.stringify(line, asText) + "\n");
    // No half of a line may be in the way of the next.
    if (isTorn) {
      await file.truncate(sizeBytes);
      await file.seek(sizeBytes, Deno.SeekMode.Start);
    }
    isTorn = true;
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.syncData();
    isTorn = false;
    sizeBytes += bytes.length;
  };
  try {
    await write(run);
  } catch (error) {
    file.close();
    await Deno.remove(path).catch(() => {});
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

async function openFile(folder: string, path: string): Promise<Deno.FsFile> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    return await Deno.open(path, { createNew: true, write: true, mode: 0o600 });
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
  const entries = v.safeParse(v.array(Entry), lines.slice(1));
  return run.success && entries.success ? { run: run.output, entries: entries.output } : null;
}
