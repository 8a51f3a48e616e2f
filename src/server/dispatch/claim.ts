/** Giving queued runs to a runner that asks (CL-06, CL-09, M3). */
import type { Grant } from "../../protocol/grant.ts";
import type { ClaimReply, ClaimRequest } from "../../protocol/messages.ts";
import { beside, isEnough, type Resources } from "../../protocol/resources.ts";
import * as v from "valibot";
import type { ServerPorts } from "../ports.ts";
import { digestToken } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { forgottenOf, renewLeases } from "../store/attempts.ts";
import {
  beginAttempts,
  type Candidate,
  claimedBy,
  claimsWithNews,
  lockCandidates,
  lockClaim,
  lockSlots,
  type NewAttempt,
  type Waiting,
} from "../store/claims.ts";
import type { Transaction } from "../store/db.ts";
import { isBusy, reasonOf } from "../store/failure.ts";
import type { Claimed } from "../store/grants.ts";
import { goByIndex } from "../store/query.ts";
import { markSeen, type RunnerRow, setRunnerState, updateRunner } from "../store/runners.ts";
import { resetSteps } from "../store/steps.ts";
import { newAttemptToken } from "./attempt-token.ts";
import { readDirectives } from "./directives.ts";
import { newGather } from "./gather.ts";
import { readGrants, toGrant } from "./grants.ts";
import { graceOf } from "./patience.ts";
import { requeueAttempt } from "./requeue.ts";
import { newTexts, type ReadTexts } from "./texts.ts";

/** Claims that wait look at the same moments, so that all of a process ask with one question (CL-11). */
const MOMENT_MS = 500;
const WAITING_MAX = 1_000;
/** An answer may be on its way to the runner for this long. */
const SETTLED_MS = 10_000;

export type Claim = (runner: RunnerRow, request: ClaimRequest, signal: AbortSignal) => Promise<ClaimReply>;

/**
 * A claim answers as soon as there is a run or a directive, at the latest after `waitMs`. No transaction is held while it
 * waits. A repeated `claimId` answers the same attempts while they have not started.
 */
export function newClaims(ports: ServerPorts, settings: ServerSettings): Claim {
  const hasNews = newGather<Waiting, boolean>({
    work: async (waiting) => {
      const news = await claimsWithNews(ports.db, waiting);
      return waiting.map(({ claimId }) => ({ status: "fulfilled", value: news.has(claimId) }));
    },
    keyOf: ({ runnerId, claimId }) => `${runnerId} ${claimId}`,
    groupMax: WAITING_MAX,
    hands: 1,
  });
  const desk: Desk = { ports, settings, hasNews, texts: newTexts() };
  return (runner, request, signal) => claim(desk, { runner, request, signal });
}

/** What all claims of a process share. */
interface Desk {
  readonly ports: ServerPorts;
  readonly settings: ServerSettings;
  readonly hasNews: (waiting: Waiting) => Promise<boolean>;
  readonly texts: ReadTexts;
}

async function claim(
  desk: Desk,
  { runner, request, signal }: {
    readonly runner: RunnerRow;
    readonly request: ClaimRequest;
    readonly signal: AbortSignal;
  },
): Promise<ClaimReply> {
  const { ports } = desk;
  // Of one way to the database with the first look.
  const noted = Promise.all([
    markSeen(ports.db, { runnerId: runner.id, free: request.free, resources: request.resources }, now(ports)),
    expireForgotten(ports, runner, request),
  ]);
  const hasNews = async (): Promise<boolean> => {
    const [news] = await Promise.all([
      desk.hasNews({ runnerId: runner.id, claimId: request.claimId }),
      noted,
    ]);
    return news;
  };
  // Who asks for work is not draining any more, whatever it said before it was started anew.
  if (runner.state === "draining" && request.free > 0) {
    await Promise.all([noted, setRunnerState(ports.db, runner.id, "active")]);
  }
  const topics = request.free > 0 ? ["ready", `runner:${runner.id}`] : [`runner:${runner.id}`];
  const until = ports.clock.mono() + request.waitMs;
  const [first, last] = ports.wake.pollMs;
  for (let pollMs = first;; pollMs = Math.min(pollMs * 1.5, last)) {
    const leftMs = Math.max(0, until - ports.clock.mono());
    const answered = new AbortController();
    // It listens before it looks: what comes in between is not missed.
    const woken = leftMs === 0 ? null : ports.wake.wait(
      topics,
      Math.min(leftMs, untilMoment(ports.clock.mono(), pollMs)),
      AbortSignal.any([signal, answered.signal]),
    );
    try {
      const reply = await hasNews() ? await readReply(desk, runner, request) : NOTHING;
      if (leftMs === 0 || reply.attempts.length + reply.directives.length > 0) return reply;
      await woken;
      if (signal.aborted) return reply;
    } finally {
      answered.abort();
      await woken;
    }
  }
}

