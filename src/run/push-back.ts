/** Work that approvers sent back (workflow-language contract S-122): what runs again, and what it is told. Pure. */
import { downstreamOf } from "./retry.ts";
import { type Again, findStep, type PushBack, type RunState, startOver, type StepState } from "./state.ts";

interface Node {
  readonly name: string;
  readonly depends: readonly string[];
  /** null: the step asks for no approval. */
  readonly approval: { readonly rewindTo: string | null } | null;
}

/**
 * The steps as they are once everything that was sent back is to run again: the step alone, or the one that it rewinds to and
 * everything after it. Of two that send the same step back, the later one is what it is told of.
 */
export function settlePushBacks(steps: readonly StepState[], graph: readonly Node[]): readonly StepState[] {
  const sentBack = steps.filter((step) => step.isPushedBack)
    .toSorted((one, other) => (one.pushBacks.at(-1)?.at ?? 0) - (other.pushBacks.at(-1)?.at ?? 0));
  if (sentBack.length === 0) return steps;
  const again = new Map<string, Again>();
  for (const { name, pushBacks } of sentBack) {
    const target = graph.find((node) => node.name === name)?.approval?.rewindTo ?? null;
    const names = target === null ? [name] : [...downstreamOf([target], graph), name];
    for (const one of names) again.set(one, { step: name, iteration: pushBacks.length });
  }
  return steps.map((step) => {
    const reason = again.get(step.name);
    return reason === undefined ? step : { ...startOver(step), again: reason };
  });
}

/** Names of the approvals whose rejected logs steps of this state are told of. */
export function rejectedTries(steps: readonly StepState[]): readonly RejectedTry[] {
  const wanted = new Map<string, RejectedTry>();
  for (const { again, status } of steps) {
    if (again === null || status !== "not_started") continue;
    const last = steps.find((step) => step.name === again.step)?.pushBacks[again.iteration - 1];
    if (last !== undefined && last.attempt > 0) {
      wanted.set(again.step, { step: again.step, attempt: last.attempt });
    }
  }
  return [...wanted.values()];
}

export interface RejectedTry {
  readonly step: string;
  readonly attempt: number;
}

export interface PushBackFacts {
  readonly facts: Readonly<Record<string, string>>;
  /** What the approver gave, by its names. */
  readonly inputs: Readonly<Record<string, string>>;
  /** `DAG_PUSHBACK*`. */
  readonly env: Readonly<Record<string, string>>;
}

const NOTHING: PushBackFacts = { facts: {}, inputs: {}, env: {} };

/** What a step that runs again knows of the push-back (7.1). `previousStdout`: null when the log is not at hand. */
export function pushBackFacts(
  state: RunState,
  step: string,
  previousStdout: (approval: string) => string | null,
): PushBackFacts {
  const again = findStep(state, step)?.again ?? null;
  const history = again === null
    ? []
    : (findStep(state, again.step)?.pushBacks ?? []).slice(0, again.iteration);
  const last = history.at(-1);
  if (again === null || last === undefined) return NOTHING;
  const iteration = String(again.iteration);
  const file = previousStdout(again.step);
  const payload = {
    ...payloadOf(last, again.iteration),
    step: again.step,
    ...(file === null ? {} : { previousStdoutFile: file }),
    history: history.map((one, index) => payloadOf(one, index + 1)),
  };
  return {
    facts: {
      "pushback.iteration": iteration,
      ...(file === null ? {} : { "pushback.previous_stdout_file": file }),
    },
    inputs: last.inputs,
    env: {
      DAG_PUSHBACK: JSON.stringify(payload),
      DAG_PUSHBACK_ITERATION: iteration,
      ...(file === null ? {} : { DAG_PUSHBACK_PREVIOUS_STDOUT_FILE: file }),
    },
  };
}

function payloadOf({ by, at, inputs }: PushBack, iteration: number): Record<string, unknown> {
  return { iteration, by, at: new Date(at).toISOString(), inputs };
}
