/** Processes on the runner's own machine, each the leader of a group of its own (S-31). */
import { isAbsolute, join } from "node:path";
import type { Clock, OutputSink, StreamName } from "../run/ports.ts";
import type { StopRules } from "../run/stop.ts";
import { openEither } from "./either.ts";
import { nulIn } from "../run/nul.ts";
import { quietly } from "./quietly.ts";

export interface ProcessRequest {
  /** Never empty; the first word is looked up on the `PATH` of `env`. */
  readonly argv: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** null: the null device (S-32). */
  readonly stdin: string | null;
  /** stderr goes where stdout goes, so that what is written to both keeps its order; all of it is told as stdout. */
  readonly isOneStream?: boolean;
  /** Attempt for which it runs: `killLeftovers` finds it again after a crash of the runner. */
  readonly owner: string;
}

export type ProcessEnd =
  /** 128 + n when it died of signal n. */
  | { readonly kind: "exited"; readonly exitCode: number }
  | {
    readonly kind: "not_started";
    readonly reason: "not_found" | "not_executable" | "unfit" | "other";
    readonly message: string;
  };

/** In the environment of every process: finds those that left the group (`setsid`, `nohup`) when a step is stopped. */
const TOKEN_NAME = "DAGU_PROCESS_TOKEN";
/** How long output may follow its process: pipes are empty long before, unless somebody else holds them. */
const DRAIN_MS = 2_000;
/** A pipe that gives nothing for so long, after its process has ended, is empty. */
const EMPTY_MS = 200;

/**
 * Runs one process to its end. Output goes to `sink` chunk by chunk, each awaited, so a slow sink stops the process at
 * its pipe. On abort: the first signal to all that belongs to it, the grace, then SIGKILL. What the process leaves in
 * its group is killed too: nothing of it runs when this resolves. Never rejects, except when `sink` does.
 */
