import { UserError } from "../command.ts";
import { type Command } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { runAndFollow, tellEnd } from "../own-runner.ts";
import { runPath } from "../run-json.ts";

export const command: Command = {
  usage: "retry NAME",
  summary:
    "Tries a run again that ended: every step that did not end well and everything downstream of it, or one step.\n" +
    "Same run id, same parameters, same definition; results of other steps are kept.",
  options: {
    "run-id": { type: "string", short: "r", value: "ID", help: "run id (required)" },
    step: { type: "string", value: "STEP", help: "run this step only" },
    downstream: { type: "boolean", help: "with --step: everything that depends on it too" },
    quiet: { type: "boolean", short: "q", help: "no step output and no summary" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  run: async (context) => {
    const { flags, positionals: [name = ""] } = context;
    const dagRunId = flags.text("run-id");
    if (dagRunId === null) throw new UserError("--run-id is required");
    const step = flags.text("step");
    if (flags.has("downstream") && step === null) throw new UserError("--downstream needs --step");
    await using connection = await connect(context);
    const isQuiet = flags.has("quiet");
    const details = await runAndFollow(context, connection, async (workerSelector) => {
      await connection.api.post(`${runPath({ name, dagRunId })}/retry`, {
        dagRunId,
        workerSelector,
        ...(step === null ? {} : { stepName: step, includeDownstream: flags.has("downstream") }),
      });
      return { name, dagRunId };
    }, isQuiet);
    return await tellEnd(context, connection, details);
  },
};
