/** Taking runs from the queue: each statement of a claim, in the order in which a claim makes them. */
import { type SQL, sql } from "drizzle-orm";
import type { Resources } from "../../protocol/resources.ts";
import type { Executor, Transaction } from "./db.ts";
import { type Claimed, CLAIMED_OF_RUN, type ClaimedColumns, toClaimed } from "./grants.ts";
import { FENCE_EPOCH } from "./fences.ts";
import { lockText, PREPARED, query, queryTogether, TOGETHER, type Together, together } from "./query.ts";
import { takeFromRates } from "./queue-rates.ts";
import { SILENT_MS } from "./runners.ts";
import { codeOf, type RunRow } from "./runs.ts";

/** Copies of one claim go one after the other, until the transaction ends: the second finds what the first took. */
export async function lockClaim(tx: Transaction, claimId: string): Promise<void> {
  await lockText(tx, claimId);
}

/**
 * Attempts that this very claim was given before and that have not started (CL-09). null: it was given none so far; one
 * that was is never given others, however late a copy of it comes (INV-21).
 */
export async function claimedBy(db: Executor, claimId: string, runnerId: string): Promise<string[] | null> {
  const rows = await query<{ id: string; is_claimed: boolean }>(
    db,
    sql`
    select id, state = 'claimed' as is_claimed from attempts where claim_id = ${claimId} and runner_id = ${runnerId}
    order by id ${PREPARED}`,
  );
  return rows.length === 0 ? null : rows.flatMap((row) => row.is_claimed ? [row.id] : []);
}

export interface Waiting {
  readonly runnerId: string;
  readonly claimId: string;
}

/**
 * Which claims that wait could be answered now, so that waiting costs one small question for all of them: something is
 * queued, the runner is to be told something, or another copy of the claim was given runs. Answers claim ids.
 */
export async function claimsWithNews(
  db: Executor,
  waiting: readonly Waiting[],
): Promise<ReadonlySet<string>> {
  const rows = await query<{ id: string }>(
    db,
    sql`
    select w."claimId" as id
    from jsonb_to_recordset(${JSON.stringify(waiting)}::jsonb) as w("runnerId" uuid, "claimId" uuid)
    where (select true from run_queue order by class limit 1)
      or exists (select 1 from directives d where d.runner_id = w."runnerId" and d.acked_at is null)
      or exists (select 1 from attempts a where a.claim_id = w."claimId" and a.state = 'claimed') ${PREPARED}`,
  );
  return new Set(rows.map((row) => row.id));
}

export interface Candidate {
  readonly runId: string;
  readonly queue: string;
  readonly needsSlot: boolean;
  /** The attempt goes on from the steps as they are. */
  readonly resumes: boolean;
  readonly onLost: RunRow["onLost"];
  /** Fence of the run's latest attempt, or a higher one up to which none may be given (RS-04); 0: it had none. */
  readonly fence: number;
  readonly needsCpu: number;
  readonly needsMemory: number;
}

export interface CandidateQuery {
  readonly runnerId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly now: Date;
  readonly limit: number;
  /** Queues found full in this transaction. */
  readonly fullQueues: readonly string[];
  /** What the runner has left. */
  readonly resources: Resources;
  /** Runs that it does not want. */
  readonly exclude: readonly string[];
  /** Only that run, also for a runner that is held: it is part of what the runner is to finish. */
  readonly runId?: string;
}

/**
 * The next runs that this runner may take, held with their queue rows; rows that another claim holds are passed over, and
 * runs that somebody is about to change: who stops a run holds it and then wants its queue row, so waiting for it here with
 * the queue row in hand would lock both up. What was queued without a delay may be taken at once, also when our clock was
 * set back since. A runner that gave the run back gets it again when no other is there that matches (RT-08): waiting for one
 * might have no end (INV-12). Every key of the run's selector must equal the runner's label, or that label is `*`; a runner
 * label written `!key` must be selected by the run (M3). What the run needs must fit what the runner told that it has left. The index is walked from class to class, and rows are read of those alone that are open
 * to the runner: however many wait for others or for slots, they are passed over at once.
 */
