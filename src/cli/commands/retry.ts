import * as v from "valibot";
import { type Command, type Context, UserError } from "../command.ts";
import { connect, CONNECT_OPTIONS, type Connection } from "../connect.ts";
import { openHome } from "../home.ts";
import { runAndFollow, type RunName, tellEnd } from "../own-runner.ts";
import { DetailsAnswer, isOver, type RunDetails, runPath, Started } from "../run-json.ts";
import { askedPath, workflowNameOf } from "./run-argument.ts";

export const command: Command = {
  usage: "retry NAME --run-id ID",
  summary:
    "Tries a run again that ended: every step that did not end well and everything downstream of it, or one step.\n" +
    "Same run id, same parameters, same definition; results of other steps are kept.",
  examples: [
    "dagu retry report --run-id 0356Uxst6wGGJLABuGznHS",
    "dagu retry report --run-id 0356Uxst6wGGJLABuGznHS --step load --downstream",
  ],
  options: {
    "run-id": { type: "string", short: "r", value: "ID", help: "run id (required)" },
    "sub-run-id": {
      type: "string",
      short: "s",
      value: "ID",
      help: "with --step: a step of this run below it, whose parents keep their state",
    },
    step: { type: "string", value: "STEP", help: "run this step only" },
    downstream: { type: "boolean", help: "with --step: everything that depends on it too" },
    quiet: { type: "boolean", short: "q", help: "no step output and no summary" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  ownsInterrupts: true,
  run: async (context) => {
    const { flags, positionals: [argument = ""] } = context;
    const dagRunId = flags.text("run-id");
    if (dagRunId === null) {
      throw new UserError("--run-id is required; dagu history NAME has the ids of its runs");
    }
    const step = flags.text("step");
    if (flags.has("downstream") && step === null) throw new UserError("--downstream needs --step");
    const subRunId = flags.text("sub-run-id");
    if (subRunId !== null && step === null) throw new UserError("--sub-run-id needs --step");
    const name = await workflowNameOf(argument, (await openHome(context.env)).dagsDir);
    await using connection = await connectToRetry(context, { name, dagRunId });
    const isQuiet = flags.has("quiet");
    const details = await runAndFollow(context, connection, async (choice) => {
      const before = await look(connection, askedPath(name, { dagRunId, subRunId }));
      const answer = await connection.api.post(`${runPath({ name, dagRunId })}/retry`, {
        dagRunId,
        ...choice,
        ...(step === null ? {} : { stepName: step, includeDownstream: flags.has("downstream") }),
        ...(subRunId === null ? {} : { subDAGRunId: subRunId }),
      });
      const retried = v.parse(Started, answer);
      return { name: retried.dagName, dagRunId: retried.dagRunId, before };
    }, isQuiet);
    return await tellEnd(context, connection, details);
  },
};

/** A run that is active is refused at once, not when the command that executes it here has ended and so has the run. */
async function connectToRetry(context: Context, run: RunName): Promise<Connection> {
  const looking = await connect(context, "door");
  if (looking.plane !== null) return looking;
  const details = await look(looking, runPath(run));
  if (isOver(details)) return await connect(context);
  throw new UserError(
    `run ${run.name}:${run.dagRunId} is ${details.statusLabel}; only a run that ended can be retried`,
  );
}

async function look({ api }: Connection, path: string): Promise<RunDetails> {
  return v.parse(DetailsAnswer, await api.get(path)).dagRunDetails;
}
