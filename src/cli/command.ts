/**
 * Arguments -> command, help, exit code. Commands are loaded when they are called, so that `dagu version` does not pay for
 * a database. Data goes to stdout, everything else to stderr (C-02).
 */
import { parseArgs } from "node:util";
import { countSlips } from "../workflow/slips.ts";
import { commandHelp, generalHelp } from "./help.ts";
import type { Interrupts } from "./interrupts.ts";

export interface Invocation {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly interrupts: Interrupts;
  /** Whether stdout is a terminal: colour and progress are for people only. */
  readonly isTerminal: boolean;
}

export interface Option {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help: `DIR`. */
  readonly value?: string;
  readonly help: string;
}

export interface Context extends Invocation {
  readonly flags: Flags;
  readonly positionals: readonly string[];
  /** What came after `--`; null: there was no `--`. */
  readonly rest: readonly string[] | null;
}

export interface Flags {
  text(name: string): string | null;
  texts(name: string): readonly string[];
  has(name: string): boolean;
}

export interface Command {
  /** `start FILE|NAME [-- PARAMS...]`. */
  readonly usage: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Least and most positional arguments. */
  readonly arguments: readonly [number, number];
  run(context: Context): Promise<number>;
}

/** Flags that every command knows, before its name or after it (C-03). */
export const GLOBAL: Readonly<Record<string, Option>> = {
  config: {
    type: "string",
    short: "c",
    value: "FILE",
    help: "read by the original; settings here are variables",
  },
  "dagu-home": { type: "string", value: "DIR", help: "home of this call (DAGU_HOME)" },
  context: { type: "string", value: "NAME", help: "local; for another server use --server or DAGU_SERVER" },
  quiet: { type: "boolean", short: "q", help: "results and errors only" },
  "no-color": { type: "boolean", help: "accepted: there is no colour" },
};

const HELP: Readonly<Record<string, Option>> = {
  help: { type: "boolean", short: "h", help: "show this help" },
};

/** An error whose text is meant for the person at the terminal. */
export class UserError extends Error {
  constructor(message: string, readonly exitCode: number = 1) {
    super(message);
  }
}

const COMMANDS: Readonly<
  Record<string, { readonly summary: string; load(): Promise<{ command: Command }> }>
