import * as v from "valibot";
import { toBase62 } from "../../run/ids.ts";
import { systemIds } from "../../runner/clock.ts";
import { connect, CONNECT_OPTIONS, type Connection } from "../connect.ts";
import { type Command, type Context, UserError, writeErr, writeOut } from "../command.ts";
import { followRun } from "../follow.ts";
import { quietLog } from "../host.ts";
import { exitCodeOf, runPath, Started } from "../run-json.ts";
import { summarize } from "../summary.ts";
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
    return connection.host === null
      ? await startThere(context, connection)
      : await startHere(context, connection, connection.host);
  },
};

/** Runners of the other process take it. */
async function startThere(context: Context, connection: Connection): Promise<number> {
  const run = await submit(context, connection, {});
  return await follow(context, connection, run);
}

/** A runner in this process that takes this run and no other. */
async function startHere(
  context: Context,
  connection: Connection,
  host: NonNullable<Connection["host"]>,
): Promise<number> {
  const mark = systemIds().uuid();
  const run = await submit(context, connection, { "dagu-start": mark });
  const { openLocalRunner } = await import("../local-runner.ts");
  const runner = await openLocalRunner({
    host,
    home: connection.home,
    env: context.env,
    log: quietLog(context.env),
    capacity: 1,
    labels: { "!dagu-start": mark },
    once: true,
  });
  const over = new AbortController();
  const running = runner.run(over.signal);
  const onSecond = (): void => runner.stop();
  context.interrupts.second.addEventListener("abort", onSecond, { once: true });
  const code = await follow(context, connection, run);
  over.abort();
  await running;
  return code;
}

interface RunName {
  readonly name: string;
  readonly dagRunId: string;
}

async function submit(
  context: Context,
  connection: Connection,
  workerSelector: Record<string, string>,
): Promise<RunName> {
  const { flags } = context;
  const file = await readWorkflowFile(context.positionals[0] ?? "", connection.home.dagsDir);
  const answer = await connection.api.post("/dag-runs", {
    spec: file.text,
    name: flags.text("name") ?? file.stem,
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

async function follow(context: Context, connection: Connection, run: RunName): Promise<number> {
  const isQuiet = context.flags.has("quiet");
  const stop = async (): Promise<void> => {
    writeErr("stopping the run; once more to stop it now");
    await connection.api.post(`${runPath(run)}/stop`, { force: false }).catch(() => {});
  };
  const force = (): void => void connection.api.post(`${runPath(run)}/stop`, { force: true }).catch(() => {});
  const onFirst = (): void => void stop();
  context.interrupts.first.addEventListener("abort", onFirst, { once: true });
  context.interrupts.second.addEventListener("abort", force, { once: true });
  const details = await followRun(connection.api, run, { isQuiet, signal: new AbortController().signal });
  if (!isQuiet) writeOut(summarize(details));
  const code = exitCodeOf(details);
  if (code !== 0) {
    const reason = details.failure?.message ?? details.statusLabel;
    writeErr(`failed to execute the dag-run ${run.name} (dag-run ID: ${run.dagRunId}): ${reason}`);
  }
  return code;
}
