/** `wait.*` (workflow-language contract 6.4): what ends a wait, and that a stop does. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall } from "../../support/named-call.ts";

type Given = Readonly<Record<string, unknown>>;

function perform(
  bench: HostBench,
  name: NamedAction,
  given: Given,
  signal?: AbortSignal,
): Promise<Performed> {
  return bench.perform({ action: namedCall(name, given) }, signal);
}

async function timed(
  work: () => Promise<Performed>,
): Promise<{ readonly ms: number; readonly done: Performed }> {
  const start = performance.now();
  const done = await work();
  return { done, ms: performance.now() - start };
}

Deno.test("6.4 wait.duration and wait.until take their time and print nothing", async () => {
  await using bench = await openHostBench();
  const slept = await timed(() => perform(bench, "wait.duration", { duration: "120ms" }));
  assert.deepEqual([slept.done.outcome.failure, slept.done.stdout, slept.done.stderr], [null, "", ""]);
  assert.ok(slept.ms >= 119);
  const until = new Date(Date.now() + 150).toISOString();
  const waited = await timed(() => perform(bench, "wait.until", { until }));
  assert.equal(waited.done.outcome.failure, null);
  assert.ok(Date.now() >= Date.parse(until));
});

Deno.test("6.4 wait.until a time that has passed ends at once", async () => {
  await using bench = await openHostBench();
  const { done, ms } = await timed(() => perform(bench, "wait.until", { until: "2001-01-01T00:00:00Z" }));
  assert.equal(done.outcome.failure, null);
  assert.ok(ms < 1_000);
});

Deno.test("6.4 wait.file sees a file come and go, against the step's directory", async () => {
  await using bench = await openHostBench();
  const path = join(bench.workspace.workDir, "ready");
  const coming = perform(bench, "wait.file", { path: "ready", poll_interval: "20ms" });
  await Deno.writeTextFile(path, "");
  assert.equal((await coming).outcome.failure, null);
  const going = perform(bench, "wait.file", { path, state: "missing", poll_interval: "20ms" });
  await Deno.remove(path);
  const { outcome, stdout } = await going;
  assert.deepEqual([outcome.failure, stdout], [null, ""]);
});

const ENDLESS: readonly (readonly [NamedAction, Given])[] = [
  ["wait.duration", { duration: "10h" }],
  ["wait.until", { until: "2999-01-01T00:00:00Z" }],
  ["wait.file", { path: "never", poll_interval: "1h" }],
  ["wait.http", { url: "http://127.0.0.1:9/", poll_interval: "1h" }],
];

/** The HTTP client has a clock for all its connections, which outlives each of them by a second. */
const UNCOUNTED = { sanitizeOps: false, sanitizeResources: false } as const;

Deno.test({
  name: "6.4 waits end at once when they are stopped",
  ...UNCOUNTED,
  fn: async (t) => {
    await using bench = await openHostBench();
    for (const [name, given] of ENDLESS) {
      await t.step(name, async () => {
        const stop = new AbortController();
        setTimeout(() => stop.abort(), 100);
        const { done, ms } = await timed(() => perform(bench, name, given, stop.signal));
        assert.notEqual(done.outcome.failure, null);
        assert.ok(ms < 5_000);
      });
    }
  },
});

Deno.test({
  name: "6.4 wait.http waits for the status, through refusals, errors and silence",
  ...UNCOUNTED,
  fn: async () => {
    await using bench = await openHostBench();
    const seen: string[] = [];
    const answers = [500, null, 404, 204];
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      const status = answers[seen.length];
      seen.push(`${request.method} ${request.headers.get("x-key")} ${await request.text()}`);
      if (status === null) {
        await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
      }
      return new Response(null, { status: status ?? 204 });
    });
    const { outcome, stdout } = await perform(bench, "wait.http", {
      url: `http://127.0.0.1:${server.addr.port}/`,
      method: "put",
      status: "204",
      headers: { "x-key": "k" },
      body: "b",
      poll_interval: "20ms",
      request_timeout: "200ms",
    });
    await server.shutdown();
    assert.deepEqual([outcome.failure, stdout], [null, ""]);
    assert.deepEqual(seen, Array(4).fill("PUT k b"));
  },
});

Deno.test("6.4 wait.http refuses headers that can never be sent", async () => {
  await using bench = await openHostBench();
  const given = { url: "http://127.0.0.1:9/", headers: { "bad name": "x" } };
  const { outcome } = await perform(bench, "wait.http", given);
  assert.match(outcome.failure?.message ?? "", /headers have characters/);
});