> = {
  "start-all": {
    summary: "control plane and runner in one process, on an embedded database",
    load: () => import("./commands/start-all.ts"),
  },
  server: {
    summary: "the control plane alone, on Postgres or the embedded database",
    load: () => import("./commands/server.ts"),
  },
  queue: {
    summary: "queues: what waits, how wide they are, pause",
    load: () => import("./commands/queue.ts"),
  },
  secret: {
    summary: "secrets that the control plane keeps for runs",
    load: () => import("./commands/secret.ts"),
  },
  runners: {
    summary: "the runners of a server; drain, resume, revoke one, or rotate its token",
    load: () => import("./commands/runners.ts"),
  },
  worker: {
    summary: "a runner that claims runs from a control plane (alias: runner)",
    load: () => import("./commands/worker.ts"),
  },
  start: { summary: "run a workflow and follow it to its end", load: () => import("./commands/start.ts") },
  exec: {
    summary: "run a command as a workflow of one step",
    load: () => import("./commands/exec.ts"),
  },
  enqueue: {
    summary: "queue a workflow's run and return at once",
    load: () => import("./commands/enqueue.ts"),
  },
  dequeue: { summary: "take a run out of a queue", load: () => import("./commands/dequeue.ts") },
  restart: {
    summary: "stop a run and run it again from the beginning",
    load: () => import("./commands/restart.ts"),
  },
  retry: { summary: "try a run again that ended", load: () => import("./commands/retry.ts") },
  dry: {
    summary: "walk through a workflow without executing anything",
    load: () => import("./commands/dry.ts"),
  },
  "human-task": {
    summary: "complete a task that a run waits for",
    load: () => import("./commands/human-task.ts"),
  },
  approve: { summary: "approve the work of a step", load: () => import("./commands/approve.ts") },
  reject: {
    summary: "reject the work of a step, and its run with it",
    load: () => import("./commands/reject.ts"),
  },
  "push-back": {
    summary: "have the work of a step done again",
    load: () => import("./commands/push-back.ts"),
  },
  status: { summary: "what a run did, step by step", load: () => import("./commands/status.ts") },
  history: { summary: "runs, newest first", load: () => import("./commands/history.ts") },
  ps: { summary: "runs that are running now", load: () => import("./commands/ps.ts") },
  ls: { summary: "workflows, and how their runs went", load: () => import("./commands/ls.ts") },
  rm: { summary: "delete a workflow's history or definition", load: () => import("./commands/rm.ts") },
  cleanup: { summary: "delete a workflow's old runs", load: () => import("./commands/cleanup.ts") },
  stop: { summary: "stop a run", load: () => import("./commands/stop.ts") },
  sign: {
    summary: "sign a workflow file for runners that execute signed ones only",
    load: () => import("./commands/sign.ts"),
  },
  validate: {
    summary: "check a workflow file and tell every problem in it",
    load: () => import("./commands/validate.ts"),
  },
  doctor: {
    summary: "whether this runner can work with its container engine, and what to do if not",
    load: () => import("./commands/doctor.ts"),
  },
  schema: {
    summary: "the JSON Schema of workflow files, for editors",
    load: () => import("./commands/schema.ts"),
  },
  webhook: { summary: "make a workflow startable over HTTP", load: () => import("./commands/webhook.ts") },
  endpoint: {
    summary: "make or list the places where a Git forge sends its events",
    load: () => import("./commands/endpoint.ts"),
  },
  token: { summary: "make tokens for runners and for the API", load: () => import("./commands/token.ts") },
  demo: {
    summary: "start everything, fire a signed webhook, and show what happened",
    load: () => import("./commands/demo.ts"),
  },
  config: { summary: "the settings of this call", load: () => import("./commands/config.ts") },
  example: { summary: "list or print example workflows", load: () => import("./commands/example.ts") },
  profile: { summary: "refused: there are no profiles", load: () => import("./commands/profile.ts") },
  coordinator: {
    summary: "nothing: runners ask the server for work",
    load: () => import("./commands/coordinator.ts"),
  },
  scheduler: {
    summary: "nothing: the server does the periodic work",
    load: () => import("./commands/scheduler.ts"),
  },
  version: { summary: "print the version", load: () => import("./commands/version.ts") },
};

const ALIASES: Readonly<Record<string, string>> = {
  runner: "worker",
  "--version": "version",
  "-v": "version",
};

export async function runCommand(given: Invocation): Promise<number> {
  const invocation = { ...given, args: commandFirst(given.args) };
  const [first = "--help", ...args] = helpLast(invocation.args);
  const name = ALIASES[first] ?? first;
  if (name === "--help" || name === "-h") {
    writeOut(generalHelp(COMMANDS));
    return 0;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined) {
    writeErr(
      `dagu: there is no command "${first}"${suggestion(first, Object.keys(COMMANDS))}\nTry: dagu --help`,
    );
    return 1;
  }
  const { command } = await entry.load();
  try {
    const context = read(command, args, invocation);
    if (context === "help") {
      writeOut(commandHelp(command, { ...HELP, ...GLOBAL }));
      return 0;
    }
    return await command.run(context);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    writeErr(`dagu ${name}: ${error.message}`);
    return error.exitCode;
  }
}

/** `help COMMAND` is `COMMAND --help`. */
function helpLast(args: readonly string[]): readonly string[] {
  const [first, second] = args;
  if (first !== "help") return args;
  return second === undefined || second.startsWith("-") ? ["--help"] : [second, "--help"];
}

