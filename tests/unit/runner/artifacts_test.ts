import assert from "node:assert/strict";
import { newRunnerClient } from "../../../src/protocol/client.ts";
import { fetchArtifacts } from "../../../src/runner/artifacts.ts";
import { systemClock, systemIds } from "../../../src/runner/clock.ts";
import { machineDisk } from "../../../src/runner/disk.ts";
import { sha256 } from "../../../src/workflow/digest.ts";

Deno.test("M10 an artifact that the disk does not take is told, and the others are fetched", async () => {
  const folder = await Deno.makeTempDir();
  // With anything behind it, it is longer than a file's name may be.
  const long = "x".repeat(252);
  const bytes = new TextEncoder().encode("kept");
  const artifacts = [
    { path: long, size: bytes.length, sha256: await sha256(bytes) },
    { path: "short", size: bytes.length, sha256: await sha256(bytes) },
  ];
  const fetch = (request: Request): Promise<Response> =>
    Promise.resolve(
      new URL(request.url).searchParams.has("path") ? new Response(bytes) : Response.json({ artifacts }),
    );
  const [clock, ids, disk] = [systemClock(), systemIds(), machineDisk()];
  const client = newRunnerClient({ fetch, clock, ids }, {
    baseUrl: "http://control.test",
    boot: { number: 1, id: "boot" },
    compress: false,
  });
  const attempt = { attemptId: ids.uuid(), attemptToken: "dagu_att_x", fence: 1 };
  const { signal } = new AbortController();
  const problems = await fetchArtifacts({ client, disk, clock, ids, random: () => 0 }, {
    folder,
    attempt,
    signal,
  });
  assert.deepEqual(problems.map((problem) => problem.includes(long)), [true]);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(folder), ({ name }) => name), ["short"]);
  await Deno.remove(folder, { recursive: true });
});
