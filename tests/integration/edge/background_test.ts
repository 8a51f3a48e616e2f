/** What goes on after an answer (`waitUntil`), through the edge's own door on the real Postgres. */
import assert from "node:assert/strict";
import edge from "../../../src/edge.ts";
import { createApiToken } from "../../../src/server/access/tokens.ts";
import { listRuns } from "../../../src/server/store/runs.ts";
import { openTestDatabase } from "../../support/database.ts";
import {
  asAttempt,
  type HandGrant,
  openHandRunner,
  startEvents,
  startInline,
} from "../../support/runner-client.ts";
import { bodyOf, newTestPorts, TEST_SETTINGS, type TestServer } from "../../support/server.ts";

Deno.test("R-41 edge: what a run's end has to be done is done before the database is let go", async () => {
  await using database = await openTestDatabase("postgres");
  const ports = newTestPorts(database.db);
  const { token } = await createApiToken(ports, "test", null);
  const bindings = {
    DATABASE_URL: database.url,
    DAGU_ENCRYPTION_KEYS: TEST_SETTINGS.keys[0].bytes.toBase64(),
  };
  const later: Promise<unknown>[] = [];
  const context = { waitUntil: (work: Promise<unknown>) => void later.push(work) };
  const server: TestServer = {
    ports,
    settings: TEST_SETTINGS,
    request: async (method, path, { body, headers } = {}) => {
      const request = new Request(`https://edge.test${path}`, {
        method,
        headers: { Authorization: `Bearer ${token}`, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return await edge.fetch(request, bindings, context);
    },
  };
  const runner = await openHandRunner(server);
  const end = { seq: 3, at: 0, mono: 2, type: "attempt.finished", data: { status: "succeeded" } };
  const execute = async (grant: HandGrant | undefined): Promise<void> => {
    assert.ok(grant);
    const report = { fence: grant.fence, firstSeq: 1, events: [...startEvents(), end] };
    await bodyOf(await runner.post(`/attempts/${grant.attemptId}/events`, report, asAttempt(grant)));
  };
  const ids: string[] = [];
  for (let n = 0; n < 2; n++) {
    ids.push(await startInline(server, "kept", "hist_retention_runs: 1\nsteps: [{id: a, run: x}]"));
    await execute((await runner.claim())[0]);
  }
  await Promise.all(later);
  const kept = await listRuns(database.db, { limit: 10 });
  assert.deepEqual(kept.map((run) => run.dagRunId), ids.slice(1));
});
