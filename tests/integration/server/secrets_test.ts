/** Managed secrets from the API to the attempt that is given them (AP-117, M11), on both databases. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { HEADERS } from "../../../src/protocol/messages.ts";
import { newPrivateKey, type PrivateKey, publicHalf, unseal } from "../../../src/protocol/sealing.ts";
import { SecretsReply } from "../../../src/protocol/secrets.ts";
import { query } from "../../../src/server/store/query.ts";
import { sql } from "drizzle-orm";
import { newFakeClock } from "../../support/fake-clock.ts";
import { openTestDatabase } from "../../support/database.ts";
import { bodyOf, newTestPorts, newTestServer, onEveryServer, type TestServer } from "../../support/server.ts";

const VALUE = "s3cr3t value";
const SPEC = `
secrets:
  - {name: TOKEN, ref: prod/token}
  - {name: OTHER, ref: prod/other}
steps: [{id: a, run: "true"}]
`;

interface Worker {
  readonly runnerId: string;
  readonly headers: Record<string, string>;
  readonly attemptId: string;
  readonly fence: number;
}

/** A registered runner with one attempt of a run of SPEC. */
async function openWorker(server: TestServer, key: PrivateKey | null): Promise<Worker> {
  const { token } = await bodyOf(await server.request("POST", "/api/v1/runners/registration-tokens"), 201);
  const about = {
    name: "r",
    machineId: "m",
    version: "1",
    os: "linux",
    arch: "amd64",
    labels: {},
    capacity: 1,
  };
  const registered = await bodyOf(
    await server.request("POST", "/runner/v1/register", {
      body: { ...about, features: [], ...(key === null ? {} : { publicKey: publicHalf(key) }) },
      headers: { Authorization: `Bearer ${token}` },
    }),
  );
  const headers = { Authorization: `Bearer ${registered["runnerToken"]}` };
  await bodyOf(await server.request("POST", "/api/v1/dag-runs", { body: { spec: SPEC, name: "needs" } }));
  const claimId = server.ports.ids.uuid();
  const claimed = await bodyOf(
    await server.request("POST", "/runner/v1/claim", {
      body: { claimId, labels: {}, free: 1, waitMs: 0, held: [] },
      headers,
    }),
  );
  const [grant] = v.parse(
    v.object({
      attempts: v.array(v.object({ attemptId: v.string(), fence: v.number(), attemptToken: v.string() })),
    }),
    claimed,
  ).attempts;
  assert.ok(grant);
  return {
    runnerId: String(registered["runnerId"]),
    headers: { ...headers, [HEADERS.attempt]: grant.attemptToken },
    attemptId: grant.attemptId,
    fence: grant.fence,
  };
}

async function ask(
  server: TestServer,
  { attemptId, fence, headers }: Worker,
  change: Record<string, unknown> = {},
): Promise<Response> {
  const body = { fence, refs: [{ name: "TOKEN", ref: "prod/token" }], ...change };
  return await server.request("POST", `/runner/v1/attempts/${attemptId}/secrets`, { body, headers });
}

async function keep(server: TestServer, ref = "prod/token", value = VALUE): Promise<Record<string, unknown>> {
  return await bodyOf(await server.request("POST", "/api/v1/secrets", { body: { ref, value } }), 201);
}

onEveryServer(
  "AP-117 a secret is made, changed, disabled and deleted, and never shows its value",
  async (server) => {
    const made = await keep(server);
    assert.deepEqual(
      [made["ref"], made["currentVersion"], made["status"], made["hasValue"]],
      ["prod/token", 1, "active", true],
    );
    const at = "/api/v1/secrets/prod%2Ftoken";
    const answers = [
      made,
      await bodyOf(await server.request("POST", `${at}/versions`, { body: { value: "another value" } }), 201),
      await bodyOf(await server.request("POST", `${at}/disable`)),
      await bodyOf(await server.request("GET", `/api/v1/secrets/${made["id"]}`)),
      await bodyOf(await server.request("POST", `${at}/enable`)),
      await bodyOf(await server.request("PATCH", at, { body: { description: "of production" } })),
      await bodyOf(await server.request("GET", "/api/v1/secrets?limit=1")),
    ];
    assert.deepEqual(answers.slice(1, 5).map((one) => [one["currentVersion"], one["status"]]), [
      [2, "active"],
      [2, "disabled"],
      [2, "disabled"],
      [2, "active"],
    ]);
    assert.equal(answers[6]?.["total"], 1);
    const stored = await query<{ sealed: string }>(
      server.ports.db,
      sql`select encode(sealed, 'escape') as sealed from secret_versions`,
    );
    assert.equal(stored.length, 2);
    assert.doesNotMatch(JSON.stringify([answers, stored]), /s3cr3t|another value/);
    assert.equal((await server.request("DELETE", at)).status, 204);
    assert.equal((await server.request("GET", at)).status, 404);
    assert.deepEqual(await query(server.ports.db, sql`select 1 from secret_versions`), []);
    await keep(server);
  },
);

