/** What must be true of a world that has come to rest: logs and rows against what was printed and told. */
import * as v from "valibot";
import { concat } from "../../src/run/bytes.ts";
import { RunEventBody } from "../../src/run/event.ts";
import { newRunState, reduce } from "../../src/run/state.ts";
import { ensure, statusOf } from "./violation.ts";
import type { Query } from "./database.ts";
import { playKey, type Stage } from "./plays.ts";

export async function checkHistory(db: Query, stage: Stage): Promise<void> {
  await checkLogs(db, stage);
  await checkFold(db);
}

interface StoredLog {
  readonly attempt_id: string;
  /** Of the workflow. */
  readonly name: string;
  readonly step: string;
  readonly stream: string;
  readonly bytes: Uint8Array | null;
  /** Where bytes are missing, in stored bytes. */
  readonly gaps: readonly number[];
}

/** INV-07: what is stored of a stream is what was printed, in its order; what is missing in between was told. */
async function checkLogs(db: Query, stage: Stage): Promise<void> {
  const { rows } = await db.query<StoredLog>(`
    select a.id as attempt_id, r.name, s.step, s.stream, string_agg(c.data, ''::bytea order by c.off) as bytes,
      (select coalesce(jsonb_agg((e.body->'data'->>'fromOffset')::int order by e.seq), '[]') from run_events e
        where e.run_id = a.run_id and e.attempt = a.fence and e.body->>'type' = 'log.dropped'
          and e.body->>'step' = s.step and e.body->'data'->>'stream' = s.stream) as gaps
    from log_streams s join attempts a on a.run_id = s.run_id and a.fence = s.attempt join runs r on r.id = s.run_id
      left join log_chunks c on c.stream_id = s.id
    group by a.id, a.run_id, a.fence, r.name, s.step, s.stream`);
  for (const { attempt_id: attempt, name, step, stream, bytes, gaps } of rows) {
    // What calls a sub-workflow prints its result, which no play knows.
    if (!stage.plays.has(playKey(name, step))) continue;
    const printed = concat(
      (stage.printed.get(`${attempt}/${step}/${stream}`) ?? []).map(({ bytes }) => bytes),
    );
    const stored = bytes ?? new Uint8Array();
    ensure(
      "INV-07",
      isOf(stored, printed, gaps),
      `${stream} of ${step} of attempt ${attempt} is not what was printed`,
    );
  }
}

/** Piece by piece: the first one from the beginning, each other one after a gap. */
function isOf(stored: Uint8Array, printed: Uint8Array, gaps: readonly number[]): boolean {
  const bounds = [0, ...gaps.filter((gap) => gap < stored.length), stored.length];
  let at = 0;
  for (let index = 0; index + 1 < bounds.length; index++) {
    const piece = stored.subarray(bounds[index], bounds[index + 1]);
    const matches = (from: number): boolean =>
      from + piece.length <= printed.length && piece.every((byte, offset) => byte === printed[from + offset]);
    while (index > 0 && at < printed.length && !matches(at)) at++;
    if (!matches(at)) return false;
    at += piece.length;
  }
  return true;
}

interface StoredStory {
  readonly name: string;
  readonly dag_run_id: string;
  readonly status: number;
  readonly state: string;
  readonly bodies: readonly unknown[];
}

/** INV-08: a run that its runner told to an end is as the events say. */
async function checkFold(db: Query): Promise<void> {
  const { rows } = await db.query<StoredStory>(`
    select r.name, r.dag_run_id, r.status, a.state,
      (select coalesce(jsonb_agg(e.body order by e.seq), '[]') from run_events e
        where e.run_id = r.id and e.attempt = a.fence) as bodies
    from runs r join attempts a on a.run_id = r.id and a.fence = r.attempt`);
  for (const story of rows) {
    const bodies = story.bodies.map((body) =>
      v.parse(v.intersect([RunEventBody, v.object({ at: v.number() })]), body)
    );
    if (bodies.at(-1)?.type !== "attempt.finished") continue;
    const folded = bodies.reduce(reduce, newRunState({ steps: [], handlers: {} }));
    const stored = statusOf(story);
    // Queued again, and stopped before anybody took it: the attempt's story ended before the run's.
    const isLater = stored === "aborted" && story.state === folded.status;
    const isSame = folded.status === stored || isLater;
    ensure(
      "INV-08",
      isSame,
      `${story.name}:${story.dag_run_id} is ${stored}, its events say ${folded.status}`,
    );
  }
}
