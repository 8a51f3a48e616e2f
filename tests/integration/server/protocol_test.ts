/** The runner protocol as a runner meets it: over HTTP, from registration to the last log byte. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { ClaimReply, HEADERS, RegisterReply } from "../../../src/protocol/messages.ts";
import { createRegistrationToken } from "../../../src/server/dispatch/register.ts";
import { bodyOf, onEveryServer, type TestServer } from "../../support/server.ts";

const SPEC = 'steps: [{id: a, run: "true"}]';
const NOW = 1_790_000_000_000;

async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

interface Registered {
  readonly runnerId: string;
  readonly headers: Record<string, string>;
}

async function register(server: TestServer): Promise<Registered> {
  const { token } = await createRegistrationToken(server.ports, { lifeMs: 60_000, uses: 1, labels: {} });
  const body = {
    name: "r",
    machineId: "m",
    version: "1",
    os: "linux",
    arch: "amd64",
    labels: {},
    capacity: 2,
    features: [],
  };
  const headers = { Authorization: `Bearer ${token}` };
  const reply = v.parse(
    RegisterReply,
    await bodyOf(await server.request("POST", "/runner/v1/register", { body, headers })),
  );
  const again = v.parse(
    RegisterReply,
    await bodyOf(await server.request("POST", "/runner/v1/register", { body, headers })),
  );
  assert.deepEqual(again, reply, "M1 a registration whose answer was lost is answered again");
  const other = { ...body, machineId: "another" };
  await bodyOf(await server.request("POST", "/runner/v1/register", { body: other, headers }), 401);
  return { runnerId: reply.runnerId, headers: { Authorization: `Bearer ${reply.runnerToken}` } };
}

type Grant = v.InferOutput<typeof ClaimReply>["attempts"][number];

async function claim(server: TestServer, runner: Registered, claimId: string): Promise<Grant[]> {
  const body = { claimId, labels: {}, free: 2, waitMs: 0, held: [] };
  const answer = await server.request("POST", "/runner/v1/claim", { body, headers: runner.headers });
  return v.parse(ClaimReply, await bodyOf(answer)).attempts;
}

/** A run that a webhook started, with `payload` as its body. */
async function fire(server: TestServer, name: string, payload: string): Promise<string> {
  await bodyOf(await server.request("POST", "/api/v1/dags", { body: { name, spec: SPEC } }), 201);
  const { token } = await bodyOf(await server.request("POST", `/api/v1/dags/${name}/webhook`), 201);
  const headers = { Authorization: `Bearer ${token}` };
  const run = await bodyOf(
    await server.request("POST", `/api/v1/webhooks/${name}`, { headers, body: payload }),
  );
  return String(run["dagRunId"]);
}

function start(seq: number): Record<string, unknown>[] {
  return [
    { seq, at: NOW, mono: 0, type: "attempt.started", data: { engineVersion: "", host: "h", workDir: "/w" } },
    { seq: seq + 1, at: NOW, mono: 1, type: "step.started", step: "a", data: { retry: 0 } },
  ];
}

