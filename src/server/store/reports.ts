/**
 * What reports of many attempts read and write: each statement once for all of them, so that a group costs little more than
 * one alone.
 */
import { sql } from "drizzle-orm";
import type { WireEvent } from "../../protocol/messages.ts";
import type { StepState } from "../../run/state.ts";
import type { AttemptRow, AttemptState } from "./attempts.ts";
import type { Transaction } from "./db.ts";
import { PREPARED, query, queryTogether } from "./query.ts";
import type { RunRow } from "./runs.ts";
import { OPEN_STEPS, stepColumns, type StepRow, toStep } from "./steps.ts";

export interface Held {
  readonly attempt: Pick<
    AttemptRow,
    "id" | "runId" | "fence" | "runnerId" | "tokenDigest" | "state" | "ackSeq" | "cancelRequestedAt" | "boot"
  >;
  readonly hasBegun: boolean;
  readonly run: Pick<
    RunRow,
    | "id"
    | "name"
    | "status"
    | "startedAt"
    | "failure"
    | "container"
    | "notes"
    | "parentId"
    | "keepDays"
    | "keepRuns"
    | "needsSlot"
  >;
}

interface HeldColumns {
  id: string;
  run_id: string;
  fence: number;
  runner_id: string;
  token_digest: string;
  state: AttemptState;
  ack_seq: number;
  boot: number;
  cancel_requested_ms: number | null;
  has_begun: boolean;
  name: string;
  status: number;
  run_started_ms: number | null;
  failure: unknown;
  container: unknown;
  notes: unknown;
  parent_id: string | null;
  keep_days: number | null;
  keep_runs: number | null;
  needs_slot: boolean;
}

/**
 * The attempts and their runs, held until the transaction ends. Whoever holds several runs takes them in the order of their
 * ids, a run before its attempt.
 */
export async function holdReported(
  tx: Transaction,
  attemptIds: readonly string[],
): Promise<ReadonlyMap<string, Held>> {
  const rows = await queryTogether<HeldColumns>(
    tx,
    sql`
    select a.id, a.run_id, a.fence, a.runner_id, a.token_digest, a.state, a.ack_seq, a.boot,
      (extract(epoch from a.cancel_requested_at) * 1000)::float8 as cancel_requested_ms,
      a.started_at is not null as has_begun, r.name, r.status,
      (extract(epoch from r.started_at) * 1000)::float8 as run_started_ms,
      r.failure, r.container, r.notes, r.parent_id, r.keep_days, r.keep_runs, r.needs_slot
    from attempts a join runs r on r.id = a.run_id
    where a.id in (select value::uuid from jsonb_array_elements_text(${JSON.stringify(attemptIds)}::jsonb))
    order by r.id, a.id
    for no key update of r, a`,
  );
  return new Map(rows.map((row) => [row.id, toHeld(row)]));
}

function toHeld(row: HeldColumns): Held {
  const dateOf = (ms: number | null): Date | null => ms === null ? null : new Date(ms);
  return {
    attempt: {
      id: row.id,
      runId: row.run_id,
      fence: row.fence,
      runnerId: row.runner_id,
      tokenDigest: row.token_digest,
      state: row.state,
      ackSeq: row.ack_seq,
      boot: row.boot,
      cancelRequestedAt: dateOf(row.cancel_requested_ms),
    },
    hasBegun: row.has_begun,
    run: {
      id: row.run_id,
      name: row.name,
      status: row.status,
      startedAt: dateOf(row.run_started_ms),
      failure: row.failure,
      container: row.container,
      notes: row.notes,
      parentId: row.parent_id,
      keepDays: row.keep_days,
      keepRuns: row.keep_runs,
      needsSlot: row.needs_slot,
    },
  };
}

export interface StepsWanted {
  readonly attemptId: string;
  readonly names: readonly string[];
  /** Also every step that is under way. */
  readonly andOpen: boolean;
}

/** Steps of the attempts' runs, in declared order, by attempt. To be asked when the runs are held. */
export async function stepsOfReported(
  tx: Transaction,
  wanted: readonly StepsWanted[],
): Promise<ReadonlyMap<string, readonly StepRow[]>> {
  const asked = wanted.filter(({ names, andOpen }) => andOpen || names.length > 0);
  if (asked.length === 0) return new Map();
  const rows = await query<{ id: string; step: string; is_handler: boolean; status: number; state: unknown }>(
    tx,
    sql`
    select w."attemptId" as id, s.step, s.is_handler, s.status, s.state
    from jsonb_to_recordset(${
      JSON.stringify(asked)
    }::jsonb) as w("attemptId" uuid, "names" jsonb, "andOpen" boolean)
    join attempts a on a.id = w."attemptId" join run_steps s on s.run_id = a.run_id
    where (w."andOpen" and s.status in (${OPEN_STEPS})) or w."names" @> to_jsonb(s.step)
    order by w."attemptId", s.ord ${PREPARED}`,
  );
  const steps = Map.groupBy(rows, (row) => row.id);
  return new Map(
    [...steps].map(([id, list]) => [
      id,
      list.map((row) => toStep({ ...row, isHandler: row.is_handler })),
    ]),
  );
}

// ---- writing ----------------------------------------------------------------------------------------------------

