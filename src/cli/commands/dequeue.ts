import * as v from "valibot";
import { type Command, UserError, writeOut } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import type { RunName } from "../own-runner.ts";
import { Started } from "../run-json.ts";

export const command: Command = {
  usage: "dequeue QUEUE",
  summary:
    "Takes a run out of a queue before it starts: the first one, or the one of --dag-run. It ends as aborted.",
  examples: ["dagu dequeue nightly", "dagu dequeue nightly --dag-run report:0356Uxst6wGGJLABuGznHS"],
  options: {
    "dag-run": { type: "string", short: "d", value: "NAME:ID", help: "this run (default: the first)" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  run: async (context) => {
    const { flags, positionals: [queue = ""] } = context;
    const wanted = flags.text("dag-run");
    const dagRun = wanted === null ? null : readRunName(wanted);
    await using connection = await connect(context, "door");
    const answer = await connection.api.post("/dag-runs/dequeue", { queue, dagRun });
    const { dagName, dagRunId } = v.parse(Started, answer);
    writeOut(`dequeued ${dagName}:${dagRunId}`);
    return 0;
  },
};

function readRunName(text: string): RunName {
  const [, name, dagRunId] = /^([^:]+):([^:]+)$/.exec(text) ?? [];
  if (name === undefined || dagRunId === undefined) {
    throw new UserError(`--dag-run must be NAME:ID, got "${text}"`);
  }
  return { name, dagRunId };
}
