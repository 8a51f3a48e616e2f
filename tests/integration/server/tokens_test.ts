/** Tokens as whoever steals one, or the whole database, would use them (control-plane contract 7.5, 7.13). */
import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { HEADERS } from "../../../src/protocol/messages.ts";
import { query } from "../../../src/server/store/query.ts";
import { createApiToken } from "../../../src/server/access/tokens.ts";
import { createRegistrationToken } from "../../../src/server/dispatch/register.ts";
import { asAttempt, BEAT, openHandRunner, registration, startEvents } from "../../support/runner-client.ts";
import { bodyOf, onEveryServer, type TestServer } from "../../support/server.ts";

const SPEC = 'steps: [{id: a, run: "true"}]';

/** Every row of every table, as one text. */
async function dump({ ports }: TestServer): Promise<string> {
  const tables = await query<{ name: string }>(
    ports.db,
    sql`select tablename as name from pg_tables where schemaname = 'public' order by tablename`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await query<{ row: string }>(
      ports.db,
      sql`select to_jsonb(t)::text as row from ${sql.identifier(name)} t`,
    );
    texts.push(...rows.map(({ row }) => row));
  }
  return texts.join("\n");
}

async function openTokens(server: TestServer) {
  const { token: api } = await createApiToken(server.ports, "ci", null);
  const asApi = { Authorization: `Bearer ${api}` };
  const send = (method: string, path: string, body?: unknown): Promise<Response> =>
    server.request(method, `/api/v1${path}`, { body, headers: asApi });
  await bodyOf(await send("POST", "/dags", { name: "build", spec: SPEC }), 201);
  const { token: webhook } = await bodyOf(await send("POST", "/dags/build/webhook"), 201);
  const { token: admission } = await createRegistrationToken(server.ports, {
    lifeMs: 60_000,
    uses: 9,
    labels: {},
  });
  await bodyOf(await send("POST", "/dag-runs", { name: "one", spec: SPEC }));
  const runner = await openHandRunner(server);
  const [grant] = await runner.claim();
  assert.ok(grant);
  const tokens = {
    api,
    webhook: String(webhook),
    admission,
    runner: runner.token,
    attempt: grant.attemptToken,
  };
  return { tokens, runner, grant };
}

onEveryServer("AU-40 WH-32 a copy of the database holds no token", async (server) => {
  const { tokens } = await openTokens(server);
  const text = await dump(server);
  assert.match(text, /"build"/, "rows are in the copy");
  for (const [kind, token] of Object.entries(tokens)) {
    assert.equal(text.includes(token), false, kind);
    // What is kept for recognition is the beginning alone.
    assert.equal(text.includes(token.slice(0, 16)), false, kind);
  }
}, { auth: { kind: "token" } });

onEveryServer("AU-40 a token of one kind is none of another", async (server) => {
  const { tokens } = await openTokens(server);
  const doors: Readonly<Record<string, (token: string) => Promise<Response>>> = {
    api: (token) => server.request("GET", "/api/v1/runners", { headers: bearer(token) }),
    webhook: (token) =>
      server.request("POST", "/api/v1/webhooks/build", { headers: bearer(token), body: {} }),
    admission: (token) =>
      server.request("POST", "/runner/v1/register", { headers: bearer(token), body: registration() }),
    runner: (token) => server.request("POST", "/runner/v1/heartbeat", { headers: bearer(token), body: BEAT }),
  };
  for (const [door, knock] of Object.entries(doors)) {
    for (const [kind, token] of Object.entries(tokens)) {
      const answer = await knock(token);
      await answer.body?.cancel();
      assert.equal(answer.status, kind === door ? 200 : 401, `${kind} token at the ${door} door`);
    }
  }
}, { auth: { kind: "token" } });

onEveryServer("AU-41 a stolen attempt token is of no use to another runner, nor alone", async (server) => {
  const { grant, runner, tokens } = await openTokens(server);
  const thief = await openHandRunner(server);
  const path = `/attempts/${grant.attemptId}`;
  const { fence } = grant;
  const child = {
    fence,
    key: "k",
    step: "a",
    target: { kind: "text", name: "kid", yaml: SPEC },
    params: { kind: "none" },
    mode: "enqueue",
    queue: null,
    workerSelector: {},
  };
  const artifact = { fence, path: "x.txt", size: 1, sha256: "0".repeat(64) };
  const asks: readonly [path: string, body: unknown][] = [
    [`${path}/events`, { fence, firstSeq: 1, events: startEvents() }],
    [`${path}/logs?step=a&stream=stdout&offset=0&fence=${fence}`, new TextEncoder().encode("x")],
    [`${path}/decline`, { fence, reason: "draining" }],
    [`${path}/children`, child],
    [`${path}/artifacts`, artifact],
    [`${path}/secrets`, { fence, refs: [{ name: "X", ref: "prod/x" }] }],
    [`${path}/state`, { fence, op: "get", scope: "dag", namespace: "", key: "k" }],
  ];
  for (const [at, body] of asks) {
    const stolen = await bodyOf(await thief.post(at, body, asAttempt(grant)), 403);
    assert.equal(stolen["code"], "forbidden", at);
    assert.equal((await bodyOf(await runner.post(at, body), 403))["code"], "forbidden", `${at} without it`);
    const alone = { [HEADERS.attempt]: tokens.attempt };
    await bodyOf(await server.request("POST", `/runner/v1${at}`, { body, headers: alone }), 401);
    const twice = { ...bearer(tokens.attempt), ...alone };
    await bodyOf(await server.request("POST", `/runner/v1${at}`, { body, headers: twice }), 401);
  }
  for (const at of ["children", "children/x", "artifacts", "artifacts?path=x&part=1"]) {
    await bodyOf(await thief.get(`${path}/${at}`, asAttempt(grant)), 404);
  }
  await bodyOf(
    await thief.get(`${path}/logs?step=a&stream=stdout&offset=0&attempt=1`, asAttempt(grant)),
    404,
  );
  // Neither does it keep the attempt alive, nor take it over.
  const held = [{ attemptId: grant.attemptId, fence, lastSeq: 0, ackSeq: 0 }];
  const beat = await bodyOf(await thief.post("/heartbeat", { ...BEAT, attempts: held }));
  assert.match(JSON.stringify(beat), /"status":"unknown"/);
  const taken = await bodyOf(
    await thief.post("/reattach", { attempts: [{ attemptId: grant.attemptId, fence, lastSeq: 0 }] }),
  );
  assert.match(JSON.stringify(taken), /"verdict":"discard"/);
  // Its own runner is not disturbed.
  const begin = { fence, firstSeq: 1, events: startEvents() };
  await bodyOf(await runner.post(`${path}/events`, begin, asAttempt(grant)));
}, { auth: { kind: "token" } });

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}
