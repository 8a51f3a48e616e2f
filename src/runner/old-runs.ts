/**
 * Folders of runs that ended long ago: the control plane keeps their history, the machine keeps their work folders for
 * retries and their log files for who looks there, but not for ever.
 */
import { dirname, join } from "node:path";
import type { Disk } from "./disk.ts";
import { readEnd } from "./file-end.ts";

export interface Keeping {
  /** `NAME/RUN_ID/run.log` and whatever else a run has. */
  readonly runsDir: string;
  /** `NAME/dag-run_TIME_RUN_ID`; null: there are no log files. */
  readonly logDir: string | null;
  /** After a run's last event. */
  readonly keepMs: number;
}

/** Removes them once a day, whoever asks how often. Never throws: a folder that cannot be removed is tried another day. */
export async function removeOldRuns(
  disk: Disk,
  { runsDir, logDir, keepMs }: Keeping,
  nowMs: number,
): Promise<void> {
  const mark = join(runsDir, ".swept");
  const sweptAt = await changedAt(mark);
  if (sweptAt !== null && nowMs - sweptAt < DAY_MS) return;
  await Deno.mkdir(runsDir, { recursive: true }).catch(() => {});
  await Deno.writeTextFile(mark, "").catch(() => {});
  const before = nowMs - keepMs;
  for (const folder of await runFolders(disk, runsDir)) {
    const log = join(folder, "run.log");
    const at = await changedAt(log) ?? await changedAt(folder);
    if (at !== null && at < before && await isOver(log)) await remove(disk, folder);
  }
  if (logDir === null) return;
  for (const folder of await runFolders(disk, logDir)) {
    const at = await changedAt(folder);
    if (/\/dag-run_\d{8}_\d{6}Z_[^/]+$/.test(folder) && at !== null && at < before) {
      await remove(disk, folder);
    }
  }
}

const DAY_MS = 24 * 3_600_000;

/** Those two levels down. */
async function runFolders(disk: Disk, dir: string): Promise<string[]> {
  const ofWorkflows = (await disk.folders(dir)).map((name) => join(dir, name));
  const runs = await Promise.all(
    ofWorkflows.map(async (folder) => (await disk.folders(folder)).map((name) => join(folder, name))),
  );
  return runs.flat();
}

async function changedAt(path: string): Promise<number | null> {
  return await Deno.stat(path).then(({ mtime }) => mtime?.getTime() ?? null, () => null);
}

const TAIL_BYTES = 4_096;

/** A run that waits for a person, or goes on for months without a word, keeps its folder. */
async function isOver(log: string): Promise<boolean> {
  try {
    const text = new TextDecoder().decode(await readEnd(log, TAIL_BYTES)).trimEnd();
    return text === "" || / attempt\.finished /.test(text.split("\n").at(-1) ?? "");
  } catch {
    return true;
  }
}

/** With the workflow's folder, when it was the last one there. */
async function remove(disk: Disk, folder: string): Promise<void> {
  await disk.remove(folder);
  await Deno.remove(dirname(folder)).catch(() => {});
}
