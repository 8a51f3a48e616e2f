/** `run` of a step: its form, its shell, where it runs (workflow-language contract 4.4; containers contract 3.3). */
import * as v from "valibot";
import type { Findings } from "./assemble.ts";
import type { Path } from "./document.ts";
import { complain, fields, text, texts } from "./schema/fields.ts";
import type { WrittenStep } from "./schema/step.ts";
import type { WrittenWorkflow } from "./schema/workflow.ts";
import { splitWords } from "./words.ts";
import type { RunAction, Step, StepAction } from "./workflow.ts";

/** What a step does, and where. */
export interface Work {
  readonly action: StepAction;
  readonly place: Step["place"];
}

export function placeOf(step: WrittenStep, workflow: WrittenWorkflow): Step["place"] {
  if (step.container !== null) return "own";
  return workflow.container === undefined ? "host" : "shared";
}

const runWith = fields({
  shell: v.optional(v.pipe(
    v.unknown(),
    v.transform((value): unknown => typeof value === "string" ? readWords(value) : value),
    v.array(text, complain("shell must be a string or a list of strings")),
    v.minLength(1, complain("shell must not be empty")),
  )),
  shell_args: v.optional(texts),
  shell_packages: v.optional(texts),
}, { of: "with of run" });

/** Quotes group; a quote that is not closed is a character of its word. */
function readWords(value: string): readonly string[] {
  const split = splitWords(value);
  return split.ok ? split.words : value.trim().split(/\s+/);
}

export function readRun(
  step: WrittenStep,
  run: NonNullable<WrittenStep["run"]>,
  workflow: WrittenWorkflow,
  path: Path,
  findings: Findings,
): Work {
  const place = placeOf(step, workflow);
  const form: RunAction["form"] = run.isList
    ? "list"
    : (run.texts[0] ?? "").includes("\n")
    ? "script"
    : "command";
  const given = step.with === null ? null : checkRunWith(step.with, [...path, "with"], findings);
  const shell = given?.shell ?? null;
  const packages = given?.shell_packages ?? [];
  // Without a root shell, its arguments have nothing else to follow.
  const rootArgs = shell === null && workflow.shell === undefined ? workflow.shell_args ?? [] : [];
  const shellArgs = [...rootArgs, ...(given?.shell_args ?? []), ...packages.flatMap((name) => ["-p", name])];
  if (place !== "host" && step.with !== null) {
    findings.report(
      [...path, "with", "shell"],
      "with.shell does not reach into a container",
      "use container.shell",
    );
  }
  const program = (shell ?? workflow.shell ?? [])[0] ?? "";
  if (packages.length > 0 && !NIX_SHELL.test(program)) {
    findings.report(
      [...path, "with", "shell_packages"],
      "shell_packages can only be used with nix-shell",
      "write shell: nix-shell, or remove shell_packages",
    );
  }
  const problem = shell === null ? null : shellProblem([...shell, ...shellArgs], form);
  if (problem !== null) findings.report([...path, "with", "shell"], problem.message, problem.remedy);
  warnOnLocalDir(step, place, path, findings);
  return {
    action: {
      name: "run",
      form,
      texts: run.texts,
      shell,
      shellArgs,
    },
    place,
  };
}

function checkRunWith(given: Readonly<Record<string, unknown>>, path: Path, findings: Findings) {
  const unknown = Object.keys(given).find((key) => !["shell", "shell_args", "shell_packages"].includes(key));
  if (unknown !== undefined) {
    findings.report(
      [...path, unknown],
      `run only supports shell, shell_args, and shell_packages in with; got "${unknown}"`,
      "other inputs belong to an action",
    );
    return null;
  }
  const parsed = v.safeParse(runWith, given);
  if (parsed.success) return parsed.output;
  findings.fromIssues(path, parsed.issues);
  return null;
}

const POSIX_SHELL = /^(?:.*\/)?(?:sh|bash|zsh|ksh|ash|dash)$/;
const NIX_SHELL = /^(?:.*\/)?nix-shell$/;

/**
 * What is wrong with the words of a step's own shell (S-24, S-26): the text follows `-c`, which stands alone and last; a
 * script needs neither `-c` nor `-s`. null: nothing. Asked again when references in the words are resolved.
 */
export function shellProblem(
  [program = "", ...args]: readonly string[],
  form: RunAction["form"],
): { readonly message: string; readonly remedy: string } | null {
  if (!POSIX_SHELL.test(program)) return null;
  if (form === "script") {
    const argument = args.find((word) => /^-[a-z]*[cs]/.test(word));
    return argument === undefined ? null : {
      message: `script form cannot be used with shell argument ${argument.slice(0, 40)}`,
      remedy: "remove it",
    };
  }
  const remedy = "write the arguments apart, -c last";
  const carrier = args.find((word) => word !== "-c" && /^-[a-z]*c/.test(word));
  if (carrier !== undefined) {
    return { message: `shell argument ${carrier.slice(0, 40)} combines -c with others`, remedy };
  }
  return args.slice(0, -1).includes("-c")
    ? { message: "shell argument -c must be the last one", remedy }
    : null;
}

/** A host folder means nothing inside a container (3.4.3). */
function warnOnLocalDir(step: WrittenStep, place: Step["place"], path: Path, findings: Findings): void {
  if (place === "shared" && step.workingDir !== null) {
    findings.warn(
      [...path, "working_dir"],
      "working_dir of a step does not change the directory inside the shared container; use container.working_dir",
    );
  }
}
