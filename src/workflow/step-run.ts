/** `run` of a step: its form, its shell, where it runs (workflow-language contract 4.4; containers contract 3.3). */
import * as v from "valibot";
import type { Findings } from "./assemble.ts";
import type { Path } from "./document.ts";
import { complain, fields, text, texts } from "./schema/fields.ts";
import type { WrittenStep } from "./schema/step.ts";
import type { WrittenWorkflow } from "./schema/workflow.ts";
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
    v.transform((value): unknown => typeof value === "string" ? value.trim().split(/\s+/) : value),
    v.array(text, complain("shell must be a string or a list of strings")),
    v.minLength(1, complain("shell must not be empty")),
  )),
  shell_args: v.optional(texts),
}, { of: "with of run", unsupported: ["shell_packages"] });

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
  const shell = given === null ? null : [...(given.shell ?? []), ...(given.shell_args ?? [])];
  if (place !== "host" && step.with !== null) {
    findings.report(
      [...path, "with", "shell"],
      "with.shell does not reach into a container",
      "use container.shell",
    );
  }
  if (shell !== null) checkShell(shell, form, [...path, "with", "shell"], findings);
  warnOnLocalDir(step, place, path, findings);
  return {
    action: {
      name: "run",
      form,
      texts: run.texts,
      shell: shell === null || shell.length === 0 ? null : shell,
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

/** S-24, S-26: the text follows `-c`, which stands alone and last; a script needs neither `-c` nor `-s`. */
function checkShell(
  shell: readonly string[],
  form: RunAction["form"],
  path: Path,
  findings: Findings,
): void {
  const [program = "", ...args] = shell;
  if (!POSIX_SHELL.test(program)) return;
  const remedy = "write the arguments apart, -c last";
  if (form === "script") {
    const argument = args.find((word) => word === "-c" || word === "-s");
    if (argument === undefined) return;
    findings.report(path, `script form cannot be used with shell argument ${argument}`, "remove it");
    return;
  }
  const carrier = args.find((word) => word !== "-c" && /^-[a-z]*c/.test(word));
  if (carrier !== undefined) {
    findings.report(path, `shell argument ${carrier.slice(0, 40)} combines -c with others`, remedy);
  }
  if (args.slice(0, -1).includes("-c")) {
    findings.report(path, "shell argument -c must be the last one", remedy);
  }
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
