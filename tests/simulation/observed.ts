/** The rows that invariants speak of: all that there are, kept up by what was written since the last look. */
import type { Query } from "./database.ts";

export interface SeenRun {
  readonly id: string;
  readonly name: string;
  readonly dag_run_id: string;
  readonly status: number;
  readonly reason: string;
  readonly attempt: number;
  readonly requeues: number;
  readonly auto_retries: number;
  readonly queue: string;
  readonly needs_slot: boolean;
  readonly parent_id: string | null;
  readonly child_key: string | null;
  readonly delivery_id: string | null;
  readonly trigger_type: string;
  /** Epoch ms of the slot of a schedule. */
  readonly slot: number | null;
  readonly live: number;
  readonly queued: number;
  readonly waits: Waits | null;
  /** Runners whose labels meet its selector. */
  readonly fits: readonly string[];
  readonly handouts: readonly Handout[];
  /** Complete artifacts, and those of them whose bytes are not what was announced. */
  readonly artifacts: number;
  readonly broken_artifacts: number;
  /** Steps that a person ended, by step and how often the run had waited for people by then. */
  readonly done_by_people: number;
  readonly times_waited: number;
}

/** Its row in the queue. Times are epoch ms. */
export interface Waits {
  readonly priority: number;
  readonly available_at: number;
  readonly queued_at: number | null;
  readonly excluded: readonly string[];
}

/** A secret that an attempt was given. */
export interface Handout {
  readonly attempt_id: string;
  readonly at: number;
  readonly is_declared: boolean;
  readonly is_trusted: boolean;
  readonly is_its_runners: boolean;
}

export interface SeenAttempt {
  readonly id: string;
  readonly run_id: string;
  readonly runner_id: string;
  readonly claim_id: string;
  readonly fence: number;
  readonly state: string;
  readonly ack_seq: number;
  readonly events: number;
  readonly last_seq: number;
  readonly started: boolean;
  /** Epoch ms, as the other times. */
  readonly claimed_at: number;
  readonly ended_at: number | null;
  readonly cancel_deadline: number | null;
  /** The run's selector is met by the labels of the runner. */
  readonly fits: boolean;
}

export interface SeenQueue {
  readonly queue: string;
  readonly width: number;
  /** Attempts that hold a slot. */
  readonly taken: readonly string[];
  /** As set by people; null: as the workflows say. */
  readonly limit: number | null;
  readonly is_paused: boolean;
}

export interface SeenRunner {
  readonly machine_id: string;
  readonly public_key: unknown;
}

export interface Seen {
  readonly runs: ReadonlyMap<string, SeenRun>;
  readonly attempts: ReadonlyMap<string, SeenAttempt>;
  /** By attempt, epoch ms. */
  readonly leases: ReadonlyMap<string, number>;
  readonly queues: readonly SeenQueue[];
  readonly runners: readonly SeenRunner[];
  /** Slots of schedules that a run was made of. */
  readonly slotsMade: number;
  readonly changedRuns: readonly SeenRun[];
  readonly changedAttempts: readonly SeenAttempt[];
}

export interface Observer {
  /** What is there now; what changed since it was last called. */
  look(): Promise<Seen>;
}

const LIVE = "('claimed', 'started', 'cancelling')";
const MS = (time: string): string => `(extract(epoch from ${time}) * 1000)::float`;

const BROKEN =
  `(select count(*)::int from artifacts f where f.run_id = r.id and f.state = 'complete' and not (
  select coalesce(sum(length(p.data)), 0) = f.size
    and encode(sha256(coalesce(string_agg(p.data, ''::bytea order by p.n), ''::bytea)), 'hex') = f.sha256
  from artifact_parts p where p.artifact_id = f.id))`;

const HANDOUTS = `(select coalesce(jsonb_agg(jsonb_build_object('attempt_id', h.attempt_id, 'at', ${
  MS("h.at")
},
    'is_declared', position(s.ref in convert_from(b.data, 'UTF8')) > 0, 'is_trusted', r.trust = 'trusted',
    'is_its_runners', h.runner_id = a.runner_id and h.run_id = a.run_id)), '[]')
  from secret_handouts h join secrets s on s.id = h.secret_id join attempts a on a.id = h.attempt_id
    join blobs b on b.digest = r.digest where h.run_id = r.id)`;