/** Everything that one report changes. */
export interface ReportWrite {
  readonly attemptId: string;
  readonly runId: string;
  readonly fence: number;
  readonly events: readonly WireEvent[];
  readonly ackSeq: number;
  readonly attemptState: AttemptState;
  readonly attemptReason: string;
  /** The attempt begins with it: it has no deadline for that any more. */
  readonly isBeginning: boolean;
  /** The attempt is over: no slot, no lease and no directive is its own any more (TX-04). */
  readonly isEnd: boolean;
  readonly hasDirectives: boolean;
  readonly hasSlot: boolean;
  readonly steps: readonly StepState[];
  readonly run: Pick<
    RunRow,
    "status" | "startedAt" | "finishedAt" | "failure" | "reason" | "container" | "notes"
  >;
}

/** One statement for all reports of a group. The caller holds the runs and the attempts. */
export async function writeReports(
  tx: Transaction,
  writes: readonly ReportWrite[],
  now: Date,
): Promise<void> {
  if (writes.length === 0) return;
  const at = now.toISOString();
  const told = writes.map(({ events: _events, steps: _steps, run, ...write }) => ({
    ...write,
    status: run.status,
    // What is null is left out: it is null to the database as well, and mostly is.
    runStartedAt: run.startedAt ?? undefined,
    finishedAt: run.finishedAt ?? undefined,
    failure: run.failure ?? undefined,
    runReason: run.reason,
    container: run.container ?? undefined,
    notes: run.notes,
  }));
  const events = writes.flatMap(({ runId, fence, events }) =>
    events.map((event) => ({
      runId,
      fence,
      seq: event.seq,
      type: event.type,
      step: event.step,
      at: new Date(event.at),
      body: event,
    }))
  );
  const steps = writes.flatMap(({ runId, steps }) =>
    steps.map((step) => ({ runId, step: step.name, ...stepColumns(step) }))
  );
  await query(
    tx,
    sql`
    with told as (
        select * from jsonb_to_recordset(${JSON.stringify(told)}::jsonb) as t(
          "attemptId" uuid, "runId" uuid, "ackSeq" int, "attemptState" text, "attemptReason" text,
          "isBeginning" boolean, "isEnd" boolean, "hasDirectives" boolean, "status" smallint,
          "runStartedAt" timestamptz, "finishedAt" timestamptz, "failure" jsonb, "runReason" text,
          "container" jsonb, "notes" jsonb)),
      appended as (
        insert into run_events (run_id, attempt, seq, type, step, at, received_at, body)
        select "runId", "fence", "seq", "type", "step", "at", ${at}::timestamptz, "body"
        from jsonb_to_recordset(${JSON.stringify(events)}::jsonb) as e(
          "runId" uuid, "fence" int, "seq" int, "type" text, "step" text, "at" timestamptz, "body" jsonb))
      ${steps.length === 0 ? sql`` : stepsChanged(steps)}
      ${writes.some(({ hasDirectives, isEnd }) => hasDirectives && isEnd) ? directivesVoid(at) : sql``},
      ran as (
        update runs r set status = t."status", started_at = t."runStartedAt", finished_at = t."finishedAt",
          failure = t."failure", reason = t."runReason", container = t."container", notes = t."notes",
          version = r.version + 1
        from told t where r.id = t."runId"),
      -- In the order in which heartbeats take them.
      leases as (
        select l.attempt_id, t."isEnd"
        from (select * from told where "isEnd" or "isBeginning" order by "attemptId") t
        cross join lateral (
          select attempt_id from attempt_leases where attempt_id = t."attemptId" for update) l),
      begun as (
        update attempt_leases l set start_deadline = null from leases t
        where l.attempt_id = t.attempt_id and not t."isEnd"),
      given_up as (delete from attempt_leases l using leases t where l.attempt_id = t.attempt_id and t."isEnd")
      ${writes.some(({ isEnd }) => isEnd) ? ANSWERS_FORGOTTEN : sql``}
      ${writes.some(({ hasSlot, isEnd }) => hasSlot && isEnd) ? SLOTS_FREED : sql``}
    update attempts a set ack_seq = t."ackSeq", state = t."attemptState",
      reason = case when t."isEnd" then t."attemptReason" else a.reason end,
      started_at = case when t."isBeginning" then ${at}::timestamptz else a.started_at end,
      ended_at = case when t."isEnd" then ${at}::timestamptz end,
      cancel_deadline = case when not t."isEnd" then a.cancel_deadline end
    from told t where a.id = t."attemptId" ${PREPARED}`,
  );
}

const ANSWERS_FORGOTTEN = sql`,
      forgotten as (
        delete from state_answers s using told t where s.attempt_id = t."attemptId" and t."isEnd")`;

const SLOTS_FREED = sql`,
      freed as (update slots s set attempt_id = null from told t where s.attempt_id = t."attemptId" and t."isEnd")`;

function stepsChanged(steps: readonly unknown[]) {
  return sql`,
      stepped as (
        update run_steps s set status = c.status, state = c.state
        from jsonb_to_recordset(${JSON.stringify(steps)}::jsonb) as c(
          "runId" uuid, step text, status smallint, state jsonb)
        where s.run_id = c."runId" and s.step = c.step)`;
}

function directivesVoid(at: string) {
  return sql`,
      told_nothing_more as (
        update directives set acked_at = ${at}::timestamptz where id in (
          select d.id from directives d join told t on t."attemptId" = d.attempt_id
          where t."isEnd" and t."hasDirectives" and d.acked_at is null order by d.id for update of d))`;
}
