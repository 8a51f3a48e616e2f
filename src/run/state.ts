/** What a run is at one moment: the fold of its events (DESIGN 3.2). Pure; the same on runner, control plane and page. */
import type { HandlerName, Workflow } from "../workflow/workflow.ts";
import { HANDLER_NODE_NAMES } from "../workflow/workflow.ts";
import type { ContainerFacts, RunEventBody, RunStatus, StepStatus, WaitingKind } from "./event.ts";
import type { Failure } from "./failure.ts";

export interface StepState {
  readonly name: string;
  readonly status: StepStatus;
  /** Epoch ms; null: not yet. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** While it is to be tried again: when, epoch ms. */
  readonly retryAt: number | null;
  /** Tries so far less one. */
  readonly retryCount: number;
  readonly exitCode: number | null;
  readonly failure: Failure | null;
  /** Why it never ran (`upstream failed`, `upstream skipped`, `precondition not met: ...`); "" otherwise. */
  readonly reason: string;
  /** Its failure or skip is allowed by `continue_on`. */
  readonly isContinued: boolean;
  /** `output: NAME` values. */
  readonly variables: Readonly<Record<string, string>>;
  /** Declared outputs. */
  readonly outputs: Readonly<Record<string, string>>;
  /** The object form of `output`: each key's value as JSON. */
  readonly object: Readonly<Record<string, string>>;
  /** Runs that the step started, in the order of their start. */
  readonly children: readonly ChildLink[];
  /** What a person is asked for; null: nobody is. */
  readonly waiting: Waiting | null;
  /** What a person said at last; null: nothing yet. */
  readonly decision: Decision | null;
  /** How often, and with what, approvers sent this step's work back, oldest first (S-122). */
  readonly pushBacks: readonly PushBack[];
  /** It was sent back, and what is to run again is not reset yet: an attempt still goes on. */
  readonly isPushedBack: boolean;
  /** The approval because of which this step runs again; null: none. */
  readonly again: Again | null;
  readonly container: ContainerFacts | null;
  readonly logSizes: { readonly stdout: number; readonly stderr: number };
  readonly notes: readonly string[];
}

export interface ChildLink {
  readonly name: string;
  readonly dagRunId: string;
}

export interface Waiting {
  readonly kind: WaitingKind;
  readonly prompt: string;
  /** JSON Schema of what is to be filled in; null: nothing is. */
  readonly form: Readonly<Record<string, unknown>> | null;
}

export interface Decision {
  readonly by: string;
  readonly inputs: Readonly<Record<string, string>>;
}

export interface PushBack extends Decision {
  /** Epoch ms. */
  readonly at: number;
  /** Attempt whose log of the step is that of the rejected try; 0: it has none. */
  readonly attempt: number;
}

export interface Again {
  /** The step whose approver sent its work back. */
  readonly step: string;
  /** The how manieth push-back of that step it was, from 1. */
  readonly iteration: number;
}

export interface RunState {
  readonly status: RunStatus;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly failure: Failure | null;
  /** In declaration order. */
  readonly steps: readonly StepState[];
  /** Handlers that the workflow declares, under their node names, in the order in which they may run. */
  readonly handlers: readonly StepState[];
  /** The root container. */
  readonly container: ContainerFacts | null;
  readonly notes: readonly string[];
}

const HANDLER_ORDER: readonly HandlerName[] = ["init", "wait", "success", "failure", "abort", "exit"];

/** A step before any event. */
export function newStepState(name: string): StepState {
  return {
    name,
    status: "not_started",
    startedAt: null,
    finishedAt: null,
    retryAt: null,
    retryCount: 0,
    exitCode: null,
    failure: null,
    reason: "",
    isContinued: false,
    variables: {},
    outputs: {},
    object: {},
    children: [],
    waiting: null,
    decision: null,
    pushBacks: [],
    isPushedBack: false,
    again: null,
    container: null,
    logSizes: { stdout: 0, stderr: 0 },
    notes: [],
  };
}

