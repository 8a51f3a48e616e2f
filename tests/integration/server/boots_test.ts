/** One process speaks for a runner: the newest (5.11, `Dagu-Boot`). */
import assert from "node:assert/strict";
import * as v from "valibot";
import { ClaimReply, HEADERS, RegisterReply } from "../../../src/protocol/messages.ts";
import { createRegistrationToken } from "../../../src/server/dispatch/register.ts";
import { bodyOf, onEveryServer, type TestServer } from "../../support/server.ts";

type Headers = Readonly<Record<string, string>>;
const NOW = 1_790_000_000_000;

async function register(server: TestServer): Promise<(boot: string) => Headers> {
  const { token } = await createRegistrationToken(server.ports, { lifeMs: 60_000, uses: 1, labels: {} });
  const facts = { name: "r", machineId: "m", version: "1", os: "linux", arch: "amd64" };
  const answer = await server.request("POST", "/runner/v1/register", {
    body: { ...facts, labels: {}, capacity: 2, features: [] },
    headers: { Authorization: `Bearer ${token}` },
  });
  const { runnerToken } = v.parse(RegisterReply, await bodyOf(answer));
  return (boot) => ({ Authorization: `Bearer ${runnerToken}`, [HEADERS.boot]: boot });
}

async function beat(server: TestServer, headers: Headers): Promise<Response> {
  const body = { state: "active", free: 1, spoolBytes: 0, version: "1", attempts: [], ackDirectives: [] };
  return await server.request("POST", "/runner/v1/heartbeat", { body, headers });
}

async function refusedBoot(answer: Response): Promise<unknown> {
  const { code, details } = await bodyOf(answer, 409);
  assert.equal(code, "fenced");
  return details;
}

async function claimOne(server: TestServer, headers: Headers) {
  const spec = 'steps: [{id: a, run: "true"}]';
  await bodyOf(await server.request("POST", "/api/v1/dags", { body: { name: "build", spec } }), 201);
  await bodyOf(await server.request("POST", "/api/v1/dags/build/start", { body: {} }));
  const body = { claimId: crypto.randomUUID(), labels: {}, free: 1, waitMs: 0, held: [] };
  const answer = await server.request("POST", "/runner/v1/claim", { body, headers });
  const [grant] = v.parse(ClaimReply, await bodyOf(answer)).attempts;
  assert.ok(grant);
  return grant;
}

onEveryServer("5.11 the second process of a runner fences the first, whatever comes late", async (server) => {
  const as = await register(server);
  await bodyOf(await beat(server, as("1.a")));
  await bodyOf(await beat(server, as("1.a")));
  await bodyOf(await beat(server, as("2.b")));
  assert.deepEqual(await refusedBoot(await beat(server, as("1.a"))), { boot: 2 });
  const body = { claimId: crypto.randomUUID(), labels: {}, free: 1, waitMs: 0, held: [] };
  const claimed = await server.request("POST", "/runner/v1/claim", { body, headers: as("1.a") });
  assert.deepEqual(await refusedBoot(claimed), { boot: 2 });
  await bodyOf(await beat(server, as("2.b")));
});

onEveryServer(
  "5.11 of two copies that came to one number the first that was heard speaks",
  async (server) => {
    const as = await register(server);
    await bodyOf(await beat(server, as("7.a")));
    assert.deepEqual(await refusedBoot(await beat(server, as("7.b"))), { boot: 7 });
    await bodyOf(await beat(server, as("8.b")));
    assert.deepEqual(await refusedBoot(await beat(server, as("7.a"))), { boot: 8 });
  },
);

onEveryServer(
  "5.11 processes that are heard at once: one of them speaks, and it stays so",
  async (server) => {
    const as = await register(server);
    const boots = ["3.a", "5.b", "5.c", "4.d"];
    const rounds = await Promise.all([...boots, ...boots].map((boot) => beat(server, as(boot))));
    await Promise.all(rounds.map((answer) => answer.text()));
    const statuses = await Promise.all(boots.map(async (boot) => (await beat(server, as(boot))).status));
    assert.deepEqual([statuses[0], statuses[3]], [409, 409]);
    assert.deepEqual([statuses[1], statuses[2]].toSorted(), [200, 409]);
  },
);

onEveryServer("RP-20 a runner that counts no starts is not asked for them", async (server) => {
  const as = await register(server);
  for (const boot of ["", "0199aaaa-0000-7000-8000-000000000001", "0.a", "x.y", "1."]) {
    await bodyOf(await beat(server, as(boot)));
  }
});

onEveryServer(
  "INV-07 log bytes of before a loss of power do not meet the offsets of after it",
  async (server) => {
    const as = await register(server);
    const grant = await claimOne(server, as("1.a"));
    const { attemptId, fence } = grant;
    const mine = (boot: string): Headers => ({ ...as(boot), [HEADERS.attempt]: grant.attemptToken });
    const events = [{
      seq: 1,
      at: NOW,
      mono: 0,
      type: "attempt.started",
      data: { engineVersion: "", host: "h", workDir: "/w" },
    }];
    const told = await server.request("POST", `/runner/v1/attempts/${attemptId}/events`, {
      body: { fence, firstSeq: 1, events },
      headers: mine("1.a"),
    });
    await bodyOf(told);
    const log = async (boot: string, offset: number, text: string): Promise<Response> =>
      await server.request(
        "POST",
        `/runner/v1/attempts/${attemptId}/logs?step=a&stream=stdout&offset=${offset}&fence=${fence}`,
        { body: new TextEncoder().encode(text), headers: mine(boot) },
      );
    await bodyOf(await log("1.a", 0, "told"));
    const reattached = await server.request("POST", "/runner/v1/reattach", {
      body: { attempts: [{ attemptId, fence, lastSeq: 1 }] },
      headers: as("2.b"),
    });
    const { attempts } = await bodyOf(reattached);
    assert.ok(Array.isArray(attempts));
    assert.deepEqual(attempts[0].logs, [{ step: "a", stream: "stdout", nextOffset: 4, isFinal: false }]);
    assert.equal((await log("1.a", 4, "late")).status, 409);
    assert.deepEqual(await bodyOf(await log("2.b", 4, "new")), { nextOffset: 7, limitReached: false });
  },
);