/** Flags that every command knows may stand before its name (C-03). */
function commandFirst(args: readonly string[]): readonly string[] {
  const flags: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    const option = Object.entries(GLOBAL).find(([name, { short }]) =>
      word === `--${name}` || word.startsWith(`--${name}=`) || (short !== undefined && word === `-${short}`)
    );
    if (option === undefined) return [...args.slice(at, at + 1), ...flags, ...args.slice(at + 1)];
    const takesNext = option[1].type === "string" && !word.includes("=");
    flags.push(...args.slice(at, at + (takesNext ? 2 : 1)));
    if (takesNext) at++;
  }
  return flags;
}

function read(command: Command, args: readonly string[], invocation: Invocation): Context | "help" {
  const split = args.indexOf("--");
  const own = split === -1 ? args : args.slice(0, split);
  const rest = split === -1 ? null : args.slice(split + 1);
  const options = Object.fromEntries(
    Object.entries({ ...GLOBAL, ...command.options, ...HELP }).map(([key, option]) => [key, {
      type: option.type,
      multiple: option.multiple ?? false,
      ...(option.short === undefined ? {} : { short: option.short }),
    }]),
  );
  const parsed = parseOrExplain(command, own, options);
  if (parsed.values["help"] === true) return "help";
  const [least, most] = command.arguments;
  if (parsed.positionals.length < least) {
    throw new UserError(`an argument is missing\nUsage: dagu ${command.usage}`);
  }
  if (parsed.positionals.length > most) {
    const extra = parsed.positionals.slice(most).join(" ");
    const hint = takesWords(command)
      ? `unexpected arguments after DAG definition: ${extra}; parameters come after '--'`
      : `unexpected argument ${extra}`;
    throw new UserError(`${hint}\nUsage: dagu ${command.usage}`);
  }
  if (rest !== null && rest.length > 0 && !takesWords(command)) {
    throw new UserError(`nothing may follow --, got ${rest.join(" ")}\nUsage: dagu ${command.usage}`);
  }
  const { values } = parsed;
  if (values["context"] !== undefined && values["context"] !== "local") {
    throw new UserError(`there is no context "${String(values["context"])}"; use --server URL`);
  }
  const home = values["dagu-home"];
  return {
    ...invocation,
    env: typeof home === "string" ? { ...invocation.env, DAGU_HOME: home } : invocation.env,
    positionals: parsed.positionals,
    rest,
    flags: {
      text: (key) => typeof values[key] === "string" ? values[key] : null,
      texts: (key) => {
        const value = values[key];
        return Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : [];
      },
      has: (key) => values[key] === true,
    },
  };
}

/** Whether words after `--` mean something to it. */
function takesWords(command: Command): boolean {
  return command.usage.includes("-- ");
}

function parseOrExplain(
  command: Command,
  args: readonly string[],
  options: Record<string, { type: "string" | "boolean"; multiple: boolean; short?: string }>,
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    const text = error instanceof Error ? error.message.split(". To specify")[0] ?? "" : String(error);
    const unknown = /'(--?[\w-]+)'/.exec(text)?.[1] ?? "";
    throw new UserError(
      `${text}${
        suggestion(
          unknown,
          Object.keys(options).map((key) => `--${key}`),
        )
      }\nUsage: dagu ${command.usage}`,
    );
  }
}

/** The nearest known word, when one is near. */
function suggestion(word: string, known: readonly string[]): string {
  const [near] = known.map((one) => ({ one, slips: countSlips(word, one) })).sort((a, b) =>
    a.slips - b.slips
  );
  return near !== undefined && near.slips > 0 && near.slips <= 3 ? `; did you mean "${near.one}"?` : "";
}

export function writeOut(text: string): void {
  writeAll(Deno.stdout, text + "\n");
}

export function writeErr(text: string): void {
  writeAll(Deno.stderr, text + "\n");
}

function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  writeBytes(to, new TextEncoder().encode(text));
}

/** A reader that has gone (`dagu history | head -1`) is no reason to leave a run alone. */
export function writeBytes(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
