/** A forge is told what became of its commits (2.9), on both databases and over HTTP. */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { sendStatuses } from "../../../src/server/tick/commit-statuses.ts";
import { DATABASE_KINDS, openTestDatabase } from "../../support/database.ts";
import { newFakeClock } from "../../support/fake-clock.ts";
import { type ForgeServer, openForgeServer } from "../../support/forge-server.ts";
import { addEndpoint, PUSH, REPOSITORY, SPEC } from "../../support/github.ts";
import {
  asAttempt,
  type HandGrant,
  type HandRunner,
  NOW,
  openHandRunner,
} from "../../support/runner-client.ts";
import { startEvents } from "../../support/runner-client.ts";
import { bodyOf, newTestPorts, newTestServer, type TestServer } from "../../support/server.ts";

const TOKEN = "github-token-1";
const SHA = "a".repeat(40);

interface Bench {
  readonly server: TestServer;
  readonly github: ForgeServer;
  readonly send: Awaited<ReturnType<typeof addEndpoint>>;
  /** Lets so much time pass, and then the job has its turn. */
  readonly tick: (ms?: number) => Promise<void>;
  readonly runner: HandRunner;
}

function onEveryForge(name: string, test: (bench: Bench) => Promise<void>): void {
  for (const kind of DATABASE_KINDS) {
    Deno.test(`${name} (${kind})`, async () => {
      await using database = await openTestDatabase(kind);
      const { clock, advance } = newFakeClock();
      await using github = openForgeServer(clock);
      const ports = { ...newTestPorts(database.db, clock), forge: github.forge };
      const server = newTestServer(database.db, { publicUrl: "https://dagu.example" }, ports);
      const send = await addEndpoint(server);
      await connect(server);
      const tick = async (ms = 10_000): Promise<void> => {
        await advance(ms);
        await sendStatuses(ports, server.settings);
      };
      await test({ server, github, send, tick, runner: await openHandRunner(server) });
    });
  }
}

async function connect(server: TestServer, change: Record<string, unknown> = {}): Promise<void> {
  const body = { token: TOKEN, ...change };
  await bodyOf(await server.request("PUT", "/api/v1/endpoints/forge/connection", { body }));
}

async function addWorkflow(server: TestServer, name: string, triggers: string, spec = SPEC): Promise<void> {
  const body = { name, spec: `triggers: [${triggers}]\n${spec}` };
  await bodyOf(await server.request("POST", "/api/v1/dags", { body }), 201);
}

async function claimOne(runner: HandRunner): Promise<HandGrant> {
  const [grant] = await runner.claim();
  assert.ok(grant);
  return grant;
}

async function begin(runner: HandRunner, grant: HandGrant): Promise<void> {
  const body = { fence: grant.fence, firstSeq: 1, events: startEvents() };
  await bodyOf(await runner.post(`/attempts/${grant.attemptId}/events`, body, asAttempt(grant)));
}

async function finish(runner: HandRunner, grant: HandGrant, status: string): Promise<void> {
  const event = { seq: 3, type: "attempt.finished", at: NOW, mono: 3, data: { status } };
  const body = { fence: grant.fence, firstSeq: 3, events: [event] };
  await bodyOf(await runner.post(`/attempts/${grant.attemptId}/events`, body, asAttempt(grant)));
}

const statesOf = ({ posted }: ForgeServer): string[] => posted.map(({ state }) => state);

async function endpointOf(server: TestServer): Promise<Record<string, unknown>> {
  const { endpoints } = await bodyOf(await server.request("GET", "/api/v1/endpoints"));
  const [endpoint] = endpoints as Record<string, unknown>[];
  assert.ok(endpoint);
  return endpoint;
}

