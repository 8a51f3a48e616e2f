/**
 * Log files of a run's own, for who looks for them on the machine (S-60), where the workflow's `log_dir` says or else the
 * runner's owner: one pair for each try of a step, `.out` and `.err`, or one `.log` where both streams are one. They hold what
 * the spool holds, secrets masked.
 */
import { join } from "node:path";
import { noteOf } from "../run/event.ts";
import type { Clock, Journal, StreamName } from "../run/ports.ts";
import type { Step, Workflow } from "../workflow/workflow.ts";
import type { Disk } from "./disk.ts";
import { quietly } from "./quietly.ts";
import { runFolder, timeText } from "./run-folder.ts";
import type { Spool } from "./spool.ts";

interface LogFiles {
  /** Made when it is first needed. */
  folder(): Promise<string>;
  /** Names of steps and handlers whose streams are one. */
  readonly merged: ReadonlySet<string>;
}

interface Ports {
  readonly disk: Disk;
  readonly clock: Clock;
}

/** A try's files are written when it is over: at the next try, or at the end of the step. */
export function filingJournal(
  spool: Spool,
  journal: Journal,
  ports: Ports,
  run: { readonly name: string; readonly dagRunId: string },
  workflow: Workflow,
  logDir: string,
): Journal {
  const startedAt = ports.clock.now();
  let folder: Promise<string> | null = null;
  const files = {
    // Looked for once: there may be as many beside it as the workflow has had runs.
    folder: () => {
      folder ??= runFolder(ports.disk, logDir, run, startedAt);
      folder.catch(() => folder = null);
      return folder;
    },
    merged: mergedIn(workflow),
  };
  const begunAt = new Map<string, number>();
  let isTold = false;
  const file = async (step: string, isOver: boolean): Promise<void> => {
    const since = begunAt.get(step);
    if (since === undefined) return;
    begunAt.delete(step);
    try {
      const stem = join(await files.folder(), `${step.replace(/[^\w.-]/g, "_")}.${timeText(since)}`);
      const isMerged = files.merged.has(step);
      if (!isOver || isMerged || !link(spool, step, stem)) await copy(spool, step, stem, isMerged);
    } catch (error) {
      if (isTold) return;
      isTold = true;
      const reason = error instanceof Error ? error.message : String(error);
      await journal.event({
        type: "note",
        data: noteOf("warn", `log_dir cannot be written: ${reason}`, undefined),
      });
    }
  };
  return {
    event: async (body) => {
      if (body.type === "step.started" || body.type === "step.retrying") await file(body.step, false);
      if (body.type === "step.finished") await file(body.step, true);
      if (body.type === "step.started") begunAt.set(body.step, ports.clock.now());
      await journal.event(body);
    },
    log: (step, stream, bytes) => journal.log(step, stream, bytes),
  };
}

function mergedIn(workflow: Workflow): ReadonlySet<string> {
  const steps = [...workflow.steps, ...Object.values(workflow.handlers)];
  const isMerged = (step: Step): boolean => (step.logOutput ?? workflow.logOutput) === "merged";
  return new Set(steps.filter(isMerged).map((step) => step.name));
}

/**
 * The spool's own files under a second name, which costs neither a file nor a copy. Only for the last try of a step that is over:
 * the next may write to the same file as one that printed nothing. false: the folder is on another disk.
 */
function link(spool: Spool, step: string, stem: string): boolean {
  const streams = spool.streamsOf(step);
  if (streams.length !== 2) return false;
  return quietly(() => streams.map(({ path, stream }) => Deno.linkSync(path, nameOf(stem, stream)))) !== null;
}

async function copy(spool: Spool, step: string, stem: string, isMerged: boolean): Promise<void> {
  using stdout = create(isMerged ? `${stem}.log` : nameOf(stem, "stdout"));
  using stderr = isMerged ? null : create(nameOf(stem, "stderr"));
  await spool.replay(step, {
    write: async (stream, bytes) => {
      const to = stream === "stderr" && stderr !== null ? stderr : stdout;
      for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
    },
  });
}

function nameOf(stem: string, stream: StreamName): string {
  return `${stem}.${stream === "stdout" ? "out" : "err"}`;
}

/** One that is there may be a second name of a log that is still to be told: it is left as it is, but for this name. */
function create(path: string): Deno.FsFile {
  quietly(() => Deno.removeSync(path));
  return Deno.openSync(path, { createNew: true, write: true, mode: 0o600 });
}
