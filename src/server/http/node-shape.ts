/** A step of a run as clients of the original know it (3.2), with our additions beside it. */
import { type ContainerFacts, STEP_STATUSES, type WaitingKind } from "../../run/event.ts";
import type { Failure } from "../../run/failure.ts";
import type { StepState } from "../../run/state.ts";
import { formOf } from "../../workflow/task-form.ts";
import type { Approval, Step } from "../../workflow/workflow.ts";
import { type DecisionShape, toDecisions } from "./decisions.ts";

interface TaskShape {
  /** As written. */
  readonly prompt: string;
  readonly form?: Readonly<Record<string, unknown>>;
}

export interface NodeShape extends DecisionShape {
  readonly step: {
    readonly name: string;
    readonly id?: string;
    readonly depends: readonly string[];
    readonly commands: { command: string }[];
    readonly action: string;
    readonly approval?: Approval;
    readonly humanTask?: TaskShape;
  };
  readonly status: number;
  readonly statusLabel: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly retryCount: number;
  /** While it is to be tried again. */
  readonly nextRetryAt?: string;
  readonly doneCount: number;
  readonly exitCode: number | null;
  readonly error: string;
  readonly reason: string;
  readonly failure: Failure | null;
  readonly container: ContainerFacts | null;
  readonly outputs: Readonly<Record<string, string>>;
  /** What a person is asked for while the step waits. */
  readonly prompt: string | null;
  readonly waitingFor: WaitingKind | null;
  readonly form: Readonly<Record<string, unknown>> | null;
  readonly subRuns: readonly { readonly name: string; readonly dagRunId: string }[];
  readonly notes: readonly string[];
  readonly logSizes: { readonly stdout: number; readonly stderr: number };
}

/** `declared`: as the workflow has it; absent: its text cannot be read any more, or it is a handler. */
export function toNode(step: StepState, declared: Step | undefined): NodeShape {
  return {
    step: {
      name: step.name,
      ...(declared?.id == null ? {} : { id: declared.id }),
      depends: declared?.depends ?? [],
      commands: declared?.action.name === "run" ? declared.action.texts.map((command) => ({ command })) : [],
      action: declared?.action.name ?? "",
      ...(declared?.approval == null ? {} : { approval: declared.approval }),
      ...(declared === undefined ? {} : toTask(declared)),
    },
    status: STEP_STATUSES.indexOf(step.status),
    statusLabel: step.status,
    startedAt: step.startedAt === null ? "-" : new Date(step.startedAt).toISOString(),
    finishedAt: step.finishedAt === null ? "-" : new Date(step.finishedAt).toISOString(),
    retryCount: step.retryCount,
    ...(step.retryAt === null ? {} : { nextRetryAt: new Date(step.retryAt).toISOString() }),
    doneCount: step.finishedAt === null ? 0 : 1,
    exitCode: step.exitCode,
    error: step.failure?.message ?? "",
    reason: step.reason,
    failure: step.failure,
    container: step.container,
    outputs: { ...step.variables, ...step.outputs },
    prompt: step.waiting?.prompt ?? null,
    waitingFor: step.waiting?.kind ?? null,
    form: toForm(step, declared),
    ...toDecisions(step, declared),
    subRuns: step.children,
    notes: step.notes,
    logSizes: step.logSizes,
  };
}

/** As the author ordered it: the database does not keep the order of an object's keys (S-119). */
function toForm({ waiting }: StepState, declared: Step | undefined): NodeShape["form"] {
  if (waiting === null || waiting.form === null) return null;
  return (declared === undefined ? null : formOf(declared)) ?? waiting.form;
}

/** Also of a task that is completed: its form tells what the same inputs are (S-120). */
function toTask(declared: Step): { humanTask?: TaskShape } {
  if (declared.action.name !== "human.task") return {};
  const form = formOf(declared);
  return { humanTask: { prompt: declared.action.prompt, ...(form === null ? {} : { form }) } };
}
