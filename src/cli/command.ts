/**
 * Arguments -> command, help, exit code. Commands are loaded when they are called, so that `dagu version` does not pay for
 * a database. Data goes to stdout, everything else to stderr (C-02).
 */
import { parseArgs } from "node:util";
import { quietly } from "../runner/quietly.ts";
import { writeStderr } from "../runner/stderr.ts";
import { countSlips } from "../workflow/slips.ts";
import { commandHelp, generalHelp } from "./help.ts";
import { INTERRUPTED, interruption, type Interrupts } from "./interrupts.ts";
import { own } from "../workflow/own.ts";

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
  /** Whole command lines, for the help. */
  readonly examples: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  /** Least and most positional arguments. */
  readonly arguments: readonly [number, number];
  /** It goes on after an interrupt, to end in good order. Any other command ends at the first. */
  readonly ownsInterrupts?: true;
  run(context: Context): Promise<number>;
}

/** Flags that every command knows, before its name or after it (C-03). */
export const GLOBAL: Readonly<Record<string, Option>> = {
  config: {
    type: "string",
    short: "c",
    value: "FILE",
    help: "must be there; nothing is read from it, settings are variables",
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

/**
 * By what one wants, with what they do; each in its own file, which is read when it is called (`lazy-dynamic-imports` of
 * deno.json).
 */
const GROUPS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "To see it": {
    demo: "start everything, fire a signed webhook, and show what happened",
    example: "list or print example workflows",
  },
  "Workflows": {
    validate: "check a workflow file and tell every problem in it",
    dry: "walk through a workflow without executing anything",
    schema: "the JSON Schema of workflow files, for editors",
    sign: "sign a workflow file for runners that execute signed ones only",
    ls: "workflows, and how their runs went",
  },
  "Runs": {
    start: "run a workflow and follow it to its end",
    exec: "run a command as a workflow of one step",
    enqueue: "queue a workflow's run and return at once",
    dequeue: "take a run out of a queue",
    stop: "stop a run",
    restart: "stop a run and run it again from the beginning",
    retry: "try a run again that ended",
  },
  "Runs that wait for a person": {
    approve: "approve the work of a step",
    reject: "reject the work of a step, and its run with it",
    "push-back": "have the work of a step done again",
    "human-task": "complete a task that a run waits for",
  },
  "What has run": {
    status: "what a run did, step by step",
    logs: "what the steps of a run printed",
    history: "runs, newest first",
    ps: "runs that are running now",
    rm: "delete a workflow's history or definition",
    cleanup: "delete a workflow's old runs",
  },
  "Servers and runners": {
    "start-all": "control plane and runner in one process, on an embedded database",
    server: "the control plane alone, on Postgres or the embedded database",
    worker: "a runner that claims runs from a control plane (alias: runner)",
    doctor: "whether this runner can work with its container engine, and what to do if not",
  },
  "Operating a server": {
    queue: "queues: what waits, how wide they are, pause",
    runners: "the runners of a server; drain, resume, revoke one, or rotate its token",
    secret: "secrets that the control plane keeps for runs",
    token: "tokens for the API and for runners: make, list, revoke",
    webhook: "make a workflow startable over HTTP; renew, disable or delete its webhook",
    endpoint: "the places where a Git forge sends its events",
    config: "the settings of this call",
  },
  "For scripts of the original": {
    profile: "refused: there are no profiles",
    coordinator: "nothing: runners ask the server for work",
    scheduler: "nothing: the server does the periodic work",
  },
  "This program": {
    version: "print the version",
  },
};

const COMMANDS: readonly string[] = Object.values(GROUPS).flatMap((group) => Object.keys(group));

const ALIASES: Readonly<Record<string, string>> = {
  runner: "worker",
  "--version": "version",
  "-v": "version",
};

export async function runCommand(given: Invocation): Promise<number> {
  const invocation = { ...given, args: commandFirst(given.args) };
  const [first = "--help", ...args] = helpLast(invocation.args);
  const name = own(ALIASES, first) ?? first;
  if (name === "--help" || name === "-h" || isGlobal(name)) {
    writeOut(generalHelp(GROUPS));
    return 0;
  }
  if (!COMMANDS.includes(name)) {
    writeErr(
      `dagu: there is no command "${first}"${suggestion(first, COMMANDS)}\nTry: dagu --help`,
    );
    return 1;
  }
  const command = await loadCommand(name);
  try {
    const context = read(command, args, invocation);
    if (context === "help") {
      writeOut(commandHelp(command, { ...HELP, ...GLOBAL }));
      return 0;
    }
    const running = command.run(context);
    return await (command.ownsInterrupts === true
      ? running
      : Promise.race([running, interruption(invocation.interrupts.first)]));
  } catch (error) {
    if (error instanceof UserError) {
      writeErr(`dagu ${name}: ${error.message}`);
      return error.exitCode;
    }
    const isAsked = invocation.interrupts.first.aborted && Error.isError(error) &&
      error.name === "AbortError";
    writeErr(`dagu ${name}: ${isAsked ? "interrupted" : describeBug(error)}`);
    return isAsked ? INTERRUPTED : 1;
  }
}

/** What nobody expected, and its place, for whoever is to mend it. */
function describeBug(error: unknown): string {
  if (!(error instanceof Error)) return `unexpected error: ${String(error)}`;
  const place = /^\s+at (?:async )?(.*(?:src|dist)\/.*)$/m.exec(error.stack ?? "")?.[1];
  return `unexpected error: ${error.name}: ${error.message}${place === undefined ? "" : `\n(at ${place})`}`;
}

async function loadCommand(name: string): Promise<Command> {
  const { command }: { command: Command } = await import(`./commands/${name}.ts`);
  return command;
}

/** `help COMMAND` and `--help COMMAND` are `COMMAND --help`. */
function helpLast(args: readonly string[]): readonly string[] {
  const [first = "", second] = args;
  if (!["help", "--help", "-h"].includes(first)) return args;
  return second === undefined || second.startsWith("-") ? ["--help"] : [second, "--help"];
}

/** Flags that every command knows may stand before its name (C-03). */
function commandFirst(args: readonly string[]): readonly string[] {
  const flags: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    if (!isGlobal(word)) return [word, ...flags, ...args.slice(at + 1)];
    flags.push(word);
    if (takesNext(word) && at + 1 < args.length) flags.push(args[++at] ?? "");
  }
  return flags;
}