onEveryForge(
  "FG-70 FG-73 a commit shows what becomes of its run, from the queue to its end",
  async ({ server, github, send, tick, runner }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    const { runs } = await bodyOf(await send("push", "d-1", PUSH));
    const [{ dagRunId }] = runs as [{ dagRunId: string }];
    await tick();
    const grant = await claimOne(runner);
    await begin(runner, grant);
    await tick();
    await tick();
    await finish(runner, grant, "succeeded");
    await tick();
    await tick();
    assert.deepEqual(statesOf(github), ["pending", "pending", "success"], "each once");
    assert.deepEqual(github.posted.map(({ description }) => description.replace(/after .*/, "after")), [
      "queued",
      "running",
      "succeeded after",
    ]);
    const [first] = github.posted;
    assert.deepEqual(
      [first?.path, first?.context, first?.authorization, first?.target_url],
      [
        `/repos/o/r/statuses/${SHA}`,
        "dagu/build",
        `Bearer ${TOKEN}`,
        `https://dagu.example/runs/build/${dagRunId}`,
      ],
    );
    const page = await (await server.request("GET", `/runs/build/${dagRunId}`)).text();
    assert.match(page, /o\/r@aaaaaaaaaa<\/code> dagu\/build: told: succeeded/);
  },
);

onEveryForge(
  "INV-23 FG-71 what a forge that fails again and again takes is in order, and ends with the run's end",
  async ({ server, github, send, tick, runner }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    const { runs } = await bodyOf(await send("push", "d-1", PUSH));
    const [{ dagRunId }] = runs as [{ dagRunId: string }];
    const fail = (): Response => new Response("", { status: 502 });
    github.answers.push(fail, fail);
    await tick();
    const grant = await claimOne(runner);
    await begin(runner, grant);
    await tick();
    await tick();
    github.answers.push(fail);
    await finish(runner, grant, "failed");
    await tick();
    assert.deepEqual(statesOf(github), ["pending"]);
    const metrics = await (await server.request("GET", "/api/v1/metrics")).text();
    assert.match(metrics, /\ndagu_outbox_pending\{kind="status"\} 1\n/);
    assert.match(metrics, /\ndagu_outbox_oldest_seconds\{kind="status"\} 0\n/);
    await tick();
    const again = await server.request("POST", `/api/v1/dag-runs/build/${dagRunId}/retry`, { body: {} });
    await bodyOf(again);
    await tick();
    const second = await claimOne(runner);
    await begin(runner, second);
    await finish(runner, second, "succeeded");
    await tick();
    assert.deepEqual(statesOf(github), ["pending", "failure", "pending", "success"]);
  },
);

onEveryForge(
  "FG-71 of two runs of one commit the newer one is shown, also while the older one goes on",
  async ({ server, github, send, tick, runner }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    const older = await claimOne(runner);
    await begin(runner, older);
    await tick();
    await bodyOf(await send("push", "d-2", PUSH));
    await finish(runner, older, "failed");
    await tick();
    const newer = await claimOne(runner);
    await begin(runner, newer);
    await finish(runner, newer, "succeeded");
    await tick();
    assert.deepEqual(statesOf(github), ["pending", "pending", "success"]);
  },
);

onEveryForge(
  "FG-71 a status that becomes another run's while it is being told is told after that",
  async ({ server, github, send, tick }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    github.answers.push(async () => {
      await bodyOf(await send("push", "d-2", PUSH));
      // Another process has its turn: what it told now could be overtaken by the older one.
      await tick(0);
      return Response.json({}, { status: 201 });
    });
    await tick();
    assert.equal(github.posted.length, 0);
    await tick();
    assert.equal(github.posted.length, 1);
    const { dagRuns } = await bodyOf(await server.request("GET", "/api/v1/dag-runs?name=build"));
    const [newest] = dagRuns as [{ dagRunId: string }];
    assert.ok(github.posted[0]?.target_url.endsWith(newest.dagRunId));
  },
);

