/** A large log goes through real processes whole, and none of them grows with it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { freePort, spawnDagu } from "../support/dagu.ts";
import { openTestDatabase } from "../support/database.ts";
import { postJson } from "../support/http.ts";

const SIZE = 200 * 1024 * 1024;
const LIMIT_KB = 250 * 1024;
const SPEC = `steps: [{id: big, run: "yes 0123456789abcde | head -c ${SIZE}"}]`;

Deno.test("SP-01 a log of 200 MB arrives whole; server and worker stay below 250 MB resident", async () => {
  await using database = await openTestDatabase("postgres");
  const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  {
    const port = freePort();
    const url = `http://127.0.0.1:${port}`;
    await using server = spawnDagu({
      args: ["server", "--port", String(port)],
      env: { DAGU_HOME: home, DATABASE_URL: database.url ?? "" },
    });
    await server.said("dagu server on");
    const { token } = await postJson(`${url}/api/v1/runners/registration-tokens`, {});
    await using worker = spawnDagu({
      args: ["worker", "--url", url],
      env: { DAGU_HOME: home, DAGU_RUNNER_REGISTRATION_TOKEN: String(token), DAGU_CONTAINER_RUNTIME: "none" },
    });
    await worker.said("runner ready");
    const { dagRunId } = await postJson(`${url}/api/v1/dag-runs`, { spec: SPEC, name: "big" });
    await worker.said("attempt ended");

    const response = await fetch(`${url}/api/v1/dag-runs/big/${dagRunId}/steps/big/log/download`);
    assert.ok(response.body !== null);
    const hash = createHash("sha256");
    let size = 0;
    for await (const bytes of response.body) {
      size += bytes.length;
      hash.update(bytes);
    }
    assert.equal(size, SIZE);
    assert.equal(hash.digest("hex"), expectedDigest());
    for (const [name, pid] of [["server", server.pid], ["worker", worker.pid]] as const) {
      const peak = await peakResidentKb(pid);
      assert.ok(peak < LIMIT_KB, `${name} had ${Math.round(peak / 1024)} MB resident at its peak`);
    }
  }
  await Deno.remove(home, { recursive: true });
});

function expectedDigest(): string {
  const hash = createHash("sha256");
  const block = new TextEncoder().encode("0123456789abcde\n".repeat(65_536));
  for (let left = SIZE; left > 0; left -= block.length) {
    hash.update(block.subarray(0, Math.min(left, block.length)));
  }
  return hash.digest("hex");
}

async function peakResidentKb(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
}
