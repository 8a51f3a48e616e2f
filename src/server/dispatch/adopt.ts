/**
 * Runs that were executed before the database was open, as `dagu start` does on its own: stored afterwards as if they had
 * been claimed and reported when they were. May be repeated: what is there already stays as it is.
 */
import type { EventsRequest, RegisterRequest } from "../../protocol/messages.ts";
import { concat } from "../../run/bytes.ts";
import { isTerminal } from "../../run/event.ts";
import type { CallerParams } from "../../workflow/inputs.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { beginAttempts } from "../store/claims.ts";
import type { Transaction } from "../store/db.ts";
import { insertLogs, type WholeLog } from "../store/logs.ts";
import { getRunner, insertRunner, type RunnerRow, updateRunner } from "../store/runners.ts";
import { insertRun, type NewRun } from "../store/runs.ts";
import { labelsOf } from "./claim.ts";
import { FIRST_FENCE } from "./attempt-token.ts";
import type { AttemptCaller, ReportRefusal } from "./caller.ts";
import { type LogPiece, reportLog } from "./logs.ts";
import { stopRun } from "./cancel.ts";
import { graceOf } from "./patience.ts";
import { parseDefinition, type Planned, planRunOf, PRIORITY } from "./plan.ts";
import { newReports } from "./report.ts";
import { TOKEN_LIFE_MS } from "./runner-token.ts";

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

/** What became of it, in the order in which it was acknowledged. */
export type AheadEntry = AheadRunner | AheadAttempt | AheadStop | AheadReport;

/** The home's own runner, which was taken at its word. */
export interface AheadRunner {
  readonly kind: "runner";
  readonly at: number;
  readonly id: string;
  readonly tokenDigest: string;
  readonly facts: RegisterRequest;
}

/** The run's only attempt. */
export interface AheadAttempt {
  readonly kind: "attempt";
  readonly at: number;
  readonly id: string;
  readonly runnerId: string;
  readonly claimId: string;
  readonly tokenDigest: string;
}

/** Somebody asked for the run's end. */
export interface AheadStop {
  readonly kind: "stop";
  readonly at: number;
  readonly by: string;
  readonly isForced: boolean;
}

export type AheadReport =
  | { readonly kind: "events"; readonly at: number; readonly request: EventsRequest }
  | { readonly kind: "log"; readonly at: number; readonly piece: LogPiece };

export type Adopted = { readonly ok: true } | { readonly ok: false; readonly message: string };

export async function adoptRun(
  ports: ServerPorts,
  settings: ServerSettings,
  run: AheadRun,
  entries: readonly AheadEntry[],
): Promise<Adopted> {
  const planned = await planAgain(run);
  if (!planned.ok) return planned;
  const runners = entries.filter((entry) => entry.kind === "runner");
  const attempt = entries.find((entry) => entry.kind === "attempt") ?? null;
  const logs = wholeLogs(ports, entries);
  const stored = await ports.db.transaction(async (tx) => {
    for (const runner of runners) await admitRunner(tx, runner, new Date(ports.clock.now()));
    const isNew = await insertRun(tx, planned.run, new Date(run.at));
    if (attempt === null) return NONE;
    if (isNew) await begin(tx, settings, planned.run, attempt);
    const cap = settings.runner.logStreamMax;
    return await insertLogs(tx, { runId: run.id, fence: FIRST_FENCE }, [...logs.values()], cap);
  });
  // Submitted, and not begun: it waits for its runner, as every other.
  if (attempt === null) return { ok: true };
  const { id: attemptId, runnerId, tokenDigest } = attempt;
  const reports = entries.filter((entry) => entry.kind !== "runner" && entry.kind !== "attempt");
  const rest = reports.filter((one) =>
    one.kind !== "log" || !stored.has(logs.get(keyOf(one.piece))?.id ?? "")
  );
  for (const report of joinEvents(rest)) {
    if (report.kind === "stop") {
      const { by, isForced } = report;
      await stopRun(portsAt(ports, report.at), settings, planned.run, by, isForced);
      continue;
    }
    const told = await tell(
      portsAt(ports, report.at),
      settings,
      { runnerId, attemptId, tokenDigest },
      report,
    );
    if (!told.ok) return { ok: false, message: told.message };
  }
  return { ok: true };
}