onEveryServer("M1-M12 RD-01 RD-02 a runner takes a webhook's run to its end over HTTP", async (server) => {
  const dagRunId = await fire(server, "build", '{"greeting":"héllo"}');
  const runner = await register(server);
  const claimId = crypto.randomUUID();
  const [grant, none] = await claim(server, runner, claimId);
  assert.ok(grant !== undefined && none === undefined);
  assert.equal(grant.run.dagRunId, dagRunId);
  assert.equal(grant.definition.yaml, SPEC);
  // Asked again: the same attempt with the same token (M3).
  assert.deepEqual(await claim(server, runner, claimId), [grant]);
  assert.deepEqual(await claim(server, runner, crypto.randomUUID()), []);

  // M12: what is too large for the grant comes by its digest, to this attempt alone.
  const input = grant.inputs.find((one) => one.name === "WEBHOOK_PAYLOAD");
  assert.ok(input);
  const mine = { ...runner.headers, [HEADERS.attempt]: grant.attemptToken };
  const blob = await server.request("GET", `/runner/v1/blobs/${input.digest}`, { headers: mine });
  assert.equal(await blob.text(), '{"greeting":"héllo"}');
  await bodyOf(
    await server.request("GET", `/runner/v1/blobs/${grant.definition.digest}`, { headers: mine }),
    404,
  );
  await bodyOf(
    await server.request("GET", `/runner/v1/blobs/${input.digest}`, { headers: runner.headers }),
    404,
  );
  const other = await register(server);
  const stolen = { ...other.headers, [HEADERS.attempt]: grant.attemptToken };
  await bodyOf(await server.request("GET", `/runner/v1/blobs/${input.digest}`, { headers: stolen }), 404);

  const at = `/runner/v1/attempts/${grant.attemptId}`;
  const tell = (body: unknown, headers = mine): Promise<Response> =>
    server.request("POST", `${at}/events`, { body, headers });
  const fence = grant.fence;
  await bodyOf(await tell({ fence, firstSeq: 1, events: start(1) }, stolen), 403);
  await bodyOf(await tell({ fence: fence + 1, firstSeq: 1, events: start(1) }), 409);
  const gap = await bodyOf(await tell({ fence, firstSeq: 3, events: start(3) }), 409);
  assert.deepEqual([gap["code"], gap["details"]], ["seq_gap", { expectedSeq: 1 }]);
  assert.equal((await bodyOf(await tell({ fence, firstSeq: 1, events: start(1) })))["ackSeq"], 2);
  assert.equal((await bodyOf(await tell({ fence, firstSeq: 1, events: start(1) })))["ackSeq"], 2);

  const log = async (offset: number, text: string, final = ""): Promise<Response> =>
    await server.request("POST", `${at}/logs?step=a&stream=stdout&offset=${offset}&fence=${fence}${final}`, {
      body: await gzip(text),
      headers: { ...mine, "Content-Encoding": "gzip", "Content-Type": "application/octet-stream" },
    });
  assert.equal((await bodyOf(await log(0, "one\n")))["nextOffset"], 4);
  assert.deepEqual((await bodyOf(await log(9, "x"), 409))["details"], { expectedOffset: 4 });
  assert.equal((await bodyOf(await log(2, "e\ntwo\n", "&final=1")))["nextOffset"], 8);

  const end = [
    {
      seq: 3,
      at: NOW,
      mono: 2,
      type: "step.finished",
      step: "a",
      data: { status: "succeeded", logs: { stdout: 8, stderr: 0 } },
    },
    { seq: 4, at: NOW, mono: 3, type: "attempt.finished", data: { status: "succeeded" } },
  ];
  assert.equal((await bodyOf(await tell({ fence, firstSeq: 3, events: end })))["runStatus"], "succeeded");
  const details = await bodyOf(await server.request("GET", `/api/v1/dag-runs/build/${dagRunId}`));
  const run = v.parse(v.object({ dagRunDetails: v.object({ statusLabel: v.string() }) }), details);
  assert.equal(run.dagRunDetails.statusLabel, "succeeded");
  const text = await server.request("GET", `/api/v1/dag-runs/build/${dagRunId}/steps/a/log/download`);
  assert.equal(await text.text(), "one\ntwo\n");
});

