/** Giving queued runs to a runner that asks (CL-06, CL-09, M3). */
import type { Grant } from "../../protocol/grant.ts";
import type { ClaimReply, ClaimRequest, Directive } from "../../protocol/messages.ts";
import { RunId } from "../../run/ids.ts";
import * as v from "valibot";
import type { ServerPorts } from "../ports.ts";
import { derive } from "../secrets/seal.ts";
import { digestToken, formatToken } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { liveOfRunner, openDirectives, renewLeases } from "../store/attempts.ts";
import {
  beginAttempts,
  type Candidate,
  type Claimed,
  claimedBy,
  hasNews,
  lockCandidates,
  lockClaim,
  type NewAttempt,
  readClaimed,
  takeSlot,
} from "../store/claims.ts";
import type { Db, Transaction } from "../store/db.ts";
import { markSeen, type RunnerRow, setRunnerState } from "../store/runners.ts";
import { listSteps, resetSteps, type StepRow } from "../store/steps.ts";
import { requeueAttempt } from "./requeue.ts";

/** Polls grow from the first to the second number of milliseconds while nothing comes (5.6). */
const POLL_MS = [500, 3_000] as const;

/**
 * Answers as soon as there is a run or a directive, at the latest after `waitMs`. No transaction is held while waiting.
 * A repeated `claimId` answers the same attempts while they have not started.
 */
export async function claim(
  ports: ServerPorts,
  settings: ServerSettings,
  runner: RunnerRow,
  request: ClaimRequest,
  signal: AbortSignal,
): Promise<ClaimReply> {
  await markSeen(ports.db, { runnerId: runner.id, free: request.free }, now(ports));
  await expireForgotten(ports, runner, request);
  const until = ports.clock.mono() + request.waitMs;
  let pollMs: number = POLL_MS[0];
  // Who asks for work is not draining any more, whatever it said before it was started anew.
  if (runner.state === "draining" && request.free > 0) await setRunnerState(ports.db, runner.id, "active");
  while (true) {
    const attempts = request.free > 0 ? await claimOnce(ports, settings, runner, request) : [];
    const directives = await readDirectives(ports.db, runner.id);
    const leftMs = until - ports.clock.mono();
    if (attempts.length > 0 || directives.length > 0 || leftMs <= 0 || signal.aborted) {
      return { attempts, directives, claimAfterMs: 0 };
    }
    const topics = request.free > 0 ? ["ready", `runner:${runner.id}`] : [`runner:${runner.id}`];
    const jitter = 0.8 + 0.4 * ((ports.random(1)[0] ?? 0) / 255);
    let waitMs = leftMs;
    do {
      await ports.wake.wait(topics, Math.min(waitMs, pollMs * jitter), signal);
      pollMs = Math.min(pollMs * 1.5, POLL_MS[1]);
      waitMs = until - ports.clock.mono();
    } while (waitMs > 0 && !signal.aborted && !await hasNews(ports.db, runner.id, request.claimId));
  }
}

export async function readDirectives(db: Db, runnerId: string): Promise<Directive[]> {
  return (await openDirectives(db, runnerId)).map((row) => ({
    id: row.id,
    type: row.type,
    ...(row.attemptId === null ? {} : { attemptId: row.attemptId }),
    ...(typeof row.data === "object" && row.data !== null ? row.data : {}),
  }));
}

async function claimOnce(
  ports: ServerPorts,
  settings: ServerSettings,
  runner: RunnerRow,
  request: ClaimRequest,
): Promise<Grant[]> {
  const ids = await ports.db.transaction((tx) => claimInside(tx, ports, settings, runner, request));
  return await readGrants(ports, settings, ids);
}

async function claimInside(
  tx: Transaction,
  ports: ServerPorts,
  settings: ServerSettings,
  runner: RunnerRow,
  request: ClaimRequest,
): Promise<string[]> {
  await lockClaim(tx, request.claimId);
  const repeated = await claimedBy(tx, request.claimId, runner.id);
  if (repeated !== null) {
    // The runner counts its lease from this very request, so we must not count it from the first.
    const expiresAt = new Date(ports.clock.now() + settings.runner.leaseMs);
    await renewLeases(tx, runner.id, repeated.map((attemptId) => ({ attemptId })), expiresAt);
    return repeated;
  }
  const claimed: string[] = [];
  const fullQueues: string[] = [];
  const labels = { ...request.labels, ...(isTextRecord(runner.fixedLabels) ? runner.fixedLabels : {}) };
  while (claimed.length < request.free) {
    const candidates = await lockCandidates(tx, {
      runnerId: runner.id,
      labels,
      now: now(ports),
      limit: request.free - claimed.length,
      fullQueues,
    });
    if (candidates.length === 0) break;
    const taken = await claimCandidates(tx, ports, settings, runner, request, candidates);
    claimed.push(...taken.attemptIds);
    const newlyFull = taken.fullQueues.filter((queue) => !fullQueues.includes(queue));
    fullQueues.push(...newlyFull);
    if (taken.attemptIds.length + newlyFull.length === 0) break;
  }
  return claimed;
}

