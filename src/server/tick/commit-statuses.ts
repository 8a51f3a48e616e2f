/** Tells forges what became of commits: the newest of each status, in order, as often as it takes (FG-71, FG-72). */
import { elapsed } from "../../run/elapsed.ts";
import type { CommitStatus, ServerPorts, Told } from "../ports.ts";
import { open, purposeOfConnection } from "../secrets/seal.ts";
import type { ServerSettings } from "../settings.ts";
import {
  apiTokens,
  type DueStatus,
  noteEnd,
  noteProblem,
  type Phase,
  type StatusEnd,
  takeDue,
} from "../store/commit-statuses.ts";

/** So many at once, of one tick. */
const AT_ONCE = 50;
/** A forge is waited for no longer than ten seconds; who holds a status for longer has died. */
const HELD_MS = 60_000;
/** Between two changes of one status: GitHub's secondary limits. */
const PAUSE_MS = 2_000;
const BACKOFF_MS = { first: 1_000, most: 600_000 } as const;
const PATIENCE_MS = 86_400_000;
const NO_KEY =
  "the endpoint's token is sealed under a key that the server does not have: give it in DAGU_ENCRYPTION_KEYS, or the token anew: dagu endpoint connect";

const STATES: Readonly<Record<Phase, CommitStatus["state"]>> = {
  queued: "pending",
  waiting: "pending",
  running: "pending",
  succeeded: "success",
  partially_succeeded: "success",
  skipped: "success",
  failed: "failure",
  rejected: "failure",
  aborted: "error",
  unstartable: "error",
};

const WORDS: Readonly<Record<Phase, string>> = {
  queued: "queued",
  waiting: "waiting",
  running: "running",
  succeeded: "succeeded",
  partially_succeeded: "succeeded in part",
  skipped: "skipped: none of the changed paths matters to it",
  failed: "failed",
  rejected: "rejected",
  aborted: "stopped",
  unstartable: "could not be started: its delivery says why",
};

export async function sendStatuses(ports: ServerPorts, settings: ServerSettings): Promise<void> {
  const now = ports.clock.now();
  const due = await takeDue(ports.db, new Date(now), new Date(now + HELD_MS), AT_ONCE);
  if (due.length === 0) return;
  const sealed = await apiTokens(ports.db, [...new Set(due.map(({ endpointId }) => endpointId))]);
  // Each waits for its answer alone: a forge that is slow holds up no other.
  await Promise.all(due.map(async (one) => {
    const told = await tell(ports, settings, one, sealed.get(one.endpointId) ?? null);
    const end = endOf(told, one, ports.clock.now());
    if (end.problem !== "") {
      const { repo, sha, context } = one;
      ports.log.warn("a forge was not told of a commit", { repo, sha, context, reason: end.problem });
    }
    if (await ports.db.transaction((tx) => noteEnd(tx, one, end))) {
      await noteProblem(ports.db, one.endpointId, end.problem);
    }
  }));
}

async function tell(
  { forge }: ServerPorts,
  { keys }: ServerSettings,
  { endpointId, repo, sha, context, targetUrl, phase, startedAt, finishedAt }: DueStatus,
  sealed: Uint8Array | null,
): Promise<Told> {
  if (sealed === null) return { kind: "refused", why: "the endpoint has no token for the forge's API" };
  const token = await open(keys, purposeOfConnection(endpointId), sealed);
  if (token === null) {
    // While keys are being changed another server may have it.
    return { kind: "later", afterMs: null, why: NO_KEY };
  }
  const took = startedAt === null || finishedAt === null
    ? ""
    : ` after ${elapsed(startedAt.toISOString(), finishedAt.toISOString())}`;
  const description = `${WORDS[phase]}${took}`;
  return await forge.tell(token, { repo, sha, context, state: STATES[phase], description, targetUrl });
}

function endOf(told: Told, { phase, tries, failingSince }: DueStatus, now: number): StatusEnd {
  // While a run goes on, more comes of it.
  const isLast = STATES[phase] !== "pending";
  const good = { tries: 0, failingSince: null, problem: "" };
  if (told.kind === "told") {
    return { ...good, told: phase, isOpen: !isLast, nextTryAt: new Date(now + PAUSE_MS) };
  }
  const since = failingSince ?? new Date(now);
  const isHopeless = told.kind === "refused" || now - since.getTime() >= PATIENCE_MS;
  const backoffMs = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** Math.min(tries, 20));
  const waitMs = told.kind === "later" ? Math.max(backoffMs, Math.min(told.afterMs ?? 0, PATIENCE_MS)) : 0;
  return {
    // What comes later may fare better: a token was changed, a right given.
    told: isHopeless ? phase : null,
    isOpen: !(isHopeless && isLast),
    nextTryAt: new Date(now + waitMs),
    // That one has its own day.
    tries: isHopeless ? 0 : tries + 1,
    failingSince: isHopeless ? null : since,
    problem: told.why,
  };
}
