/** What was written, in its order: noted by triggers, in the writing transaction itself. */
import type { Query } from "./database.ts";

/** Of each row of a table that invariants speak of, what a checker is told. Times are epoch ms. */
export interface Facts {
  readonly runs: RunFacts;
  readonly run_queue: WaitFacts;
  readonly attempts: AttemptFacts;
  readonly run_events: { readonly attempt: number; readonly seq: number; readonly type: string };
  readonly attempt_leases: { readonly expires_at: number };
  readonly slots: { readonly queue: string; readonly attempt_id: string | null };
  readonly queues: { readonly limit: number | null; readonly is_paused: boolean };
  readonly runners: RunnerFacts;
  readonly schedule_slots: { readonly skipped: string };
  readonly secret_handouts: Readonly<Record<never, never>>;
  readonly artifacts: Readonly<Record<never, never>>;
}

export interface RunFacts {
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
  readonly needs_cpu: number;
  readonly parent_id: string | null;
  readonly child_key: string | null;
  readonly delivery_id: string | null;
  readonly trigger_type: string;
  /** Of a schedule. */
  readonly slot: number | null;
  readonly queued_at: number | null;
  readonly selector: Labels;
  readonly trust: string;
}

export interface WaitFacts {
  readonly priority: number;
  readonly available_at: number;
  readonly excluded: readonly string[];
}

export interface AttemptFacts {
  readonly id: string;
  readonly run_id: string;
  readonly runner_id: string;
  readonly claim_id: string;
  readonly fence: number;
  readonly state: string;
  readonly ack_seq: number;
  readonly started: boolean;
  readonly claimed_at: number;
  readonly ended_at: number | null;
  readonly cancel_deadline: number | null;
}

export interface RunnerFacts {
  readonly id: string;
  readonly machine_id: string;
  readonly public_key: unknown;
  readonly labels: Labels;
}

export type Labels = Readonly<Record<string, string>>;

type Watched = {
  readonly [T in keyof Facts]: {
    readonly key: string;
    readonly facts: { readonly [F in keyof Facts[T]]: string };
  };
};

const ms = (time: string): string => `extract(epoch from r.${time}) * 1000`;

/** How a row `r` is called, and where its facts are. */
const WATCHED: Watched = {
  runs: {
    key: "r.id",
    facts: {
      id: "r.id",
      name: "r.name",
      dag_run_id: "r.dag_run_id",
      status: "r.status",
      reason: "r.reason",
      attempt: "r.attempt",
      requeues: "r.requeues",
      auto_retries: "r.auto_retries",
      queue: "r.queue",
      needs_slot: "r.needs_slot",
      needs_cpu: "r.needs_cpu",
      parent_id: "r.parent_id",
      child_key: "r.child_key",
      delivery_id: "r.delivery_id",
      trigger_type: "r.trigger_type",
      slot: ms("schedule_time"),
      queued_at: ms("queued_at"),
      selector: "r.selector",
      trust: "r.trust",
    },
  },
  run_queue: {
    key: "r.run_id",
    facts: { priority: "r.priority", available_at: ms("available_at"), excluded: "r.excluded" },
  },
  attempts: {
    key: "r.id",
    facts: {
      id: "r.id",
      run_id: "r.run_id",
      runner_id: "r.runner_id",
      claim_id: "r.claim_id",
      fence: "r.fence",
      state: "r.state",
      ack_seq: "r.ack_seq",
      started: "r.started_at is not null",
      claimed_at: ms("claimed_at"),
      ended_at: ms("ended_at"),
      cancel_deadline: ms("cancel_deadline"),
    },
  },
  run_events: { key: "r.run_id", facts: { attempt: "r.attempt", seq: "r.seq", type: "r.type" } },
  attempt_leases: { key: "r.attempt_id", facts: { expires_at: ms("expires_at") } },
  slots: { key: "r.queue || ' ' || r.n", facts: { queue: "r.queue", attempt_id: "r.attempt_id" } },
  queues: { key: "r.name", facts: { limit: "r.max_concurrency", is_paused: "r.paused" } },
  runners: {
    key: "r.id",
    facts: { id: "r.id", machine_id: "r.machine_id", public_key: "r.public_key", labels: "r.labels" },
  },
  schedule_slots: {
    key: "r.workflow_id || ' ' || r.fingerprint || ' ' || r.slot",
    facts: { skipped: "r.skipped" },
  },
  secret_handouts: { key: "r.run_id", facts: {} },
  artifacts: { key: "r.run_id", facts: {} },
};

export async function watch(db: Query): Promise<void> {
  await db.query("create schema watch");
  await db.query(`
    create table watch.changes (
      n bigint generated always as identity primary key,
      of_table text not null, key text not null, is_gone boolean not null, facts jsonb not null)`);
  for (const [table, { key, facts }] of Object.entries(WATCHED)) {
    const pairs = Object.entries(facts).map(([name, value]) => `'${name}', ${value}`);
    await db.query(`
      create function watch.note_${table}() returns trigger language plpgsql as $$
      declare
        r ${table};
      begin
        if tg_op = 'DELETE' then r := old; else r := new; end if;
        insert into watch.changes (of_table, key, is_gone, facts)
          values ('${table}', ${key}, tg_op = 'DELETE', jsonb_build_object(${pairs.join(", ")}));
        return null;
      end $$`);
    await db.query(`
      create trigger noted after insert or update or delete on ${table}
      for each row execute function watch.note_${table}()`);
  }
}

export type Change = {
  readonly [T in keyof Facts]: {
    readonly n: number;
    readonly table: T;
    readonly key: string;
    readonly isGone: boolean;
    readonly facts: Facts[T];
  };
}[keyof Facts];

export async function changesSince(db: Query, n: number): Promise<readonly Change[]> {
  const { rows } = await db.query<Change>(
    `select n, of_table as "table", key, is_gone as "isGone", facts from watch.changes where n > $1 order by n`,
    [n],
  );
  return rows;
}

export async function forgetChanges(db: Query): Promise<void> {
  await db.query("truncate watch.changes");
}
