/** The rows that invariants speak of: all that there are, kept up by what was written since the last look. */
import type { Query } from "./database.ts";
import { LIVE } from "./violation.ts";
import {
  type AttemptFacts,
  type Change,
  changesSince,
  type Facts,
  type Labels,
  type RunFacts,
  type RunnerFacts,
  type WaitFacts,
} from "./watch.ts";

export interface SeenRun extends Omit<RunFacts, "queued_at" | "selector" | "trust">, Records {
  readonly live: number;
  readonly queued: number;
  readonly waits: Waits | null;
  /** Runners whose labels meet its selector. */
  readonly fits: readonly string[];
  /** Steps that a person ended, by step and how often the run had waited for people by then. */
  readonly done_by_people: number;
  readonly times_waited: number;
}

interface Records {
  readonly handouts: readonly Handout[];
  /** Complete artifacts, and those of them whose bytes are not what was announced. */
  readonly artifacts: number;
  readonly broken_artifacts: number;
}

/** Its row in the queue. */
export interface Waits extends WaitFacts {
  readonly queued_at: number | null;
}

/** A secret that an attempt was given. */
export interface Handout {
  readonly attempt_id: string;
  readonly at: number;
  readonly is_declared: boolean;
  readonly is_trusted: boolean;
  readonly is_its_runners: boolean;
}