onEveryForge(
  "FG-71 a run that is retried while its end is being told is told of after that",
  async ({ server, github, send, tick, runner }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    const { runs } = await bodyOf(await send("push", "d-1", PUSH));
    const [{ dagRunId }] = runs as [{ dagRunId: string }];
    const grant = await claimOne(runner);
    await begin(runner, grant);
    await finish(runner, grant, "failed");
    github.answers.push(async () => {
      const path = `/api/v1/dag-runs/build/${dagRunId}/retry`;
      await bodyOf(await server.request("POST", path, { body: {} }));
      return Response.json({}, { status: 201 });
    });
    await tick();
    await tick();
    assert.deepEqual(statesOf(github), ["pending"]);
  },
);

onEveryForge(
  "FG-72 a forge is asked again after the time that it names, and no more after a day",
  async ({ server, github, send, tick }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    github.answers.push(() => new Response("", { status: 429, headers: { "Retry-After": "120" } }));
    await tick();
    await tick(110_000);
    assert.equal(github.asked, 2, "the token's check, and one status");
    const down = (): Response => new Response("", { status: 503 });
    for (let n = 0; n < 400; n++) github.answers.push(down);
    for (let n = 0; n < 200; n++) await tick(600_000);
    const { asked } = github;
    assert.ok(asked > 100 && asked < 160, `asked ${asked} times within a day`);
    await tick(600_000);
    assert.equal(github.asked, asked);
    assert.match(String((await endpointOf(server))["problem"]), /HTTP 503/);
  },
);

onEveryForge(
  "FG-72 what the forge refuses is dropped with the reason, and the next one tried",
  async ({ server, github, send, tick, runner }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    github.answers.push(() => Response.json({ message: "Resource not accessible" }, { status: 403 }));
    await tick();
    await tick();
    assert.equal(github.asked, 2);
    assert.equal((await endpointOf(server))["problem"], "HTTP 403: Resource not accessible");
    const grant = await claimOne(runner);
    await begin(runner, grant);
    await tick();
    assert.deepEqual(statesOf(github), ["pending"]);
    assert.equal((await endpointOf(server))["problem"], "");
  },
);

onEveryForge(
  "FG-70 a trigger of several for the event is named, and an endpoint names statuses as it is told",
  async ({ server, github, send, tick }) => {
    const push = "{name: NAME, git: {event: push}}";
    await addWorkflow(server, "two", `${push.replace("NAME", "x")}, ${push.replace("NAME", "y")}`);
    await bodyOf(await send("push", "d-1", PUSH));
    await tick();
    assert.deepEqual(github.posted.map(({ context }) => context).toSorted(), ["dagu/two/x", "dagu/two/y"]);
    await connect(server, { context: "ci: {workflow} on {event} ({block}, {else})" });
    await bodyOf(await send("push", "d-2", { ...PUSH, after: "b".repeat(40) }));
    await tick();
    assert.ok(github.posted.some(({ context }) => context === "ci: two on push (y, {else})"));
  },
);

