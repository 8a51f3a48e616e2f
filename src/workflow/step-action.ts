/** What a step's work is, and where it runs (containers contract 3.3, 4.4, 5.2, 5.5, 7). */
import * as v from "valibot";
import type { Findings } from "./assemble.ts";
import type { Path } from "./document.ts";
import { warnOfEngineNames } from "./engine-names.ts";
import { isNamedAction, NAMED_ACTIONS } from "./actions/names.ts";
import { BUILTIN_PROVIDERS, providerNames } from "./harness.ts";
import { checkDefaults } from "./action-defaults.ts";
import { checkWith } from "./named-action.ts";
import { dockerRun } from "./schema/docker-run.ts";
import { hasReference } from "./schema/fields.ts";
import { harnessStep } from "./schema/harness.ts";
import type { WrittenStep } from "./schema/step.ts";
import type { WrittenWorkflow } from "./schema/workflow.ts";
import { countSlips } from "./slips.ts";
import { placeOf, readRun, type Work } from "./step-run.ts";
import { checkFanOut, readForeach, readSubRun } from "./step-fanout.ts";
import { humanTaskWith } from "./schema/human-task.ts";
import type { Container, HarnessConfig, HarnessStep, Step, StepAction } from "./workflow.ts";
import { unsupported } from "./unsupported.ts";

/** What stands in for a step whose work is wrong; never seen, since the workflow is refused. */
const NOTHING: Work = { action: { name: "container" }, place: "own" };

/** Object-form output and no work: it just publishes (S-55). */
const PUBLISHER: Work = { action: { name: "noop", with: {} }, place: "host" };

/** Reads the steps of a foreach body. */
export type ReadBody = (body: readonly WrittenStep[], path: Path) => readonly Step[];

export function readAction(
  step: WrittenStep,
  workflow: WrittenWorkflow,
  path: Path,
  findings: Findings,
  readBody: ReadBody,
): Work {
  checkOwnContainer(step, workflow, path, findings);
  checkBarePrompt(step, workflow, path, findings);
  if (step.foreach !== null) return readForeach(step, step.foreach, path, findings, readBody);
  if (step.run !== null && step.action !== null) {
    findings.report(path, "run cannot be used together with action", "keep one of them");
    return NOTHING;
  }
  checkFanOut(step, path, findings);
  if (step.run !== null) return readRun(step, step.run, workflow, path, findings);
  if (step.action !== null) return readNamed(step, step.action.trim(), workflow, path, findings);
  if (step.outputObject !== null && step.container === null) {
    checkPublisher(step.outputObject, path, findings);
    return PUBLISHER;
  }
  if (step.with !== null) {
    findings.report([...path, "with"], "with needs an action", "use action with with");
    return NOTHING;
  }
  if (step.container === null) {
    findings.report(path, "a step needs run or action", "add run: COMMAND");
    return NOTHING;
  }
  if (step.container.kind === "exec") {
    reportNoCommand([...path, "container"], "add run: COMMAND", findings);
  }
  return { action: { name: "container" }, place: "own" };
}

/** What somebody else runs has no command to fall back on: its own runs already. */
function reportNoCommand(path: Path, remedy: string, findings: Findings): void {
  findings.report(path, "there is no command to execute in that container", remedy);
}

/** What writes nothing has no stream to read from. */
function checkPublisher(
  values: NonNullable<WrittenStep["outputObject"]>,
  path: Path,
  findings: Findings,
): void {
  for (const [key, value] of Object.entries(values)) {
    if (value.kind !== "read" || value.from === "file") continue;
    findings.report(
      [...path, "output", key],
      `output "${key}" reads ${value.from} of a step that does nothing`,
      "add run or action, or give the value",
    );
  }
}

/** A prompt under `command` was a harness step in older versions; as a shell command it would do harm (7.1.2). */
function checkBarePrompt(step: WrittenStep, workflow: WrittenWorkflow, path: Path, findings: Findings): void {
  if (workflow.harness === undefined || !step.deprecated.some(({ field }) => field === "command")) return;
  findings.report(
    [...path, "command"],
    "command does not say whether it is a prompt or a shell command, since the workflow has harness",
    "write action: harness.run with with.prompt (and with.stdin), or run: for a shell command",
  );
}

