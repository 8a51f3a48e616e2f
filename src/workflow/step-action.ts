/** What a step's work is, and where it runs (containers contract 3.3, 4.4, 5.2, 5.5, 7). */
import * as v from "valibot";
import type { Findings } from "./assemble.ts";
import type { Path } from "./document.ts";
import { BUILTIN_PROVIDERS, providerNames } from "./harness.ts";
import { dockerRun } from "./schema/docker-run.ts";
import { complain, fields, text, texts } from "./schema/fields.ts";
import { harnessStep } from "./schema/harness.ts";
import type { WrittenStep } from "./schema/step.ts";
import type { WrittenWorkflow } from "./schema/workflow.ts";
import type { HarnessConfig, HarnessStep, RunAction, Step, StepAction } from "./workflow.ts";

interface Work {
  readonly action: StepAction;
  readonly place: Step["place"];
}

/** What stands in for a step whose work is wrong; never seen, since the workflow is refused. */
const NOTHING: Work = { action: { name: "container" }, place: "own" };

export function readAction(
  step: WrittenStep,
  workflow: WrittenWorkflow,
  path: Path,
  findings: Findings,
): Work {
  checkOwnContainer(step, path, findings);
  if (step.run !== null && step.action !== null) {
    findings.report(path, "run cannot be used together with action", "keep one of them");
    return NOTHING;
  }
  if (step.run !== null) return readRun(step, step.run, workflow, path, findings);
  if (step.action !== null) return readNamed(step, step.action.trim(), workflow, path, findings);
  if (step.with !== null) {
    findings.report([...path, "with"], "with needs an action", "use action with with");
    return NOTHING;
  }
  if (step.container === null) {
    findings.report(path, "a step needs run or action", "add run: COMMAND");
    return NOTHING;
  }
  return { action: { name: "container" }, place: "own" };
}

function placeOf(step: WrittenStep, workflow: WrittenWorkflow): Step["place"] {
  if (step.container !== null) return "own";
  return workflow.container === undefined ? "host" : "shared";
}

// ---- run --------------------------------------------------------------------------------------------------------

const runWith = fields({
  shell: v.optional(v.pipe(
    v.unknown(),
    v.transform((value): unknown => typeof value === "string" ? value.trim().split(/\s+/) : value),
    v.array(text, complain("shell must be a string or a list of strings")),
    v.minLength(1, complain("shell must not be empty")),
  )),
  shell_args: v.optional(texts),
}, { of: "with of run", unsupported: ["shell_packages"] });

