/** Processes of a step on the runner's host: folder, output file, environment, and how their end reads. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { exitMessage, failed, newTails, succeeded, tailSink } from "../../run/outcome.ts";
import type { Failure } from "../../run/failure.ts";
import type { Outcome, OutputSink, StreamName } from "../../run/ports.ts";
import { NUL_REMEDY } from "../../run/nul.ts";
import { type ProcessEnd, runProcess } from "../process.ts";
import { quietly } from "../quietly.ts";
import { hostEnvironment, type HostPlaces } from "./environment.ts";
import { stopRules, type Work } from "./work.ts";

/** The step's directory: its own `working_dir` against the run's, `~` as the runner's home (S-36, S-39). */
export function stepDir(work: Work): string {
  return joinDir(work.attempt.workingDir, work.call.workingDir);
}

export function joinDir(base: string, dir: string | null): string {
  if (dir === null || dir === "") return base;
  const expanded = dir === "~" || dir.startsWith("~/") ? join(homedir(), dir.slice(1)) : dir;
  return resolve(base, expanded);
}

const NOTHING = new Uint8Array();

/** Makes the step's folder and an empty output file for this try (S-33, S-42). */
export async function openHostPlaces(work: Work): Promise<HostPlaces | Failure> {
  const cwd = stepDir(work);
  // The run's own folder is there unless a step removed it: at once is faster than a turn of the thread pool. A folder that
  // the author names may be on a disk that makes everybody wait.
  if (cwd === work.attempt.workingDir) {
    quietly(() => Deno.mkdirSync(cwd, { recursive: true }));
  } else {
    const unusable = await makeWorkingDir(cwd);
    if (unusable !== null) return unusable;
  }
  Deno.writeFileSync(work.call.files.output, NOTHING, { mode: 0o600 });
  return { cwd, outputFile: work.call.files.output };
}

/** null: it is there (S-33). */
export async function makeWorkingDir(path: string): Promise<Failure | null> {
  try {
    await Deno.mkdir(path, { recursive: true });
    return null;
  } catch (error) {
    return {
      code: "INPUT_INVALID",
      message: `cannot use working_dir ${path}: ${error instanceof Error ? error.message : String(error)}`,
      remedy: "name a folder that is there, or that the runner may make",
    };
  }
}

export interface HostProcess {
  readonly argv: readonly string[];
  readonly stdin: string | null;
  readonly sink: OutputSink;
  /** Streams whose ends belong into the message of a failure. */
  readonly tailed: readonly StreamName[];
}

/** Runs one process of the step. A missing program is told apart from a program that ends with 127. */
export async function runHostProcess(work: Work, places: HostPlaces, process: HostProcess): Promise<Outcome> {
  const { attempt, call } = work;
  const { isOneStream } = call;
  const tails = newTails(isOneStream ? ["stdout"] : process.tailed);
  const end = await runProcess(
    attempt.clock,
    {
      argv: process.argv,
      env: hostEnvironment(attempt.hostEnv, call),
      cwd: places.cwd,
      stdin: process.stdin,
      isOneStream,
      owner: attempt.attemptId,
    },
    stopRules(work),
    tailSink(process.sink, tails),
    work.signal,
  );
  if (end.kind === "not_started") return notStarted(end);
  if (end.exitCode === 0) return succeeded(null);
  return failed("COMMAND_FAILED", exitMessage(end.exitCode, tails), "", end.exitCode);
}

function notStarted(end: Extract<ProcessEnd, { kind: "not_started" }>): Outcome {
  switch (end.reason) {
    case "not_found":
      return failed(
        "COMMAND_NOT_FOUND",
        end.message,
        "install it on the runner, or correct PATH in env",
        127,
      );
    case "not_executable":
      return failed(
        "COMMAND_NOT_EXECUTABLE",
        end.message,
        "chmod +x it, or name the program that runs it",
        126,
      );
    case "unfit":
      return failed("COMMAND_FAILED", end.message, NUL_REMEDY, 1);
    case "other":
      return failed("INTERNAL", end.message, "see the runner's log", 1);
    default:
      return end.reason satisfies never;
  }
}

/** After success: what the step wrote to `DAGU_OUTPUT_FILE`, for the core to read (S-43, S-44, S-48). */
export async function withOutputFile(work: Work, places: HostPlaces): Promise<Outcome> {
  const max = work.call.maxOutputSize;
  const size = sizeOf(places.outputFile);
  if (size === null) {
    return failed(
      "OUTPUT_INVALID",
      "the output file is not a regular file",
      "leave DAGU_OUTPUT_FILE what it is",
    );
  }
  if (size > max) {
    const message = `output file exceeded maximum size limit of ${max} bytes (${size} bytes)`;
    return failed("OUTPUT_INVALID", message, "write less to DAGU_OUTPUT_FILE, or raise max_output_size");
  }
  if (size === 0) return succeeded("");
  const bytes = await Deno.readFile(places.outputFile);
  try {
    return succeeded(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return failed("OUTPUT_INVALID", "the output file is not valid UTF-8", "write text to DAGU_OUTPUT_FILE");
  }
}

/** null: the step put something else in its place, such as a pipe that would be waited for. */
function sizeOf(file: string): number | null {
  try {
    const info = Deno.statSync(file);
    return info.isFile ? info.size : null;
  } catch {
    return 0;
  }
}

export function closeHostPlaces(places: HostPlaces): void {
  try {
    Deno.removeSync(places.outputFile);
  } catch {
    // The step removed it itself.
  }
}
