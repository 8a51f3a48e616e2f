import { withBase } from "../../workflow/base.ts";
import { parseWorkflow } from "../../workflow/parse.ts";
import { errorLines, formatProblem, type Problem } from "../../workflow/problem.ts";
import { readBaseConfig } from "../base-config.ts";
import { type Command, writeErr } from "../command.ts";
import { locateHome } from "../home.ts";
import { inspectWorkflowFile } from "../workflow-file.ts";

export const command: Command = {
  usage: "validate FILE",
  summary:
    "Checks a workflow file and tells every problem in it, with line, column and remedy. Nothing is executed.",
  options: {
    "show-unresolved": { type: "boolean", help: "also references that only a run can tell about" },
  },
  arguments: [1, 1],
  run: async ({ positionals: [argument = ""], env, flags }) => {
    const file = await inspectWorkflowFile(argument, locateHome(env).dagsDir);
    const { path } = file;
    const parsed = parseWorkflow(withBase(file.text, await readBaseConfig(env)), "validate");
    const known = new Set(file.problems.map((one) => one.path));
    // The language knows no more of such a field than that it is not readable.
    const problems = [...file.problems, ...parsed.problems.filter((one) => !known.has(one.path))];
    const isTold = (one: Problem): boolean =>
      one.severity === "warning" && (one.notice !== "runtime-only" || flags.has("show-unresolved"));
    for (const problem of problems.filter(isTold)) {
      // One line each (8.2): who reads them may count them.
      writeErr(formatProblem(problem, path).replaceAll(/\s*\n\s*/g, " "));
    }
    if (problems.every(({ severity }) => severity === "warning")) return 0;
    writeErr(`Validation failed for ${path}`);
    for (const line of errorLines(problems, path)) writeErr(`- ${line.replaceAll("\n", "\n  ")}`);
    return 1;
  },
};
