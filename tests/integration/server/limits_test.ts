/** How often somebody may ask (7.9, 1.10). */
import assert from "node:assert/strict";
import { createApiToken, LOCAL_COMMANDS } from "../../../src/server/access/tokens.ts";
import * as v from "valibot";
import { ClaimReply, HEADERS, RegisterReply } from "../../../src/protocol/messages.ts";
import { createRegistrationToken } from "../../../src/server/dispatch/register.ts";
import { newRateLimit } from "../../../src/server/http/rate-limit.ts";
import { SERVER_DEFAULTS } from "../../../src/server/settings.ts";
import { openTestDatabase } from "../../support/database.ts";
import { newFakeClock } from "../../support/fake-clock.ts";
import { bodyOf, newTestPorts, newTestServer } from "../../support/server.ts";

const { limits } = SERVER_DEFAULTS;

Deno.test("7.9 a bucket holds a burst and fills steadily; each key has its own", async () => {
  const time = newFakeClock();
  const limit = newRateLimit(time.clock, { perMinute: 60, burst: 3 });
  assert.deepEqual([1, 2, 3].map(() => limit.take("a")), [0, 0, 0]);
  assert.equal(limit.take("a"), 1_000);
  assert.equal(limit.look("a"), 1_000);
  assert.equal(limit.take("b"), 0);
  await time.advance(999);
  assert.equal(Math.round(limit.take("a")), 1);
  await time.advance(1);
  assert.equal(limit.take("a"), 0);
  assert.ok(limit.take("a") > 0);
  await time.advance(3_600_000);
  assert.deepEqual([1, 2, 3].map(() => limit.take("a")), [0, 0, 0], "no more than the burst");
  assert.ok(limit.take("a") > 0);
});

Deno.test("7.9 no limit is no limit", () => {
  const limit = newRateLimit(newFakeClock().clock, { perMinute: 0 });
  assert.ok(Array.from({ length: 1_000 }, () => limit.take("a")).every((wait) => wait === 0));
});

