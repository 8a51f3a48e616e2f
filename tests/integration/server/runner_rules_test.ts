/** Rules of the runner protocol that a runner meets beside the way of one run (control-plane contract 5). */
import assert from "node:assert/strict";
import * as v from "valibot";
import { ChildList } from "../../../src/protocol/children.ts";
import { Directive, HEADERS } from "../../../src/protocol/messages.ts";
import { sweepRunners } from "../../../src/server/tick/runners.ts";
import { sha256 } from "../../../src/workflow/digest.ts";
import {
  asAttempt,
  BEAT,
  NOW,
  openHandRunner,
  registration,
  startEvents,
  startInline,
} from "../../support/runner-client.ts";
import { bodyOf, onEveryServer, type TestServer } from "../../support/server.ts";

async function runnersOf(server: TestServer): Promise<Record<string, unknown>[]> {
  const Listed = v.object({ runners: v.array(v.record(v.string(), v.unknown())) });
  return v.parse(Listed, await bodyOf(await server.request("GET", "/api/v1/runners"))).runners;
}

onEveryServer("M1 a registration token bounds what a runner may be", async (server) => {
  const made = await bodyOf(
    await server.request("POST", "/api/v1/runners/registration-tokens", {
      body: { capacityMax: 4, uses: 2, labels: { zone: "dc1" } },
    }),
    201,
  );
  const headers = { Authorization: `Bearer ${made["token"]}` };
  const send = (body: unknown): Promise<Response> =>
    server.request("POST", "/runner/v1/register", { body, headers });
  const refused = await bodyOf(await send(registration({ capacity: 5 })), 403);
  assert.deepEqual([refused["code"], refused["retryable"]], ["forbidden", false]);
  const reply = await bodyOf(await send(registration({ capacity: 4, labels: { zone: "dc2" } })));
  assert.deepEqual(reply["labels"], { zone: "dc1" });
  await bodyOf(
    await server.request("POST", "/api/v1/runners/registration-tokens", { body: { ttlHours: 169 } }),
    400,
  );
  for (const token of ["dagu_rrt_unknown", "", "x y"]) {
    const wrong = { Authorization: `Bearer ${token}` };
    const answer = await server.request("POST", "/runner/v1/register", {
      body: registration(),
      headers: wrong,
    });
    assert.equal((await bodyOf(answer, 401))["code"], "unauthorized");
  }
});

onEveryServer("M5 a heartbeat tells what a runner is by now", async (server) => {
  const runner = await openHandRunner(server, { labels: { zone: "a" }, capacity: 2 });
  const engine = { engine: "podman", address: "unix:///run/podman/podman.sock", rootless: true };
  const changed = { ...BEAT, version: "2", labels: { zone: "b" }, capacity: 7, engine };
  const isTold = async (): Promise<void> => {
    const [listed] = await runnersOf(server);
    const { version, labels, totalPollers, engine } = listed ?? {};
    assert.deepEqual([version, labels, totalPollers, engine], ["2", { zone: "b" }, 7, changed.engine]);
  };
  await bodyOf(await runner.post("/heartbeat", changed));
  await isTold();
  // One of an earlier version tells less, and nothing is forgotten.
  await bodyOf(await runner.post("/heartbeat", { ...BEAT, version: "2" }));
  await isTold();
});

onEveryServer("RP-03 every answer tells the time and the versions that are spoken", async (server) => {
  const runner = await openHandRunner(server);
  const answers = [
    await runner.post("/heartbeat", BEAT),
    await runner.post("/heartbeat", { nothing: true }),
    await runner.get("/nowhere"),
    await server.request("POST", "/runner/v1/claim", { body: {} }),
  ];
  for (const answer of answers) {
    await answer.body?.cancel();
    const told = (name: string): string => answer.headers.get(name) ?? "";
    assert.match(told(HEADERS.serverTime), /^\d{4}-\d\d-\d\dT/, String(answer.status));
    assert.deepEqual([told("Dagu-Protocol-Min"), told("Dagu-Protocol-Max")], ["1", "1"]);
  }
  assert.deepEqual(answers.map(({ status }) => status), [200, 400, 404, 401]);
});