const NOTHING: ClaimReply = { attempts: [], directives: [], claimAfterMs: 0 };

/** Nothing, when others stand in the way for too long (CL-12): a runner asks again anyway. */
async function readReply(desk: Desk, runner: RunnerRow, request: ClaimRequest): Promise<ClaimReply> {
  try {
    return await readReplyNow(desk, runner, request);
  } catch (error) {
    if (!isBusy(error)) throw error;
    desk.ports.log.warn("a claim was in others' way", { runnerId: runner.id, reason: reasonOf(error) });
    return NOTHING;
  }
}

/** One transaction; what it answers is read in it, and given out when it is over. */
async function readReplyNow(desk: Desk, runner: RunnerRow, request: ClaimRequest): Promise<ClaimReply> {
  const { ports } = desk;
  if (request.free === 0) return { ...NOTHING, directives: await readDirectives(ports.db, runner.id) };
  return await ports.db.transaction(async (tx) => {
    const [attempts, directives] = await Promise.all([
      claimInside(tx, desk, runner, request),
      readDirectives(tx, runner.id),
    ]);
    return { attempts, directives, claimAfterMs: 0 };
  });
}

/** Milliseconds to the common moment that is next to `pollMs` from now. */
function untilMoment(now: number, pollMs: number): number {
  const moment = Math.round((now + pollMs) / MOMENT_MS) * MOMENT_MS;
  return Math.max(1, moment - now);
}

async function claimInside(
  tx: Transaction,
  { ports, settings, texts }: Desk,
  runner: RunnerRow,
  request: ClaimRequest,
): Promise<Grant[]> {
  const labels = labelsOf(runner, request.labels);
  // It was started anew, with others than when it registered.
  if (!isSameLabels(labels, runner.labels)) await updateRunner(tx, runner.id, { labels });
  const fullQueues: string[] = [];
  const { exclude } = request;
  let resources = request.resources;
  const next = (limit: number): Promise<readonly Candidate[]> =>
    lockCandidates(tx, {
      runnerId: runner.id,
      labels,
      now: now(ports),
      limit,
      fullQueues,
      resources,
      exclude,
    });
  // One way to the database; it answers them in this order. What a repeated claim does not take is let go with the rest.
  const [, , repeated, first] = await Promise.all([
    goByIndex(tx),
    lockClaim(tx, request.claimId),
    claimedBy(tx, request.claimId, runner.id),
    next(request.free),
  ]);
  if (repeated !== null) {
    await renewRepeated(tx, ports, settings, runner, repeated);
    return await readGrants(tx, settings, repeated);
  }
  const begun: Begun[] = [];
  for (let candidates = first; candidates.length > 0;) {
    const fitting = thatFit(candidates, resources);
    const taken = await claimCandidates(tx, ports, settings, runner, request, fitting);
    begun.push(...taken.begun);
    resources = taken.begun.map(({ claimed }) => claimed.run.needs).reduce(beside, resources);
    const newlyFull = taken.fullQueues.filter((queue) => !fullQueues.includes(queue));
    fullQueues.push(...newlyFull);
    // Others may be behind those that found no slot, or no room beside the first.
    const isStuck = newlyFull.length === 0 && fitting.length === candidates.length;
    if (isStuck || begun.length >= request.free) break;
    candidates = await next(request.free - begun.length);
  }
  const known = await texts(tx, new Set(begun.map(({ claimed }) => claimed.run.digest)));
  const grants = await Promise.all(
    begun.map((one) => toGrant(tx, settings, { ...one, text: known.get(one.claimed.run.digest) })),
  );
  return grants.filter((grant) => grant !== null);
}

/** One after the other, in their order: each alone would fit, all together may not. */
function thatFit(candidates: readonly Candidate[], resources: Resources): readonly Candidate[] {
  let left = resources;
  return candidates.filter(({ needsCpu, needsMemory }) => {
    const next = beside(left, { cpu: needsCpu, memoryBytes: needsMemory });
    if (!isEnough(next)) return false;
    left = next;
    return true;
  });
}

export interface Taken {
  /** In the order of the candidates. */
  readonly begun: readonly Begun[];
  /** Queues of candidates that found no slot there. */
  readonly fullQueues: readonly string[];
}

interface Begun {
  readonly claimed: Claimed;
  readonly token: string;
}

