/** A step's state as data that travels: where a run goes on from (EV-02). */
import * as v from "valibot";
import { ContainerFacts, STEP_STATUSES, WAITING_KINDS } from "./event.ts";
import { Failure } from "./failure.ts";
import type { StepState } from "./state.ts";

const Texts = v.record(v.string(), v.string());
const When = v.nullable(v.number());
const Decision = v.object({ by: v.string(), inputs: Texts });

export const StepSnapshot = v.object({
  name: v.string(),
  status: v.picklist(STEP_STATUSES),
  startedAt: When,
  finishedAt: When,
  retryAt: v.optional(When, null),
  retryCount: v.number(),
  exitCode: When,
  failure: v.nullable(Failure),
  reason: v.string(),
  isContinued: v.boolean(),
  variables: Texts,
  outputs: Texts,
  object: Texts,
  children: v.array(v.object({ name: v.string(), dagRunId: v.string() })),
  waiting: v.nullable(v.object({
    kind: v.picklist(WAITING_KINDS),
    prompt: v.string(),
    form: v.nullable(v.record(v.string(), v.unknown())),
  })),
  // A control plane of before these were has none to tell.
  decision: v.optional(v.nullable(Decision), null),
  pushBacks: v.optional(v.array(v.object({ ...Decision.entries, at: v.number(), attempt: v.number() })), []),
  isPushedBack: v.optional(v.boolean(), false),
  again: v.optional(v.nullable(v.object({ step: v.string(), iteration: v.number() })), null),
  container: v.nullable(ContainerFacts),
  logSizes: v.object({ stdout: v.number(), stderr: v.number() }),
  notes: v.array(v.string()),
}) satisfies v.GenericSchema<unknown, StepState>;