export interface Taken {
  readonly attemptIds: readonly string[];
  /** Queues of candidates that found no slot there. */
  readonly fullQueues: readonly string[];
}

export async function claimCandidates(
  tx: Transaction,
  ports: ServerPorts,
  settings: ServerSettings,
  runner: Pick<RunnerRow, "id">,
  { claimId }: Pick<ClaimRequest, "claimId">,
  candidates: readonly Candidate[],
): Promise<Taken> {
  const begun: NewAttempt[] = [];
  const fullQueues = new Set<string>();
  for (const { runId, queue, needsSlot, fence: lastFence } of candidates) {
    const id = ports.ids.uuid();
    if (needsSlot && (fullQueues.has(queue) || !await takeSlot(tx, queue, id))) {
      fullQueues.add(queue);
      continue;
    }
    const fence = lastFence + 1;
    const tokenDigest = await digestToken(await attemptToken(settings, id, fence));
    const { leaseMs, graceMs, startDeadlineMs } = settings.runner;
    const times = { leaseMs, graceMs, startDeadlineMs };
    begun.push({ id, runId, fence, runnerId: runner.id, claimId, tokenDigest, ...times });
  }
  await beginAttempts(tx, begun, now(ports));
  for (const { runId, fence } of begun) {
    const resumes = candidates.some((candidate) => candidate.runId === runId && candidate.resumes);
    if (fence > 1 && !resumes) await resetSteps(tx, runId);
  }
  return { attemptIds: begun.map(({ id }) => id), fullQueues: [...fullQueues] };
}

/** The grants of attempts that this runner holds, in the order of the ids: who was taken first begins first. */
export async function readGrants(
  ports: ServerPorts,
  settings: ServerSettings,
  attemptIds: readonly string[],
): Promise<Grant[]> {
  const claimed = await readClaimed(ports.db, attemptIds);
  const place = new Map(attemptIds.map((id, index) => [id, index]));
  const inOrder = claimed.toSorted((a, b) => (place.get(a.attempt.id) ?? 0) - (place.get(b.attempt.id) ?? 0));
  return await Promise.all(inOrder.map((one) => toGrant(ports.db, settings, one)));
}

/** Made again from the key for a repeated claim, so it is never stored (M3). */
async function attemptToken(settings: ServerSettings, attemptId: string, fence: number): Promise<string> {
  return formatToken("dagu_att_", await derive(settings.masterKey, "attempt token", `${attemptId}:${fence}`));
}

/** What the runner does not hold although the database thinks so was lost on its way: it goes back at once. */
async function expireForgotten(
  ports: ServerPorts,
  runner: RunnerRow,
  { claimId, held }: ClaimRequest,
): Promise<void> {
  const live = await liveOfRunner(ports.db, runner.id);
  const settled = now(ports).getTime() - 10_000;
  for (const attempt of live) {
    const isForgotten = attempt.state === "claimed" && !held.includes(attempt.id) &&
      // Of this very claim: it is about to be answered again.
      attempt.claimId !== claimId &&
      attempt.claimedAt.getTime() < settled;
    if (isForgotten) await requeueAttempt(ports, attempt.id, "expired", { excludeRunner: false });
  }
}

async function toGrant(db: Db, settings: ServerSettings, claimed: Claimed): Promise<Grant> {
  const { attempt, run, definition, inputs, root } = claimed;
  return {
    attemptId: attempt.id,
    fence: attempt.fence,
    attemptToken: await attemptToken(settings, attempt.id, attempt.fence),
    leaseMs: settings.runner.leaseMs,
    graceMs: settings.runner.graceMs,
    startDeadlineMs: settings.runner.startDeadlineMs,
    run: {
      name: run.name,
      dagRunId: v.parse(RunId, run.dagRunId),
      triggerType: run.triggerType,
      triggerActor: run.triggerActor,
      trust: run.trust,
      queue: run.queue,
      labels: run.labels,
      scheduleTime: run.scheduleTime?.toISOString() ?? "",
      autoRetries: run.autoRetries,
      root,
      sourceDir: run.sourceDir,
      defaultDir: run.defaultDir,
    },
    definition: { digest: run.digest, yaml: new TextDecoder().decode(definition), document: run.document },
    resume: run.resumes
      ? (await listSteps(db, run.id)).filter((step) => !step.isHandler).map(copyStep)
      : null,
    params: v.parse(StoredParams, run.params),
    env: v.parse(TextRecord, run.env),
    inputs: [...inputs],
  };
}

/** As the wire has it: lists of its own. */
function copyStep(
  { isHandler: _isHandler, children, notes, waiting, ...step }: StepRow,
): NonNullable<Grant["resume"]>[number] {
  return {
    ...step,
    children: [...children],
    notes: [...notes],
    waiting: waiting === null
      ? null
      : { ...waiting, form: waiting.form === null ? null : { ...waiting.form } },
  };
}

const TextRecord = v.record(v.string(), v.string());
const StoredParams = v.object({
  values: TextRecord,
  json: v.string(),
  given: v.optional(v.array(v.string())),
});

function isTextRecord(value: unknown): value is Record<string, string> {
  return v.is(TextRecord, value);
}

function now(ports: ServerPorts): Date {
  return new Date(ports.clock.now());
}
