/** The folders of one run on this machine (S-36, S-38, X-03): `runs/NAME/RUN_ID/work` is kept for its retries. */
import { join, resolve } from "node:path";
import type { Disk } from "./disk.ts";
import { runFolder } from "./run-folder.ts";

/** Whose the work folder is, when that is not the runner's own user. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface Workspace {
  /** `DAG_RUN_WORK_DIR`: the default working directory of every step. */
  readonly workDir: string;
  /** Scripts, output files and whatever else one attempt needs; removed with it. Only the runner's user may look. */
  readonly attemptDir: string;
  /** `DAG_RUN_LOG_FILE`. */
  readonly logFile: string;
  /** `DAG_RUN_ARTIFACTS_DIR`, existing; null: the run has no artifacts. */
  readonly artifactsDir: string | null;
  /** Removes what belongs to the attempt only. Never throws. */
  close(): Promise<void>;
}

export async function openWorkspace(
  disk: Disk,
  runsDir: string,
  run: { readonly name: string; readonly dagRunId: string; readonly attemptId: string },
  artifacts: {
    readonly isWanted: boolean;
    /** Where the workflow wants them; null: in the run's folder. */
    readonly dir: string | null;
    readonly nowMs: number;
  },
  owner: Owner | null,
): Promise<Workspace> {
  const runDir = resolve(runsDir, run.name, run.dagRunId);
  const workDir = join(runDir, "work");
  const attemptDir = join(runDir, "attempts", run.attemptId);
  const logFile = join(runDir, "run.log");
  await disk.makeFolder(workDir);
  if (owner !== null) await Deno.chown(workDir, owner.uid, owner.gid);
  await disk.makeFolder(attemptDir, 0o700);
  disk.makeFile(logFile);
  const { isWanted, dir, nowMs } = artifacts;
  const inRun = join(runDir, "artifacts");
  const artifactsDir = !isWanted ? null : dir === null ? inRun : await runFolder(disk, dir, run, nowMs);
  if (artifactsDir === inRun) await disk.makeFolder(inRun);
  if (artifactsDir !== null && owner !== null) await Deno.chown(artifactsDir, owner.uid, owner.gid);
  return {
    workDir,
    attemptDir,
    logFile,
    artifactsDir,
    close: () => disk.remove(attemptDir),
  };
}

/**
 * The user who must be able to write to bind-mounted folders: a runner that is root may use the rootless engine of
 * somebody else, whose containers know that user as their root.
 */
export async function engineOwner(socketPath: string | null): Promise<Owner | null> {
  if (socketPath === null || Deno.build.os === "windows" || Deno.uid() !== 0) return null;
  const socket = await Deno.stat(socketPath).catch(() => null);
  if (socket === null || socket.uid === null || socket.uid === 0) return null;
  return { uid: socket.uid, gid: socket.gid ?? 0 };
}
