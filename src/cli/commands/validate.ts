import { parseWorkflow } from "../../workflow/parse.ts";
import { formatProblem } from "../../workflow/problem.ts";
import { type Command, writeErr } from "../command.ts";
import { openHome } from "../home.ts";
import { readWorkflowFile } from "../workflow-file.ts";

export const command: Command = {
  usage: "validate FILE",
  summary:
    "Checks a workflow file and tells every problem in it, with line, column and remedy. Nothing is executed.",
  options: {},
  arguments: [1, 1],
  run: async ({ positionals: [argument = ""], env }) => {
    const { path, text } = await readWorkflowFile(argument, (await openHome(env)).dagsDir);
    const { workflow, problems } = parseWorkflow(text, "validate");
    for (const problem of problems.filter((one) => one.severity === "warning")) {
      writeErr(formatProblem(problem, path));
    }
    if (workflow !== null) return 0;
    const errors = problems.filter((one) => one.severity === "error");
    writeErr(`Validation failed for ${path}`);
    for (const problem of errors) writeErr(`- ${formatProblem(problem, path).replaceAll("\n", "\n  ")}`);
    return 1;
  },
};
