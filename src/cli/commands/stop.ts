import type { Api } from "../api-client.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, writeErr } from "../command.ts";
import { stopRun } from "../stop-run.ts";
import { workflowNameOf } from "./run-argument.ts";
import { listRuns } from "./run-list.ts";

export const command: Command = {
  usage: "stop NAME",
  summary:
    "Stops the latest run of a workflow that is running, waiting or queued, or the one of --run-id: running steps get their\n" +
    "stop signal, abort and exit handlers run.",
  examples: ["dagu stop report", "dagu stop report --run-id 0356Uxst6wGGJLABuGznHS --force"],
  options: {
    "run-id": {
      type: "string",
      short: "r",
      value: "ID",
      help: "run id (default: the latest that has not ended)",
    },
    force: { type: "boolean", help: "without grace" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  ownsInterrupts: true,
  run: async (context) => {
    const { flags, positionals: [argument = ""] } = context;
    await using connection = await connect(context);
    const name = await workflowNameOf(argument, connection.home.dagsDir);
    const dagRunId = flags.text("run-id") ?? await newestActive(connection.api, name) ?? "latest";
    const run = { name, dagRunId };
    await stopRun(context, connection, run, flags.has("force"));
    if (!flags.has("quiet")) writeErr(`stop requested for ${run.name}:${run.dagRunId}`);
    return 0;
  },
};

async function newestActive(api: Api, name: string): Promise<string | null> {
  const search = { status: ["running", "waiting", "queued"] };
  const [newest] = await listRuns(api, { name, search, limit: 1 });
  return newest?.dagRunId ?? null;
}
