/** Decisions 5.2 of the runner protocol, as a runner meets them. */
import assert from "node:assert/strict";
import { asAttempt, openHandRunner, startEvents, startInline } from "../../support/runner-client.ts";
import { bodyOf, newTestPorts, newTestServer, onEveryServer, type TestServer } from "../../support/server.ts";

/** A second control plane on the same database, which shares nothing else with the first. */
function beside(server: TestServer): TestServer {
  return newTestServer(server.ports.db, server.settings, newTestPorts(server.ports.db));
}

onEveryServer("RD-06 RS-03 each call of a runner may come to another control plane", async (server) => {
  const runner = await openHandRunner(server);
  const [second, third] = [beside(server), beside(server)];
  const planes = [server, second, third];
  let calls = 0;
  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> => {
    const plane = planes[calls++ % planes.length];
    assert.ok(plane);
    return plane.request("POST", `/runner/v1${path}`, { body, headers: { ...runner.headers, ...headers } });
  };
  const dagRunId = await startInline(server);
  const [grant] = await runner.claim();
  assert.ok(grant);
  const { attemptId, fence } = grant;
  const as = asAttempt(grant);
  const [begun, stepBegun] = startEvents();
  const end = { at: 1, mono: 2 };
  const logs = { stdout: 3, stderr: 0 };
  const told = [
    begun,
    stepBegun,
    { ...end, seq: 3, type: "step.finished", step: "a", data: { status: "succeeded", exitCode: 0, logs } },
    { ...end, seq: 4, type: "attempt.finished", data: { status: "succeeded" } },
  ];
  for (const [at, event] of told.entries()) {
    if (at === 2) {
      await bodyOf(
        await third.request(
          "POST",
          `/runner/v1/attempts/${attemptId}/logs?step=a&stream=stdout&offset=0&fence=${fence}&final=1`,
          { body: new TextEncoder().encode("hi\n"), headers: { ...runner.headers, ...as } },
        ),
      );
    }
    const beat = { state: "active", free: 1, spoolBytes: 0, version: "1", ackDirectives: [] };
    const held = [{ attemptId, fence, lastSeq: at, ackSeq: at, state: "started" }];
    const answer = await bodyOf(await post("/heartbeat", { ...beat, attempts: held }));
    assert.deepEqual(JSON.stringify(answer["attempts"]).match(/"status":"(\w+)"/)?.[1], "ok");
    const sent = await bodyOf(
      await post(`/attempts/${attemptId}/events`, { fence, firstSeq: at + 1, events: [event] }, as),
    );
    assert.equal(sent["ackSeq"], at + 1);
  }
  const shown = await second.request("GET", `/api/v1/dag-runs/one/${dagRunId}`);
  assert.match(await shown.text(), /"statusLabel":"succeeded"/);
  const log = await second.request("GET", `/api/v1/dag-runs/one/${dagRunId}/steps/a/log/download`);
  assert.equal(await log.text(), "hi\n");
});

onEveryServer("RD-05 M5 one heartbeat speaks for all attempts of a runner", async (server) => {
  const runner = await openHandRunner(server, { capacity: 5 });
  for (const name of ["one", "two", "three"]) await startInline(server, name);
  const grants = await runner.claim({ free: 3 });
  assert.equal(grants.length, 3);
  const attempts = [...grants].reverse().map(({ attemptId, fence }) => ({
    ...{ attemptId, fence, lastSeq: 0, ackSeq: 0, state: "claimed" },
  }));
  const stranger = { ...attempts[0], attemptId: crypto.randomUUID() };
  const answer = await bodyOf(
    await runner.post("/heartbeat", {
      ...{ state: "active", free: 2, spoolBytes: 0, version: "1", ackDirectives: [] },
      attempts: [...attempts, stranger],
    }),
  );
  const told = answer["attempts"];
  assert.ok(Array.isArray(told));
  assert.deepEqual(
    Object.fromEntries(told.map((one) => [one.attemptId, one.status])),
    Object.fromEntries([
      ...attempts.map(({ attemptId }) => [attemptId, "ok"]),
      [stranger.attemptId, "unknown"],
    ]),
  );
});

onEveryServer("RD-07 M11 no claim's answer holds a secret", async (server) => {
  const value = "correct horse battery";
  await bodyOf(await server.request("POST", "/api/v1/secrets", { body: { ref: "prod/token", value } }), 201);
  const spec = 'secrets: [{name: TOKEN, ref: prod/token}]\nsteps: [{id: a, run: "true"}]';
  await startInline(server, "needs", spec);
  const runner = await openHandRunner(server);
  const body = { claimId: crypto.randomUUID(), labels: {}, free: 1, waitMs: 0, held: [] };
  const claimed = await (await runner.post("/claim", body)).text();
  assert.match(claimed, /"name":"needs"/);
  assert.equal(claimed.includes(value), false);
});
