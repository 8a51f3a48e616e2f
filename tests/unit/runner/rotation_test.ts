import assert from "node:assert/strict";
import { newRunnerClient } from "../../../src/protocol/client.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/messages.ts";
import { systemIds } from "../../../src/runner/clock.ts";
import { machineDisk } from "../../../src/runner/disk.ts";
import { readIdentity } from "../../../src/runner/identity.ts";
import { newRotation } from "../../../src/runner/rotation.ts";
import { newFakeClock } from "../../support/fake-clock.ts";

Deno.test("M2 a token that the disk does not take is not used: it is asked for again, and the runner goes on", async () => {
  const stateDir = await Deno.makeTempDir();
  const time = newFakeClock();
  const { clock } = time;
  const ids = systemIds();
  const tokens: string[] = [];
  const fetch = (request: Request): Promise<Response> => {
    tokens.push(request.headers.get("Authorization") ?? "");
    const tokenExpiresAt = new Date(clock.now() + 86_400_000).toISOString();
    return Promise.resolve(Response.json({ runnerToken: "dagu_rnr_new", tokenExpiresAt }));
  };
  const baseUrl = "http://control.test";
  const client = newRunnerClient({ fetch, clock, ids }, {
    baseUrl,
    boot: { number: 1, id: "boot" },
    compress: false,
  });
  const identity = {
    baseUrl,
    runnerId: ids.uuid(),
    runnerToken: "dagu_rnr_old",
    settings: DEFAULT_SETTINGS,
    rotateAt: clock.now(),
  };
  client.setCredential({ runnerId: identity.runnerId, token: identity.runnerToken });
  const warnings: string[] = [];
  const log = { info: () => {}, warn: (message: string) => void warnings.push(message), error: () => {} };
  const disk = machineDisk();
  let isFull = true;
  const write: typeof disk.write = (path, bytes) =>
    isFull ? Promise.reject(new Error("No space left on device (os error 28)")) : disk.write(path, bytes);
  const ports = { client, log, clock, ids, random: () => 0, disk: { ...disk, write } };
  const over = new AbortController();
  const running = newRotation(ports, stateDir, identity).run(over.signal);
  await time.advance(1);
  assert.deepEqual(warnings, ["the runner's new token cannot be kept"]);
  assert.equal(await readIdentity(disk, stateDir, baseUrl), null);
  isFull = false;
  await time.advance(600_000);
  while (await readIdentity(disk, stateDir, baseUrl) === null) await time.advance(0);
  over.abort();
  await running;
  assert.deepEqual(tokens, ["Bearer dagu_rnr_old", "Bearer dagu_rnr_old"]);
  assert.equal((await readIdentity(disk, stateDir, baseUrl))?.runnerToken, "dagu_rnr_new");
  await Deno.remove(stateDir, { recursive: true });
});