onEveryServer("AP-117 ID-07 MK-02 what cannot be a secret is refused with its reason", async (server) => {
  await keep(server);
  const cases: [Record<string, unknown>, number, RegExp][] = [
    [{ ref: "Prod/Token" }, 400, /no reference/],
    [{ ref: "a//b" }, 400, /no reference/],
    [{ ref: "prod/token" }, 409, /already/],
    [{ ref: "short", value: "12345" }, 400, /shorter than 6/],
    [{ ref: "a", providerType: "vault" }, 400, /providerType/],
    [{ ref: "a", value: "" }, 400, /value/],
  ];
  for (const [body, status, message] of cases) {
    const answer = await server.request("POST", "/api/v1/secrets", { body });
    assert.match(String((await bodyOf(answer, status))["message"]), message);
  }
  await bodyOf(
    await server.request("POST", "/api/v1/secrets", { body: { ref: "pin", value: "1234", force: true } }),
    201,
  );
  for (const path of ["/api/v1/secrets/none", `/api/v1/secrets/${crypto.randomUUID()}`]) {
    assert.equal((await server.request("GET", path)).status, 404);
  }
  assert.equal((await server.request("GET", "/api/v1/secrets?limit=501")).status, 400);
});

onEveryServer(
  "M11 SC-06 a live attempt is given what its definition declares, sealed to its runner",
  async (server) => {
    await keep(server);
    const key = await newPrivateKey();
    const worker = await openWorker(server, key);
    const text = await (await ask(server, worker)).text();
    assert.doesNotMatch(text, /s3cr3t/);
    const { values: [given], missing } = v.parse(SecretsReply, JSON.parse(text));
    assert.ok(given?.sealed);
    assert.deepEqual([given.name, given.version, missing], ["TOKEN", 1, []]);
    assert.equal(await unseal(key, given.sealed, worker.attemptId), VALUE);
    assert.equal(await unseal(key, given.sealed, crypto.randomUUID()), null);
  },
);

onEveryServer(
  "M11 to a runner without a key the value goes as it is; what is not there is named",
  async (server) => {
    await keep(server);
    await keep(server, "prod/other");
    await server.request("POST", "/api/v1/secrets/prod%2Fother/disable");
    const worker = await openWorker(server, null);
    const refs = [{ name: "TOKEN", ref: "prod/token" }, { name: "OTHER", ref: "prod/other" }];
    assert.deepEqual(await bodyOf(await ask(server, worker, { refs })), {
      values: [{ name: "TOKEN", version: 1, value: VALUE }],
      missing: ["prod/other"],
    });
  },
);

onEveryServer("SC-05 each hand-out is recorded once, a mere check not at all", async (server) => {
  await keep(server);
  const worker = await openWorker(server, null);
  const rows = async (): Promise<unknown[]> =>
    await query(server.ports.db, sql`select attempt_id, runner_id, version from secret_handouts`);
  assert.deepEqual(await bodyOf(await ask(server, worker, { checkOnly: true })), {
    values: [{ name: "TOKEN", version: 1 }],
    missing: [],
  });
  assert.deepEqual(await rows(), []);
  await bodyOf(await ask(server, worker));
  await bodyOf(await ask(server, worker));
  assert.deepEqual(await rows(), [{ attempt_id: worker.attemptId, runner_id: worker.runnerId, version: 1 }]);
});

onEveryServer("M11 INV-04 nobody else is given anything", async (server) => {
  await keep(server);
  await keep(server, "prod/undeclared");
  const worker = await openWorker(server, null);
  const stranger = await openWorker(server, null);
  const undeclared = { refs: [{ name: "X", ref: "prod/undeclared" }] };
  const refusals: [Worker, Record<string, unknown>, number, string][] = [
    [worker, undeclared, 403, "forbidden"],
    [worker, { fence: worker.fence + 1 }, 409, "fenced"],
    [{ ...worker, headers: stranger.headers }, {}, 403, "forbidden"],
    [{ ...worker, attemptId: crypto.randomUUID() }, {}, 404, "not_found"],
    [worker, { refs: "all" }, 400, "invalid"],
  ];
  for (const [who, change, status, code] of refusals) {
    assert.equal((await bodyOf(await ask(server, who, change), status))["code"], code);
  }
  await query(server.ports.db, sql`update runs set trust = 'untrusted'`);
  assert.equal((await bodyOf(await ask(server, worker), 403))["code"], "forbidden");
  await query(server.ports.db, sql`update runs set trust = 'trusted'`);
  await query(server.ports.db, sql`update attempts set state = 'lost'`);
  assert.equal((await bodyOf(await ask(server, worker), 409))["code"], "fenced");
});

Deno.test("M11 an attempt in grace is told to ask again, and one that asks too often to wait", async () => {
  await using database = await openTestDatabase("pglite");
  const { clock, advance } = newFakeClock();
  const server = newTestServer(database.db, {}, newTestPorts(database.db, clock));
  await keep(server);
  const worker = await openWorker(server, null);
  for (let asked = 0; asked < 60; asked++) await bodyOf(await ask(server, worker));
  const often = await bodyOf(await ask(server, worker), 429);
  assert.deepEqual([often["code"], often["retryable"]], ["rate_limited", true]);
  await advance(server.settings.runner.leaseMs + 1_000);
  const late = await bodyOf(await ask(server, worker), 423);
  assert.deepEqual([late["code"], late["retryable"]], ["not_ready", true]);
});
