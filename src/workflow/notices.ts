/**
 * References that will stay as they are, told before a run (workflow-language contract 2.11). Pure and passive: nothing is
 * resolved, and a run says nothing of it. The fields are those of the matrix in 2.6.
 */
import type { Path } from "./document.ts";
import { indexSteps, isAncestor } from "./graph.ts";
import { CONTEXT_FIELDS, listReferences, type Reference } from "./reference.ts";
import { isMapping } from "./json.ts";
import { countSlips } from "./slips.ts";
import { publishedNames } from "./published.ts";
import {
  conditionTexts,
  containerTexts,
  harnessTexts,
  isRouted,
  selectorTexts,
  stepTexts,
  type TextField,
} from "./step-texts.ts";
import type { NamedText, Step, Workflow } from "./workflow.ts";

export interface Notice {
  readonly path: Path;
  /** Where it stands, when that is not where its path leads. */
  readonly at?: Path;
  readonly token: string;
  readonly reason: string;
  /** What would be right; "": only the author knows. */
  readonly remedy: string;
  /** `runtime-only`: depends on the run, so it is told only to who asks. */
  readonly kind: "defect" | "runtime-only";
}

type Judged = Pick<Notice, "reason" | "kind" | "remedy"> | null;

/** What references at one place can see. */
interface Place {
  readonly phase: "root" | "step" | "handler";
  /** Whether the environment is known to have that name. */
  hasName(name: string): boolean;
  /** Steps by explicit id that outputs can be read from; null: none here, whatever they are. */
  readonly steps: ReadonlyMap<string, Step> | null;
  /** Whether the step of that name is upstream of this one. Asked, not listed: most steps refer to few of many. */
  isUpstream(name: string): boolean;
  readonly step: Step | null;
  /** `index`, `key` and the alias; null: outside of a foreach body. */
  readonly foreach: string | null;
  /** An entry of an `env`: the engine itself expands `$NAME` here, so that an unknown one is worth telling. */
  readonly isDeclaration?: true;
}

type Look = (fields: readonly TextField[], place: Place) => void;

export function findNotices(workflow: Workflow): readonly Notice[] {
  const notices: Notice[] = [];
  const seen = new Set<string>();
  const look: Look = (fields, place) => {
    for (const { path, text } of fields) {
      for (const reference of listReferences(text)) {
        const judged = judge(reference, place, workflow);
        const key = JSON.stringify([path, reference.token]);
        if (judged === null || seen.has(key)) continue;
        seen.add(key);
        notices.push({ path, token: reference.token, ...judged });
      }
    }
  };
  notices.push(...constNotices(workflow));
  const managed = new Set(managedNames(workflow));
  const rootEnv = rootNames(workflow);
  const root: Place = {
    phase: "root",
    hasName: (name) => rootEnv.has(name),
    steps: null,
    isUpstream: () => false,
    step: null,
    foreach: null,
  };
  lookAtEnv(workflow.env, ["env"], { ...root, hasName: (name) => managed.has(name) }, look);
  look(rootTexts(workflow), root);
  lookAtEnv(workflow.container?.env ?? [], ["container", "env"], root, look);
  lookAtSteps(workflow, workflow.steps, ["steps"], root, look);
  const ofAll = new Set([...allVariables(workflow.steps), "DAG_RUN_STATUS", "DAG_WAITING_STEPS"]);
  for (const [name, step] of Object.entries(workflow.handlers)) {
    const hasName = (wanted: string): boolean => ofAll.has(wanted) || rootEnv.has(wanted);
    lookAtStep(workflow, step, ["handler_on", name], { ...root, phase: "handler", hasName, step }, look);
  }
  return notices;
}

/** Each entry sees what is known around the list, and the entries before it (V-39). */
function lookAtEnv(entries: readonly NamedText[], at: Path, place: Place, look: Look): void {
  const earlier = new Set<string>();
  const inside: Place = {
    ...place,
    isDeclaration: true,
    hasName: (name) => earlier.has(name) || place.hasName(name),
  };
  entries.forEach(({ name, value }, index) => {
    look([{ path: [...at, index], text: value }], inside);
    earlier.add(name);
  });
}

/** `place`: what is known before the step's own `env`. */
function lookAtStep(workflow: Workflow, step: Step, at: Path, place: Place, look: Look): void {
  const before: Place = { ...place, hasName: (name) => BEFORE_ENV.has(name) || place.hasName(name) };
  lookAtEnv(step.env, [...at, "env"], before, look);
  const own = new Set(step.env.map(({ name }) => name));
  const ofTry = place.phase !== "step" ? NONE : step.place === "host" ? OF_HOST_TRY : OF_TRY;
  const after: Place = {
    ...before,
    hasName: (name) => own.has(name) || ofTry.has(name) || before.hasName(name),
  };
  const { container } = step;
  lookAtEnv(container?.env ?? [], [...at, "container", "env"], after, look);
  const inside = new Set(container?.env.map(({ name }) => name));
  look(stepTexts(step, at), { ...after, hasName: (name) => inside.has(name) || after.hasName(name) });
  if (step.action.name === "harness.run" && workflow.harness !== null) {
    look(harnessTexts(workflow.harness, ["harness"]), after);
  }
}