export interface SeenAttempt extends AttemptFacts {
  readonly events: number;
  readonly last_seq: number;
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

export type SeenRunner = Pick<RunnerFacts, "machine_id" | "public_key">;

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

/** Which runs were touched, in whatever table. */
interface Touched {
  readonly runs: Set<string>;
  /** Of those the ones beside which something was written down. */
  readonly recorded: Set<string>;
  queues: boolean;
  runners: boolean;
}

/** Of the events of an attempt: how many there are, and the last one. */
interface Told {
  readonly events: number;
  readonly last_seq: number;
}

const UNTOLD: Told = { events: 0, last_seq: 0 };
const UNRECORDED: Records = { handouts: [], artifacts: 0, broken_artifacts: 0 };

export function newObserver(db: Query): Observer {
  const rows = {
    runs: new Map<string, RunFacts>(),
    waits: new Map<string, WaitFacts>(),
    attempts: new Map<string, AttemptFacts>(),
    leases: new Map<string, number>(),
    slots: new Map<string, Facts["slots"]>(),
    queues: new Map<string, Facts["queues"]>(),
    runners: new Map<string, RunnerFacts>(),
    slotsMade: new Set<string>(),
    /** By run, and by run and fence. */
    attemptsOf: new Map<string, Set<string>>(),
    told: new Map<string, Told>(),
    doneByPeople: new Map<string, number>(),
    timesWaited: new Map<string, number>(),
    records: new Map<string, Records>(),
  };
  const runs = new Map<string, SeenRun>();
  const attempts = new Map<string, SeenAttempt>();
  let queues: readonly SeenQueue[] = [];
  let runners: readonly SeenRunner[] = [];
  let lastChange = 0;

  const note = (change: Change, touched: Touched): void => {
    const { table, key, isGone, facts } = change;
    switch (table) {
      case "runs":
        keep(rows.runs, key, isGone ? null : facts);
        break;
      case "run_queue":
        keep(rows.waits, key, isGone ? null : facts);
        break;
      case "attempts": {
        keep(rows.attempts, key, isGone ? null : facts);
        const those = rows.attemptsOf.get(facts.run_id) ?? new Set();
        rows.attemptsOf.set(facts.run_id, isGone ? without(those, key) : those.add(key));
        touched.runs.add(facts.run_id);
        return;
      }
      case "run_events": {
        const count = isGone ? -1 : 1;
        const told = rows.told.get(`${key} ${facts.attempt}`) ?? UNTOLD;
        rows.told.set(`${key} ${facts.attempt}`, {
          events: told.events + count,
          last_seq: Math.max(told.last_seq, facts.seq),
        });
        if (facts.type === "step.waiting") add(rows.timesWaited, key, count);
        if (BY_PERSON.test(facts.type)) add(rows.doneByPeople, key, count);
        break;
      }
      case "attempt_leases":
        return keep(rows.leases, key, isGone ? null : facts.expires_at);
      case "slots":
        touched.queues = true;
        return keep(rows.slots, key, isGone ? null : facts);
      case "queues":
        touched.queues = true;
        return keep(rows.queues, key, isGone ? null : facts);
      case "runners":
        touched.runners = true;
        return keep(rows.runners, key, isGone ? null : facts);
      case "schedule_slots":
        if (isGone || facts.skipped !== "") rows.slotsMade.delete(key);
        else rows.slotsMade.add(key);
        return;
      case "secret_handouts":
      case "artifacts":
        touched.recorded.add(key);
        break;
      default:
        table satisfies never;
    }
    touched.runs.add(key);
  };

  const attemptsOf = (run: RunFacts): readonly SeenAttempt[] =>
    [...rows.attemptsOf.get(run.id) ?? []].flatMap((id) => {
      const attempt = rows.attempts.get(id);
      if (attempt === undefined) return [];
      const labels = rows.runners.get(attempt.runner_id)?.labels;
      const told = rows.told.get(`${run.id} ${attempt.fence}`) ?? UNTOLD;
      return [{ ...attempt, ...told, fits: labels !== undefined && meets(labels, run.selector) }];
    }).sort((one, other) => one.fence - other.fence);

  const seenOf = (run: RunFacts, itsAttempts: readonly SeenAttempt[]): SeenRun => {
    const waits = rows.waits.get(run.id) ?? null;
    const fits = [...rows.runners.values()].filter(({ labels }) =>
      meets(labels, run.selector) && (run.trust === "trusted" || labels["accept-untrusted"] === "true")
    );
    return {
      ...run,
      ...rows.records.get(run.id) ?? UNRECORDED,
      queued: waits === null ? 0 : 1,
      live: itsAttempts.filter(({ state }) => LIVE.includes(state)).length,
      waits: waits === null ? null : { ...waits, queued_at: run.queued_at },
      fits: fits.map(({ id }) => id),
      done_by_people: rows.doneByPeople.get(run.id) ?? 0,
      times_waited: rows.timesWaited.get(run.id) ?? 0,
    };
  };

  return {
    look: async () => {
      const touched: Touched = { runs: new Set(), recorded: new Set(), queues: false, runners: false };
      for (const change of await changesSince(db, lastChange)) {
        note(change, touched);
        lastChange = change.n;
      }
      if (touched.recorded.size > 0) {
        for (const { id, ...record } of await readRecords(db, touched.recorded)) rows.records.set(id, record);
      }
      if (touched.queues) queues = queuesOf(rows.slots.values(), rows.queues);
      if (touched.runners) runners = [...rows.runners.values()];
      const changedRuns: SeenRun[] = [];
      const changedAttempts: SeenAttempt[] = [];
      for (const id of [...touched.runs].sort()) {
        const run = rows.runs.get(id);
        if (run === undefined) {
          runs.delete(id);
          continue;
        }
        const itsAttempts = attemptsOf(run);
        for (const attempt of itsAttempts) attempts.set(attempt.id, attempt);
        changedAttempts.push(...itsAttempts);
        const seen = seenOf(run, itsAttempts);
        runs.set(id, seen);
        changedRuns.push(seen);
      }
      const slotsMade = rows.slotsMade.size;
      const { leases } = rows;
      return { runs, attempts, leases, queues, runners, slotsMade, changedRuns, changedAttempts };
    },
  };
}

const BY_PERSON = /^step\..*_by_person$/;

function keep<T>(map: Map<string, T>, key: string, value: T | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

function without<T>(set: Set<T>, gone: T): Set<T> {
  set.delete(gone);
  return set;
}

function meets(labels: Labels, selector: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

function queuesOf(
  slots: Iterable<Facts["slots"]>,
  settings: ReadonlyMap<string, Facts["queues"]>,
): readonly SeenQueue[] {
  const byQueue = new Map<string, Facts["slots"][]>();
  for (const slot of slots) byQueue.set(slot.queue, [...byQueue.get(slot.queue) ?? [], slot]);
  return [...byQueue].map(([queue, all]) => ({
    queue,
    width: all.length,
    taken: all.flatMap(({ attempt_id: id }) => id === null ? [] : [id]),
    ...settings.get(queue) ?? { limit: null, is_paused: false },
  }));
}

const RECORDS = `
  select r.id,
    (select coalesce(jsonb_agg(jsonb_build_object('attempt_id', h.attempt_id,
        'at', (extract(epoch from h.at) * 1000)::float,
        'is_declared', position(s.ref in convert_from(b.data, 'UTF8')) > 0, 'is_trusted', r.trust = 'trusted',
        'is_its_runners', h.runner_id = a.runner_id and h.run_id = a.run_id)), '[]')
      from secret_handouts h join secrets s on s.id = h.secret_id join attempts a on a.id = h.attempt_id
        join blobs b on b.digest = r.digest where h.run_id = r.id) as handouts,
    (select count(*)::int from artifacts f where f.run_id = r.id and f.state = 'complete') as artifacts,
    (select count(*)::int from artifacts f where f.run_id = r.id and f.state = 'complete' and not (
      select coalesce(sum(length(p.data)), 0) = f.size
        and encode(sha256(coalesce(string_agg(p.data, ''::bytea order by p.n), ''::bytea)), 'hex') = f.sha256
      from artifact_parts p where p.artifact_id = f.id)) as broken_artifacts
  from runs r where r.id in (select value::uuid from jsonb_array_elements_text($1::jsonb))`;

async function readRecords(
  db: Query,
  runs: Iterable<string>,
): Promise<readonly (Records & { readonly id: string })[]> {
  const { rows } = await db.query<Records & { readonly id: string }>(RECORDS, [JSON.stringify([...runs])]);
  return rows;
}