const NONE: ReadonlySet<string> = new Set();
/** What was told of each stream, as one: stored together, a thousand streams cost little more than one. */
function wholeLogs(
  { ids }: Pick<ServerPorts, "ids">,
  entries: readonly AheadEntry[],
): ReadonlyMap<string, WholeLog> {
  const pieces = entries.flatMap((entry) => entry.kind === "log" ? [entry.piece] : []);
  return new Map(
    [...Map.groupBy(pieces, keyOf)].map(([key, list]) => {
      const [{ step, stream } = { step: "", stream: "stdout" as const }] = list;
      const bytes = concat(list.map((piece) => piece.bytes));
      return [key, { id: ids.uuid(), step, stream, bytes, isFinal: list.some((piece) => piece.isFinal) }];
    }),
  );
}

function keyOf({ step, stream }: LogPiece): string {
  return `${stream} ${step}`;
}

/** Of events in one report. */
const JOINED_MAX = 500;

/** What was told between the attempt's beginning and its end: many reports as one, as of the moment of the last. */
function joinEvents(reports: readonly (AheadReport | AheadStop)[]): (AheadReport | AheadStop)[] {
  const joined: (AheadReport | AheadStop)[] = [];
  for (const report of reports) {
    const last = joined.at(-1);
    if (report.kind === "events" && last?.kind === "events" && isOne(last.request, report.request)) {
      const events = [...last.request.events, ...report.request.events];
      joined[joined.length - 1] = { ...report, request: { ...last.request, events } };
    } else joined.push(report);
  }
  return joined;
}

function isOne(first: EventsRequest, second: EventsRequest): boolean {
  const isBetween = ({ events }: EventsRequest): boolean =>
    events.every((event) => event.type !== "attempt.started" && !isTerminal(event));
  const count = first.events.length;
  return count + second.events.length <= JOINED_MAX && second.fence === first.fence &&
    second.firstSeq === first.firstSeq + count && isBetween(first) && isBetween(second);
}

async function planAgain(run: AheadRun): Promise<Planned> {
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
  { at, id, runnerId, claimId, tokenDigest }: AheadAttempt,
): Promise<void> {
  const { leaseMs, startDeadlineMs } = settings.runner;
  const graceMs = graceOf(settings, run);
  const attempt = { id, runId: run.id, slot: null, fence: FIRST_FENCE, tokenDigest, graceMs };
  await beginAttempts(tx, { runnerId, claimId, leaseMs, startDeadlineMs }, [attempt], new Date(at));
}

/** As if it had registered: nobody was there to tell it that its token is unknown, or no good any more. */
async function admitRunner(tx: Transaction, runner: AheadRunner, now: Date): Promise<void> {
  const { at, id, tokenDigest, facts } = runner;
  const token = { tokenDigest, tokenExpiresAt: new Date(at + TOKEN_LIFE_MS), state: "active" as const };
  const known = await getRunner(tx, id);
  if (known !== null) {
    const labels = labelsOf(known, facts.labels);
    await updateRunner(tx, id, { labels, ...(isGood(known, tokenDigest, now) ? {} : token) });
    return;
  }
  const { name, machineId, labels, capacity, features, version, os, arch, publicKey = null } = facts;
  const described = { name, machineId, labels, capacity, features, version, os, arch, publicKey };
  await insertRunner(tx, { id, ...described, ...token, fixedLabels: {}, createdAt: new Date(at) });
}

function isGood(runner: RunnerRow, tokenDigest: string, now: Date): boolean {
  if (runner.state === "revoked" || runner.state === "gone") return false;
  if (runner.tokenDigest === tokenDigest) return runner.tokenExpiresAt > now;
  return runner.previousDigest === tokenDigest && runner.previousUntil !== null && runner.previousUntil > now;
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