/** A step that is to run again: what people said about it is not forgotten. */
export function startOver({ name, pushBacks, again }: StepState): StepState {
  return { ...newStepState(name), pushBacks, again };
}

/** The state before any event: everything `not_started`. */
export function newRunState(workflow: Pick<Workflow, "steps" | "handlers">): RunState {
  return {
    status: "not_started",
    startedAt: null,
    finishedAt: null,
    failure: null,
    steps: workflow.steps.map((step) => newStepState(step.name)),
    handlers: HANDLER_ORDER
      .filter((handler) => workflow.handlers[handler] !== undefined)
      .map((handler) => newStepState(HANDLER_NODE_NAMES[handler])),
    container: null,
    notes: [],
  };
}

/** The state in which an earlier attempt left the steps; those that it did not have are new. */
export function resumedRunState(
  workflow: Pick<Workflow, "steps" | "handlers">,
  steps: readonly StepState[],
): RunState {
  const fresh = newRunState(workflow);
  const known = new Map(steps.map((step) => [step.name, step]));
  return { ...fresh, steps: fresh.steps.map((step) => known.get(step.name) ?? step) };
}

/** An event with the moment at which it happened; sequence numbers do not matter here. */
export type TimedEvent = RunEventBody & { readonly at: number };

/** The next state. Events about a step that the workflow does not have change nothing. */
export function reduce(state: RunState, event: TimedEvent): RunState {
  switch (event.type) {
    case "attempt.started":
      return { ...state, status: "running", startedAt: event.at };
    case "attempt.finished":
      return finish(state, event.data, event.at);
    case "container.started":
      return event.step === undefined
        ? { ...state, container: event.data }
        : updateStep(state, event.step, { container: event.data });
    case "step.started":
      return updateStep(state, event.step, (step) => ({
        status: "running",
        startedAt: step.startedAt ?? event.at,
        finishedAt: null,
        retryAt: null,
        retryCount: event.data.retry,
        failure: null,
        exitCode: null,
        waiting: null,
      }));
    case "step.output":
      return updateStep(state, event.step, (step) => addOutput(step, event.data));
    case "child.linked":
      return updateStep(state, event.step, (step) => ({ children: addChild(step.children, event.data) }));
    case "step.waiting":
      return updateStep(state, event.step, {
        status: "waiting",
        waiting: { kind: event.data.kind, prompt: event.data.prompt, form: event.data.form ?? null },
        logSizes: event.data.logs,
      });
    case "attempt.waiting":
      return { ...state, status: "waiting" };
    case "step.retrying":
      return updateStep(state, event.step, {
        status: "retrying",
        retryAt: event.at + event.data.delayMs,
        exitCode: event.data.exitCode ?? null,
        failure: event.data.error ?? null,
      });
    case "step.finished":
      return updateStep(state, event.step, {
        status: event.data.status,
        finishedAt: event.at,
        retryAt: null,
        exitCode: event.data.exitCode ?? null,
        failure: event.data.error ?? null,
        isContinued: event.data.continued ?? false,
        logSizes: event.data.logs,
      });
    case "step.skipped":
      return updateStep(state, event.step, {
        status: event.data.status,
        finishedAt: event.at,
        reason: event.data.reason,
        isContinued: event.data.continued ?? false,
      });
    case "note":
      return event.step === undefined
        ? { ...state, notes: addNote(state.notes, event.data) }
        : updateStep(state, event.step, (step) => ({ notes: addNote(step.notes, event.data) }));
    case "log.dropped":
      return updateStep(state, event.step, (step) => ({ notes: [...step.notes, gapText(event.data)] }));
    case "preconditions.checked":
      return state;
    default:
      return event satisfies never;
  }
}