function readRun(
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

/** What only a container that outlives one command can have (2.2, 2.10.4). */
function checkOwnContainer(step: WrittenStep, path: Path, findings: Findings): void {
  const { container } = step;
  if (container?.kind !== "image") return;
  const at = [...path, "container"];
  if (container.restartPolicy !== null && container.restartPolicy !== "no") {
    findings.report(
      [...at, "restart_policy"],
      "restart_policy is for the container at the root: a step would never end",
      "use retry_policy of the step",
    );
  }
  if (step.run !== null && step.run.isList && step.run.texts.length > 1) return;
  const idle = [
    ...(container.startup === "keepalive" ? [] : ["startup"]),
    ...(container.waitFor === "running" ? [] : ["wait_for"]),
    ...(container.logPattern === null ? [] : ["log_pattern"]),
  ];
  for (const key of idle) {
    findings.warn([...at, key], `${key} has no effect: this step's container runs one command and ends`);
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

// ---- actions ----------------------------------------------------------------------------------------------------

/** Actions of the language that this version does not do: refused by name. */
const UNSUPPORTED_ACTIONS =
  /^(exec|noop|dag\.(run|enqueue)|log\.write|router\.route|human\.task|git\.(checkout|worktree\.(add|remove))|file\.(stat|read|write|copy|move|delete|mkdir|list)|artifact\.(read|write|list)|outputs\.write|template\.render|wait\.(duration|until|file|http)|http\.request|jq\.filter|data\.(convert|pick)|state\.(get|set|delete|list|diff)|mail\.send|ssh\.run|sftp\.(upload|download)|archive\.(create|extract|list)|(postgres|sqlite)\.(query|import)|chat\.completion|s3\.(upload|download|list|delete)|k8s\.run|kubernetes\.run|redis\..+)$/;

function readNamed(
  step: WrittenStep,
  name: string,
  workflow: WrittenWorkflow,
  path: Path,
  findings: Findings,
): Work {
  if (name === "harness.run") return readHarness(step, workflow, path, findings);
  if (name === "docker.run" || name === "container.run") return readDockerRun(step, workflow, path, findings);
  if (step.container !== null) {
    findings.report(
      [...path, "container"],
      `action ${name} does not support container field`,
      "container works with run, docker.run and harness.run",
    );
  }
  const at = [...path, "action"];
  if (name === "") findings.report(at, "action is required", "name an action");
  else if (UNSUPPORTED_ACTIONS.test(name)) {
    findings.report(
      at,
      `action "${name}" is not supported by this version of dagu-edge`,
      "supported: run, harness.run, docker.run",
    );
  } else if (name.includes("@")) {
    findings.report(
      at,
      "versioned action references must use official action@version or GitHub owner/repo@version, and are not supported by this version",
      "use a built-in action",
    );
  } else findings.report(at, `unknown action "${name}"`, "supported: run, harness.run, docker.run");
  return NOTHING;
}

function readDockerRun(step: WrittenStep, workflow: WrittenWorkflow, path: Path, findings: Findings): Work {
  const parsed = v.safeParse(dockerRun, step.with ?? {});
  if (!parsed.success) {
    findings.fromIssues([...path, "with"], parsed.issues);
    return NOTHING;
  }
  const docker = parsed.output;
  const action: StepAction = { name: "docker.run", with: docker };
  const hasTarget = docker.image !== null || docker.containerName !== null;
  const keys = Object.keys(step.with ?? {}).filter((key) => key !== "command");
  if (step.container !== null) {
    if (keys.length > 0) {
      findings.report(
        [...path, "with"],
        `docker.run with a step-level container cannot have ${keys.join(", ")}`,
        "keep container, or describe the container in with",
      );
    }
    return { action, place: "own" };
  }
  if (hasTarget) return { action, place: "own" };
  if (workflow.container === undefined || keys.length > 0) {
    findings.report(
      [...path, "with"],
      "docker.run: container_name or image must be specified",
      "add image: NAME",
    );
    return NOTHING;
  }
  if (docker.command === null) {
    findings.report([...path, "with"], "docker.run in the shared container needs a command", "add command");
  }
  return { action, place: "shared" };
}

function readHarness(step: WrittenStep, workflow: WrittenWorkflow, path: Path, findings: Findings): Work {
  const at = [...path, "with"];
  const parsed = v.safeParse(harnessStep, step.with ?? {});
  if (!parsed.success) {
    findings.fromIssues(at, parsed.issues);
    return NOTHING;
  }
  const harness: HarnessStep = parsed.output;
  const provider = harness.provider ?? workflow.harness?.provider ?? null;
  if (provider === null) {
    findings.report(
      at,
      "harness.run needs a provider: config.provider is required",
      "add provider: NAME, or harness: {provider: NAME} at the root",
    );
  } else checkProviders(harness, at, workflow, findings);
  const { container } = step;
  if (container !== null && harness.stdin !== null) {
    findings.report(
      [...at, "stdin"],
      "stdin is not available with a step-level container",
      "put the text into the prompt",
    );
  }
  if (container?.kind === "image" && container.containerName !== null) {
    findings.report(
      [...path, "container", "name"],
      "container.name is not supported for harness.run",
      "use the exec form to run in a named container",
    );
  }
  return { action: { name: "harness.run", with: harness }, place: placeOf(step, workflow) };
}

/** The provider of a configuration and those of its fallbacks. */
export function checkProviders(
  config: HarnessConfig,
  path: Path,
  workflow: WrittenWorkflow,
  findings: Findings,
): void {
  if (config.provider !== null) checkProvider(config.provider, [...path, "provider"], workflow, findings);
  (config.fallback ?? []).forEach((item, index) =>
    checkProviders(item, [...path, "fallback", index], workflow, findings)
  );
}

/** A name with a reference is checked when the step starts. */
function checkProvider(name: string, path: Path, workflow: WrittenWorkflow, findings: Findings): void {
  const known = workflow.harnesses ?? {};
  if (name.includes("${") || Object.hasOwn(known, name) || Object.hasOwn(BUILTIN_PROVIDERS, name)) return;
  const names = providerNames(known);
  const shown = names.length > 30 ? [...names.slice(0, 30), "..."] : names;
  findings.report(
    path,
    `unknown provider "${name.slice(0, 80)}"; registered: ${shown.join(", ")}`,
    "define it under harnesses",
  );
}
