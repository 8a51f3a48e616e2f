/** What people do for a run that waits for them: complete a task, approve, reject or send back a step (4.18, AP-74 to AP-78). */
import { newStepState, type StepState } from "../../run/state.ts";
import { withPlainNumbers } from "../../workflow/json.ts";
import { checkField } from "../../workflow/schema/human-task.ts";
import { insertionText } from "../../workflow/select.ts";
import type { Step, TaskForm } from "../../workflow/workflow.ts";
import type { ServerPorts } from "../ports.ts";
import type { Transaction } from "../store/db.ts";
import { appendEvents, nextServerSeq } from "../store/events.ts";
import { lastWriter } from "../store/logs.ts";
import { getRun, lockRun, type RunRow, statusOf, updateRun } from "../store/runs.ts";
import { listSteps, updateSteps } from "../store/steps.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { queueResumed, settle } from "./resume.ts";
import { type Labels, refuseChoice, type RunnerChoice, selectorOf } from "./selector.ts";
import { workflowOf } from "./run-workflow.ts";
import { own } from "../../workflow/own.ts";

export interface TaskRequest {
  readonly name: string;
  readonly dagRunId: string;
  /** Id or name of the step. */
  readonly step: string;
  /** Of the rest of the run, when nobody else is waited for. */
  readonly choice: RunnerChoice;
  /** Who acts. */
  readonly actor: string;
}

export interface TaskDone {
  readonly ok: true;
  readonly alreadyCompleted: boolean;
  readonly queued: boolean;
  /** Names of steps that wait still. */
  readonly remaining: readonly string[];
  /** How often the step's work has been sent back by now. */
  readonly pushBacks: number;
}

/** `inputs`: checked against the task's form. The same inputs again change nothing; others are refused (S-120). */
export async function completeTask(
  ports: ServerPorts,
  request: TaskRequest,
  inputs: Readonly<Record<string, unknown>>,
): Promise<TaskDone | Refusal> {
  return await act(ports, request, async (held) => {
    const { step, state } = held;
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
    const done = { ...ended(state, ports, "succeeded"), outputs: read.outputs };
    return await decide(
      held,
      { ...done, decision: { by: request.actor, inputs: read.outputs } },
      "completed",
    );
  });
}

/** Inputs become variables of later steps (S-122). */
export async function approveStep(
  ports: ServerPorts,
  request: TaskRequest,
  inputs: Readonly<Record<string, string>>,
): Promise<TaskDone | Refusal> {
  return await act(ports, request, async (held) => {
    const { step, state } = held;
    const refusal = checkApproval(step, state, request.step) ?? checkNames(step, inputs);
    if (refusal !== null) return refusal;
    const missing = step.approval?.required.find((name) => (own(inputs, name) ?? "") === "");
    if (missing !== undefined) return refuse("bad_request", `input "${missing}" is required`);
    const variables = { ...state.variables, ...inputs };
    const done = { ...ended(state, ports, "succeeded"), variables };
    return await decide(held, { ...done, decision: { by: request.actor, inputs } }, "approved");
  });
}

/** The step and the run end as rejected; what depends on the step is aborted by the next attempt's handlers. */
export async function rejectStep(
  ports: ServerPorts,
  request: TaskRequest,
  reason: string,
): Promise<TaskDone | Refusal> {
  return await act(ports, request, async (held) => {
    const { step, state } = held;
    const refusal = checkApproval(step, state, request.step);
    if (refusal !== null) return refusal;
    const done = { ...ended(state, ports, "rejected"), reason: reason || "rejected" };
    return await decide(held, { ...done, decision: { by: request.actor, inputs: {} } }, "rejected");
  });
}

/**
 * The work is to be done again, knowing the inputs: the step's own, or everything from the step on to which its approval
 * rewinds (S-122, AP-76). Which inputs are required says only who approves.
 */