onEveryServer("M16 a runner that was started anew learns what is still its own", async (server) => {
  const dagRunId = await fire(server, "build", "{}");
  const runner = await register(server);
  const other = await register(server);
  const [grant] = await claim(server, runner, crypto.randomUUID());
  assert.ok(grant);
  const mine = { ...runner.headers, [HEADERS.attempt]: grant.attemptToken };
  const { attemptId, fence } = grant;
  const tell = (firstSeq: number, events: unknown[]): Promise<Response> =>
    server.request("POST", `/runner/v1/attempts/${attemptId}/events`, {
      body: { fence, firstSeq, events },
      headers: mine,
    });
  await bodyOf(await tell(1, start(1)));
  const piece = `step=a&stream=stderr&offset=0&fence=${fence}`;
  await bodyOf(
    await server.request("POST", `/runner/v1/attempts/${attemptId}/logs?${piece}`, {
      body: new TextEncoder().encode("told"),
      headers: mine,
    }),
  );
  const ask = async (who: Registered, held: { attemptId: string; fence: number }): Promise<unknown> => {
    const body = { attempts: [{ ...held, lastSeq: 2 }] };
    return await bodyOf(
      await server.request("POST", "/runner/v1/reattach", { body, headers: who.headers }),
    );
  };
  const discarded = (id: string) => ({ attempts: [{ attemptId: id, verdict: "discard" }] });
  assert.deepEqual(await ask(runner, { attemptId, fence }), {
    attempts: [{
      attemptId,
      verdict: "continue",
      grant: { ...grant, attemptToken: "" },
      logs: [{ step: "a", stream: "stderr", nextOffset: 4, isFinal: false }],
    }],
  });
  assert.deepEqual(await ask(other, { attemptId, fence }), discarded(attemptId), "another runner's");
  assert.deepEqual(await ask(runner, { attemptId, fence: fence + 1 }), discarded(attemptId), "stale fence");
  const unknown = crypto.randomUUID();
  assert.deepEqual(await ask(runner, { attemptId: unknown, fence }), discarded(unknown), "unknown");

  await bodyOf(await server.request("POST", `/api/v1/dag-runs/build/${dagRunId}/stop`));
  assert.deepEqual(await ask(runner, { attemptId, fence }), {
    attempts: [{ attemptId, verdict: "finish", status: "aborted" }],
  });
  const finished = { type: "attempt.finished", data: { status: "aborted" } };
  await bodyOf(await tell(3, [{ seq: 3, at: NOW, mono: 2, ...finished }]));
  assert.deepEqual(await ask(runner, { attemptId, fence }), {
    attempts: [{ attemptId, verdict: "finish", status: "failed" }],
  });
});

const HUGE = [-1, 0.5, 2 ** 31, 2 ** 53, 1e300];

onEveryServer("RP-06 numbers beyond reason are refused, never an internal error", async (server) => {
  await fire(server, "build", "{}");
  const runner = await register(server);
  const [grant] = await claim(server, runner, crypto.randomUUID());
  assert.ok(grant);
  const mine = { ...runner.headers, [HEADERS.attempt]: grant.attemptToken };
  const at = `/runner/v1/attempts/${grant.attemptId}`;
  const [first, second] = start(1);
  const claimBody = { claimId: crypto.randomUUID(), labels: {}, free: 0, waitMs: 0, held: [] };
  const beat = { state: "active", free: 0, spoolBytes: 0, version: "1", attempts: [], ackDirectives: [] };
  const asks = HUGE.flatMap((n): [path: string, body: unknown][] => [
    ["/runner/v1/claim", { ...claimBody, free: n }],
    ["/runner/v1/claim", { ...claimBody, waitMs: n === 0.5 ? n : -1 }],
    ["/runner/v1/heartbeat", { ...beat, free: n }],
    ["/runner/v1/heartbeat", { ...beat, spoolBytes: n === 2 ** 31 ? -1 : n }],
    [`${at}/events`, { fence: n, firstSeq: 1, events: [first] }],
    [`${at}/events`, { fence: grant.fence, firstSeq: n, events: [{ ...first, seq: n }] }],
    [`${at}/events`, { fence: grant.fence, firstSeq: 1, events: [{ ...first, at: n === 1e300 ? n : -1 }] }],
    [`${at}/decline`, { fence: n, reason: "draining" }],
  ]);
  for (const [path, body] of asks) {
    const answer = await server.request("POST", path, { body, headers: mine });
    await answer.body?.cancel();
    assert.equal(answer.status, 400, `${path} ${JSON.stringify(body)}`);
  }
  // A well-formed batch with a delay that no date can hold is kept as history and shown as far as it can be.
  const retrying = {
    seq: 3,
    at: NOW,
    mono: 2,
    type: "step.retrying",
    step: "a",
    data: { retry: 1, delayMs: 1e300, error: { code: "INTERNAL", message: "", remedy: "" } },
  };
  const events = [first, second, retrying];
  await bodyOf(
    await server.request("POST", `${at}/events`, {
      body: { fence: grant.fence, firstSeq: 1, events },
      headers: mine,
    }),
  );
  for (const path of ["/api/v1/dag-runs/build/latest", "/runs/build/latest", "/runs"]) {
    const answer = await server.request("GET", path);
    await answer.body?.cancel();
    assert.equal(answer.status, 200, path);
  }
});

