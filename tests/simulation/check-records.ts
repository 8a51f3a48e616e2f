/** What is kept beside runs: who was given secrets, which files there are, what was asked for twice. */
import type { Checks, Past } from "./checker.ts";
import type { Seen, SeenAttempt, SeenRun } from "./observed.ts";
import type { Truth } from "./truth.ts";
import { ensure, labelOf } from "./violation.ts";

export function newRecordChecks(truth: Truth): Checks {
  /** How many attempts each claim was given, and to whom they went. */
  const claims = new Map<string, { readonly runner: string; count: number }>();

  const checkClaim = (attempt: SeenAttempt): void => {
    const free = truth.asked.get(attempt.claim_id);
    const claim = claims.get(attempt.claim_id) ?? { runner: attempt.runner_id, count: 0 };
    claims.set(attempt.claim_id, claim);
    claim.count++;
    const label = `claim ${attempt.claim_id}`;
    ensure("INV-21", claim.runner === attempt.runner_id, `${label} was answered to two runners`);
    // A sub-run is taken with its start, by a claim of the control plane's own.
    const isWithin = claim.count <= (free ?? 1);
    ensure("INV-21", isWithin, `${label} was given ${claim.count} runs, and asked for ${free ?? 1}`);
  };

  return {
    check: (seen, before) => {
      for (const attempt of seen.changedAttempts) {
        if (!before.attempts.has(attempt.id)) checkClaim(attempt);
      }
      for (const run of seen.changedRuns) {
        checkSecrets(run, before);
        ensure("INV-24", run.broken_artifacts === 0, `${labelOf(run)} lists an artifact that is not whole`);
        const isOnce = run.done_by_people <= run.times_waited;
        ensure(
          "INV-21",
          isOnce,
          `${labelOf(run)} waited ${run.times_waited} times and was done ${run.done_by_people} times`,
        );
        checkRequeues(run, seen);
        checkAudit(truth, run, before);
      }
      checkRunners(seen);
      const stored = new Set([...seen.runs.values()].map((run) => run.dag_run_id));
      for (const promised of truth.promised) {
        ensure("INV-10", stored.has(promised), `run ${promised} was accepted and is not stored`);
      }
    },
  };
}

/** INV-18, first half: to whom, and that it was live. The clock may have been set back since: only the order tells. */
function checkSecrets(run: SeenRun, before: Past): void {
  const known = new Set(before.runs.get(run.id)?.handouts.map((handout) => handout.attempt_id));
  for (const handout of run.handouts) {
    const label = `attempt ${handout.attempt_id} of ${labelOf(run)} was given a secret`;
    ensure("INV-18", handout.is_trusted, `${label}, and is not trusted`);
    ensure("INV-18", handout.is_declared, `${label} that it does not declare`);
    ensure("INV-18", handout.is_its_runners, `${label}, and is not its runner's`);
    const ended = before.attempts.get(handout.attempt_id)?.ended_at ?? null;
    ensure("INV-18", known.has(handout.attempt_id) || ended === null, `${label} after it had ended`);
  }
}

/** INV-18, second half: what was given is written down. */
function checkAudit(truth: Truth, run: SeenRun, before: Past): void {
  const noted = new Set(run.handouts.map((handout) => handout.attempt_id));
  for (const [id, attempt] of before.attempts) {
    if (attempt.run_id !== run.id || !truth.given.has(id)) continue;
    ensure("INV-18", noted.has(id), `attempt ${id} was given a secret that nobody noted`);
  }
}

/** INV-21: a registration that is repeated, since its answer was lost, is one (M1). */
function checkRunners({ runners }: Seen): void {
  const registered = runners.map((runner) => JSON.stringify(runner));
  const isOnce = new Set(registered).size === registered.length;
  ensure("INV-21", isOnce, "a registration that was repeated has made two runners");
}

/** INV-25: an attempt that never began sends its run back to the queue once, however many sweeps see it. */
function checkRequeues(run: SeenRun, { attempts }: Seen): void {
  if (run.requeues === 0) return;
  const back = [...attempts.values()].filter((attempt) => attempt.run_id === run.id && !attempt.started);
  const isOnce = run.requeues <= back.length;
  ensure("INV-25", isOnce, `${labelOf(run)} was requeued ${run.requeues} times for ${back.length} attempts`);
}
