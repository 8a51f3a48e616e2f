/** A runner's token is made anew (M2), on both databases. */
import assert from "node:assert/strict";
import { newPrivateKey, publicHalf, Sealed, unseal } from "../../../src/protocol/sealing.ts";
import type { PublicKey } from "../../../src/protocol/sealing.ts";
import * as v from "valibot";
import { DATABASE_KINDS, openTestDatabase } from "../../support/database.ts";
import { newFakeClock } from "../../support/fake-clock.ts";
import { bodyOf, newTestPorts, newTestServer, type TestServer } from "../../support/server.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

interface Bench {
  readonly server: TestServer;
  readonly advance: (ms: number) => Promise<void>;
}

function onEveryClock(name: string, test: (bench: Bench) => Promise<void>): void {
  for (const kind of DATABASE_KINDS) {
    Deno.test(`${name} (${kind})`, async () => {
      await using database = await openTestDatabase(kind);
      const { clock, advance } = newFakeClock();
      await test({ server: newTestServer(database.db, {}, newTestPorts(database.db, clock)), advance });
    });
  }
}

interface Registered {
  readonly id: string;
  readonly token: string;
  readonly expiresAt: string;
}

async function register(server: TestServer, publicKey?: PublicKey): Promise<Registered> {
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
  const reply = await bodyOf(
    await server.request("POST", "/runner/v1/register", {
      body: { ...about, features: [], ...(publicKey === undefined ? {} : { publicKey }) },
      headers: { Authorization: `Bearer ${token}` },
    }),
  );
  return {
    id: String(reply["runnerId"]),
    token: String(reply["runnerToken"]),
    expiresAt: String(reply["tokenExpiresAt"]),
  };
}

async function rotate(server: TestServer, token: string, status = 200): Promise<Record<string, unknown>> {
  const headers = { Authorization: `Bearer ${token}` };
  return await bodyOf(await server.request("POST", "/runner/v1/token/rotate", { body: {}, headers }), status);
}

/** Whether the control plane still listens to it. */
async function isGood(server: TestServer, token: string): Promise<boolean> {
  const body = { state: "active", free: 0, spoolBytes: 0, version: "1", attempts: [], ackDirectives: [] };
  const headers = { Authorization: `Bearer ${token}` };
  return (await server.request("POST", "/runner/v1/heartbeat", { body, headers })).status === 200;
}

onEveryClock(
  "M2 TX-12 the old token lives for an hour, or for five minutes once the new one was used",
  async ({ server, advance }) => {
    const [one, two] = [await register(server), await register(server)];
    const next = String((await rotate(server, one.token))["runnerToken"]);
    await rotate(server, two.token);
    assert.match(next, /^dagu_rnr_/);
    assert.notEqual(next, one.token);
    assert.equal(await isGood(server, one.token), true);
    assert.equal(await isGood(server, next), true);
    await advance(4 * MINUTE_MS);
    assert.equal(await isGood(server, one.token), true);
    await advance(2 * MINUTE_MS);
    assert.deepEqual([await isGood(server, one.token), await isGood(server, next)], [false, true]);
    await advance(50 * MINUTE_MS);
    assert.equal(await isGood(server, two.token), true);
    await advance(5 * MINUTE_MS);
    assert.equal(await isGood(server, two.token), false);
  },
);

onEveryClock("M2 a token is good for 30 days, each new one for 30 more", async ({ server, advance }) => {
  const { token, expiresAt } = await register(server);
  assert.equal(Date.parse(expiresAt) - server.ports.clock.now(), 30 * DAY_MS);
  await advance(29 * DAY_MS);
  const next = String((await rotate(server, token))["runnerToken"]);
  await advance(29 * DAY_MS);
  assert.equal(await isGood(server, next), true);
  await advance(DAY_MS);
  assert.equal(await isGood(server, next), false);
});

onEveryClock(
  "M2 a repeated question is answered with the same token, for the holder of the key alone",
  async ({ server }) => {
    const key = await newPrivateKey();
    const { id, token } = await register(server, publicHalf(key));
    const next = String((await rotate(server, token))["runnerToken"]);
    for (let times = 0; times < 2; times++) {
      const repeated = await rotate(server, token);
      assert.equal(repeated["runnerToken"], undefined);
      assert.equal(await unseal(key, v.parse(Sealed, repeated["sealed"]), id), next);
    }
    const third = String((await rotate(server, next))["runnerToken"]);
    assert.equal(await isGood(server, token), false);
    assert.deepEqual([await isGood(server, next), await isGood(server, third)], [true, true]);
  },
);

onEveryClock(
  "M2 a repeated question of a runner without a key is a conflict, and the first answer holds",
  async ({ server }) => {
    const { token } = await register(server);
    const next = String((await rotate(server, token))["runnerToken"]);
    assert.equal((await rotate(server, token, 409))["code"], "conflict");
    assert.equal(await isGood(server, next), true);
  },
);

onEveryClock(
  "M2 of two questions at once one is answered in plain, the other sealed, with one token",
  async ({ server }) => {
    const key = await newPrivateKey();
    const { id, token } = await register(server, publicHalf(key));
    const answers = await Promise.all([rotate(server, token), rotate(server, token)]);
    const plain = answers.flatMap((one) =>
      typeof one["runnerToken"] === "string" ? [one["runnerToken"]] : []
    );
    const sealed = answers.flatMap((one) => v.is(Sealed, one["sealed"]) ? [one["sealed"]] : []);
    assert.deepEqual([plain.length, sealed.length], [1, 1]);
    assert.ok(sealed[0]);
    assert.equal(await unseal(key, sealed[0], id), plain[0]);
  },
);