export async function lockCandidates(
  tx: Transaction,
  wanted: CandidateQuery,
): Promise<readonly Candidate[]> {
  const entries = Object.entries(wanted.labels);
  const offered = Object.fromEntries(entries.map(([key, value]) => [key.replace(/^!/, ""), value]));
  const required = entries.flatMap(([key, value]): [string, string][] =>
    key.startsWith("!") ? [[key.slice(1), value]] : []
  );
  const isAny = ([, value]: [string, string]): boolean => value === "*";
  const keysOf = (list: readonly [string, string][]): string => JSON.stringify(list.map(([key]) => key));
  const { runId } = wanted;
  const heardAfter = new Date(wanted.now.getTime() - SILENT_MS);
  return await queryTogether<Candidate>(
    tx,
    sql`
    with recursive classes as (
        (select ${OF_CLASS} from run_queue q order by class limit 1)
        union all
        select n.* from classes c cross join lateral (
          select ${OF_CLASS} from run_queue q
          where q.class > c.class order by q.class limit 1) n),
      open as (
        select c.class from classes c
        where c.selector - ${texts(keysOf(Object.entries(offered).filter(isAny)))} <@ ${
      JSON.stringify(offered)
    }::jsonb
          and c.selector @> ${
      JSON.stringify(Object.fromEntries(required.filter((one) => !isAny(one))))
    }::jsonb
          and jsonb_exists_all(c.selector, ${texts(keysOf(required.filter(isAny)))})
          and (not c.is_untrusted or ${offered["accept-untrusted"] === "true"})
          ${atMost(sql`c.needs_cpu`, wanted.resources.cpu)} ${
      atMost(sql`c.needs_memory`, wanted.resources.memoryBytes)
    }
          and ${
      runId === undefined
        ? sql`not exists (select 1 from runners h where h.id = ${wanted.runnerId} and h.held)`
        : sql`c.class = (select class from run_queue where run_id = ${runId})`
    }
          and (not c.needs_slot or (
            c.queue <> all(${texts(JSON.stringify(wanted.fullQueues))})
            and exists (select 1 from slots s where s.queue = c.queue and s.attempt_id is null and ${isWithinWidth})
            and not exists (select 1 from queues p where p.name = c.queue and p.paused))))
    select l.run_id as "runId", l.queue, l.needs_slot as "needsSlot", l.resumes, l.on_lost as "onLost", l.attempt as fence,
      l.needs_cpu as "needsCpu", l.needs_memory::float8 as "needsMemory"
    from open o cross join lateral (
      select q.run_id, q.queue, q.needs_slot, greatest(r.attempt, ${FENCE_EPOCH}) as attempt, r.resumes, r.on_lost, q.rank,
        q.needs_cpu, q.needs_memory
      from run_queue q join runs r on r.id = q.run_id
      where q.class = o.class ${runId === undefined ? sql`` : sql`and q.run_id = ${runId}`}
        and (q.available_at <= ${wanted.now.toISOString()}::timestamptz or q.available_at <= r.queued_at)
        and q.run_id <> all(${texts(JSON.stringify(wanted.exclude))}::uuid[])
        and (not ${wanted.runnerId}::uuid = any(q.excluded) or not exists (
          select 1 from runners o join runners_live l on l.runner_id = o.id
          where o.state = 'active' and not o.held and o.id <> all(q.excluded)
            and ${IS_FOR_OTHER}
            and l.last_seen_at > ${heardAfter.toISOString()}::timestamptz))
      order by q.rank, q.run_id
      limit ${wanted.limit}
      for update of q skip locked for no key update of r skip locked) l
    order by l.rank, l.run_id
    limit ${wanted.limit}`,
  );
}

/** What the rows of a class have in common. */
const OF_CLASS = sql`q.class, q.queue, q.needs_slot, q.selector, q.is_untrusted, q.needs_cpu, q.needs_memory`;

/** Nothing, when the runner does not count it. */
function atMost(needed: SQL, left: number | undefined): SQL {
  return left === undefined ? sql`` : sql`and ${needed} <= ${left}::float8`;
}

/** Whether the run of a queue row `q` may go to a runner `o`, seen in `l`, as a claim by that one would find. */
const IS_FOR_OTHER = sql`(not q.is_untrusted or o.labels ->> 'accept-untrusted' = 'true')
            and (q.needs_cpu <= l.free_cpu) is not false and (q.needs_memory <= l.free_memory) is not false
            and not exists (select 1 from jsonb_each_text(q.selector) s
              where coalesce(o.labels ->> s.key, o.labels ->> ('!' || s.key), '') not in (s.value, '*'))
            and not exists (select 1 from jsonb_each_text(o.labels) k where k.key like '!%'
              and (q.selector ->> substr(k.key, 2) is null
                or k.value not in ('*', q.selector ->> substr(k.key, 2))))`;

/** A list of texts, given as JSON, as an array of the database. */
function texts(json: string): SQL {
  return sql`array(select jsonb_array_elements_text(${json}::jsonb))`;
}

/**
 * Free slots, held, of each of the queues: as many as are wanted, as there are, and as its rate allows. `beginAttempts` takes
 * all of them.
 */
