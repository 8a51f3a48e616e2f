import * as v from "valibot";
import { isMapping, parseJson } from "../../workflow/json.ts";
import { typedInputs } from "../../workflow/task-inputs.ts";
import { type Command, type Context, UserError } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import type { Node } from "../run-json.ts";
import { findWaiting, INPUT_OPTION, readPairs, say, WAITING_OPTIONS } from "./decision.ts";

export const command: Command = {
  usage: "human-task complete NAME --step ID",
  summary:
    "Completes a task that a run waits for. Without a server the run goes on in this process once nothing waits any more.",
  examples: ["dagu human-task complete order --step ask --input count=3 --input colour=red"],
  options: {
    ...WAITING_OPTIONS,
    input: INPUT_OPTION,
    "inputs-json": { type: "string", value: "JSON", help: "all inputs as a JSON object" },
    ...CONNECT_OPTIONS,
  },
  arguments: [2, 2],
  ownsInterrupts: true,
  run: async (context) => {
    const { positionals: [verb, name = ""] } = context;
    if (verb !== "complete") {
      throw new UserError(`there is no human-task ${verb}; use: human-task complete NAME`);
    }
    await using connection = await connect(context);
    const { run, step, node } = await findWaiting(context, connection, name);
    return await say(context, connection, run, {
      path: `/human-tasks/${encodeURIComponent(step)}/complete`,
      body: readInputs(context, node),
      tell: (answer) => sentence(step, v.parse(Completed, answer)),
    });
  },
};

const Completed = v.object({
  alreadyCompleted: v.boolean(),
  queued: v.boolean(),
  remainingWaitingSteps: v.array(v.string()),
});

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

function readInputs(context: Context, node: Node | null): Record<string, unknown> {
  const { flags } = context;
  const json = flags.text("inputs-json");
  if (json === null) return typedInputs(node?.step.humanTask?.form ?? null, readPairs(context));
  if (flags.texts("input").length > 0) throw new UserError("give --input or --inputs-json, not both");
  const value = parseJson(json);
  if (!isMapping(value)) throw new UserError("--inputs-json must be a JSON object");
  return value;
}
