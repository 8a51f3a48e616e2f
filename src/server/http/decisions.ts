/** What people said about a step, in the words of the API (3.2). */
import type { PushBack, StepState } from "../../run/state.ts";
import type { Step } from "../../workflow/workflow.ts";

type Inputs = Readonly<Record<string, string>>;

export interface DecisionShape {
  readonly humanTaskCompletedBy?: string;
  readonly approvedAt?: string;
  readonly approvedBy?: string;
  readonly approvalInputs?: Inputs;
  readonly rejectedAt?: string;
  readonly rejectedBy?: string;
  readonly rejectionReason?: string;
  /** How often the step's work was sent back. */
  readonly approvalIteration?: number;
  /** Of the last time. */
  readonly pushBackInputs?: Inputs;
  readonly pushBackHistory?: readonly {
    readonly iteration: number;
    readonly by: string;
    readonly at: string;
    readonly inputs: Inputs;
  }[];
}

export function toDecisions(step: StepState, declared: Step | undefined): DecisionShape {
  return { ...toDecision(step, declared), ...toPushBacks(step.pushBacks) };
}

function toDecision(step: StepState, declared: Step | undefined): DecisionShape {
  const { decision, finishedAt } = step;
  if (decision === null || finishedAt === null) return {};
  const at = new Date(finishedAt).toISOString();
  if (declared?.action.name === "human.task") return { humanTaskCompletedBy: decision.by };
  return step.status === "rejected"
    ? { rejectedAt: at, rejectedBy: decision.by, rejectionReason: step.reason }
    : { approvedAt: at, approvedBy: decision.by, approvalInputs: decision.inputs };
}

function toPushBacks(pushBacks: readonly PushBack[]): DecisionShape {
  const last = pushBacks.at(-1);
  return last === undefined ? {} : {
    approvalIteration: pushBacks.length,
    pushBackInputs: last.inputs,
    pushBackHistory: pushBacks.map(({ by, at, inputs }, index) => ({
      iteration: index + 1,
      by,
      at: new Date(at).toISOString(),
      inputs,
    })),
  };
}