export async function pushBackStep(
  ports: ServerPorts,
  request: TaskRequest,
  inputs: Readonly<Record<string, string>>,
): Promise<TaskDone | Refusal> {
  return await act(ports, request, async (held) => {
    const { tx, run, step, state } = held;
    const refusal = checkApproval(step, state, request.step) ?? checkNames(step, inputs);
    if (refusal !== null) return refusal;
    const attempt = await lastWriter(tx, { runId: run.id, step: step.name, stream: "stdout" });
    const pushBack = { by: request.actor, at: ports.clock.now(), inputs, attempt };
    const { name, pushBacks } = state;
    return await decide(
      held,
      { ...newStepState(name), pushBacks: [...pushBacks, pushBack], isPushedBack: true },
      "pushed_back",
    );
  });
}

function checkApproval(step: Step, state: StepState, name: string): Refusal | null {
  if (step.approval === null) return refuse("bad_request", `step "${name}" asks for no approval`);
  return state.status === "waiting"
    ? null
    : refuse("bad_request", `step "${name}" is ${state.status}, not waiting`);
}

function checkNames(step: Step, inputs: Readonly<Record<string, string>>): Refusal | null {
  const allowed = step.approval?.input ?? [];
  const unknown = Object.keys(inputs).find((name) => !allowed.includes(name));
  if (unknown === undefined) return null;
  const known = allowed.length === 0 ? "none" : allowed.join(", ");
  return refuse("bad_request", `unknown input "${unknown}"; the approval takes: ${known}`);
}

// ---- one transaction --------------------------------------------------------------------------------------------

interface Held {
  readonly ports: ServerPorts;
  readonly tx: Transaction;
  readonly run: RunRow;
  readonly step: Step;
  readonly state: StepState;
}

async function act(
  ports: ServerPorts,
  request: TaskRequest,
  decided: (held: Held) => Promise<StepState | "already" | Refusal>,
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
    const lacking = refuseChoice(run, request.choice);
    if (lacking !== null) return lacking;
    const done = await decided({ ports, tx, run, step, state });
    if (done !== "already" && "ok" in done) return done;
    const { queued, remaining } = await goOn(tx, ports, run, request.choice.selector);
    const { pushBacks } = done === "already" ? state : done;
    return {
      ok: true,
      alreadyCompleted: done === "already",
      queued,
      remaining,
      pushBacks: pushBacks.length,
    };
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
  selector: Labels,
): Promise<{ readonly queued: boolean; readonly remaining: readonly string[] }> {
  const isIdle = statusOf(run.status) === "waiting";
  const steps = isIdle ? await settle(tx, run) : await listSteps(tx, run.id);
  const remaining = steps.filter((step) => step.status === "waiting").map((step) => step.name);
  const isRejected = steps.some((step) => step.status === "rejected");
  if (!isIdle || (remaining.length > 0 && !isRejected)) return { queued: false, remaining };
  await queueResumed(tx, ports, run, { kind: "rest" }, { selector: selectorOf(run, selector) });
  return { queued: true, remaining };
}

function ended(state: StepState, ports: ServerPorts, status: "succeeded" | "rejected"): StepState {
  return { ...state, status, finishedAt: ports.clock.now(), waiting: null };
}

/** The row that people see, and the record of who changed it (TX-06). */
async function decide({ ports, tx, run }: Held, step: StepState, what: Decided): Promise<StepState> {
  const at = ports.clock.now();
  const seq = await nextServerSeq(tx, run.id);
  const outputs = Object.entries(step.outputs).map(([name, value]) => ({
    type: "step.output",
    data: { kind: "declared", name, value },
  }));
  const { by, inputs } = (what === "pushed_back" ? step.pushBacks.at(-1) : step.decision) ?? NOBODY;
  const events = [...outputs, {
    type: `step.${what}_by_person`,
    data: { by, inputs, ...(what === "rejected" ? { reason: step.reason } : {}) },
  }];
  await appendEvents(
    tx,
    { runId: run.id, fence: 0 },
    events.map((event, index) => ({ ...event, seq: seq + index, at, mono: 0, step: step.name })),
    new Date(at),
  );
  await updateSteps(tx, run.id, [step]);
  await updateRun(tx, run.id, {});
  return step;
}

type Decided = "completed" | "approved" | "rejected" | "pushed_back";

const NOBODY = { by: "", inputs: {} };

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
    const value = own(given, field.name) ?? field.default;
    if (value === null || value === undefined) {
      if (field.isRequired) return { message: `input "${field.name}" is required` };
      continue;
    }
    const broken = checkField(field, withPlainNumbers(value));
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