export async function runProcess(
  clock: Clock,
  request: ProcessRequest,
  stop: StopRules,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<ProcessEnd> {
  countLookUp();
  const program = lookUp(request.argv[0] ?? "", request.env["PATH"] ?? "", request.cwd);
  if (program.kind === "not_started") return program;
  const token = `${request.owner}/${crypto.randomUUID()}`;
  const started = start(program.path, request, token);
  if ("kind" in started) return started;
  const child = started;

  const family: Family = { leader: child.pid, token };
  let stopping: Promise<void> = Promise.resolve();
  const onAbort = (): void => {
    stopping = endFamily(clock, family, stop);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  let isDrained = false;
  const pumps = [openPump(child.stdout, "stdout", sink), openPump(child.stderr, "stderr", sink)];
  const output = Promise.all([feed(child, request.stdin), ...pumps.map(({ done }) => done)]).then(() => {
    isDrained = true;
    return null;
  }, (error: unknown) => {
    // The sink is gone: nobody will read what the process still has to say.
    signalGroup(family, "SIGKILL");
    return { error };
  });
  const status = await child.status;
  // The ends of the pipes are mostly told together with the process's own, and only want their turns: no timer for that.
  for (let turn = 0; turn < 10 && !isDrained; turn++) await Promise.resolve();
  if (!isDrained) {
    using over = openEither(signal);
    await Promise.race([output, clock.sleep(DRAIN_MS, over.signal)]);
    over.abort();
  }
  signal.removeEventListener("abort", onAbort);
  await stopping;
  signalGroup(family, "SIGKILL");
  using over = openEither();
  if (!isDrained) pumps.forEach((pump) => pump.end(clock, over.signal));
  const broken = await output;
  over.abort();
  if (broken !== null) throw broken.error;
  return { kind: "exited", exitCode: status.code };
}

type Program =
  | { readonly kind: "found"; readonly path: string }
  | Extract<ProcessEnd, { kind: "not_started" }>;

/**
 * As a shell looks a program up; exact about why it cannot be had (126 and 127 of the containers contract, 0.3). At once, as
 * everything small on the way to a process: a turn of the thread pool takes longer than what it is for.
 */
function lookUp(name: string, path: string, cwd: string): Program {
  const places = name.includes("/")
    ? [isAbsolute(name) ? name : join(cwd, name)]
    : path.split(":").map((folder) => join(folder === "" ? cwd : folder, name));
  let denied: string | null = null;
  for (const place of places) {
    const info = statOf(place);
    if (info === null) continue;
    if (info.isFile && ((info.mode ?? 0o111) & 0o111) !== 0) return { kind: "found", path: place };
    denied ??= place;
  }
  if (denied !== null) {
    return {
      kind: "not_started",
      reason: "not_executable",
      message: `"${denied}" is not an executable file`,
    };
  }
  const where = name.startsWith("/")
    ? ""
    : name.includes("/")
    ? ` in ${cwd}`
    : ` on PATH ${path === "" ? "(empty)" : path}`;
  return { kind: "not_started", reason: "not_found", message: `program "${name}" was not found${where}` };
}

function start(path: string, request: ProcessRequest, token: string): Deno.ChildProcess | ProcessEnd {
  const [program, args] = request.isOneStream === true
    ? [SHELL, ["-c", JOIN_STREAMS, path, ...request.argv.slice(1)]]
    : [path, request.argv.slice(1)];
  const leader = groupLeader(program, args);
  try {
    return new Deno.Command(leader.program, {
      args: leader.args,
      cwd: request.cwd,
      clearEnv: true,
      env: { ...request.env, [TOKEN_NAME]: token },
      stdin: request.stdin === null ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      detached: leader.isDetached,
    }).spawn();
  } catch (error) {
    const told = (why: string): string => `cannot start "${request.argv[0]}": ${why}`;
    const nul = nulIn(request.argv, request.env);
    if (nul !== null) return { kind: "not_started", reason: "unfit", message: told(nul) };
    const reason = error instanceof Deno.errors.PermissionDenied ? "not_executable" : "other";
    return {
      kind: "not_started",
      reason,
      message: told(error instanceof Error ? error.message : String(error)),
    };
  }
}

interface Leader {
  readonly program: string;
  readonly args: string[];
  readonly isDetached: boolean;
}

/** The shell is replaced by the program: it is no process more, and the exit code is the program's. */
const SHELL = "/bin/sh";
const JOIN_STREAMS = 'exec "$0" "$@" 2>&1';

const SETSID = "/usr/bin/setsid";
let hasSetsid: boolean | null = null;

/**
 * For `detached`, Deno forks: that copies the page tables of the whole runner and stops it for some milliseconds, the more
 * memory it has the longer. setsid(1) (util-linux) makes the same group within the new process, at a tenth of that.
 */
function groupLeader(program: string, args: string[]): Leader {
  hasSetsid ??= statOf(SETSID)?.isFile === true;
  return hasSetsid
    ? { program: SETSID, args: ["--", program, ...args], isDetached: false }
    : { program, args, isDetached: true };
}

/** Processes of a runner that begin before it is worth loading what looks them up faster. */
const FEW = 10;
let count = 0;
let exists: ((path: string) => boolean) | null = null;

/**
 * Node's way to ask whether a file is there throws nothing: an exception for each folder of the `PATH` takes longer than all
 * the rest. It also takes a tenth of a short run to load.
 */
function countLookUp(): void {
  if (++count === FEW) void import("node:fs").then((fs) => exists = fs.existsSync);
}

function statOf(path: string): Deno.FileInfo | null {
  return exists?.(path) === false ? null : quietly(() => Deno.statSync(path));
}

async function feed(child: Deno.ChildProcess, text: string | null): Promise<void> {
  if (text === null) return;
  try {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // The process may end, or close its input, without reading all of it.
  }
}

/** Most processes say little or nothing: the stream's own buffers, of 64 KiB each, would be made and cleared for that. */
const FIRST_BYTES = 4_096;
/** What a pipe holds. */
const MOST_BYTES = 65_536;

interface Pump {
  /** Resolves at the end of the stream; rejects when the sink does. */
  readonly done: Promise<void>;
  /** Has it read what is in the pipe, and no more: whoever left the group holds the pipe for as long as it lives. */
  end(clock: Clock, signal: AbortSignal): void;
}

/** Not `for await`: it lets go of its reader at the end, which makes an exception with a stack each time. */
function openPump(stream: ReadableStream<Uint8Array>, name: StreamName, sink: OutputSink): Pump {
  const reader = stream.getReader({ mode: "byob" });
  let isReading = false;
  let count = 0;
  let leftBytes = Infinity;

  async function pump(): Promise<void> {
    let sizeBytes = FIRST_BYTES;
    try {
      while (leftBytes > 0) {
        isReading = true;
        const { done, value } = await reader.read(new Uint8Array(sizeBytes));
        isReading = false;
        if (done) return;
        count++;
        leftBytes -= value.length;
        if (value.length === sizeBytes) sizeBytes = MOST_BYTES;
        await sink.write(name, value);
      }
      await reader.cancel();
    } catch (error) {
      await reader.cancel().catch(() => {});
      throw error;
    }
  }

  async function end(clock: Clock, signal: AbortSignal): Promise<void> {
    leftBytes = MOST_BYTES;
    while (!signal.aborted) {
      const before = count;
      await clock.sleep(EMPTY_MS, signal);
      // A slow sink is no empty pipe.
      if (isReading && count === before) return await reader.cancel().catch(() => {});
    }
  }

  return { done: pump(), end: (clock, signal) => void end(clock, signal) };
}

interface Family {
  /** null: of the leaders of an earlier process nothing is known. */
  readonly leader: number | null;
  readonly token: string;
}

/** The first signal, the grace, SIGKILL; over when nothing of the family is left. */
async function endFamily(clock: Clock, family: Family, stop: StopRules): Promise<void> {
  signalGroup(family, stop.signal);
  for (const pid of await strays(family)) sendSignal(pid, stop.signal);
  const deadline = clock.mono() + stop.graceMs;
  for (
    let pauseMs = 10;
    clock.mono() < deadline && !stop.hurry.aborted;
    pauseMs = Math.min(pauseMs * 2, 200)
  ) {
    if (!(await isAlive(family))) return;
    await clock.sleep(Math.max(0, Math.min(pauseMs, deadline - clock.mono())), stop.hurry);
  }
  await killFamily(clock, family);
}

const LOOKS_MAX = 100;
const LOOK_MS = 10;

/** A process that is just being started shows no environment: nobody is left when two looks in a row find nobody. */
async function killFamily(clock: Clock, family: Family): Promise<void> {
  for (let looks = 0, quiet = 0; looks < LOOKS_MAX && quiet < 2; looks++) {
    if (looks > 0) await clock.sleep(LOOK_MS);
    signalGroup(family, "SIGKILL");
    const left = await strays(family);
    for (const pid of left) sendSignal(pid, "SIGKILL");
    quiet = left.length === 0 ? quiet + 1 : 0;
  }
}

function signalGroup(family: Family, signal: string): void {
  if (family.leader !== null) sendSignal(-family.leader, signal);
}

function sendSignal(pid: number, signal: string): void {
  // Mostly nobody is left to hear it; a name that is none is refused as well.
  quietly(() => Deno.kill(pid, signal as Deno.Signal));
}

/** Kills whatever still runs for an owner (RS-01). For one whose runner is gone; where there is no `/proc`, nothing. */
export async function killLeftovers(clock: Clock, owner: string): Promise<void> {
  await killFamily(clock, { leader: null, token: `${TOKEN_NAME}=${owner}/` });
}

interface Relative {
  readonly pid: number;
  readonly isInGroup: boolean;
}

/** Descendants that left the group. */
async function strays(family: Family): Promise<number[]> {
  const relatives = await relativesOf(family) ?? [];
  return relatives.filter((relative) => !relative.isInGroup).map((relative) => relative.pid);
}

async function isAlive(family: Family): Promise<boolean> {
  const relatives = await relativesOf(family);
  if (relatives !== null) return relatives.length > 0;
  const { kill } = await import("node:process");
  try {
    return family.leader !== null && kill(-family.leader, 0);
  } catch {
    return false;
  }
}

/** Who belongs to the family by group or by token and is not just a zombie; null where there is no `/proc`. */
async function relativesOf(family: Family): Promise<Relative[] | null> {
  const found: Relative[] = [];
  try {
    for await (const entry of Deno.readDir("/proc")) {
      const pid = Number(entry.name);
      if (!Number.isInteger(pid)) continue;
      const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => null);
      if (stat === null) continue;
      // `pid (name) state ppid pgrp ...`: the name may hold anything, the last parenthesis ends it (proc(5)).
      const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z" || state === "X") continue;
      const isInGroup = Number(group) === family.leader;
      if (isInGroup || await hasToken(pid, family.token)) found.push({ pid, isInGroup });
    }
    return found;
  } catch {
    return null;
  }
}

async function hasToken(pid: number, token: string): Promise<boolean> {
  return (await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "")).includes(token);
}
