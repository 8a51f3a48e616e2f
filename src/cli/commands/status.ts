import * as v from "valibot";
import type { Api } from "../api-client.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, UserError, writeOut } from "../command.ts";
import { DetailsAnswer } from "../run-json.ts";
import { readExtras } from "../step-extras.ts";
import { summarize } from "../summary.ts";
import { getAskedRun, readAskedRun, RUN_OPTIONS } from "./run-argument.ts";

export const command: Command = {
  usage: "status NAME",
  summary:
    "Shows the latest run of a workflow, or the one of --run-id, step by step, with the last lines of each step's output.\n" +
    "Exit code 0 whatever the status.",
  examples: ["dagu status report", "dagu status report --run-id 0356Uxst6wGGJLABuGznHS --output json"],
  options: {
    ...RUN_OPTIONS,
    output: { type: "string", value: "FORMAT", help: "json: the API's answer" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  run: async (context) => {
    const { flags, positionals: [argument = ""] } = context;
    const asked = readAskedRun(context);
    const output = flags.text("output") ?? "text";
    if (output !== "text" && output !== "json") {
      throw new UserError(`invalid --output "${output}"; use text, json`);
    }
    await using connection = await connect(context, "door");
    const answer = await getAskedRun(connection, argument, asked);
    writeOut(output === "json" ? JSON.stringify(answer, null, 2) : await toText(connection.api, answer));
    return 0;
  },
};

async function toText(api: Api, answer: unknown): Promise<string> {
  const { dagRunDetails } = v.parse(DetailsAnswer, answer);
  return summarize(dagRunDetails, await readExtras(api, dagRunDetails));
}
