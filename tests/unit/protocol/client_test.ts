import { sha256 } from "../../../src/workflow/digest.ts";
import assert from "node:assert/strict";
import { type LogPiece, newRunnerClient, type RunnerClient } from "../../../src/protocol/client.ts";
import type { Fetch } from "../../../src/protocol/exchange.ts";
import { newBackoff, resend } from "../../../src/protocol/resend.ts";
import { newFakeClock } from "../../support/fake-clock.ts";

const ATTEMPT = { attemptId: "0199aaaa-0000-7000-8000-000000000001", attemptToken: "dagu_att_x" };
const NEVER = new AbortController().signal;

function newIds(): { uuid(): string } {
  let n = 0;
  return { uuid: () => `0199aaaa-0000-7000-8000-${String(++n).padStart(12, "0")}` };
}

function newClient(
  fetch: Fetch,
  compress = true,
): { client: RunnerClient; fake: ReturnType<typeof newFakeClock> } {
  const fake = newFakeClock();
  const client = newRunnerClient(
    { fetch, clock: fake.clock, ids: newIds() },
    { baseUrl: "http://control.test/", boot: { number: 3, id: "boot" }, compress },
  );
  client.setCredential({ runnerId: "runner-1", token: "dagu_rnr_x" });
  return { client, fake };
}

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

const BEAT = {
  state: "active" as const,
  free: 1,
  spoolBytes: 0,
  version: "1",
  attempts: [],
  ackDirectives: [],
};

Deno.test("RP-02 a call carries protocol, runner, boot, time, request and token", async () => {
  const seen: Request[] = [];
  const { client } = newClient((request) => {
    seen.push(request);
    return Promise.resolve(json(200, { attempts: [], directives: [] }));
  });
  const result = await client.heartbeat(BEAT, { signal: NEVER, requestId: "same" });
  assert.deepEqual(result, { ok: true, value: { attempts: [], directives: [] } });
  const [request] = seen;
  assert.equal(request?.url, "http://control.test/runner/v1/heartbeat");
  const names = [
    "Dagu-Protocol",
    "Dagu-Runner",
    "Dagu-Boot",
    "Dagu-Sent-At",
    "Dagu-Request",
    "Authorization",
  ];
  assert.deepEqual(names.map((name) => request?.headers.get(name)), [
    "1",
    "runner-1",
    "3.boot",
    "2026-01-01T00:00:00.000Z",
    "same",
    "Bearer dagu_rnr_x",
  ]);
  assert.equal(request?.headers.has("Dagu-Attempt"), false);
});

const UNANSWERED: readonly [string, () => Response][] = [
  ["a proxy's page with 200", () => new Response("<html>", { status: 200 })],
  ["a proxy's page with 502", () => new Response("<html>", { status: 502 })],
  ["JSON of somebody else", () => json(200, { hello: 1 })],
  ["a refusal in no words of ours", () => json(500, { error: "boom" })],
];
for (const [name, answer] of UNANSWERED) {
  Deno.test(`RP-07 ${name} counts as no answer`, async () => {
    const { client } = newClient(() => Promise.resolve(answer()));
    const result = await client.heartbeat(BEAT, { signal: NEVER });
    assert.equal(!result.ok && result.failure.kind, "no_answer");
  });
}

Deno.test("RP-06 a refusal is a value with code, details and Retry-After", async () => {
  const body = { code: "seq_gap", message: "m", retryable: false, details: { expectedSeq: 4 } };
  const { client } = newClient(() => Promise.resolve(json(409, body, { "Retry-After": "7" })));
  const result = await client.sendEvents(ATTEMPT, { fence: 1, firstSeq: 1, events: [] }, { signal: NEVER });
  assert.deepEqual(result, {
    ok: false,
    failure: {
      kind: "refused",
      code: "seq_gap",
      message: "m",
      retryable: false,
      retryAfterMs: 7000,
      details: { expectedSeq: 4 },
    },
  });
});

Deno.test("RP-04 larger bodies are gzipped and say their length; small ones are not", async () => {
  const seen: { encoding: string | null; raw: string | null; body: Uint8Array }[] = [];
  const { client } = newClient(async (request) => {
    const encoding = request.headers.get("Content-Encoding");
    const body = new Uint8Array(await request.arrayBuffer());
    seen.push({ encoding, raw: request.headers.get("Dagu-Raw-Length"), body });
    return json(200, { nextOffset: 0, limitReached: false });
  });
  const piece: Omit<LogPiece, "bytes"> = {
    step: "a b",
    stream: "stdout",
    offset: 5,
    fence: 2,
    isFinal: true,
  };
  await client.sendLog(ATTEMPT, { ...piece, bytes: new Uint8Array(10) }, { signal: NEVER });
  await client.sendLog(ATTEMPT, { ...piece, bytes: new Uint8Array(20_000) }, { signal: NEVER });
  assert.equal(seen[0]?.encoding, null);
  assert.equal(seen[1]?.encoding, "gzip");
  assert.equal(seen[1]?.raw, "20000");
  const unpacked = new Blob([new Uint8Array(seen[1]?.body ?? [])]).stream().pipeThrough(
    new DecompressionStream("gzip"),
  );
  assert.equal((await new Response(unpacked).arrayBuffer()).byteLength, 20_000);
});