onEveryServer(
  "RP-01 RP-06 a path that is none and a fault of ours are told in the protocol's words",
  async (server) => {
    const runner = await openHandRunner(server);
    const { message: _message, ...nowhere } = await bodyOf(await runner.get("/nowhere"), 404);
    assert.deepEqual(nowhere, { code: "not_found", retryable: false });
    const clock = { ...server.ports.clock };
    const { ports } = server;
    // Nobody expects that a clock fails.
    Object.assign(ports, { clock: { ...clock, now: () => assert.fail("no time") } });
    const answer = await runner.post("/heartbeat", BEAT);
    Object.assign(ports, { clock });
    const { message, ...broken } = await bodyOf(answer, 500);
    assert.deepEqual(broken, { code: "internal", retryable: true });
    assert.doesNotMatch(String(message), /no time/);
  },
);

onEveryServer("RP-22 keys that nobody knows are passed over", async (server) => {
  const runner = await openHandRunner(server);
  await bodyOf(await runner.post("/heartbeat", { ...BEAT, load: { cpu: 0.4 }, of: "a newer version" }));
  await startInline(server);
  const grants = await runner.claim({ resources: { cpu: 1 }, tomorrow: [1] });
  assert.equal(grants.length, 1);
});

onEveryServer("RP-24 RP-25 no clock of a runner decides; what it tells is shown on ours", async (server) => {
  const aheadMs = 3_600_000;
  const runner = await openHandRunner(server);
  const sent = (): Record<string, string> => ({
    [HEADERS.sentAt]: new Date(server.ports.clock.now() + aheadMs).toISOString(),
  });
  await bodyOf(await runner.post("/heartbeat", BEAT, sent()));
  const [listed] = await runnersOf(server);
  assert.ok(Math.abs(Number(listed?.["clockOffsetMs"]) + aheadMs) < 60_000);
  assert.equal(listed?.["healthStatus"], "warning");
  assert.match(String(listed?.["warnings"]), /^its clock is 3\d\d\d s ahead of the control plane's/);

  const dagRunId = await startInline(server);
  const [grant] = await runner.claim();
  assert.ok(grant);
  const events = startEvents(1, server.ports.clock.now() + aheadMs);
  const path = `/attempts/${grant.attemptId}/events`;
  const body = { fence: grant.fence, firstSeq: 1, events };
  await bodyOf(await runner.post(path, body, asAttempt(grant)));
  const Details = v.object({ dagRunDetails: v.object({ startedAt: v.string(), statusLabel: v.string() }) });
  const { dagRunDetails } = v.parse(
    Details,
    await bodyOf(await server.request("GET", `/api/v1/dag-runs/one/${dagRunId}`)),
  );
  assert.equal(dagRunDetails.statusLabel, "running");
  assert.ok(Math.abs(Date.parse(dagRunDetails.startedAt) - server.ports.clock.now()) < 60_000);
  // The same, sent again, is the same.
  assert.equal((await bodyOf(await runner.post(path, body, asAttempt(grant))))["ackSeq"], 2);

  // Nonsense in the header is none of our business, and a clock that was set is believed at once.
  await bodyOf(await runner.post("/heartbeat", BEAT, { [HEADERS.sentAt]: "yesterday" }));
  const right = { [HEADERS.sentAt]: new Date(server.ports.clock.now()).toISOString() };
  await bodyOf(await runner.post("/heartbeat", BEAT, right));
  const [set] = await runnersOf(server);
  assert.deepEqual([set?.["healthStatus"], set?.["warnings"]], ["healthy", []]);

  // One that was set since the last heartbeat is seen by the message itself.
  const later = await startInline(server, "two");
  const [next] = await runner.claim();
  assert.ok(next);
  const ahead = {
    fence: next.fence,
    firstSeq: 1,
    events: startEvents(1, server.ports.clock.now() + aheadMs),
  };
  await bodyOf(
    await runner.post(`/attempts/${next.attemptId}/events`, ahead, { ...asAttempt(next), ...sent() }),
  );
  const { dagRunDetails: two } = v.parse(
    Details,
    await bodyOf(await server.request("GET", `/api/v1/dag-runs/two/${later}`)),
  );
  assert.ok(Math.abs(Date.parse(two.startedAt) - server.ports.clock.now()) < 60_000);
});

onEveryServer("RS-04 AT-01 after a restore no fence of before is given again", async (server) => {
  const runner = await openHandRunner(server);
  const fenceOfNext = async (): Promise<number> => {
    await startInline(server);
    const [grant] = await runner.claim();
    assert.ok(grant);
    const events = startEvents();
    await bodyOf(
      await runner.post(
        `/attempts/${grant.attemptId}/events`,
        { fence: grant.fence, firstSeq: 1, events },
        asAttempt(grant),
      ),
    );
    return grant.fence;
  };
  assert.equal(await fenceOfNext(), 1);
  const { fenceEpoch } = await bodyOf(await server.request("POST", "/api/v1/runners/fence"));
  assert.equal(fenceEpoch, 1001);
  assert.equal(await fenceOfNext(), 1002);
  const again = await bodyOf(await server.request("POST", "/api/v1/runners/fence"));
  assert.equal(again["fenceEpoch"], 2002);
  assert.equal(await fenceOfNext(), 2003);
  // What the restored database does not know is nobody's (5.3: to its runner as good as fenced).
  const unknown = `/attempts/${crypto.randomUUID()}/events`;
  const lost = await bodyOf(
    await runner.post(unknown, { fence: 1, firstSeq: 1, events: startEvents() }),
    404,
  );
  assert.deepEqual([lost["code"], lost["retryable"]], ["not_found", false]);
});

onEveryServer(
  "RP-04 a message that inflates beyond its limit is refused, and hurts nobody",
  async (server) => {
    const runner = await openHandRunner(server);
    await startInline(server);
    const [grant] = await runner.claim();
    assert.ok(grant);
    const mine = asAttempt(grant);
    const path = `/attempts/${grant.attemptId}`;
    const begin = { fence: grant.fence, firstSeq: 1, events: startEvents() };
    await bodyOf(await runner.post(`${path}/events`, begin, mine));
    const zeros = new Blob([new Uint8Array(64 * 1_048_576)]).stream().pipeThrough(
      new CompressionStream("gzip"),
    );
    const bomb = new Uint8Array(await new Response(zeros).arrayBuffer());
    const packed = { ...mine, "Content-Encoding": "gzip" };
    const place = `${path}/logs?step=a&stream=stdout&offset=0&fence=${grant.fence}`;
    for (const at of [place, `${path}/events`, `${path}/state`]) {
      const answer = await bodyOf(await runner.post(at, bomb, packed), 413);
      assert.equal(answer["code"], "too_large");
    }
    const torn = await bodyOf(await runner.post(`${path}/events`, bomb.slice(0, 100), packed), 400);
    assert.equal(torn["code"], "invalid");
    const kept = await bodyOf(await runner.post(place, new TextEncoder().encode("still there"), mine));
    assert.equal(kept["nextOffset"], 11);
  },
);

const Directives = v.object({ directives: v.array(Directive) });

onEveryServer(
  "M8 CN-02 a runner hears of a directive at once, asked or streamed, until it acknowledged",
  async (server) => {
    const runner = await openHandRunner(server);
    const dagRunId = await startInline(server);
    const [grant] = await runner.claim();
    assert.ok(grant);
    const { attemptId, fence } = grant;
    const begin = { fence, firstSeq: 1, events: startEvents() };
    await bodyOf(await runner.post(`/attempts/${attemptId}/events`, begin, asAttempt(grant)));
    const ask = async (query: string): Promise<v.InferOutput<typeof Directive>[]> =>
      v.parse(Directives, await bodyOf(await runner.get(`/directives?${query}`))).directives;
    assert.deepEqual(await ask("waitMs=0"), []);

    const waiting = ask("waitMs=25000");
    const stream = await runner.get("/directives", { Accept: "text/event-stream" });
    assert.equal(stream.headers.get("Content-Type"), "text/event-stream");
    await bodyOf(await server.request("POST", `/api/v1/dag-runs/one/${dagRunId}/stop`, { body: {} }));
    const [told] = await waiting;
    assert.ok(told);
    assert.deepEqual([told.type, told.attemptId, told.fence], ["cancel", attemptId, fence]);
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    const frame = (await reader?.read())?.value ?? "";
    await reader?.cancel();
    const [, id, data] = /^event: directive\nid: (.*)\ndata: (.*)\n\n$/.exec(frame) ?? [];
    assert.equal(id, told.id);
    assert.deepEqual(JSON.parse(data ?? ""), told);

    assert.deepEqual(await ask("waitMs=0"), [told], "it repeats");
    assert.deepEqual(await ask(`waitMs=0&after=${told.id}`), []);
    const held = [{ attemptId, fence, lastSeq: 2, ackSeq: 2 }];
    await bodyOf(await runner.post("/heartbeat", { ...BEAT, attempts: held, ackDirectives: [told.id] }));
    assert.deepEqual(await ask("waitMs=0"), []);
    await bodyOf(await runner.get("/directives?after=no-id"), 400);
    const other = await openHandRunner(server);
    const theirs = v.parse(Directives, await bodyOf(await other.get("/directives?waitMs=0")));
    assert.deepEqual(theirs.directives, []);
  },
);

onEveryServer(
  "M9 TX-09 all children of a run are listed, and a change of one is waited for",
  async (server) => {
    const runner = await openHandRunner(server);
    await startInline(server);
    const [grant] = await runner.claim();
    assert.ok(grant);
    const mine = asAttempt(grant);
    const path = `/attempts/${grant.attemptId}`;
    const begin = { fence: grant.fence, firstSeq: 1, events: startEvents() };
    await bodyOf(await runner.post(`${path}/events`, begin, mine));
    const list = async (query: string): Promise<v.InferOutput<typeof ChildList>> =>
      v.parse(ChildList, await bodyOf(await runner.get(`${path}/children?${query}`, mine)));
    const none = await list("waitMs=0");
    assert.deepEqual(none, { children: [], cursor: "0" });
    const start = async (key: string): Promise<unknown> =>
      await bodyOf(
        await runner.post(`${path}/children`, {
          fence: grant.fence,
          key,
          step: "a",
          target: { kind: "text", name: "kid", yaml: 'steps: [{id: a, run: "true"}]' },
          params: { kind: "none" },
          mode: "enqueue",
          queue: null,
          workerSelector: {},
        }, mine),
      );
    const [first, again] = [await start("k/1"), await start("k/1")];
    const dagRunIds = [first, again].map((answer) =>
      v.parse(v.object({ child: v.object({ dagRunId: v.string() }) }), answer).child.dagRunId
    );
    assert.equal(dagRunIds[0], dagRunIds[1], "one key is one child");
    const one = await list(`waitMs=25000&after=${none.cursor}`);
    const child = { key: await sha256("k/1"), name: "kid", dagRunId: dagRunIds[0], status: "queued" };
    assert.deepEqual(one.children, [child]);
    assert.deepEqual(await list(`waitMs=0&after=${one.cursor}`), one, "nothing new is no error");
    const changed = list(`waitMs=25000&after=${one.cursor}`);
    await bodyOf(await runner.post(`${path}/children/${dagRunIds[0]}/cancel`, {}, mine));
    assert.deepEqual((await changed).children, [{ ...child, status: "aborted" }]);
    await bodyOf(await runner.get(`${path}/children?waitMs=0`), 404);
    await bodyOf(await runner.get(`${path}/children?after=x`, mine), 400);
  },
);

onEveryServer(
  "M15 AP-98 a runner that left is away until it speaks anew, and has no idle place meanwhile",
  async (server) => {
    const runner = await openHandRunner(server, { capacity: 2 });
    const as = (boot: string): Record<string, string> => ({ [HEADERS.boot]: boot });
    const shown = async (): Promise<unknown[]> => {
      const [listed] = await runnersOf(server);
      return [listed?.["state"], listed?.["healthStatus"]];
    };
    const idle = async (): Promise<string | undefined> => {
      const now = server.ports.clock.mono();
      // A scrape is kept for ten seconds.
      Object.assign(server.ports.clock, { mono: () => now + 11_000 });
      const text = await (await server.request("GET", "/api/v1/metrics")).text();
      return /^dagu_worker_pollers\{.*state="idle"\} (\d+)$/m.exec(text)?.[1];
    };
    await bodyOf(await runner.post("/heartbeat", { ...BEAT, free: 2 }, as("1.a")));
    assert.deepEqual([await shown(), await idle()], [["active", "healthy"], "2"]);

    await bodyOf(await runner.post("/leave", {}, as("1.a")));
    assert.deepEqual([await shown(), await idle()], [["away", "unhealthy"], "0"]);
    const page = await (await server.request("GET", "/runners")).text();
    assert.match(page, /has left/);

    await bodyOf(await runner.post("/heartbeat", { ...BEAT, free: 2 }, as("2.b")));
    assert.deepEqual([await shown(), await idle()], [["active", "healthy"], "2"]);
    // Of the process before, and late.
    await bodyOf(await runner.post("/leave", {}, as("1.a")), 409);
    assert.deepEqual(await shown(), ["active", "healthy"]);
  },
);

onEveryServer("M2 5.6 a runner whose token has ended is listed no longer", async (server) => {
  const runner = await openHandRunner(server);
  await bodyOf(await runner.post("/heartbeat", BEAT));
  const now = server.ports.clock.now();
  const at = (ms: number): typeof server.ports => ({
    ...server.ports,
    clock: { ...server.ports.clock, now: () => now + ms },
  });
  const DAY_MS = 86_400_000;
  await sweepRunners(at(29 * DAY_MS));
  assert.equal((await runnersOf(server)).length, 1);
  await sweepRunners(at(31 * DAY_MS));
  assert.deepEqual(await runnersOf(server), []);
});

onEveryServer("M15 one that left a day ago is listed no longer, and may come back", async (server) => {
  const runner = await openHandRunner(server);
  await bodyOf(await runner.post("/heartbeat", BEAT, { [HEADERS.boot]: "1.a" }));
  await bodyOf(await runner.post("/leave", {}, { [HEADERS.boot]: "1.a" }));
  assert.equal((await runnersOf(server)).length, 1);
  const { now } = server.ports.clock;
  Object.assign(server.ports.clock, { now: () => now() + 90_000_000 });
  assert.deepEqual(await runnersOf(server), []);
  await bodyOf(await runner.post("/heartbeat", BEAT, { [HEADERS.boot]: "2.b" }));
  assert.equal((await runnersOf(server))[0]?.["state"], "active");
});

onEveryServer("RT-01 4.3 a step that waits for its next try tells when that is", async (server) => {
  const runner = await openHandRunner(server);
  const dagRunId = await startInline(server);
  const [grant] = await runner.claim();
  assert.ok(grant);
  const error = { code: "COMMAND_FAILED", message: "exit code 1", remedy: "" };
  const data = { retry: 1, delayMs: 90_000, error };
  const retrying = { seq: 3, at: NOW, mono: 2, type: "step.retrying", step: "a", data };
  const body = { fence: grant.fence, firstSeq: 1, events: [...startEvents(), retrying] };
  await bodyOf(await runner.post(`/attempts/${grant.attemptId}/events`, body, asAttempt(grant)));
  const Details = v.object({
    dagRunDetails: v.object({ nodes: v.array(v.object({ nextRetryAt: v.optional(v.string()) })) }),
  });
  const answer = await bodyOf(await server.request("GET", `/api/v1/dag-runs/one/${dagRunId}`));
  const at = new Date(NOW + 90_000).toISOString();
  assert.deepEqual(v.parse(Details, answer).dagRunDetails.nodes, [{ nextRetryAt: at }]);
  const page = await (await server.request("GET", `/runs/one/${dagRunId}`)).text();
  assert.match(page, new RegExp(`tried again at <time datetime="${at}"`));
});
