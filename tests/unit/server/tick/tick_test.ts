/** Everything periodic, on a database that is away. */
import assert from "node:assert/strict";
import type { ServerPorts } from "../../../../src/server/ports.ts";
import { keyOf } from "../../../../src/server/secrets/keyring.ts";
import { SERVER_DEFAULTS, type ServerSettings } from "../../../../src/server/settings.ts";
import { JOBS, tick } from "../../../../src/server/tick/tick.ts";

const SETTINGS: ServerSettings = {
  ...SERVER_DEFAULTS,
  version: "1",
  auth: { kind: "none" },
  keys: [keyOf(new Uint8Array(32))],
  queueTtlMs: 1,
};

async function levelsOf(error: Error): Promise<string[]> {
  const levels: string[] = [];
  const log = {
    info: () => levels.push("info"),
    warn: () => levels.push("warn"),
    error: () => levels.push("error"),
  };
  const broken = new Proxy({}, { get: () => () => assert.fail(error) });
  const clock = { now: () => 0, mono: () => 0, sleep: () => Promise.resolve() };
  // Every job begins with the database.
  await tick({ db: broken, clock, log } as unknown as ServerPorts, SETTINGS);
  return levels;
}

Deno.test("INV-25 5.10 a database that is away keeps no job from being tried, and is no error of ours", async () => {
  const away = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  const jobs = Object.keys(JOBS);
  assert.deepEqual(await levelsOf(away), jobs.map(() => "warn"));
  assert.deepEqual(await levelsOf(new Error("a bug")), jobs.map(() => "error"));
});