function lookAtSteps(
  workflow: Workflow,
  steps: readonly Step[],
  at: Path,
  outer: Place,
  look: Look,
): void {
  const index = indexSteps(steps);
  const own = steps.flatMap((step) => step.id === null ? [] : [[step.id, step] as const]);
  const byId = new Map([...outer.steps ?? [], ...own]);
  const positions = new Map(steps.map(({ name }, position) => [name, position]));
  const givers = Map.groupBy(
    steps.flatMap((step) => allVariables([step]).map((variable) => ({ variable, step: step.name }))),
    ({ variable }) => variable,
  );
  steps.forEach((step, position) => {
    const isUpstream = (name: string): boolean =>
      outer.isUpstream(name) || isAncestor(name, step.name, index);
    const hasName = (name: string): boolean =>
      outer.hasName(name) || (givers.get(name) ?? []).some((giver) => isUpstream(giver.step));
    const place: Place = { ...outer, phase: "step", hasName, steps: byId, isUpstream, step };
    const path = [...at, position];
    lookAtStep(workflow, step, path, place, look);
    for (const { router, condition } of step.preconditions.filter(isRouted)) {
      look([{ path: [...at, positions.get(router) ?? position, "with", "value"], text: condition }], place);
    }
    if (step.action.name !== "foreach") return;
    const { as, steps: body, key, collect, defaultEnv } = step.action;
    if (key !== null) look([{ path: [...path, "foreach", "key"], text: key }], { ...place, foreach: as });
    const own = new Set(step.env.slice(defaultEnv).map(({ name }) => name));
    const inside = { ...place, foreach: as, hasName: (name: string) => own.has(name) || hasName(name) };
    lookAtSteps(workflow, body, [...path, "foreach", "steps"], inside, look);
    const all = new Map([...byId, ...body.flatMap((one) => one.id === null ? [] : [[one.id, one] as const])]);
    const inBody = new Set(body.map((one) => one.name));
    for (const [name, text] of Object.entries(collect)) {
      look([{ path: [...path, "foreach", "collect", name], text }], {
        ...inside,
        steps: all,
        isUpstream: (name) => isUpstream(name) || inBody.has(name),
      });
    }
  });
}

// ---- one reference ----------------------------------------------------------------------------------------------

const defect = (reason: string, remedy: string): NonNullable<Judged> => ({ reason, kind: "defect", remedy });
const later = (reason: string): NonNullable<Judged> => ({ reason, kind: "runtime-only", remedy: "" });

function judge(reference: Reference, place: Place, workflow: Workflow): Judged {
  switch (reference.kind) {
    case "consts":
      return workflow.consts.some(({ name }) => name === reference.name)
        ? null
        : defect("unknown_const_name", oneOf("consts", reference.name, namesOf(workflow.consts)));
    case "params":
      return judgeParam(reference.name, workflow);
    case "env":
      return place.hasName(reference.name) ? null : later("unknown_env_binding");
    case "name":
      return place.isDeclaration !== true || place.hasName(reference.name)
        ? null
        : later("unknown_env_binding");
    case "steps":
      return judgeOutput(reference.id, reference.name, place);
    case "foreach":
      return place.foreach === null
        ? defect("namespace_unavailable", "only the steps of a foreach know it")
        : null;
    case "context":
      return judgeContext(reference, place);
    default:
      return reference satisfies never;
  }
}

function judgeParam(name: string, workflow: Workflow): Judged {
  const declared = workflow.params.entries.find((entry) => entry.name === name);
  if (declared === undefined) return later("unknown_param_name");
  const hasValue = declared.default !== null || declared.eval !== null || declared.required;
  return hasValue ? null : later("missing_param_value");
}

/** V-54: one reason each, in this order. */
function judgeOutput(id: string, name: string, place: Place): Judged {
  if (place.steps === null) return defect("namespace_unavailable", "only steps know outputs of others");
  const step = place.steps.get(id);
  if (step === undefined) {
    return defect("unknown_step_id", oneOf("ids of steps", id, [...place.steps.keys()]));
  }
  if (step.name === place.step?.name && step.id === place.step.id) {
    return defect("self_reference", "a step knows outputs of others only");
  }
  const published = publishedNames(step);
  if (published !== "any" && !published.has(name)) {
    return defect("unknown_output_name", oneOf(`outputs of ${id}`, name, [...published]));
  }
  return place.isUpstream(step.name) ? null : defect("missing_dependency", `add depends: ${id}`);
}

function namesOf(entries: readonly { readonly name: string }[]): string[] {
  return entries.map(({ name }) => name);
}

const SHOWN = 20;

/** What may have been meant, or what there is. */
function oneOf(what: string, written: string, known: readonly string[]): string {
  const near = known.filter((one) => countSlips(written, one) <= Math.min(2, Math.floor(written.length / 3)));
  if (near.length > 0) return `did you mean ${near.slice(0, SHOWN).join(" or ")}?`;
  const shown = known.slice(0, SHOWN).join(", ");
  return shown === "" ? `there are no ${what}` : `${what}: ${shown}${known.length > SHOWN ? ", ..." : ""}`;
}

