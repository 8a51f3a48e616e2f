/** Many rows at once: copies of one run, made by the database itself. */
import { getTableColumns, sql } from "drizzle-orm";
import type { ServerPorts } from "../../src/server/ports.ts";
import { query } from "../../src/server/store/query.ts";
import { codeOf } from "../../src/server/store/runs.ts";
import { runs } from "../../src/server/store/schema.ts";
import type { QueuedRun } from "../support/dispatch.ts";

const BATCH = 100_000;

/** Of a run, without what the database makes of them. */
const names = Object.values(getTableColumns(runs)).filter((column) => column.generated === undefined)
  .map((column) => sql.identifier(column.name));
const COLUMNS = sql.join(names, sql`, `);
const COPIED = sql.join(names.map((name) => sql`c.${name}`), sql`, `);

export async function addHistory(
  { ports }: { readonly ports: ServerPorts },
  { id }: QueuedRun,
  { finished, queued, elsewhere }: {
    readonly finished: number;
    readonly queued: number;
    /** Of the queued ones, those that come first and are for other runners. */
    readonly elsewhere: number;
  },
): Promise<void> {
  for (let from = 0; from < finished; from += BATCH) {
    await addFinished(ports, id, Math.min(BATCH, finished - from));
  }
  await addQueued(ports, id, queued - elsewhere, {});
  await addQueued(ports, id, elsewhere, { priority: 0, selector: { zone: "elsewhere" } });
  await query(ports.db, sql`analyze`);
}

async function addFinished({ db }: ServerPorts, id: string, count: number): Promise<void> {
  await query(
    db,
    sql`
    with copies as (
        insert into runs (${COLUMNS}) select ${COPIED} from generate_series(1, ${count}::int) n, runs model,
          jsonb_populate_record(model, jsonb_build_object(
            'id', case when n > 0 then gen_random_uuid() end, 'dag_run_id', 'f' || gen_random_uuid(),
            'status', ${codeOf("succeeded")}::int, 'attempt', 1, 'finished_at', now())) c
        where model.id = ${id} returning id)
    insert into attempts (id, run_id, fence, runner_id, claim_id, state, token_digest, claimed_at, ended_at)
    select gen_random_uuid(), id, 1, gen_random_uuid(), gen_random_uuid(), 'succeeded', 'digest', now(), now() from copies`,
  );
}

async function addQueued(
  { db }: ServerPorts,
  id: string,
  count: number,
  change: Readonly<Record<string, unknown>>,
): Promise<void> {
  await query(
    db,
    sql`
    with copies as (
        insert into runs (${COLUMNS}) select ${COPIED} from generate_series(1, ${count}::int) n, runs model,
          jsonb_populate_record(model, jsonb_build_object(
            'id', case when n > 0 then gen_random_uuid() end, 'dag_run_id', 'q' || gen_random_uuid())) c
        where model.id = ${id} returning id)
    insert into run_queue (run_id, queue, needs_slot, selector, is_untrusted, priority, available_at, excluded)
    select copies.id, c.queue, c.needs_slot, c.selector, c.is_untrusted, c.priority, c.available_at, c.excluded
    from copies, run_queue place, jsonb_populate_record(place, ${JSON.stringify(change)}::jsonb) c
    where place.run_id = ${id}`,
  );
}
