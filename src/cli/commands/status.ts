import * as v from "valibot";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, writeOut } from "../command.ts";
import { DetailsAnswer, runPath } from "../run-json.ts";
import { summarize } from "../summary.ts";

export const command: Command = {
  usage: "status NAME",
  summary:
    "Shows the latest run of a workflow, or the one of --run-id, step by step. Exit code 0 whatever the status.",
  options: {
    "run-id": { type: "string", short: "r", value: "ID", help: "run id (default: the latest)" },
    output: { type: "string", value: "FORMAT", help: "json: the API's answer" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  run: async (context) => {
    await using connection = await connect(context, true);
    const run = { name: context.positionals[0] ?? "", dagRunId: context.flags.text("run-id") ?? "latest" };
    const answer = await connection.api.get(runPath(run));
    const { dagRunDetails } = v.parse(DetailsAnswer, answer);
    writeOut(
      context.flags.text("output") === "json" ? JSON.stringify(answer, null, 2) : summarize(dagRunDetails),
    );
    return 0;
  },
};
