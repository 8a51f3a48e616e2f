import * as v from "valibot";
import { type Command } from "../command.ts";
import { approvalCommand, goesOn, INPUT_OPTION, readPairs } from "./decision.ts";

const Answer = v.object({ approvalIteration: v.number() });

export const command: Command = approvalCommand({
  verb: "push-back",
  summary:
    "Sends the work of a step that waits for approval back: the step runs again, or everything from its rewind_to on,\n" +
    "with the inputs and DAG_PUSHBACK* as variables.",
  examples: ["dagu push-back release --step check --input REASON='mention the migration'"],
  options: { input: INPUT_OPTION },
  body: (context) => ({ inputs: readPairs(context) }),
  tell: (step, answer) =>
    `Pushed back step ${step} (iteration ${v.parse(Answer, answer).approvalIteration}); ${goesOn(answer)}`,
});
