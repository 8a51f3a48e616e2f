/** The rows that invariants speak of, as they are now. */
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
  readonly version: number;
  readonly queued: number;
  readonly live: number;
  readonly has_parent: boolean;
}

export interface SeenAttempt {
  readonly id: string;
  readonly run_id: string;
  readonly runner_id: string;
  readonly fence: number;
  readonly state: string;
  readonly ack_seq: number;
  readonly events: number;
  readonly last_seq: number;
  readonly started: boolean;
  readonly ended: boolean;
  readonly slots: number;
  readonly needs_slot: boolean;
  /** Epoch ms; null: no lease. */
  readonly expires_at: number | null;
  readonly cancel_deadline: number | null;
  /** The run's selector is met by the labels of the runner. */
  readonly fits: boolean;
}

export interface SeenQueue {
  readonly queue: string;
  readonly width: number;
  readonly taken: number;
  /** Taken by an attempt that is not live. */
  readonly leaked: number;
}

export interface Seen {
  readonly runs: readonly SeenRun[];
  readonly attempts: readonly SeenAttempt[];
  readonly queues: readonly SeenQueue[];
}

const LIVE = "('claimed', 'started', 'cancelling')";

export async function look(db: Query): Promise<Seen> {
  const { rows } = await db.query<{ seen: Seen }>(`select jsonb_build_object(
    'runs', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
      select r.id, r.name, r.dag_run_id, r.status, r.reason, r.attempt, r.requeues, r.auto_retries, r.version,
        r.parent_id is not null as has_parent,
        (select count(*)::int from run_queue q where q.run_id = r.id) as queued,
        (select count(*)::int from attempts a where a.run_id = r.id and a.state in ${LIVE}) as live
      from runs r order by r.id) x),
    'attempts', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
      select a.id, a.run_id, a.runner_id, a.fence, a.state, a.ack_seq, a.started_at is not null as started,
        a.ended_at is not null as ended, r.needs_slot, r.selector <@ n.labels as fits,
        (select count(*)::int from run_events e where e.run_id = a.run_id and e.attempt = a.fence) as events,
        (select coalesce(max(e.seq), 0) from run_events e where e.run_id = a.run_id and e.attempt = a.fence) as last_seq,
        (select count(*)::int from slots s where s.attempt_id = a.id) as slots,
        (extract(epoch from l.expires_at) * 1000)::float as expires_at,
        (extract(epoch from a.cancel_deadline) * 1000)::float as cancel_deadline
      from attempts a join runs r on r.id = a.run_id join runners n on n.id = a.runner_id
        left join attempt_leases l on l.attempt_id = a.id order by a.run_id, a.fence) x),
    'queues', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
      select s.queue, count(*)::int as width, count(s.attempt_id)::int as taken,
        count(*) filter (where s.attempt_id is not null and a.state not in ${LIVE})::int as leaked
      from slots s left join attempts a on a.id = s.attempt_id group by s.queue order by s.queue) x)) as seen`);
  const [row] = rows;
  if (row === undefined) throw new Error("an aggregate without a row");
  return row.seen;
}