/** Files can only be made of secrets that the workflow has (B22). */
export function checkSecretNames(
  container: Container | null | undefined,
  workflow: WrittenWorkflow,
  path: Path,
  findings: Findings,
): void {
  if (container?.kind !== "image") return;
  const known = new Set(workflow.secrets?.map(({ name }) => name));
  const unknown = container.secrets?.find((name) => !known.has(name));
  if (unknown === undefined) return;
  findings.report(
    [...path, "container", "secrets"],
    `the workflow has no secret ${unknown}`,
    "declare it under secrets at the root",
  );
}

/** What only a container that outlives one command can have (2.2, 2.10.4). */
function checkOwnContainer(
  step: WrittenStep,
  workflow: WrittenWorkflow,
  path: Path,
  findings: Findings,
): void {
  const { container } = step;
  warnOfEngineNames(step.env, [...path, "env"], findings);
  warnOfEngineNames(container?.env, [...path, "container", "env"], findings);
  checkSecretNames(container, workflow, path, findings);
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
    ...(container.readyTimeoutSec === undefined ? [] : ["ready_timeout_sec"]),
  ];
  for (const key of idle) {
    findings.warn([...at, key], `${key} has no effect: this step's container runs one command and ends`);
  }
}

// ---- actions ----------------------------------------------------------------------------------------------------

/** Actions of the language that this version does not do: refused by name. */
const UNSUPPORTED_ACTIONS = /^(k8s\.run|kubernetes\.run)$/;

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
  if (name === "dag.run" || name === "dag.enqueue") return readSubRun(step, name, path, findings);
  if (name === "human.task") return readHumanTask(step, path, findings);
  // What its routes do is injected into their targets; the router itself only marks the place.
  if (name === "router.route") return PUBLISHER;
  if (name === "exec" && workflow.container !== undefined) {
    findings.report([...path, "action"], "action exec does not run in the root container", "use run");
  }
  if (isNamedAction(name)) {
    const given = step.with ?? {};
    checkWith(name, given, [...path, "with"], findings);
    checkDefaults(name, given, workflow, [...path, "with"], findings);
    return { action: { name, with: given }, place: "host" };
  }
  const at = [...path, "action"];
  if (name === "") findings.report(at, "action is required", "name an action");
  else if (UNSUPPORTED_ACTIONS.test(name)) {
    findings.report(
      at,
      unsupported(`action "${name}"`),
      "run the command line tool in a step instead",
    );
  } else if (name.includes("@")) {
    findings.report(
      at,
      `action "${name.slice(0, 80)}": versioned action references must use official action@version ` +
        "or GitHub owner/repo@version, and are not supported by this version",
      "use a built-in action",
    );
  } else findings.report(at, `unknown action "${name.slice(0, 80)}"`, nearAction(name));
  return NOTHING;
}

const ACTION_NAMES = [
  ...Object.keys(NAMED_ACTIONS),
  "dag.enqueue",
  "dag.run",
  "docker.run",
  "harness.run",
  "human.task",
  "router.route",
];

function nearAction(name: string): string {
  if (/^(shell|bash|sh|command|script|run)$/.test(name)) return "write run: COMMAND instead of action";
  const family = ACTION_NAMES.filter((one) => one.startsWith(`${name}.`));
  const near = family.length > 0 ? family : ACTION_NAMES.filter((one) => countSlips(name, one) <= 2);
  return near.length > 0
    ? `did you mean ${near.join(" or ")}?`
    : "dagu schema dag lists the built-in actions; custom ones are declared under actions";
}

function readHumanTask(step: WrittenStep, path: Path, findings: Findings): Work {
  const parsed = v.safeParse(humanTaskWith, step.with ?? {});
  if (!parsed.success) {
    findings.fromIssues([...path, "with"], parsed.issues);
    return NOTHING;
  }
  return { action: { name: "human.task", ...parsed.output }, place: "host" };
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
    } else if (step.container.kind === "exec" && docker.command === null) {
      reportNoCommand([...path, "with"], "add command", findings);
    }
    return { action, place: "own" };
  }
  if (hasTarget) {
    if (docker.image === null && docker.command === null) {
      reportNoCommand([...path, "with"], "add command", findings);
    }
    return { action, place: "own" };
  }
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
  if (hasReference(name) || Object.hasOwn(known, name) || Object.hasOwn(BUILTIN_PROVIDERS, name)) return;
  const names = providerNames(Object.fromEntries(Object.entries(known).slice(0, 20)));
  const shown = Object.keys(known).length > 20 ? [...names, "..."] : names;
  findings.report(
    path,
    `unknown provider "${name.slice(0, 80)}"; registered: ${shown.join(", ")}`,
    "define it under harnesses",
  );
}
