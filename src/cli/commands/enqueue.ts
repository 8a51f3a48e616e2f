import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, writeErr, writeOut } from "../command.ts";
import { SUBMISSION_OPTIONS, submit } from "./submission.ts";

export const command: Command = {
  usage: "enqueue FILE|NAME [-- PARAMS...]",
  summary:
    "Queues a run and returns at once. A server's runner takes it; without a running server it waits for the next one.",
  examples: ["dagu enqueue report.yaml --queue nightly --priority 3 -- DATE=2026-04-02"],
  options: {
    ...SUBMISSION_OPTIONS,
    queue: { type: "string", short: "u", value: "NAME", help: "queue that admits it" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  run: async (context) => {
    const queue = context.flags.text("queue");
    await using connection = await connect(context, "door");
    const run = await submit(context, connection, {
      enqueue: true,
      ...(queue === null ? {} : { queue }),
    });
    writeOut(`enqueued ${run.name}:${run.dagRunId}`);
    if (connection.plane !== null && !context.flags.has("quiet")) {
      writeErr("no server is running here; it will be run when one is: dagu start-all");
    }
    return 0;
  },
};
