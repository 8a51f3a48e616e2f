import * as v from "valibot";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, writeErr, writeOut } from "../command.ts";
import { Started } from "../run-json.ts";
import { readWorkflowFile } from "../workflow-file.ts";
import { paramsOf } from "./start.ts";

export const command: Command = {
  usage: "enqueue FILE|NAME [-- PARAMS...]",
  summary:
    "Queues a run and returns at once. A server's runner takes it; without a running server it waits for the next one.",
  options: {
    params: { type: "string", short: "p", value: "TEXT", help: 'parameters: "KEY=value ..." or JSON' },
    name: { type: "string", short: "N", value: "NAME", help: "workflow name for this run" },
    "run-id": { type: "string", short: "r", value: "ID", help: "run id" },
    queue: { type: "string", short: "u", value: "NAME", help: "queue that admits it" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  run: async (context) => {
    const { flags } = context;
    await using connection = await connect(context);
    const file = await readWorkflowFile(context.positionals[0] ?? "", connection.home.dagsDir);
    const answer = await connection.api.post("/dag-runs", {
      spec: file.text,
      name: flags.text("name") ?? file.stem,
      enqueue: true,
      ...paramsOf(context),
      ...(flags.text("run-id") === null ? {} : { dagRunId: flags.text("run-id") }),
      ...(flags.text("queue") === null ? {} : { queue: flags.text("queue") }),
    });
    const { dagName, dagRunId } = v.parse(Started, answer);
    writeOut(`${dagName}:${dagRunId}`);
    if (connection.host !== null) {
      writeErr("no server is running here; it will be run when one is: dagu start-all");
    }
    return 0;
  },
};