onEveryForge(
  "FG-73 FG-74 status: false tells nothing, required tells that a path filter left it out",
  async ({ server, github, send, tick }) => {
    const git = 'git: {event: push, paths: ["docs/**"]}';
    await addWorkflow(server, "usual", `{${git}}`);
    await addWorkflow(server, "required", `{${git}, status: required}`);
    await addWorkflow(server, "silent", "{git: {event: push}, status: false}");
    const commits = [{ id: "1", message: "m", added: ["src/x"] }];
    await bodyOf(await send("push", "d-1", { ...PUSH, commits }));
    await tick();
    assert.deepEqual(github.posted.map(({ context, state, description }) => [context, state, description]), [
      ["dagu/required", "success", "skipped: none of the changed paths matters to it"],
    ]);
    assert.match(github.posted[0]?.target_url ?? "", /^https:\/\/dagu\.example\/deliveries\//);
  },
);

onEveryForge(
  "2.9 a trigger that cannot start its run is an error of the commit",
  async ({ server, github, send, tick }) => {
    const block = `{git: {event: push}, concurrency: {group: "${"$"}{event.message}"}}`;
    await addWorkflow(server, "build", block);
    await bodyOf(await send("push", "d-1", { ...PUSH, head_commit: { message: "x".repeat(256) } }));
    await tick();
    assert.deepEqual(statesOf(github), ["error"]);
  },
);

onEveryForge(
  "FK-02 2.9 a fork's pull request is pending until it is approved, and stopped ones are errors",
  async ({ server, github, send, tick }) => {
    await addWorkflow(server, "pr", "{git: {event: pull_request}}");
    const side = (sha: string, id: number) => ({ ref: "x", sha, repo: { id, full_name: `r/${id}` } });
    const pull = { number: 1, title: "t", head: side(SHA, 8), base: side("b".repeat(40), 7) };
    const { runs } = await bodyOf(
      await send("pull_request", "d-1", { action: "opened", repository: REPOSITORY, pull_request: pull }),
    );
    const [{ dagRunId }] = runs as [{ dagRunId: string }];
    await tick();
    await bodyOf(await server.request("POST", `/api/v1/dag-runs/pr/${dagRunId}/stop`, { body: {} }));
    await tick();
    assert.deepEqual(github.posted.map(({ state, description }) => [state, description]), [
      ["pending", "waiting"],
      ["error", "stopped"],
    ]);
  },
);

onEveryForge(
  "FG-71 a run that is deleted before the forge knows its end is told all the same",
  async ({ server, github, send, tick, runner }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    const { runs } = await bodyOf(await send("push", "d-1", PUSH));
    const [{ dagRunId }] = runs as [{ dagRunId: string }];
    const grant = await claimOne(runner);
    await begin(runner, grant);
    await finish(runner, grant, "failed");
    await bodyOf(await server.request("DELETE", `/api/v1/dag-runs/build/${dagRunId}`), 204);
    await tick();
    await tick();
    assert.deepEqual(statesOf(github), ["failure"]);
  },
);

onEveryForge(
  "FG-05 an endpoint without a token tells nothing, and one that is disconnected nothing more",
  async ({ server, github, send, tick }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    await bodyOf(await server.request("DELETE", "/api/v1/endpoints/forge/connection"), 204);
    await tick();
    await bodyOf(await send("push", "d-2", PUSH));
    await connect(server);
    await tick();
    assert.equal(github.posted.length, 0);
    const { reports } = await endpointOf(server);
    assert.equal(reports, true);
  },
);

onEveryForge(
  "FG-05 a token that the forge does not know is refused; one that it cannot be asked for is taken with a warning",
  async ({ server, github }) => {
    const put = async (token: string): Promise<Response> =>
      await server.request("PUT", "/api/v1/endpoints/forge/connection", { body: { token } });
    github.answers.push(() => Response.json({ message: "Bad credentials" }, { status: 401 }));
    const refused = await bodyOf(await put("wrong"), 400);
    assert.equal(refused["message"], "the forge does not take the token: HTTP 401: Bad credentials");
    github.answers.push(() => new Response("", { status: 500 }));
    const { warning } = await bodyOf(await put("perhaps"));
    assert.match(String(warning), /not checked: HTTP 500/);
    assert.match(String((await bodyOf(await put("a b"), 400))["message"]), /must be a token/);
    const all = JSON.stringify(await bodyOf(await server.request("GET", "/api/v1/endpoints")));
    assert.ok(!all.includes("perhaps"), "no token is shown");
  },
);

onEveryForge(
  "SF-03 SF-04 no token follows a redirect, and of an answer that has no end the beginning is read",
  async ({ server, github, send, tick }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    const endless = (): Response =>
      new Response(
        new ReadableStream({
          pull: async (stream) => {
            stream.enqueue(new Uint8Array(8_192).fill(120));
            await setTimeout(1);
          },
        }),
        { status: 500 },
      );
    github.answers.push(() => Response.redirect(`${github.address}/elsewhere`, 307), endless);
    await tick();
    assert.match(String((await endpointOf(server))["problem"]), /HTTP 307/);
    assert.equal(github.asked, 2);
    await bodyOf(await send("push", "d-2", { ...PUSH, after: "b".repeat(40) }));
    await tick();
    assert.equal((await endpointOf(server))["problem"], "HTTP 500");
  },
);
