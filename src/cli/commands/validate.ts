import { withBase } from "../../workflow/base.ts";
import { parseWorkflow } from "../../workflow/parse.ts";
import { errorLines, formatProblem } from "../../workflow/problem.ts";
import { readBaseConfig } from "../base-config.ts";
import { type Command, writeErr } from "../command.ts";
import { locateHome } from "../home.ts";
import { inspectWorkflowFile } from "../workflow-file.ts";

export const command: Command = {
  usage: "validate FILE",
  summary:
    "Checks a workflow file and tells every problem in it, with line, column and remedy. Nothing is executed.",
  examples: ["dagu validate report.yaml"],
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
    const errors = errorLines(problems, path);
    if (errors.length > 0) {
      writeErr(`Validation failed for ${path}`);
      for (const line of errors) writeErr(`- ${line.replaceAll("\n", "\n  ")}`);
      return 1;
    }
    // Findings are told of files that are right otherwise (8.2).
    for (const problem of problems) {
      if (problem.notice === "runtime-only" && !flags.has("show-unresolved")) continue;
      // One line each: who reads them may count them.
      writeErr(formatProblem(problem, path).replaceAll(/\s*\n\s*/g, " "));
    }
    return 0;
  },
};