/** A log that lacks something says nothing of it itself (SP-03). */
function gapText(
  { stream, fromOffset, bytes, reason }: Extract<RunEventBody, { type: "log.dropped" }>["data"],
): string {
  return `${bytes} bytes of ${stream} are missing from its log, from byte ${fromOffset} on: ${reason}`;
}

function addNote(
  notes: readonly string[],
  { message, instead }: Extract<RunEventBody, { type: "note" }>["data"],
): readonly string[] {
  const others = instead === undefined ? notes : notes.filter((note) => !note.startsWith(instead));
  return [...others, message];
}

function addOutput(
  step: StepState,
  { kind, name, value }: Extract<RunEventBody, { type: "step.output" }>["data"],
): Partial<StepState> {
  switch (kind) {
    case "variable":
      return { variables: { ...step.variables, [name]: value } };
    case "declared":
      return { outputs: { ...step.outputs, [name]: value } };
    case "object":
      return { object: { ...step.object, [name]: value } };
    default:
      return kind satisfies never;
  }
}

/** A retry finds its children again and links them once more. */
function addChild(
  known: readonly ChildLink[],
  { childRunId, name }: Extract<RunEventBody, { type: "child.linked" }>["data"],
): readonly ChildLink[] {
  return known.some((child) => child.dagRunId === childRunId)
    ? known
    : [...known, { name, dagRunId: childRunId }];
}

/** Of steps that are neither over nor yet to begin. */
export const OPEN_STEP_STATUSES = ["running", "retrying", "waiting"] as const satisfies readonly StepStatus[];

/** A step that was under way when its attempt ended without telling how it went takes the attempt's end (4.3). */
export function endIfOpen(step: StepState, end: "failed" | "aborted", at: number): StepState {
  const isOpen = OPEN_STEP_STATUSES.some((status) => status === step.status);
  return isOpen ? { ...step, status: end, finishedAt: at, retryAt: null, waiting: null } : step;
}

function finish(
  state: RunState,
  { status, error }: Extract<RunEventBody, { type: "attempt.finished" }>["data"],
  at: number,
): RunState {
  const end = (step: StepState): StepState =>
    endIfOpen(step, status === "aborted" ? "aborted" : "failed", at);
  return {
    ...state,
    status,
    finishedAt: at,
    failure: error ?? null,
    steps: state.steps.map(end),
    handlers: state.handlers.map(end),
  };
}

/** A run of ten thousand steps tells tens of thousands of events: the list is copied as it is, and only one entry looked at. */
function updateStep(
  state: RunState,
  name: string,
  change: Partial<StepState> | ((step: StepState) => Partial<StepState>),
): RunState {
  const key = placeOf(state.steps, name) === undefined ? "handlers" : "steps";
  const place = placeOf(state[key], name);
  const step = place === undefined ? undefined : state[key][place];
  if (place === undefined || step === undefined) return state;
  const next = { ...step, ...(typeof change === "function" ? change(step) : change) };
  const list = state[key].with(place, next);
  keepPlaces(state[key], list);
  return { ...state, [key]: list };
}

/** The step or handler node of that name. */
export function findStep(state: RunState, name: string): StepState | undefined {
  return at(state.steps, name) ?? at(state.handlers, name);
}

function at(list: readonly StepState[], name: string): StepState | undefined {
  const place = placeOf(list, name);
  return place === undefined ? undefined : list[place];
}

// ---- where the nodes are in their list ---------------------------------------------------------------------------

/** Names and order of a list's nodes never change from event to event, so that its successors share one index. */
const indexes = new WeakMap<readonly StepState[], ReadonlyMap<string, number>>();

function placeOf(list: readonly StepState[], name: string): number | undefined {
  const known = indexes.get(list) ?? new Map(list.map((step, place) => [step.name, place]));
  indexes.set(list, known);
  return known.get(name);
}

function keepPlaces(list: readonly StepState[], successor: readonly StepState[]): void {
  const known = indexes.get(list);
  if (known !== undefined) indexes.set(successor, known);
}
