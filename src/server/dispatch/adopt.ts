/**
 * Runs that were executed before the database was open, as `dagu start` does on its own: stored afterwards as if they had
 * been claimed and reported when they were. May be repeated: what is there already stays as it is.
 */
import type { EventsRequest, RegisterRequest } from "../../protocol/messages.ts";
import type { CallerParams } from "../../workflow/inputs.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { beginAttempts } from "../store/claims.ts";
import type { Transaction } from "../store/db.ts";
import { getRunner, insertRunner } from "../store/runners.ts";
import { insertRun, type NewRun } from "../store/runs.ts";
import type { AttemptCaller, ReportRefusal } from "./caller.ts";
import { type LogPiece, reportLog } from "./logs.ts";
import { graceOf } from "./patience.ts";
import { parseDefinition, planRunOf } from "./plan.ts";
import { newReports } from "./report.ts";
import { TOKEN_LIFE_MS } from "./runner-token.ts";
import { PRIORITY } from "./start.ts";

/** A run as it was submitted. Times are epoch ms. */
export interface AheadRun {
  readonly at: number;
  readonly id: string;
  /** As it was chosen; null: it is made of `id` (ID-02). */
  readonly dagRunId: string | null;
  readonly name: string;
  /** With what it inherited: the base may have changed since. */
  readonly text: string;
  readonly params: CallerParams;
  readonly labels: readonly string[];
  readonly selector: Readonly<Record<string, string>>;
  readonly sourceDir: string;
  readonly defaultDir: string;
  readonly triggerActor: string;
}

/** Its only attempt, and the runner that began it: the one of the home. */
export interface AheadAttempt {
  readonly at: number;
  readonly id: string;
  readonly claimId: string;
  readonly tokenDigest: string;
  readonly runner: {
    readonly id: string;
    readonly tokenDigest: string;
    readonly facts: RegisterRequest;
  };
}

/** What its runner told, in the order in which it was acknowledged. */
export type AheadReport =
  | { readonly kind: "events"; readonly at: number; readonly request: EventsRequest }
  | { readonly kind: "log"; readonly at: number; readonly piece: LogPiece };

export type Adopted = { readonly ok: true } | { readonly ok: false; readonly message: string };

export async function adoptRun(
  ports: ServerPorts,
  settings: ServerSettings,
  run: AheadRun,
  attempt: AheadAttempt,
  reports: readonly AheadReport[],
): Promise<Adopted> {
  const planned = await planAgain(run);
  if (!planned.ok) return planned;
  await ports.db.transaction(async (tx) => {
    await insertUnknown(tx, attempt);
    const isNew = await insertRun(tx, planned.run, new Date(run.at));
    if (isNew) await begin(tx, settings, planned.run, attempt);
  });
  const { id: attemptId, tokenDigest, runner } = attempt;
  const caller = { runnerId: runner.id, attemptId, tokenDigest };
  for (const report of reports) {
    const answer = await tell(portsAt(ports, report.at), settings, caller, report);
    if (!answer.ok) return { ok: false, message: answer.message };
  }
  return { ok: true };
}

async function planAgain(run: AheadRun): Promise<Awaited<ReturnType<typeof planRunOf>>> {
  const read = parseDefinition(null, run.text, run.name, null);
  if (!read.ok) return read;
  return await planRunOf(read.definition, { ids: { uuid: () => run.id } }, {
    params: run.params,
    dagRunId: run.dagRunId,
    triggerType: "manual",
    triggerActor: run.triggerActor,
    needsSlot: false,
    priority: PRIORITY.start,
    labels: run.labels,
    selector: run.selector,
    sourceDir: run.sourceDir,
    defaultDir: run.defaultDir,
  });
}

async function begin(
  tx: Transaction,
  settings: ServerSettings,
  run: NewRun,
  { at, runner, ...attempt }: AheadAttempt,
): Promise<void> {
  const { leaseMs, startDeadlineMs } = settings.runner;
  const times = { leaseMs, graceMs: graceOf(settings, run), startDeadlineMs };
  const begun = { ...attempt, ...times, runId: run.id, runnerId: runner.id, slot: null, fence: 1 };
  await beginAttempts(tx, [begun], new Date(at));
}

/** A runner whose registration the database has not seen. */
async function insertUnknown(tx: Transaction, { at, runner }: AheadAttempt): Promise<void> {
  if (await getRunner(tx, runner.id) !== null) return;
  const { name, machineId, labels, capacity, features, version, os, arch, publicKey = null } = runner.facts;
  await insertRunner(tx, {
    id: runner.id,
    name,
    machineId,
    labels,
    fixedLabels: {},
    capacity,
    features,
    version,
    os,
    arch,
    publicKey,
    tokenDigest: runner.tokenDigest,
    tokenExpiresAt: new Date(at + TOKEN_LIFE_MS),
    state: "active",
    createdAt: new Date(at),
  });
}

/** With a clock that stands at the moment at which it was told. */
function portsAt(ports: ServerPorts, at: number): ServerPorts {
  return { ...ports, clock: { ...ports.clock, now: () => at } };
}

async function tell(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  report: AheadReport,
): Promise<{ readonly ok: true } | ReportRefusal> {
  return report.kind === "events"
    ? await newReports(ports)({ caller, request: report.request })
    : await reportLog(ports, settings, caller, report.piece);
}