const STEP_FILES = ["paths.step_stdout_file", "paths.step_stderr_file"];

function judgeContext(reference: Extract<Reference, { kind: "context" }>, place: Place): Judged {
  const { field, isAlias } = reference;
  if (field.startsWith("event.")) return null;
  if (!CONTEXT_FIELDS.has(field)) {
    return isAlias ? null : defect("unknown_context_field", nearContext(field));
  }
  const isStep = place.phase === "step";
  const isHere = field === "run.status"
    ? place.phase === "handler"
    : field === "step.name"
    ? place.phase !== "root"
    : field === "step.id"
    ? isStep && place.step?.id !== null
    : field === "paths.step_output_file"
    ? isStep && place.step?.place === "host"
    : !STEP_FILES.includes(field) || isStep;
  return isHere ? null : later("namespace_unavailable");
}

/** Among the fields of its group; of no group, among the groups. */
function nearContext(field: string): string {
  const group = field.split(".", 1)[0] ?? "";
  const inGroup = [...CONTEXT_FIELDS].filter((one) => one.startsWith(`${group}.`));
  if (inGroup.length > 0) return oneOf("fields", field, inGroup);
  return oneOf("groups", group, [...new Set([...CONTEXT_FIELDS].map((one) => one.split(".", 1)[0] ?? ""))]);
}

// ---- what is known ----------------------------------------------------------------------------------------------

/** A const sees earlier ones only; what it asks of itself, of later ones or of a run is told on demand. */
function constNotices(workflow: Workflow): Notice[] {
  const known = new Set<string>();
  return workflow.consts.flatMap(({ name, value }, index) => {
    const notices = listReferences(value).flatMap((reference): Notice[] => {
      if (reference.kind === "name" || (reference.kind === "consts" && known.has(reference.name))) return [];
      const isDeclared = reference.kind !== "consts" ||
        workflow.consts.some((one) => one.name === reference.name);
      const judged = isDeclared
        ? later("namespace_unavailable")
        : defect("unknown_const_name", oneOf("consts before it", reference.name, [...known]));
      return [{ path: ["consts", name], at: ["consts", index, name], token: reference.token, ...judged }];
    });
    known.add(name);
    return notices;
  });
}

const MANAGED = [
  "DAG_NAME",
  "DAG_RUN_ID",
  "DAG_RUN_LOG_FILE",
  "DAG_RUN_WORK_DIR",
  "DAG_RUN_ARTIFACTS_DIR",
  "DAG_PARAMS_JSON",
  "DAGU_PARAMS_JSON",
];
const BEFORE_ENV: ReadonlySet<string> = new Set(["PWD", "DAG_RUN_STEP_NAME"]);
/** Of a try: a step's `env` does not see them (V-38), a handler has none. */
const OF_TRY: ReadonlySet<string> = new Set(["DAG_RUN_STEP_STDOUT_FILE", "DAG_RUN_STEP_STDERR_FILE"]);
const OF_HOST_TRY: ReadonlySet<string> = new Set([...OF_TRY, "DAGU_OUTPUT_FILE"]);
const NONE: ReadonlySet<string> = new Set();

function managedNames(workflow: Workflow): readonly string[] {
  return [...MANAGED, ...workflow.params.entries.map((entry) => entry.name)];
}

function rootNames(workflow: Workflow): ReadonlySet<string> {
  return new Set([
    ...managedNames(workflow),
    ...workflow.env.map(({ name }) => name),
    ...workflow.secrets.map(({ name }) => name),
  ]);
}

function allVariables(steps: readonly Step[]): string[] {
  return steps.flatMap((step) => [
    ...(step.output === null ? [] : [step.output]),
    ...(step.approval?.input ?? []),
  ]);
}

function rootTexts(workflow: Workflow): TextField[] {
  const fields: TextField[] = [];
  const add = (path: Path, value: unknown): void => {
    if (typeof value === "string") fields.push({ path, text: value });
    else if (Array.isArray(value)) value.forEach((item: unknown, index) => add([...path, index], item));
    else if (isMapping(value)) { for (const [key, item] of Object.entries(value)) add([...path, key], item); }
  };
  add(["dotenv"], workflow.dotenv ?? []);
  add(["shell"], workflow.shell ?? []);
  add(["working_dir"], workflow.workingDir);
  for (const [family, given] of Object.entries(workflow.defaults)) add([family], given);
  const { registryAuths } = workflow;
  if (registryAuths !== null) {
    add(["registry_auths"], registryAuths.kind === "config" ? registryAuths.text : registryAuths.logins);
  }
  return [
    ...fields,
    ...selectorTexts(workflow.workerSelector, ["worker_selector"]),
    ...conditionTexts(workflow.preconditions, ["preconditions"]),
    ...(workflow.container === null ? [] : containerTexts(workflow.container, ["container"])),
  ];
}