const LOOK = `
  with touched as (delete from watch.touched returning run_id),
    changed as (select distinct run_id from touched)
  select jsonb_build_object(
    'gone', (select coalesce(jsonb_agg(c.run_id), '[]') from changed c
      where not exists (select from runs r where r.id = c.run_id)),
    'runs', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
      select r.id, r.name, r.dag_run_id, r.status, r.reason, r.attempt, r.requeues, r.auto_retries, r.queue,
        r.needs_slot, r.parent_id, r.child_key, r.delivery_id, r.trigger_type, ${
  MS("r.schedule_time")
} as slot,
        (select count(*)::int from run_queue q where q.run_id = r.id) as queued,
        (select count(*)::int from attempts a where a.run_id = r.id and a.state in ${LIVE}) as live,
        (select jsonb_build_object('priority', q.priority, 'available_at', ${MS("q.available_at")},
            'queued_at', ${MS("r.queued_at")}, 'excluded', to_jsonb(q.excluded))
          from run_queue q where q.run_id = r.id) as waits,
        (select coalesce(jsonb_agg(n.id), '[]') from runners n where r.selector <@ n.labels
          and (r.trust = 'trusted' or n.labels->>'accept-untrusted' = 'true')) as fits,
        ${HANDOUTS} as handouts,
        (select count(*)::int from artifacts f where f.run_id = r.id and f.state = 'complete') as artifacts,
        ${BROKEN} as broken_artifacts,
        (select count(*)::int from run_events e where e.run_id = r.id and e.type like 'step.%_by_person')
          as done_by_people,
        (select count(*)::int from run_events e where e.run_id = r.id and e.type = 'step.waiting') as times_waited
      from runs r where r.id in (select run_id from changed) order by r.id) x),
    'attempts', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
      select a.id, a.run_id, a.runner_id, a.claim_id, a.fence, a.state, a.ack_seq,
        a.started_at is not null as started, ${MS("a.claimed_at")} as claimed_at, ${
  MS("a.ended_at")
} as ended_at,
        ${MS("a.cancel_deadline")} as cancel_deadline, r.selector <@ n.labels as fits, e.events, e.last_seq
      from attempts a join runs r on r.id = a.run_id join runners n on n.id = a.runner_id
        cross join lateral (select count(*)::int as events, coalesce(max(seq), 0) as last_seq from run_events e
          where e.run_id = a.run_id and e.attempt = a.fence) e
      where a.run_id in (select run_id from changed) order by a.run_id, a.fence) x),
    'leases', (select coalesce(jsonb_agg(jsonb_build_array(l.attempt_id, ${MS("l.expires_at")})), '[]')
      from attempt_leases l),
    'queues', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
      select s.queue, count(*)::int as width, q.max_concurrency as limit, coalesce(q.paused, false) as is_paused,
        coalesce(jsonb_agg(s.attempt_id) filter (where s.attempt_id is not null), '[]') as taken
      from slots s left join queues q on q.name = s.queue
      group by s.queue, q.max_concurrency, q.paused order by s.queue) x),
    'runners', (select coalesce(jsonb_agg(jsonb_build_object('machine_id', n.machine_id, 'public_key', n.public_key)
        order by n.id), '[]')
      from runners n),
    'slotsMade', (select count(*)::int from schedule_slots where skipped = '')) as seen`;

interface Looked extends Pick<Seen, "queues" | "runners" | "slotsMade"> {
  readonly runs: readonly SeenRun[];
  readonly attempts: readonly SeenAttempt[];
  readonly gone: readonly string[];
  readonly leases: readonly (readonly [string, number])[];
}

export function newObserver(db: Query): Observer {
  const runs = new Map<string, SeenRun>();
  const attempts = new Map<string, SeenAttempt>();
  return {
    look: async () => {
      const { rows } = await db.query<{ seen: Looked }>(LOOK);
      const [row] = rows;
      if (row === undefined) throw new Error("an aggregate without a row");
      const { queues, runners, slotsMade } = row.seen;
      for (const run of row.seen.runs) runs.set(run.id, run);
      for (const id of row.seen.gone) runs.delete(id);
      for (const attempt of row.seen.attempts) attempts.set(attempt.id, attempt);
      return {
        runs,
        attempts,
        leases: new Map(row.seen.leases),
        queues,
        runners,
        slotsMade,
        changedRuns: row.seen.runs,
        changedAttempts: row.seen.attempts,
      };
    },
  };
}