Deno.test("5.6 a claim waits for its time and ten seconds more, then counts as unanswered", async () => {
  const { client, fake } = newClient(() => new Promise(() => {}));
  const body = { claimId: newIds().uuid(), labels: {}, free: 1, waitMs: 25_000, held: [] };
  const claiming = client.claim(body, { signal: NEVER });
  let isSettled = false;
  void claiming.then(() => isSettled = true);
  await fake.advance(34_999);
  assert.equal(isSettled, false);
  await fake.advance(1);
  const result = await claiming;
  assert.equal(!result.ok && result.failure.kind, "no_answer");
});

Deno.test("a call that is aborted says so, though the fetch never looks at the signal", async () => {
  const { client } = newClient(() => new Promise(() => {}));
  const stop = new AbortController();
  const beating = client.heartbeat(BEAT, { signal: stop.signal });
  stop.abort();
  assert.deepEqual(await beating, { ok: false, failure: { kind: "aborted" } });
});

Deno.test("M12 bytes that are not of the digest count as no answer", async () => {
  const bytes = new TextEncoder().encode("payload");
  const digest = `sha256:${await sha256(bytes)}`;
  const good = newClient(() => Promise.resolve(new Response(bytes)));
  assert.deepEqual(await good.client.blob(ATTEMPT, digest, { signal: NEVER }), { ok: true, value: bytes });
  const bad = newClient(() => Promise.resolve(new Response("other")));
  const result = await bad.client.blob(ATTEMPT, digest, { signal: NEVER });
  assert.equal(!result.ok && result.failure.kind, "no_answer");
});

Deno.test("RP-07 delays are drawn between the base and three times the last, below the cap", () => {
  const highest = newBackoff(() => 1, 30_000);
  assert.deepEqual([1, 2, 3, 4, 5].map(() => highest.next(null)), [1500, 4500, 13_500, 30_000, 30_000]);
  highest.reset();
  assert.equal(highest.next(null), 1500);
  const lowest = newBackoff(() => 0, 30_000);
  assert.deepEqual([1, 2, 3].map(() => lowest.next(null)), [500, 500, 500]);
});

Deno.test("RP-07 Retry-After is obeyed, plus up to a fifth", () => {
  assert.equal(newBackoff(() => 0, 30_000).next(60_000), 60_000);
  assert.equal(newBackoff(() => 0.5, 30_000).next(60_000), 66_000);
});

Deno.test("RP-05 every repetition of a message has the same request id, and there is no last try", async () => {
  const fake = newFakeClock();
  const ids: (string | undefined)[] = [];
  const ports = { clock: fake.clock, ids: newIds(), random: () => 0.5 };
  const sending = resend(ports, { signal: NEVER }, (options) => {
    ids.push(options.requestId);
    const lost = { kind: "no_answer" as const, message: "cut", retryAfterMs: null };
    return Promise.resolve(
      ids.length < 50 ? { ok: false as const, failure: lost } : { ok: true as const, value: 1 },
    );
  });
  assert.deepEqual(await fake.runUntil(sending), { ok: true, value: 1 });
  assert.equal(ids.length, 50);
  assert.equal(new Set(ids).size, 1);
});

Deno.test("RP-07 a refusal that is not retryable is the answer; an abort ends the waiting", async () => {
  const fake = newFakeClock();
  const ports = { clock: fake.clock, ids: newIds(), random: () => 0.5 };
  const refused = {
    kind: "refused" as const,
    code: "fenced" as const,
    message: "",
    retryable: false,
    retryAfterMs: null,
    details: {},
  };
  const once = await resend(
    ports,
    { signal: NEVER },
    () => Promise.resolve({ ok: false as const, failure: refused }),
  );
  assert.deepEqual(once, { ok: false, failure: refused });
  const stop = new AbortController();
  const waiting = resend(
    ports,
    { signal: stop.signal },
    () =>
      Promise.resolve({
        ok: false as const,
        failure: { ...refused, code: "unavailable" as const, retryable: true },
      }),
  );
  await fake.advance(0);
  stop.abort();
  assert.deepEqual(await waiting, { ok: false, failure: { kind: "aborted" } });
});

Deno.test("5.3 a token that is refused is followed by the one before it, once, which then speaks on", async () => {
  const seen: (string | null)[] = [];
  const { client } = newClient((request) => {
    const token = request.headers.get("Authorization");
    seen.push(token);
    return Promise.resolve(
      token === "Bearer old"
        ? json(200, { attempts: [], directives: [] })
        : json(401, { code: "unauthorized", message: "", retryable: false }),
    );
  });
  let swaps = 0;
  const onPrevious = (): void => void swaps++;
  client.setCredential({ runnerId: "runner-1", token: "new", previousToken: "old", onPrevious });
  assert.ok((await client.heartbeat(BEAT, { signal: NEVER })).ok);
  assert.ok((await client.heartbeat(BEAT, { signal: NEVER })).ok);
  assert.deepEqual(seen, ["Bearer new", "Bearer old", "Bearer old"]);
  assert.equal(swaps, 1, "the runner is told, and has its token made anew");

  client.setCredential({ runnerId: "runner-1", token: "a", previousToken: "b" });
  const refused = await client.heartbeat(BEAT, { signal: NEVER });
  assert.equal(!refused.ok && refused.failure.kind === "refused" && refused.failure.code, "unauthorized");
  assert.deepEqual(seen.slice(3), ["Bearer a", "Bearer b"]);
});
