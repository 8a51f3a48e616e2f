/** git as a process of the step: never through a shell, never asking anybody. */
import { newTail } from "../../run/outcome.ts";
import type { OutputSink } from "../../run/ports.ts";
import { runProcess } from "../process.ts";
import { ActionError } from "./deed.ts";
import { type Environment, hostEnvironment } from "./environment.ts";
import { stopRules, type Work } from "./work.ts";

/** git in one folder. */
export interface Git {
  /** What a question prints, without the line break at its end; it must succeed. */
  ask(...args: string[]): Promise<string>;
  /** The same; null: git says no. */
  try(...args: string[]): Promise<string | null>;
  /** Does something: what git says about it goes to the step's stderr. */
  run(...args: string[]): Promise<void>;
}

/** They would lead git to another repository than the one that is meant. */
const MISLEADING = [
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_COMMON_DIR",
  "GIT_INDEX_FILE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_NAMESPACE",
  "GIT_PREFIX",
];
const ANSWER_MAX = 16_777_216;

export function openGit(work: Work, folder: string, added: Environment = {}): Git {
  const env = { ...gitEnvironment(work), ...added };
  const attempt = async (args: readonly string[]): Promise<Ended> =>
    await start(work, folder, env, args, false);
  return {
    ask: async (...args) => succeed(args, await attempt(args)),
    try: async (...args) => {
      const ended = await attempt(args);
      return ended.exitCode === 0 ? ended.stdout.replace(/\n$/, "") : null;
    },
    run: async (...args) => {
      succeed(args, await start(work, folder, env, args, true));
    },
  };
}

/** The step's environment, with answers in English, because some are read, and without questions to a person. */
export function gitEnvironment(work: Work): Environment {
  const kept = Object.entries(hostEnvironment(work.attempt.hostEnv, work.call))
    .filter(([name]) => !MISLEADING.includes(name));
  return { ...Object.fromEntries(kept), GIT_TERMINAL_PROMPT: "0", LC_ALL: "C", LANGUAGE: "C" };
}

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function start(
  work: Work,
  folder: string,
  env: Environment,
  args: readonly string[],
  isTold: boolean,
): Promise<Ended> {
  if (work.signal.aborted) throw new ActionError("stopped");
  const answer: Uint8Array[] = [];
  let size = 0;
  const tail = newTail();
  const sink: OutputSink = {
    write: async (stream, bytes) => {
      if (stream === "stderr") tail.add(bytes);
      else if ((size += bytes.length) <= ANSWER_MAX) answer.push(bytes);
      if (isTold) await work.sink.write("stderr", bytes);
    },
  };
  const request = {
    argv: ["git", ...args],
    env,
    cwd: folder,
    stdin: null,
    owner: work.attempt.attemptId,
  };
  const end = await runProcess(work.attempt.clock, request, stopRules(work), sink, work.signal);
  if (end.kind === "not_started") throw new ActionError(end.message, "install git on the runner");
  const stdout = await new Blob(answer.map((bytes) => bytes.slice())).text();
  return { exitCode: end.exitCode, stdout, stderr: tail.text() };
}

function succeed(args: readonly string[], ended: Ended): string {
  if (ended.exitCode === 0) return ended.stdout.replace(/\n$/, "");
  const said = ended.stderr === "" ? "" : `: ${ended.stderr.replace(/^(fatal|error): /, "")}`;
  throw new ActionError(`git ${args[0] ?? ""} failed with exit status ${ended.exitCode}${said}`);
}

/** A name that git would take for an option is refused, whatever protects it besides. */
export function refuseOption(what: string, value: string): string {
  if (value.startsWith("-")) {
    throw new ActionError(`${what} "${value}" begins with a dash`, `correct ${what}`);
  }
  return value;
}
