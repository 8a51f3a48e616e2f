import { basename } from "node:path";
import * as v from "valibot";
import { absolute } from "../absolute.ts";
import { ApiError } from "../api-client.ts";
import { withBase } from "../../workflow/base.ts";
import { readBaseFile } from "../base-config.ts";
import { type Command, type Context, UserError } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { runAndFollow, type RunName, tellEnd } from "../own-runner.ts";
import { Started } from "../run-json.ts";
import { isElsewhere } from "./definitions.ts";
import { readFacts } from "./submission.ts";

export const command: Command = {
  usage: "exec [OPTIONS] -- COMMAND [ARGS...]",
  summary:
    "Runs a command as a workflow of one step and follows it: with a run id, a log and a place in the history. The words\n" +
    "go to the program as they are; with --shell they are one command line for that shell.",
  examples: [
    "dagu exec --name nightly -E LEVEL=3 -- ./backup --to /srv/backup",
    "dagu exec --shell bash -- 'pg_dump app | gzip > app.sql.gz'",
  ],
  options: {
    name: { type: "string", short: "N", value: "NAME", help: "workflow name (default: exec-COMMAND)" },
    "run-id": { type: "string", short: "r", value: "ID", help: "run id" },
    labels: { type: "string", multiple: true, value: "A,B=C", help: "labels of the run (also --tags)" },
    tags: { type: "string", multiple: true, value: "A,B=C", help: "the same" },
    workdir: {
      type: "string",
      value: "DIR",
      help: "where it runs (default: here; on another server: its choice)",
    },
    base: { type: "string", value: "FILE", help: "base configuration (default: DAGU_BASE_CONFIG)" },
    shell: { type: "string", value: "SHELL", help: "shell that reads the words as one line" },
    env: { type: "string", short: "E", multiple: true, value: "K=V", help: "variable; may be repeated" },
    dotenv: { type: "string", multiple: true, value: "FILE", help: "file of variables; may be repeated" },
    "worker-label": { type: "string", multiple: true, value: "K=V", help: "label that the runner must have" },
    ...CONNECT_OPTIONS,
  },
  arguments: [0, 0],
  ownsInterrupts: true,
  run: async (context) => {
    const base = context.flags.text("base");
    const written = JSON.stringify(toWorkflow(context));
    const spec = base === null ? written : withBase(written, await readBaseFile(base));
    const facts = readFacts(context);
    await using connection = await connect(context, "ahead");
    const isQuiet = context.flags.has("quiet");
    const details = await runAndFollow(context, connection, async (choice): Promise<RunName> => {
      const answer = await connection.api.post("/dag-runs", { spec, ...facts, ...choice }).catch(explain);
      const { dagName, dagRunId } = v.parse(Started, answer);
      return { name: dagName, dagRunId };
    }, isQuiet);
    return await tellEnd(context, connection, details);
  },
};

/** Nobody has the text before them in which the problems stand. */
function explain(error: unknown): never {
  if (!(error instanceof ApiError) || error.problems.length === 0) throw error;
  throw new UserError(
    error.problems.filter(({ severity }) => severity === "error")
      .map(({ message, remedy }) => remedy === "" ? message : `${message} (${remedy})`).join("\n"),
  );
}

/** JSON is YAML: nothing has to be quoted for it. */
function toWorkflow(context: Context): Record<string, unknown> {
  const { flags } = context;
  const words = context.rest ?? [];
  const [program = ""] = words;
  if (program === "") throw new UserError("the command is missing; it comes after --: dagu exec -- ls -l");
  const shell = flags.text("shell");
  const dir = workDir(context);
  const selector = Object.fromEntries(
    flags.texts("worker-label").map((word) => readPair("worker-label", word)),
  );
  const step = shell === null
    ? {
      action: "exec",
      with: { command: verbatim(program), args: words.slice(1).map((word) => verbatim(word)) },
    }
    : { run: verbatim(words.join(" "), READ_BEFORE_SHELL) };
  return {
    name: flags.text("name") ?? defaultName(program),
    consts: [{ dollar: "$" }, { backslash: "\\" }],
    // The person's own environment is told with flags; a `.env` that happens to lie here is not meant.
    dotenv: flags.texts("dotenv").map((path) => verbatim(absolute(path))),
    env: flags.texts("env").map((word) => readPair("env", word)).map(([key, value]) => ({
      [key]: verbatim(value),
    })),
    ...(shell === null ? {} : { shell: verbatim(shell) }),
    ...(dir === null ? {} : { working_dir: verbatim(dir) }),
    ...(Object.keys(selector).length === 0 ? {} : { worker_selector: selector }),
    steps: [{ id: "command", ...step }],
  };
}

/** Of what a shell is given, only references and positional parameters mean something to us (2.6, P-14). */
const READ_BEFORE_SHELL = /\\*\$(?=[{1-9])/g;
const READ_ANYWHERE = /\\*\$/g;

/** What looks like a reference in a word of the command line is none: inserted text is not looked at again (V-19). */
function verbatim(text: string, read = READ_ANYWHERE): string {
  return text.replace(
    read,
    (signs) => signs.replace(/./g, (sign) => sign === "$" ? "${consts.dollar}" : "${consts.backslash}"),
  );
}

/** null: it is up to the server, whose machines have other folders. */
function workDir(context: Context): string | null {
  const dir = context.flags.text("workdir");
  if (dir !== null) return absolute(dir);
  return isElsewhere(context) ? null : Deno.cwd();
}

const NAME_MAX = 40;

function defaultName(program: string): string {
  const [first = ""] = program.trim().split(/\s+/);
  return `exec-${basename(first).replace(/[^\w.-]/g, "_")}`.slice(0, NAME_MAX);
}

function readPair(flag: string, word: string): [string, string] {
  const at = word.indexOf("=");
  if (at < 1) throw new UserError(`--${flag} must be KEY=VALUE, got "${word}"`);
  return [word.slice(0, at), word.slice(at + 1)];
}
