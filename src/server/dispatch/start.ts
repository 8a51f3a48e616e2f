/** Starting a run: check everything, then store it whole (TX-01) or not at all. */
import type { Base } from "../../workflow/base.ts";
import type { ServerPorts } from "../ports.ts";
import type { Db, Transaction } from "../store/db.ts";
import { activeRuns, insertRun, lockName, type NewRun, type RunRow, statusOf } from "../store/runs.ts";
import { currentDefinition } from "../store/workflows.ts";
import { type DefinitionRead, parseDefinition, type Planned, planRunOf, type StartRequest } from "./plan.ts";
import { type Refusal, refuse } from "./refusal.ts";

export type Started =
  | { readonly ok: true; readonly id: string; readonly name: string; readonly dagRunId: string }
  | Refusal;

/** A run that could be stored, or why not. Reads the definition; writes nothing. */
export async function planRun(
  db: Db,
  ports: Pick<ServerPorts, "ids" | "base">,
  request: StartRequest,
): Promise<Planned> {
  const read = await readDefinition(db, ports.base, request);
  return read.ok ? await planRunOf(read.definition, ports, request) : read;
}

/** Returns when the run is durable; it begins when a runner claims it. */
export async function startRun(ports: ServerPorts, request: StartRequest): Promise<Started> {
  const planned = await planRun(ports.db, ports, request);
  if (!planned.ok) return planned;
  const { run } = planned;
  const refusal = await ports.db.transaction(async (tx) => {
    const other = request.isSingleton === true ? await otherRun(tx, run) : null;
    if (other !== null) return singletonRefused(other);
    return await insertRun(tx, run, new Date(ports.clock.now())) ? null : runExists(run);
  });
  if (refusal !== null) return refusal;
  ports.wake.notify("ready");
  return { ok: true, id: run.id, name: run.name, dagRunId: run.dagRunId };
}

export function runExists(run: Pick<NewRun, "name" | "dagRunId">): Refusal {
  return refuse("already_exists", `run ${run.name}:${run.dagRunId} exists already; choose another run id`);
}

/**
 * The run that keeps this one from being the only one (QU-04); null: there is none. Of those that wait, one that was started
 * counts as running, as it waits for nothing but a runner; one that was enqueued only counts for who enqueues.
 */
async function otherRun(tx: Transaction, { name, needsSlot }: NewRun): Promise<RunRow | null> {
  await lockName(tx, name);
  const active = await activeRuns(tx, name);
  return active.find((other) => needsSlot || statusOf(other.status) !== "queued" || !other.needsSlot) ?? null;
}

function singletonRefused({ name, dagRunId, status }: RunRow): Refusal {
  return refuse(
    "already_exists",
    `run ${name}:${dagRunId} is ${
      statusOf(status)
    }, and this one is to be the only one; wait for its end, or stop it`,
  );
}

async function readDefinition(
  db: Db,
  base: Base | null,
  { definition: given, parent }: Pick<StartRequest, "definition" | "parent">,
): Promise<DefinitionRead> {
  if ("workflow" in given) return { ok: true, definition: given };
  const inheritance = parent === undefined ? "whole" : "without-handlers";
  if ("text" in given) return parseDefinition(base, given.text, given.name, null, { ...given, inheritance });
  const stored = await currentDefinition(db, given.fileName);
  if (stored === null) return refuse("not_found", `there is no workflow "${given.fileName}"`);
  return parseDefinition(base, stored.text, stored.name, given.fileName, { inheritance });
}
