import * as v from "valibot";
import { type Api, ApiError } from "../api-client.ts";
import { type Command, type Context, UserError, writeErr } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { runAndFollow, type RunName, tellEnd } from "../own-runner.ts";
import { DetailsAnswer, isOver, RunDetails, runPath, Started } from "../run-json.ts";
import { stopRun } from "../stop-run.ts";
import { workflowNameOf } from "./run-argument.ts";

export const command: Command = {
  usage: "restart NAME",
  summary:
    "Stops the latest run of a workflow, or the one of --run-id, waits for its end, and follows a new run of the same\n" +
    "definition with the same parameters. A run that has ended already is just run again.",
  examples: ["dagu restart report"],
  options: {
    "run-id": { type: "string", short: "r", value: "ID", help: "run id (default: the latest)" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  ownsInterrupts: true,
  run: async (context) => {
    const old = await stopAndWait(context);
    // Another connection: where the old run was may have ended with it.
    await using connection = await connect(context);
    const isQuiet = context.flags.has("quiet");
    const details = await runAndFollow(context, connection, async (choice) => {
      const answer = await connection.api.post(`${runPath(old)}/reschedule`, choice);
      const { dagName, dagRunId } = v.parse(Started, answer);
      if (!isQuiet) writeErr(`started ${dagName}:${dagRunId}`);
      return { name: dagName, dagRunId };
    }, isQuiet);
    return await tellEnd(context, connection, details);
  },
};

/** Asks for the end of the run, if it has none, and waits for it. */
async function stopAndWait(context: Context): Promise<RunName> {
  await using connection = await connect(context);
  const { api } = connection;
  const name = await workflowNameOf(context.positionals[0] ?? "", connection.home.dagsDir);
  const run = await look(api, { name, dagRunId: context.flags.text("run-id") ?? "latest" });
  if (isOver(run)) return run;
  if (!context.flags.has("quiet")) writeErr(`stopping ${run.name}:${run.dagRunId}`);
  try {
    await stopRun(context, connection, run, false);
  } catch (error) {
    // It may have ended in between, which is what was wanted.
    if (!(error instanceof ApiError) || !isOver(await look(api, run))) throw error;
  }
  await followToEnd(context, api, run);
  return run;
}

async function look(api: Api, run: RunName): Promise<RunDetails> {
  return v.parse(DetailsAnswer, await api.get(runPath(run))).dagRunDetails;
}

/** Returns at its last event: the process that tells it may be gone right after. */
async function followToEnd(context: Context, api: Api, run: RunName): Promise<void> {
  for await (const { event, data } of api.events(`${runPath(run)}/stream`, context.interrupts.first)) {
    if (event === "run" && isOver(v.parse(RunDetails, JSON.parse(data)))) return;
  }
  throw new UserError(`run ${run.name}:${run.dagRunId} has not ended; nothing new was started`);
}
