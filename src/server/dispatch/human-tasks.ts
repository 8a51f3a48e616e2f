/** What people do for a run that waits for them: complete a task, approve or reject a step (4.18, AP-74 to AP-78). */
import { newStepState, type StepState } from "../../run/state.ts";
import { checkField } from "../../workflow/schema/human-task.ts";
import { insertionText } from "../../workflow/select.ts";
import type { Step, TaskForm } from "../../workflow/workflow.ts";
import type { ServerPorts } from "../ports.ts";
import type { Transaction } from "../store/db.ts";
import { appendEvents, nextServerSeq } from "../store/events.ts";
import { getRun, lockRun, type RunRow, statusOf, updateRun } from "../store/runs.ts";
import { listSteps, updateSteps } from "../store/steps.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { queueResumed } from "./resume.ts";
import { selectorOf } from "./retry.ts";
import { workflowOf } from "./run-workflow.ts";

export interface TaskRequest {
  readonly name: string;
  readonly dagRunId: string;
  /** Id or name of the step. */
  readonly step: string;
  readonly selector: Readonly<Record<string, string>>;
}

export interface TaskDone {
  readonly ok: true;
  readonly alreadyCompleted: boolean;
  readonly queued: boolean;
  /** Names of steps that wait still. */
  readonly remaining: readonly string[];
}

/** `inputs`: checked against the task's form. The same inputs again change nothing; others are refused (S-120). */
export async function completeTask(
  ports: ServerPorts,
  request: TaskRequest,
  inputs: Readonly<Record<string, unknown>>,
): Promise<TaskDone | Refusal> {
  return await act(ports, request, async ({ tx, run, step, state }) => {
    if (step.action.name !== "human.task") {
      return refuse("bad_request", `step "${request.step}" is no human task`);
    }
    const read = readInputs(step.action.form, inputs);
    if ("message" in read) return refuse("bad_request", `human task ${request.step}: ${read.message}`);
    if (state.status === "succeeded") {
      return isSame(state.outputs, read.outputs)
        ? "already"
        : refuse("conflict", `human task ${request.step} was already completed with other input`);
    }
    if (state.status !== "waiting") {
      return refuse("bad_request", `step "${request.step}" is ${state.status}, not waiting`);
    }
    await change(tx, ports, run, { ...ended(state, ports, "succeeded"), outputs: read.outputs });
    return "done";
  });
}

/** Inputs become variables of later steps (S-122). */
export async function approveStep(
  ports: ServerPorts,
  request: TaskRequest,
  inputs: Readonly<Record<string, string>>,
): Promise<TaskDone | Refusal> {
  return await act(ports, request, async ({ tx, run, step, state }) => {
    const refusal = checkApproval(step, state, request.step);
    if (refusal !== null) return refusal;
    const missing = step.approval?.required.find((name) => (inputs[name] ?? "") === "");
    if (missing !== undefined) return refuse("bad_request", `input "${missing}" is required`);
    const unknown = Object.keys(inputs).find((name) => step.approval?.input.includes(name) !== true);
    if (unknown !== undefined) return refuse("bad_request", `unknown input "${unknown}"`);
    const variables = { ...state.variables, ...inputs };
    await change(tx, ports, run, { ...ended(state, ports, "succeeded"), variables });
    return "done";
  });
}

/** The step and the run end as rejected; what depends on the step is aborted by the next attempt's handlers. */
export async function rejectStep(
  ports: ServerPorts,
  request: TaskRequest,
  reason: string,
): Promise<TaskDone | Refusal> {
  return await act(ports, request, async ({ tx, run, step, state }) => {
    const refusal = checkApproval(step, state, request.step);
    if (refusal !== null) return refusal;
    await change(tx, ports, run, { ...ended(state, ports, "rejected"), reason: reason || "rejected" });
    return "done";
  });
}

function checkApproval(step: Step, state: StepState, name: string): Refusal | null {
  if (step.approval === null) return refuse("bad_request", `step "${name}" asks for no approval`);
  return state.status === "waiting"
    ? null
    : refuse("bad_request", `step "${name}" is ${state.status}, not waiting`);
}

// ---- one transaction --------------------------------------------------------------------------------------------

interface Held {
  readonly tx: Transaction;
  readonly run: RunRow;
  readonly step: Step;
  readonly state: StepState;
}

