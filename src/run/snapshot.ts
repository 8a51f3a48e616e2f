/** A step's state as data that travels: where a run goes on from (EV-02). */
import * as v from "valibot";
import { ContainerFacts, STEP_STATUSES } from "./event.ts";
import { Failure } from "./failure.ts";
import type { StepState } from "./state.ts";

const Texts = v.record(v.string(), v.string());
const When = v.nullable(v.number());

export const StepSnapshot = v.object({
  name: v.string(),
  status: v.picklist(STEP_STATUSES),
  startedAt: When,
  finishedAt: When,
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
    kind: v.picklist(["human_task", "approval"]),
    prompt: v.string(),
    form: v.nullable(v.record(v.string(), v.unknown())),
  })),
  container: v.nullable(ContainerFacts),
  logSizes: v.object({ stdout: v.number(), stderr: v.number() }),
  notes: v.array(v.string()),
}) satisfies v.GenericSchema<unknown, StepState>;