export async function lockSlots(
  tx: Transaction,
  wanted: ReadonlyMap<string, number>,
  now: Date,
): Promise<ReadonlyMap<string, number[]>> {
  if (wanted.size === 0) return new Map();
  const queues = [...wanted].map(([queue, count]) => ({ queue, count }));
  const rows = await query<{ queue: string; n: number; isRated: boolean }>(
    tx,
    sql`
    select w.queue, s.n, exists (select 1 from queues q where q.name = w.queue and q.rate_limit is not null) as "isRated"
    from jsonb_to_recordset(${JSON.stringify(queues)}::jsonb) as w(queue text, count int)
    cross join lateral (
      select s.n from slots s where s.queue = w.queue and s.attempt_id is null and ${isWithinWidth}
      order by s.n limit w.count for update of s skip locked) s ${PREPARED}`,
  );
  const byQueue = Map.groupBy(rows, (row) => row.queue);
  const rated = Map.groupBy(rows.filter((row) => row.isRated), (row) => row.queue);
  const counts = new Map([...rated].map(([queue, list]) => [queue, list.length]));
  const within = counts.size === 0 ? counts : await takeFromRates(tx, counts, now);
  return new Map(
    [...byQueue].map(([queue, list]) => [queue, list.map((row) => row.n).slice(0, within.get(queue))]),
  );
}

/** What the attempts of one claim have in common. */
export interface NewAttempts {
  readonly runnerId: string;
  readonly claimId: string;
  readonly leaseMs: number;
  readonly startDeadlineMs: number;
}

export interface NewAttempt {
  readonly id: string;
  readonly runId: string;
  /** The slot that it takes; null: it needs none. */
  readonly slot: { readonly queue: string; readonly n: number } | null;
  readonly fence: number;
  readonly tokenDigest: string;
  readonly graceMs: number;
}

/**
 * In a queue that was made narrower while more of it was taken, a slot that comes free is none as long as it and those that
 * are taken above it are more than the queue may have (INV-13). Of a slot `s`.
 */
const isWithinWidth =
  sql`not exists (select 1 from queues w where w.name = s.queue and w.max_concurrency < s.n + (
  select count(*) from slots above where above.queue = s.queue and above.n > s.n and above.attempt_id is not null))`;

/**
 * The runs leave the queue and are these attempts': one statement for all that a claim writes of them (CL-06), and reads: what
 * their runner must know.
 */
export async function beginAttempts(
  tx: Transaction,
  { runnerId, claimId, leaseMs, startDeadlineMs }: NewAttempts,
  begun: readonly NewAttempt[],
  now: Date,
): Promise<Claimed[]> {
  if (begun.length === 0) return [];
  const after = (ms: number): string => new Date(now.getTime() + ms).toISOString();
  const rows = begun.map(({ slot, id, runId, fence, tokenDigest, graceMs }) => (
    { id, runId, fence, tokenDigest, graceMs, queue: slot?.queue, n: slot?.n }
  ));
  const taken = await query<Together<ClaimedColumns>>(
    tx,
    sql`
    with begun as (
        select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as b(
          "id" uuid, "runId" uuid, "fence" int, "tokenDigest" text, "graceMs" bigint, "queue" text, "n" int)),
      dequeued as (delete from run_queue where run_id in (select "runId" from begun)),
      ${begun.some(({ slot }) => slot !== null) ? SLOTTED : sql``}
      lease as (
        insert into attempt_leases (attempt_id, runner_id, expires_at, grace_ms, start_deadline)
        select "id", ${runnerId}::uuid, ${after(leaseMs)}::timestamptz, "graceMs",
          ${after(startDeadlineMs)}::timestamptz
        from begun),
      tried as (
        insert into attempts (id, run_id, fence, runner_id, claim_id, state, token_digest, claimed_at)
        select "id", "runId", "fence", ${runnerId}::uuid, ${claimId}::uuid, 'claimed', "tokenDigest",
          ${after(0)}::timestamptz
        from begun),
      taken as (
        update runs r set status = ${
      codeOf("not_started")
    }, attempt = b."fence", runner_id = ${runnerId}::uuid,
          reason = '', version = r.version + 1
        from begun b where r.id = b."runId"
        returning b."id" as attempt_id, b."fence", b."tokenDigest" as token_digest, ${CLAIMED_OF_RUN})
    ${TOGETHER} from taken q ${PREPARED}`,
  );
  return together(taken).map(toClaimed);
}

const SLOTTED = sql`slotted as (
        update slots s set attempt_id = b."id" from begun b where s.queue = b."queue" and s.n = b."n"),`;
