import { type Command } from "../command.ts";
import { approvalCommand, goesOn, INPUT_OPTION, readPairs } from "./decision.ts";

export const command: Command = approvalCommand({
  verb: "approve",
  summary: "Approves the work of a step that waits for it. The inputs become variables of later steps.",
  examples: ["dagu approve release --step check --input REASON='reviewed by anna'"],
  options: { input: INPUT_OPTION },
  body: (context) => ({ inputs: readPairs(context) }),
  tell: (step, answer) => `Approved step ${step}; ${goesOn(answer)}`,
});
