import * as v from "valibot";
import { isMapping, parseJson } from "../../workflow/json.ts";
import { type Command, type Context, UserError, writeErr, writeOut } from "../command.ts";
import { connect, CONNECT_OPTIONS, type Connection } from "../connect.ts";
import { runAndFollow, type RunName } from "../own-runner.ts";
import { DetailsAnswer, exitCodeOf, type Node, runPath } from "../run-json.ts";
import { typedInputs } from "../../workflow/task-inputs.ts";

export const command: Command = {
  usage: "human-task complete NAME",
  summary:
    "Completes a task that a run waits for. Without a server the run goes on in this process once nothing waits any more.",
  options: {
    "run-id": { type: "string", short: "r", value: "ID", help: "run id (default: the latest)" },
    step: { type: "string", value: "ID", help: "id of the step (required)" },
    input: { type: "string", multiple: true, value: "K=V", help: "one input; may be repeated" },
    "inputs-json": { type: "string", value: "JSON", help: "all inputs as a JSON object" },
    ...CONNECT_OPTIONS,
  },
  arguments: [2, 2],
  run: async (context) => {
    const { flags, positionals: [verb, name = ""] } = context;
    if (verb !== "complete") {
      throw new UserError(`there is no human-task ${verb}; use: human-task complete NAME`);
    }
    const step = flags.text("step");
    if (step === null) throw new UserError("--step is required");
    await using connection = await connect(context);
    const run = { name, dagRunId: flags.text("run-id") ?? "latest" };
    const { dagRunDetails } = v.parse(DetailsAnswer, await connection.api.get(runPath(run)));
    const node = dagRunDetails.nodes.find((one) => one.step.id === step || one.step.name === step);
    const inputs = readInputs(context, node);
    return await complete(context, connection, { name, dagRunId: dagRunDetails.dagRunId }, step, inputs);
  },
};

const Completed = v.object({
  alreadyCompleted: v.boolean(),
  queued: v.boolean(),
  remainingWaitingSteps: v.array(v.string()),
});

async function complete(
  context: Context,
  connection: Connection,
  run: RunName,
  step: string,
  inputs: Readonly<Record<string, unknown>>,
): Promise<number> {
  let done: v.InferOutput<typeof Completed> | null = null;
  const post = async (selector: Readonly<Record<string, string>>): Promise<RunName> => {
    const query = new URLSearchParams(
      Object.entries(selector).map(([key, value]) => [`runner.${key}`, value]),
    );
    const path = `${runPath(run)}/human-tasks/${encodeURIComponent(step)}/complete?${query}`;
    done = v.parse(Completed, await connection.api.post(path, inputs));
    writeOut(sentence(step, done));
    return run;
  };
  // Runners of a server take it from here; without one, this process goes on with it.
  if (connection.host === null) {
    await post({});
    return 0;
  }
  const details = await runAndFollow(context, connection, post, false);
  const code = exitCodeOf(details);
  if (code !== 0) {
    writeErr(`the resumed run ${run.name}:${run.dagRunId} ended ${details.statusLabel}`);
  }
  return code;
}

/** The lines of S-120. */
function sentence(step: string, done: v.InferOutput<typeof Completed>): string {
  if (done.alreadyCompleted) {
    return `Human task ${step} was already completed${done.queued ? "; DAG-run queued for resume." : "."}`;
  }
  const then = done.queued
    ? "DAG-run queued for resume."
    : done.remainingWaitingSteps.length > 0
    ? "DAG-run remains waiting."
    : "DAG-run was already queued for resume.";
  return `Completed human task ${step}; ${then}`;
}

function readInputs({ flags }: Context, node: Node | undefined): Record<string, unknown> {
  const json = flags.text("inputs-json");
  const words = flags.texts("input");
  if (json !== null && words.length > 0) throw new UserError("give --input or --inputs-json, not both");
  if (json !== null) {
    const value = parseJson(json);
    if (!isMapping(value)) throw new UserError("--inputs-json must be a JSON object");
    return value;
  }
  const pairs = words.map((word): [string, string] => {
    const at = word.indexOf("=");
    if (at < 1) throw new UserError(`--input must be KEY=VALUE, got "${word}"`);
    return [word.slice(0, at), word.slice(at + 1)];
  });
  return typedInputs(node?.form ?? null, Object.fromEntries(pairs));
}
