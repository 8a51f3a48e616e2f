import { join } from "node:path";
import { ApiError } from "../api-client.ts";
import { type Command, type Context, type Flags, UserError, writeErr, writeOut } from "../command.ts";
import { connect, CONNECT_OPTIONS, type Connection } from "../connect.ts";
import { readDuration, timeAgo } from "./duration-flag.ts";
import { type Definition, isElsewhere, listDefinitions } from "./definitions.ts";
import { confirm, removeHistory } from "./removal.ts";
import { workflowNameOf } from "./run-argument.ts";

export const command: Command = {
  usage: "rm NAME --history|--definition",
  summary:
    "Deletes what is kept of a workflow: its runs that ended, its definition, or both. Active runs stay.",
  examples: ["dagu rm report --history --older-than 30d --dry-run", "dagu rm report --definition"],
  options: {
    history: { type: "boolean", short: "H", help: "its runs that ended, with their logs" },
    definition: { type: "boolean", short: "d", help: "its file in the definitions folder" },
    "older-than": {
      type: "string",
      short: "t",
      value: "30d",
      help: "with --history: runs that ended before this",
    },
    force: { type: "boolean", short: "f", help: "do not ask" },
    "dry-run": { type: "boolean", help: "only tell what would be deleted" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  run: async (context) => {
    const { flags, positionals: [argument = ""] } = context;
    const what = readWhat(flags);
    const age = flags.text("older-than");
    const before = age === null ? null : timeAgo(readDuration("older-than", age));
    const isDryRun = flags.has("dry-run");
    await using connection = await connect(context, "door");
    const name = await workflowNameOf(argument, connection.home.dagsDir);
    const definition = what.definition ? await findDefinition(context, connection, argument, name) : null;
    if (!isDryRun && !flags.has("force")) await confirm(`Delete ${what.words} of ${name}?`, "--force");
    if (what.history) {
      await removeHistory(connection.api, { name, before, isDryRun, isQuiet: flags.has("quiet") });
    }
    if (definition !== null) await removeDefinition(context, connection, definition, isDryRun);
    return 0;
  },
};

interface What {
  readonly history: boolean;
  readonly definition: boolean;
  readonly words: string;
}

function readWhat(flags: Flags): What {
  const history = flags.has("history");
  const definition = flags.has("definition");
  if (!history && !definition) throw new UserError("say what to delete: --history, --definition, or both");
  if (flags.text("older-than") !== null && !history) throw new UserError("--older-than needs --history");
  const words = [...(history ? ["the runs"] : []), ...(definition ? ["the definition"] : [])].join(" and ");
  return { history, definition, words };
}

async function findDefinition(
  context: Context,
  connection: Connection,
  argument: string,
  name: string,
): Promise<Definition> {
  const known = await listDefinitions(context, connection);
  const found = known.find((one) => one.fileName === argument) ?? known.find((one) => one.name === name);
  if (found === undefined) throw new UserError(`there is no definition of ${argument}`);
  return found;
}

/** Its file first: while that is there, a server would take the definition from it again. */
async function removeDefinition(
  context: Context,
  connection: Connection,
  { name, fileName }: Definition,
  isDryRun: boolean,
): Promise<void> {
  if (isDryRun) return writeErr(`the definition of ${name} would be deleted`);
  for (const path of isElsewhere(context) ? [] : filesOf(connection.home.dagsDir, fileName)) {
    await Deno.remove(path).then(() => writeOut(path), (error: unknown) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
  await connection.api.post(`/dags/${encodeURIComponent(fileName)}/delete`, {}).catch((error: unknown) => {
    // No server has seen it yet, or one has noticed already that the file is gone.
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  });
  if (!context.flags.has("quiet")) writeErr(`deleted the definition of ${name}`);
}

function filesOf(dir: string, fileName: string): string[] {
  return [join(dir, `${fileName}.yaml`), join(dir, `${fileName}.yml`)];
}
