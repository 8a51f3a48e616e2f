/** Starting a run: check everything, then store it whole (TX-01) or not at all. */
import type { Base } from "../../workflow/base.ts";
import type { ServerPorts } from "../ports.ts";
import type { Db } from "../store/db.ts";
import { insertRun, type NewRun } from "../store/runs.ts";
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
  const isNew = await ports.db.transaction((tx) => insertRun(tx, run, new Date(ports.clock.now())));
  if (!isNew) return runExists(run);
  ports.wake.notify("ready");
  return { ok: true, id: run.id, name: run.name, dagRunId: run.dagRunId };
}

export function runExists(run: Pick<NewRun, "name" | "dagRunId">): Refusal {
  return refuse("already_exists", `run ${run.name}:${run.dagRunId} exists already; choose another run id`);
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