export async function claimCandidates(
  tx: Transaction,
  ports: ServerPorts,
  settings: ServerSettings,
  runner: Pick<RunnerRow, "id">,
  { claimId }: Pick<ClaimRequest, "claimId">,
  candidates: readonly Candidate[],
): Promise<Taken> {
  const slots = await lockSlots(tx, countByQueue(candidates), now(ports));
  const begun: (NewAttempt & { readonly token: string })[] = [];
  const fullQueues = new Set<string>();
  const { leaseMs, startDeadlineMs } = settings.runner;
  for (const { runId, queue, needsSlot, fence: lastFence, onLost } of candidates) {
    const n = needsSlot ? slots.get(queue)?.shift() : undefined;
    if (needsSlot && n === undefined) {
      fullQueues.add(queue);
      continue;
    }
    const id = ports.ids.uuid();
    const fence = lastFence + 1;
    const token = newAttemptToken(settings.keys, id, fence);
    const tokenDigest = await digestToken(token);
    const slot = n === undefined ? null : { queue, n };
    begun.push({ id, runId, slot, fence, tokenDigest, token, graceMs: graceOf(settings, { onLost }) });
  }
  const resumed = new Set(candidates.filter(({ resumes }) => resumes).map(({ runId }) => runId));
  const anew = begun.filter(({ runId, fence }) => fence > 1 && !resumed.has(runId));
  const [rows] = await Promise.all([
    beginAttempts(tx, { runnerId: runner.id, claimId, leaseMs, startDeadlineMs }, begun, now(ports)),
    resetSteps(tx, anew.map(({ runId }) => runId)),
  ]);
  const byId = new Map(rows.map((claimed) => [claimed.attemptId, claimed]));
  return {
    begun: begun.flatMap(({ id, token }) => {
      const claimed = byId.get(id);
      return claimed === undefined ? [] : [{ claimed, token }];
    }),
    fullQueues: [...fullQueues],
  };
}

function countByQueue(candidates: readonly Candidate[]): ReadonlyMap<string, number> {
  const needing = candidates.filter(({ needsSlot }) => needsSlot);
  return new Map(
    [...Map.groupBy(needing, ({ queue }) => queue)].map(([queue, list]) => [queue, list.length]),
  );
}

/** What the runner does not hold although the database thinks so was lost on its way: it goes back at once. */
async function expireForgotten(
  ports: ServerPorts,
  runner: RunnerRow,
  { claimId, held }: ClaimRequest,
): Promise<void> {
  const at = ports.clock.now();
  // One that is claimed in the future was claimed before the clock was set back.
  const recent = { from: new Date(at - SETTLED_MS), to: new Date(at + SETTLED_MS) };
  // Those of this very claim are about to be answered again.
  for (const id of await forgottenOf(ports.db, runner.id, { claimId, held, recent })) {
    await requeueAttempt(ports, id, "expired", { excludeRunner: false });
  }
}

const TextRecord = v.record(v.string(), v.string());

/** Of a repeated claim: the runner counts its lease from this very request, so we must not count it from the first. */
export async function renewRepeated(
  tx: Transaction,
  ports: ServerPorts,
  settings: ServerSettings,
  runner: Pick<RunnerRow, "id">,
  attemptIds: readonly string[],
): Promise<void> {
  const expiresAt = new Date(ports.clock.now() + settings.runner.leaseMs);
  await renewLeases(tx, runner.id, attemptIds.map((attemptId) => ({ attemptId })), expiresAt);
}

/** What its registration token fixes wins over whatever a runner says, also where one of the two writes `!key`. */
export function labelsOf(
  { fixedLabels }: Pick<RunnerRow, "fixedLabels">,
  told: Readonly<Record<string, string>>,
): Record<string, string> {
  const fixed = isTextRecord(fixedLabels) ? fixedLabels : {};
  const nameOf = (key: string): string => key.replace(/^!/, "");
  const values = new Map(Object.entries(fixed).map(([key, value]) => [nameOf(key), value]));
  const agreed = Object.entries(told).filter(([key, value]) => (values.get(nameOf(key)) ?? value) === value);
  return { ...Object.fromEntries(agreed), ...fixed };
}

/** `known`: as they are stored. */
export function isSameLabels(labels: Readonly<Record<string, string>>, known: unknown): boolean {
  return isTextRecord(known) && Object.keys(known).length === Object.keys(labels).length &&
    Object.entries(labels).every(([key, value]) => known[key] === value);
}

function isTextRecord(value: unknown): value is Record<string, string> {
  return v.is(TextRecord, value);
}

function now(ports: ServerPorts): Date {
  return new Date(ports.clock.now());
}