onEveryServer(
  "RP-21 a runner of another protocol begins nothing new, and ends what it has",
  async (server) => {
    await fire(server, "build", "{}");
    const runner = await register(server);
    const [grant] = await claim(server, runner, crypto.randomUUID());
    assert.ok(grant);
    const newer = { ...runner.headers, [HEADERS.protocol]: "2" };
    const body = { claimId: crypto.randomUUID(), labels: {}, free: 1, waitMs: 0, held: [] };
    const refused = await bodyOf(
      await server.request("POST", "/runner/v1/claim", { body, headers: newer }),
      426,
    );
    assert.deepEqual([refused["code"], refused["details"]], ["upgrade_required", { min: 1, max: 1 }]);
    const registering = await server.request("POST", "/runner/v1/register", { body: {}, headers: newer });
    await bodyOf(registering, 426);
    const events = start(1);
    const told = await server.request("POST", `/runner/v1/attempts/${grant.attemptId}/events`, {
      body: { fence: grant.fence, firstSeq: 1, events },
      headers: { ...newer, [HEADERS.attempt]: grant.attemptToken },
    });
    await bodyOf(told);
  },
);

onEveryServer("M13 INV-21 a write of state that is sent again has the effect of one", async (server) => {
  await fire(server, "build", "{}");
  const runner = await register(server);
  const [grant] = await claim(server, runner, crypto.randomUUID());
  assert.ok(grant);
  const { attemptId, fence } = grant;
  const mine = { ...runner.headers, [HEADERS.attempt]: grant.attemptToken };
  const tell = (firstSeq: number, events: unknown[]): Promise<Response> =>
    server.request("POST", `/runner/v1/attempts/${attemptId}/events`, {
      body: { fence, firstSeq, events },
      headers: mine,
    });
  await bodyOf(await tell(1, start(1)));
  const send = async (request: string, work: Record<string, unknown>, status = 200): Promise<unknown> =>
    await bodyOf(
      await server.request("POST", `/runner/v1/attempts/${attemptId}/state`, {
        body: { fence, scope: "dag", namespace: "", key: "k", ...work },
        headers: { ...mine, [HEADERS.request]: request },
      }),
      status,
    );
  const put = { op: "put", value: { a: 1 }, expectedVersion: null, createOnly: true };
  const made = { entries: [{ key: "k", value: { a: 1 }, version: 1 }], isNew: true };
  const copies = await Promise.all(Array.from({ length: 4 }, () => send("r1", put)));
  assert.deepEqual(copies, [made, made, made, made]);
  await send("r2", put, 409);
  const second = { ...put, value: 2, createOnly: false, expectedVersion: 1 };
  assert.deepEqual(await send("r3", second), { entries: [{ key: "k", value: 2, version: 2 }], isNew: false });
  assert.deepEqual(await send("r1", put), made, "late: it takes nothing back");
  const { entries } = await send("r4", { op: "get" }) as { entries: { version: number }[] };
  assert.equal(entries[0]?.version, 2);
  const drop = { op: "delete", expectedVersion: 2 };
  await send("r5", drop);
  await send("r5", drop);
  await send("r6", put);
  await send("r5", drop);
  const kept = await send("r7", { op: "get" }) as { entries: unknown[] };
  assert.equal(kept.entries.length, 1, "a late copy of a delete deletes nothing that came since");
});
