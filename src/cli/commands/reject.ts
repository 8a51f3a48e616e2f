import { type Command } from "../command.ts";
import { approvalCommand } from "./decision.ts";

export const command: Command = approvalCommand({
  verb: "reject",
  summary: "Rejects the work of a step that waits for approval: the step and the run end as rejected.",
  examples: ["dagu reject release --step check --reason 'the notes are wrong'"],
  options: { reason: { type: "string", value: "TEXT", help: "why" } },
  body: ({ flags }) => ({ reason: flags.text("reason") ?? "" }),
  tell: (step) => `Rejected step ${step}.`,
  end: "rejected",
});
