import { type Command, writeErr, writeOut } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type ListedRun, listRuns, timeText } from "./run-list.ts";
import { formatTable } from "./table.ts";

export const command: Command = {
  usage: "ps",
  summary: "Lists the runs that are running now, newest first. Times are UTC.",
  examples: ["dagu ps --dag report"],
  options: {
    dag: { type: "string", short: "d", value: "NAME", help: "of this workflow" },
    "run-id": { type: "string", short: "r", value: "ID", help: "whose run id contains this" },
    ...CONNECT_OPTIONS,
  },
  arguments: [0, 0],
  run: async (context) => {
    const { flags } = context;
    const id = flags.text("run-id");
    await using connection = await connect(context, "door");
    const runs = await listRuns(connection.api, {
      name: flags.text("dag"),
      search: { status: ["running"], ...(id === null ? {} : { dagRunId: [id] }) },
      limit: MOST,
    });
    if (runs.length > 0) writeOut(table(runs));
    else if (!flags.has("quiet")) writeErr("nothing is running");
    return 0;
  },
};

/** More than anybody reads. */
const MOST = 1_000;

function table(runs: readonly ListedRun[]): string {
  return formatTable(
    ["NAME", "RUN ID", "STARTED (UTC)", "PARAMS"],
    runs.map((run) => [
      run.name,
      run.dagRunId,
      timeText(run.startedAt),
      run.params === "{}" ? "" : run.params,
    ]),
  );
}
