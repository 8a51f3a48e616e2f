/** A new run of what an old one was (AP-60): the same text, parameters, labels and inputs, under another run id. */
import * as v from "valibot";
import { readCallerParams } from "../../workflow/inputs.ts";
import type { ServerPorts } from "../ports.ts";
import { getBlob, getText } from "../store/blobs.ts";
import { getRun, listRunInputs, type RunRow } from "../store/runs.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { type RunnerChoice, selectorOf } from "./selector.ts";
import { PRIORITY, type StartRequest } from "./plan.ts";
import { type Started, startRun } from "./start.ts";

export interface RescheduleRequest {
  readonly name: string;
  readonly dagRunId: string;
  /** null: generated. */
  readonly newRunId: string | null;
  readonly actor: string;
  readonly choice: RunnerChoice;
  /** What is to be another than the old run's. */
  readonly changes: RescheduleChanges;
}

export interface RescheduleChanges {
  readonly name?: string;
  readonly triggerType?: StartRequest["triggerType"];
  readonly scheduleTime?: Date;
  readonly defaultDir?: string;
  /** Beside the old run's. */
  readonly labels?: readonly string[];
  readonly needsSlot?: boolean;
  readonly queue?: string;
  readonly priority?: number;
}

export async function rescheduleRun(ports: ServerPorts, request: RescheduleRequest): Promise<Started> {
  const run = await getRun(ports.db, request.name, request.dagRunId);
  if (run === null) return refuse("not_found", `there is no run ${request.name}:${request.dagRunId}`);
  const refusal = whyNot(run);
  if (refusal !== null) return refusal;
  const text = await getText(ports.db, run.digest);
  const { changes } = request;
  const needsSlot = changes.needsSlot ?? run.needsSlot;
  if (text === null) return refuse("not_found", `the definition of ${run.name}:${run.dagRunId} is gone`);
  return await startRun(ports, {
    definition: { text, name: changes.name ?? run.name, document: run.document },
    params: readCallerParams(v.parse(Params, run.params).json),
    dagRunId: request.newRunId,
    triggerType: changes.triggerType ?? "manual",
    triggerActor: request.actor,
    scheduleTime: changes.scheduleTime ?? null,
    needsSlot,
    priority: changes.priority ?? (needsSlot ? PRIORITY.enqueue : PRIORITY.start),
    queue: changes.queue ?? run.queue,
    labels: [...run.labels, ...(changes.labels ?? [])],
    ...request.choice,
    selector: selectorOf(run, request.choice.selector),
    env: v.parse(Env, run.env),
    inputs: await readInputs(ports, run),
    trust: run.trust,
    sourceDir: run.sourceDir,
    defaultDir: changes.defaultDir ?? run.defaultDir,
  });
}

const Params = v.object({ json: v.string() });
const Env = v.record(v.string(), v.string());

/** An approval is for one run of one commit (FK-04): it must not be carried over to another run. */
function whyNot(run: RunRow): Refusal | null {
  return run.approvalSha === null
    ? null
    : refuse("conflict", `run ${run.name}:${run.dagRunId} needed an approval; send its event again instead`);
}

async function readInputs(
  ports: ServerPorts,
  run: RunRow,
): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }[]> {
  const inputs = await listRunInputs(ports.db, run.id);
  return await Promise.all(inputs.map(async ({ name, digest }) => {
    const bytes = await getBlob(ports.db, digest);
    return { name, bytes: new Uint8Array(bytes ?? []) };
  }));
}