async function openServer() {
  const database = await openTestDatabase("pglite");
  const time = newFakeClock();
  const ports = newTestPorts(database.db, time.clock);
  return { ports, time, database, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

Deno.test("7.9 a credential that calls too often is told when it may again; others are not", async () => {
  await using bench = await openServer();
  const { ports, time } = bench;
  const few = { ...limits, api: { perMinute: 60, burst: 4 }, changes: { perMinute: 2 } };
  const server = newTestServer(bench.database.db, { auth: { kind: "token" }, limits: few }, ports);
  const as = async (name: string): Promise<Record<string, string>> => ({
    Authorization: `Bearer ${(await createApiToken(ports, name, null)).token}`,
  });
  const [ann, bob, own] = await Promise.all([as("ann"), as("bob"), as(LOCAL_COMMANDS)]);
  const list = (headers: Record<string, string>) => server.request("GET", "/api/v1/queues", { headers });
  const change = (headers: Record<string, string>) =>
    server.request("PATCH", "/api/v1/queues/q", { headers, body: { paused: false } });
  for (let n = 0; n < 2; n++) await bodyOf(await change(ann));
  const refused = await change(ann);
  assert.equal(refused.headers.get("Retry-After"), "30");
  assert.equal((await bodyOf(refused, 429))["code"], "rate_limited");
  await bodyOf(await list(ann));
  assert.equal((await bodyOf(await list(ann), 429))["code"], "rate_limited");
  await bodyOf(await list(bob));
  for (let n = 0; n < 10; n++) await bodyOf(await change(own));
  await time.advance(1_000);
  await bodyOf(await list(ann));
});

Deno.test("7.9 where no credentials are asked for, nothing is counted", async () => {
  await using bench = await openServer();
  const few = { ...limits, api: { perMinute: 1, burst: 1 }, changes: { perMinute: 1 } };
  const server = newTestServer(bench.database.db, { limits: few }, bench.ports);
  for (let n = 0; n < 5; n++) await bodyOf(await server.request("PATCH", "/api/v1/queues/q", { body: {} }));
});

Deno.test("1.10 a webhook takes so many deliveries, and strangers do not use them up", async () => {
  await using bench = await openServer();
  const few = { ...limits, webhook: { perMinute: 60, burst: 2 }, failures: { perMinute: 3 } };
  const server = newTestServer(bench.database.db, { limits: few }, bench.ports);
  const spec = 'steps: [{id: a, run: "true"}]';
  await bodyOf(await server.request("POST", "/api/v1/dags", { body: { name: "job", spec } }), 201);
  const { token } = await bodyOf(await server.request("POST", "/api/v1/dags/job/webhook"), 201);
  const send = (secret: unknown, remoteAddress: string): Promise<Response> =>
    server.request("POST", "/api/v1/webhooks/job", {
      headers: { Authorization: `Bearer ${secret}` },
      body: {},
      remoteAddress,
    });
  for (let n = 0; n < 3; n++) await bodyOf(await send("wrong", "192.0.2.1"), 401);
  const guessed = await send(token, "192.0.2.1");
  assert.equal(guessed.headers.get("Retry-After"), "20");
  await bodyOf(guessed, 429);
  for (const path of ["/api/v1/health", "/livez", "/api/v1/dags"]) {
    await bodyOf(await server.request("GET", path, { remoteAddress: "192.0.2.1" }));
  }
  await bodyOf(await send(token, "192.0.2.2"));
  await bodyOf(await send(token, "192.0.2.2"));
  const refused = await send(token, "192.0.2.2");
  assert.equal(refused.headers.get("Retry-After"), "1");
  assert.equal((await bodyOf(refused, 429))["code"], "rate_limited");
  await bench.time.advance(1_000);
  await bodyOf(await send(token, "192.0.2.2"));
});

Deno.test("AU-04 who guesses a password is not listened to for a while; others and tokens are", async () => {
  await using bench = await openServer();
  const settings = {
    auth: { kind: "basic", username: "ann", password: "right" },
    limits: { ...limits, failures: { perMinute: 3 } },
  } as const;
  const server = newTestServer(bench.database.db, settings, bench.ports);
  const ask = (authorization: string, remoteAddress: string): Promise<Response> =>
    server.request("GET", "/api/v1/dags", { headers: { Authorization: authorization }, remoteAddress });
  const basic = (password: string): string => `Basic ${btoa(`ann:${password}`)}`;
  const { token } = await createApiToken(bench.ports, "job", null);
  for (let n = 0; n < 3; n++) await bodyOf(await ask(basic(`guess ${n}`), "192.0.2.1"), 401);
  const refused = await ask(basic("right"), "192.0.2.1");
  assert.equal(refused.headers.get("Retry-After"), "20");
  await bodyOf(refused, 429);
  await bodyOf(await ask(basic("right"), "192.0.2.2"));
  await bodyOf(await ask(`Bearer ${token}`, "192.0.2.1"));
  for (let n = 0; n < 5; n++) await bodyOf(await ask("Bearer stale", "192.0.2.3"), 401);
  await bodyOf(await ask(`Bearer ${token}`, "192.0.2.3"));
  await bench.time.advance(20_000);
  await bodyOf(await ask(basic("right"), "192.0.2.1"));
});

Deno.test("7.9 a runner's messages have a limit, its heartbeats and ends have none", async () => {
  await using bench = await openServer();
  const few = { ...limits, claims: { perMinute: 2 }, events: { perMinute: 2 }, logs: { perMinute: 1 } };
  const server = newTestServer(bench.database.db, { limits: few }, bench.ports);
  const { token } = await createRegistrationToken(bench.ports, { lifeMs: 60_000, uses: 1, labels: {} });
  const facts = { name: "r", machineId: "m", version: "1", os: "linux", arch: "amd64" };
  const registered = await server.request("POST", "/runner/v1/register", {
    body: { ...facts, labels: {}, capacity: 2, features: [] },
    headers: { Authorization: `Bearer ${token}` },
  });
  const { runnerToken } = v.parse(RegisterReply, await bodyOf(registered));
  const headers = { Authorization: `Bearer ${runnerToken}` };
  const claim = (free: number): Promise<Response> => {
    const body = { claimId: crypto.randomUUID(), labels: {}, free, waitMs: 0, held: [] };
    return server.request("POST", "/runner/v1/claim", { headers, body });
  };
  const spec = 'steps: [{id: a, run: "true"}]';
  await bodyOf(await server.request("POST", "/api/v1/dag-runs", { body: { name: "job", spec } }));
  const [grant] = v.parse(ClaimReply, await bodyOf(await claim(1))).attempts;
  assert.ok(grant);
  for (let n = 0; n < 5; n++) await bodyOf(await claim(0));
  for (let n = 0; n < 2; n++) await bodyOf(await claim(1));
  assert.deepEqual([(await bodyOf(await claim(1), 429))["retryable"]], [true]);

  const { attemptId, fence } = grant;
  const mine = { ...headers, [HEADERS.attempt]: grant.attemptToken };
  const tell = (seq: number, type: string, data: unknown): Promise<Response> =>
    server.request("POST", `/runner/v1/attempts/${attemptId}/events`, {
      headers: mine,
      body: { fence, firstSeq: seq, events: [{ seq, at: 1, mono: 0, type, data }] },
    });
  await bodyOf(await tell(1, "attempt.started", { engineVersion: "", host: "h", workDir: "/w" }));
  await bodyOf(await tell(2, "x", {}));
  const refused = await tell(3, "x", {});
  assert.equal(refused.headers.get("Retry-After"), "30");
  await bodyOf(refused, 429);
  const path = `/runner/v1/attempts/${attemptId}/logs?step=a&stream=stdout&fence=${fence}`;
  const log = (offset: number): Promise<Response> =>
    server.request("POST", `${path}&offset=${offset}`, { headers: mine, body: new Uint8Array(1) });
  await bodyOf(await log(0));
  await bodyOf(await log(1), 429);
  const beat = { state: "active", free: 1, spoolBytes: 0, version: "1", attempts: [], ackDirectives: [] };
  for (let n = 0; n < 50; n++) {
    await bodyOf(await server.request("POST", "/runner/v1/heartbeat", { headers, body: beat }));
  }
  await bodyOf(await tell(3, "attempt.finished", { status: "succeeded" }));
});
