import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { newTexts } from "../../../src/server/dispatch/texts.ts";
import { newBlob } from "../../../src/server/store/blob.ts";
import { putBlob } from "../../../src/server/store/blobs.ts";
import { query } from "../../../src/server/store/query.ts";
import { listRuns, type RunFilter } from "../../../src/server/store/runs.ts";
import {
  addRunner,
  claimOne,
  onEveryDatabase,
  queueRun,
  STARTED,
  SUCCEEDED,
  tell,
} from "../../support/dispatch.ts";

onEveryDatabase(
  "AP-50 runs are listed by their status, wherever their place is that keeps it",
  async (bench) => {
    const runner = await addRunner(bench);
    const waiting = await queueRun(bench, { approvalSha: "c0ffee" });
    const ended = await queueRun(bench);
    await tell(bench, runner, await claimOne(bench, runner), 1, [STARTED, SUCCEEDED]);
    const running = await queueRun(bench);
    await tell(bench, runner, await claimOne(bench, runner), 1, [STARTED]);
    const claimed = await queueRun(bench);
    await claimOne(bench, runner);
    const queued = await queueRun(bench);
    const listed = async (statuses: RunFilter["statuses"] = []) => {
      const rows = await listRuns(bench.ports.db, { statuses, limit: 100 });
      return new Set(rows.map((row) => row.id));
    };
    assert.deepEqual(await listed(["waiting"]), new Set([waiting.id]));
    assert.deepEqual(await listed(["running"]), new Set([running.id]));
    assert.deepEqual(await listed(["not_started"]), new Set([claimed.id]));
    assert.deepEqual(await listed(["queued"]), new Set([queued.id]));
    assert.deepEqual(await listed(["queued", "succeeded"]), new Set([queued.id, ended.id]));
    assert.deepEqual(
      await listed(["not_started", "running", "queued", "waiting"]),
      new Set([waiting.id, running.id, claimed.id, queued.id]),
    );
  },
);

onEveryDatabase("PG-03 no index is on what changes while a run is claimed and told of", async ({ ports }) => {
  const indexes = await query<{ of: string; text: string }>(
    ports.db,
    sql`select tablename as of, indexdef as text from pg_indexes where tablename in ('runs', 'attempts')`,
  );
  const changing = {
    runs: /\b(status|attempt|runner_id|reason|started_at|finished_at|failure|container|notes|version)\b/,
    attempts: /\b(state|reason|ack_seq|started_at|boot|cancel_deadline)\b/,
  };
  assert.ok(indexes.length > 0, "the tables have indexes");
  const wrong = indexes.filter(({ of, text }) =>
    (of === "runs" ? changing.runs : changing.attempts).test(text)
  );
  assert.deepEqual(wrong, []);
});

onEveryDatabase(
  "M3 a definition is read once by a process that gives it out again",
  async ({ ports: { db } }) => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    const [small, large] = [await newBlob(bytes("steps: []")), await newBlob(bytes("#".repeat(40_000)))];
    await db.transaction(async (tx) => {
      for (const blob of [small, large]) await putBlob(tx, blob, new Date(0));
    });
    const texts = newTexts();
    const read = async () => [...(await texts(db, new Set([small.digest, large.digest]))).keys()].sort();
    assert.deepEqual(await read(), [small.digest, large.digest].sort());
    await query(db, sql`delete from blobs`);
    assert.deepEqual(await read(), [small.digest]);
  },
);