/** `--quiet`, `--config=FILE`; and short ones in one word, `-q`, `-qc`, `-cFILE`. */
function isGlobal(word: string): boolean {
  return optionsIn(word) !== null;
}

/** Whether the value of its last flag is the next word. */
function takesNext(word: string): boolean {
  const last = optionsIn(word)?.at(-1);
  return last?.option.type === "string" && last.rest === "";
}

/** The global flags of a word, each with what of the word comes after it; null: it is none. */
function optionsIn(word: string): readonly { option: Option; rest: string }[] | null {
  const [, long, assigned = ""] = /^--([\w-]+)(=.*)?$/s.exec(word) ?? [];
  if (long !== undefined) {
    const option = own(GLOBAL, long);
    return option === undefined ? null : [{ option, rest: assigned }];
  }
  if (!/^-[^-]/.test(word)) return null;
  const found: { option: Option; rest: string }[] = [];
  for (let at = 1; at < word.length; at++) {
    const option = Object.values(GLOBAL).find(({ short }) => short === word[at]);
    if (option === undefined) return null;
    found.push({ option, rest: word.slice(at + 1) });
    if (option.type === "string") break;
  }
  return found;
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
  const parsed = parseOrExplain(command, joinValues(own, options), options);
  if (parsed.values["help"] === true) return "help";
  const [least, most] = command.arguments;
  // Where no words of its own come after it, `--` ends the flags: a file may be called `-x.yaml`.
  const positionals = [...parsed.positionals, ...(takesWords(command) ? [] : rest ?? [])];
  if (positionals.length < least) {
    throw new UserError(`an argument is missing\nUsage: dagu ${command.usage}`);
  }
  if (positionals.length > most) {
    const extra = positionals.slice(most).join(" ");
    const hint = most === 0 && takesWords(command)
      ? `unexpected arguments ${extra}; the command comes after '--'`
      : takesWords(command)
      ? `unexpected arguments after DAG definition: ${extra}; parameters come after '--'`
      : `unexpected argument ${extra}`;
    throw new UserError(`${hint}\nUsage: dagu ${command.usage}`);
  }
  const { values } = parsed;
  if (values["context"] !== undefined && values["context"] !== "local") {
    throw new UserError(`there is no context "${String(values["context"])}"; use --server URL`);
  }
  const config = values["config"];
  if (typeof config === "string" && quietly(() => Deno.statSync(config)) === null) {
    throw new UserError(`there is no configuration file ${config}; settings are variables (docs/cli.md)`);
  }
  const home = values["dagu-home"];
  return {
    ...invocation,
    env: typeof home === "string" ? { ...invocation.env, DAGU_HOME: home } : invocation.env,
    positionals,
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

type ParseOptions = Record<string, { type: "string" | "boolean"; multiple: boolean; short?: string }>;

/**
 * A value may begin with a dash, `--params -1`, when it is no option itself: the parser wants it in one word then. And words
 * that it does not know: `-p=VALUE`, and a switch with its value, `--quiet=false`.
 */
function joinValues(args: readonly string[], options: ParseOptions): readonly string[] {
  const words = Object.entries(options).flatMap(([name, { type, short }]) => [
    { word: `--${name}`, long: `--${name}`, type },
    ...(short === undefined ? [] : [{ word: `-${short}`, long: `--${name}`, type }]),
  ]);
  const known = new Map(words.map((one) => [one.word, one]));
  const isOption = (word: string): boolean => known.has(word.split("=", 1)[0] ?? "");
  const joined: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const [word = "", next = ""] = args.slice(at, at + 2);
    const [, name = "", value = ""] = /^(--?[\w-]+)=(.*)$/s.exec(word) ?? [];
    const assigned = known.get(name);
    const option = known.get(word);
    if (assigned?.type === "boolean" && /^(true|false)$/.test(value)) {
      if (value === "true") joined.push(name);
    } else if (assigned !== undefined && !name.startsWith("--")) joined.push(`${assigned.long}=${value}`);
    else if (option?.type !== "string" || at + 1 === args.length) joined.push(word);
    else if (next.startsWith("-") && !isOption(next)) joined.push(`${option.long}=${args[++at]}`);
    else joined.push(word, args[++at] ?? "");
  }
  return joined;
}

function parseOrExplain(
  command: Command,
  args: readonly string[],
  options: ParseOptions,
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
  // Of a short word, little is left to recognize after a few.
  const most = Math.max(1, Math.floor(word.length / 3));
  return near !== undefined && near.slips > 0 && near.slips <= most ? `; did you mean "${near.one}"?` : "";
}

export function writeOut(text: string): void {
  writeOutBytes(new TextEncoder().encode(text + "\n"));
}

export function writeOutBytes(bytes: Uint8Array): void {
  try {
    writeBytes(Deno.stdout, bytes);
  } catch (error) {
    throw new UserError(`cannot write to stdout: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function writeErr(text: string): void {
  writeStderr(new TextEncoder().encode(text + "\n"));
}

/** A reader that has gone (`dagu history | head -1`) is no reason to leave a run alone. */
export function writeBytes(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
