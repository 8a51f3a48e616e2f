/** A thousand deliveries, each sent twice by many senders at once, make a thousand runs; each runs once. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { signatureOf } from "../../src/server/triggers/signature.ts";
import { freePort, spawnDagu } from "../support/dagu.ts";
import { openTestDatabase } from "../support/database.ts";
import postgres from "postgres";
import { postJson } from "../support/http.ts";

const DELIVERIES = Number(Deno.env.get("DELIVERIES") ?? "200");
const SENDERS = 16;
const RUNNERS = 4;
const SPEC = `
max_active_runs: 16
triggers:
  - git: {event: push}
steps:
  - id: a
    run: echo "$DAGU_EVENT_SHA" >> "$LEDGER"
`;

Deno.test(`FG-25 ${DELIVERIES} deliveries sent twice by ${SENDERS} senders: as many runs, each executed once by ${RUNNERS} runners`, async () => {
  await using database = await openTestDatabase("postgres");
  const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  const ledger = join(home, "ledger");
  await Deno.mkdir(join(home, "dags"));
  await Deno.writeTextFile(join(home, "dags", "push.yaml"), SPEC.replace("$LEDGER", ledger));
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  {
    await using server = spawnDagu({
      args: ["server", "--port", String(port)],
      env: { DAGU_HOME: home, DATABASE_URL: database.url ?? "" },
    });
    await server.said("dagu server on");
    const { token } = await postJson(`${url}/api/v1/runners/registration-tokens`, { uses: RUNNERS });
    await using runners = new AsyncDisposableStack();
    for (let index = 0; index < RUNNERS; index++) {
      const runner = runners.use(spawnDagu({
        args: [
          "worker",
          "--url",
          url,
          "--name",
          `r${index}`,
          "--state-dir",
          join(home, `runner-${index}`),
          "--capacity",
          "4",
        ],
        env: {
          DAGU_HOME: home,
          DAGU_RUNNER_REGISTRATION_TOKEN: String(token),
          DAGU_CONTAINER_RUNTIME: "none",
        },
      }));
      await runner.said("runner ready");
    }
    const made = await postJson(`${url}/api/v1/endpoints`, { name: "forge", kind: "github" });
    const endpoint = made["endpoint"] as { url: string };
    await sendAll(endpoint.url, String(made["secret"]));
    await allFinished(database.url ?? "");
    const sql = postgres(database.url ?? "", { max: 1 });
    const [runs] =
      await sql`select count(*)::int as n, count(*) filter (where status = 4)::int as good, max(attempt)::int as attempts from runs`;
    assert.deepEqual({ ...runs }, { n: DELIVERIES, good: DELIVERIES, attempts: 1 });
    await sql.end();
  }
  const lines = (await Deno.readTextFile(ledger)).trimEnd().split("\n");
  assert.equal(lines.length, DELIVERIES, "each run's step was executed once");
  assert.equal(new Set(lines).size, DELIVERIES);
  await Deno.remove(home, { recursive: true });
});

async function sendAll(url: string, secret: string): Promise<void> {
  const queue = Array.from({ length: DELIVERIES }, (_, index) => index).flatMap((index) => [index, index]);
  const statuses = new Set<number>();
  await Promise.all(Array.from({ length: SENDERS }, async () => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      const body = JSON.stringify({
        ref: "refs/heads/main",
        before: "0".repeat(40),
        after: index.toString(16).padStart(40, "0"),
        repository: { id: 1, full_name: "acme/shop" },
        commits: [],
      });
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "X-GitHub-Event": "push",
          "X-GitHub-Delivery": `delivery-${index}`,
          "X-Hub-Signature-256": await signatureOf(secret, new TextEncoder().encode(body)),
          "Content-Type": "application/json",
        },
        body,
      });
      await response.body?.cancel();
      statuses.add(response.status);
    }
  }));
  assert.deepEqual([...statuses], [200]);
}

/** Waits on the database's own clock of changes: the queue empty and nothing under way. */
async function allFinished(url: string): Promise<void> {
  const sql = postgres(url, { max: 1 });
  for (;;) {
    const [row] = await sql`select count(*)::int as n from runs, pg_sleep(0.2) where status in (0, 1, 5)`;
    if (row?.["n"] === 0) break;
  }
  await sql.end();
}