async function act(
  ports: ServerPorts,
  request: TaskRequest,
  change: (held: Held) => Promise<"done" | "already" | Refusal>,
): Promise<TaskDone | Refusal> {
  const { name, dagRunId } = request;
  const found = await getRun(ports.db, name, dagRunId);
  if (found === null) return refuse("not_found", `there is no run ${name}:${dagRunId}`);
  const outcome = await ports.db.transaction(async (tx): Promise<TaskDone | Refusal> => {
    const run = await lockRun(tx, found.id);
    const workflow = run === null ? null : await workflowOf(tx, run);
    const step = workflow?.steps.find(({ id, name: stepName }) =>
      id === request.step || stepName === request.step
    );
    if (run === null || step === undefined) {
      return refuse("not_found", `run ${name}:${found.dagRunId} has no step "${request.step}"`);
    }
    const state = (await listSteps(tx, run.id)).find((one) => one.name === step.name) ??
      newStepState(step.name);
    const done = await change({ tx, run, step, state });
    if (typeof done === "object") return done;
    const { queued, remaining } = await goOn(tx, ports, run, request.selector);
    return { ok: true, alreadyCompleted: done === "already", queued, remaining };
  });
  if (outcome.ok) {
    ports.wake.notify("ready");
    ports.wake.notify(`run:${found.id}`);
  }
  return outcome;
}

/** A run whose attempt is over and for which nobody waits any more goes on (ST-11). */
async function goOn(
  tx: Transaction,
  ports: ServerPorts,
  run: RunRow,
  selector: Readonly<Record<string, string>>,
): Promise<{ readonly queued: boolean; readonly remaining: readonly string[] }> {
  const steps = await listSteps(tx, run.id);
  const remaining = steps.filter((step) => step.status === "waiting").map((step) => step.name);
  const isRejected = steps.some((step) => step.status === "rejected");
  const isIdle = statusOf(run.status) === "waiting";
  if (!isIdle || (remaining.length > 0 && !isRejected)) return { queued: false, remaining };
  await queueResumed(tx, ports, run, { kind: "rest" }, { selector: selectorOf(run, selector) });
  return { queued: true, remaining };
}

function ended(state: StepState, ports: ServerPorts, status: "succeeded" | "rejected"): StepState {
  return { ...state, status, finishedAt: ports.clock.now(), waiting: null };
}

/** The row that people see, and the record of who changed it (TX-06). */
async function change(tx: Transaction, ports: ServerPorts, run: RunRow, step: StepState): Promise<void> {
  const at = ports.clock.now();
  const seq = await nextServerSeq(tx, run.id);
  const outputs = Object.entries(step.outputs).map(([name, value]) => ({
    type: "step.output",
    data: { kind: "declared", name, value },
  }));
  const events = [...outputs, { type: `step.${step.status}_by_person`, data: {} }];
  await appendEvents(
    tx,
    { runId: run.id, fence: 0 },
    events.map((event, index) => ({ ...event, seq: seq + index, at, mono: 0, step: step.name })),
    new Date(at),
  );
  await updateSteps(tx, run.id, [step]);
  await updateRun(tx, run.id, {});
}

// ---- inputs -----------------------------------------------------------------------------------------------------

type Inputs = { readonly outputs: Readonly<Record<string, string>> } | { readonly message: string };

/** Declared defaults are filled in; texts stay texts, everything else is JSON (S-118). */
function readInputs(form: TaskForm | null, given: Readonly<Record<string, unknown>>): Inputs {
  const fields = form?.fields ?? [];
  const unknown = Object.keys(given).find((name) => !fields.some((field) => field.name === name));
  if (unknown !== undefined && form?.allowsOthers !== true) {
    const known = fields.map((field) => field.name).join(", ");
    return { message: `unknown input "${unknown}"; the form has: ${known === "" ? "no fields" : known}` };
  }
  const outputs: Record<string, string> = {};
  for (const field of fields) {
    const value = given[field.name] ?? field.default;
    if (value === null || value === undefined) {
      if (field.isRequired) return { message: `input "${field.name}" is required` };
      continue;
    }
    const broken = checkField(field, value);
    if (broken !== null) return { message: `input "${field.name}" ${broken}` };
    outputs[field.name] = insertionText(value);
  }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(outputs, name) && value !== null) outputs[name] = insertionText(value);
  }
  return { outputs };
}

function isSame(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
