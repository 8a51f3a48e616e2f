import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { toBase62 } from "../../run/ids.ts";
import { systemIds } from "../../runner/clock.ts";
import { connect, CONNECT_OPTIONS, type Connection } from "../connect.ts";
import { type Command, type Context, UserError } from "../command.ts";
import { runAndFollow, type RunName, tellEnd } from "../own-runner.ts";
import { Started } from "../run-json.ts";
import { type CallerParams, readCallerParams } from "../../workflow/inputs.ts";
import { readWorkflowFile } from "../workflow-file.ts";

export const command: Command = {
  usage: "start FILE|NAME [-- PARAMS...]",
  summary:
    "Runs a workflow and follows it: step output on stderr, a summary on stdout, exit code 0 when it succeeded.\n" +
    "With a server running on this DAGU_HOME (or --server) the run goes there; without one, a control plane and a runner\n" +
    "come up in this process.",
  options: {
    params: { type: "string", short: "p", value: "TEXT", help: 'parameters: "KEY=value ..." or JSON' },
    name: { type: "string", short: "N", value: "NAME", help: "workflow name for this run" },
    "run-id": { type: "string", short: "r", value: "ID", help: "run id" },
    labels: { type: "string", value: "A,B=C", help: "extra labels" },
    quiet: { type: "boolean", short: "q", help: "no step output and no summary" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  run: async (context) => {
    await using connection = await connect(context);
    const isQuiet = context.flags.has("quiet");
    const details = await runAndFollow(
      context,
      connection,
      (selector) => submit(context, connection, selector),
      isQuiet,
    );
    return tellEnd(details, isQuiet);
  },
};

async function submit(
  context: Context,
  connection: Connection,
  workerSelector: Readonly<Record<string, string>>,
): Promise<RunName> {
  const { flags } = context;
  const file = await readWorkflowFile(context.positionals[0] ?? "", connection.home.dagsDir);
  const answer = await connection.api.post("/dag-runs", {
    spec: file.text,
    ...(flags.text("name") === null ? {} : { name: flags.text("name") }),
    fileStem: file.stem,
    sourceDir: dirname(resolve(file.path)),
    dagRunId: flags.text("run-id") ?? toBase62(systemIds().uuid()),
    workerSelector,
    ...paramsOf(context),
    ...(flags.text("labels") === null
      ? {}
      : { labels: flags.text("labels")?.split(",").map((label) => label.trim()) }),
  });
  const { dagRunId, dagName } = v.parse(Started, answer);
  return { name: dagName, dagRunId };
}

/** `--params TEXT`, or what came after `--`; not both. */
export function paramsOf(context: Context): { params?: string } {
  const text = context.flags.text("params");
  if (context.rest === null || context.rest.length === 0) return text === null ? {} : { params: text };
  if (text !== null) throw new UserError("give parameters with --params or after --, not both", 1);
  return { params: JSON.stringify(context.rest) };
}

/** The same, for who binds them in this process. */
export function callerParamsOf(context: Context): CallerParams {
  const { params } = paramsOf(context);
  return params === undefined ? { kind: "none" } : readCallerParams(params);
}
