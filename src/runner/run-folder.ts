/** A run's own folder below one that its workflow names (`log_dir`, `artifacts.dir`): `DIR/NAME/dag-run_TIME_RUNID` (S-65). */
import { join, resolve } from "node:path";
import type { Disk } from "./disk.ts";

/** The same one for every attempt: the first gives it its time. */
export async function runFolder(
  disk: Disk,
  dir: string,
  run: { readonly name: string; readonly dagRunId: string },
  nowMs: number,
): Promise<string> {
  const all = resolve(dir, run.name);
  const isOfRun = (name: string): boolean =>
    /^dag-run_\d{8}_\d{6}Z_/.test(name) && name.slice("dag-run_YYYYMMDD_HHMMSSZ_".length) === run.dagRunId;
  const known = (await disk.folders(all)).find(isOfRun);
  const path = join(all, known ?? `dag-run_${timeText(nowMs).slice(0, 15)}Z_${run.dagRunId}`);
  await disk.makeFolder(path);
  return path;
}

/** `YYYYMMDD_HHMMSS_mmm`, UTC. */
export function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/[-:Z]/g, "").replace(/[T.]/g, "_");
}
