/** A forge is told what became of its commits (2.9), on both databases and over HTTP. */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { ServerSettings } from "../../../src/server/settings.ts";
import { commitStatuses } from "../../../src/server/store/schema.ts";
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
  startEvents,
} from "../../support/runner-client.ts";
import { bodyOf, newTestPorts, newTestServer, type TestServer } from "../../support/server.ts";

const TOKEN = "github-token-1";
const SHA = "a".repeat(40);
/** A trigger that cannot start its run, and the event that it cannot start it of. */
const UNSTARTABLE = `{git: {event: push}, concurrency: {group: "${"$"}{event.message}"}}`;
const TOO_LONG = { ...PUSH, head_commit: { message: "x".repeat(256) } };

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

/** Id of the run that a delivery has started. */
async function startedBy(answer: Response): Promise<string> {
  const { runs } = await bodyOf(answer);
  const [{ dagRunId }] = runs as [{ dagRunId: string }];
  return dagRunId;
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
    const dagRunId = await startedBy(await send("push", "d-1", PUSH));
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
    const dagRunId = await startedBy(await send("push", "d-1", PUSH));
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
    const dagRunId = await startedBy(await send("push", "d-1", PUSH));
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
    await addWorkflow(server, "build", UNSTARTABLE);
    await bodyOf(await send("push", "d-1", TOO_LONG));
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
    const dagRunId = await startedBy(await send("push", "d-1", PUSH));
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

onEveryForge(
  "FG-71 an error of a commit that comes while its last one is being told is told after that",
  async ({ server, github, send, tick }) => {
    await addWorkflow(server, "build", UNSTARTABLE);
    const { deliveryId: first } = await bodyOf(await send("push", "d-1", TOO_LONG));
    const second: unknown[] = [];
    github.answers.push(async () => {
      second.push((await bodyOf(await send("push", "d-2", TOO_LONG)))["deliveryId"]);
      return Response.json({}, { status: 201 });
    });
    await tick();
    await tick();
    assert.notEqual(second[0], first);
    assert.deepEqual(github.posted.map((one) => one.target_url), [
      `https://dagu.example/deliveries/${second[0]}`,
    ]);
  },
);

onEveryForge(
  "FG-74 what is skipped never passes a check that a run of the commit has not passed",
  async ({ server, github, send, tick, runner }) => {
    await connect(server, { context: "ci/{workflow}" });
    const block = (name: string) =>
      `{name: ${name}, git: {event: push, paths: ["${name}/**"]}, status: required}`;
    await addWorkflow(server, "build", `${block("api")}, ${block("web")}`);
    const commits = (path: string) => ({ commits: [{ id: "1", message: "m", added: [path] }] });
    await bodyOf(await send("push", "d-1", { ...PUSH, ...commits("api/x") }));
    await tick();
    assert.deepEqual(statesOf(github), ["pending"]);
    const grant = await claimOne(runner);
    await begin(runner, grant);
    await finish(runner, grant, "failed");
    await tick();
    await bodyOf(await send("push", "d-2", { ...PUSH, ref: "refs/heads/other", ...commits("docs/x") }));
    await tick();
    assert.deepEqual(statesOf(github), ["pending", "failure"]);
  },
);

onEveryForge(
  "FG-71 a status that is no run's is forgotten when it is told, a run's when the run is deleted",
  async ({ server, github, send, tick, runner }) => {
    await addWorkflow(server, "error", UNSTARTABLE);
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", TOO_LONG));
    const count = async (): Promise<number> => await server.ports.db.$count(commitStatuses);
    assert.equal(await count(), 2);
    const grant = await claimOne(runner);
    await begin(runner, grant);
    await finish(runner, grant, "failed");
    await tick();
    await tick();
    assert.deepEqual(statesOf(github).toSorted(), ["error", "failure"]);
    assert.equal(await count(), 1);
    const { dagRuns } = await bodyOf(await server.request("GET", "/api/v1/dag-runs?name=build"));
    const [{ dagRunId }] = dagRuns as [{ dagRunId: string }];
    await bodyOf(await server.request("DELETE", `/api/v1/dag-runs/build/${dagRunId}`), 204);
    assert.equal(await count(), 0);
  },
);

onEveryForge(
  "SF-01 a repository whose name leads to another path of the API is told nothing",
  async ({ server, github, send, tick }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    for (const [n, full_name] of ["a/..", "../..", "./b", "a/b?c", "a/b#c", "a\\b/c", "ä/b"].entries()) {
      await bodyOf(await send("push", `d-${n}`, { ...PUSH, repository: { ...REPOSITORY, full_name } }));
    }
    await bodyOf(
      await send("push", "d-ok", { ...PUSH, repository: { ...REPOSITORY, full_name: "a_b/..c.d-" } }),
    );
    await tick();
    assert.deepEqual(github.posted.map(({ path }) => path), [`/repos/a_b/..c.d-/statuses/${SHA}`]);
  },
);

onEveryForge(
  "FG-72 a secondary limit that names no time is waited for, not taken for a refusal",
  async ({ server, github, send, tick }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    const message =
      "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    github.answers.push(() => Response.json({ message }, { status: 403 }));
    await tick();
    await tick(50_000);
    assert.equal(github.asked, 2, "the token's check, and one status: GitHub wants a minute of rest");
    await tick();
    assert.deepEqual(statesOf(github), ["pending"]);
  },
);

onEveryForge(
  "FG-72 what was refused days ago does not shorten the day for what comes later",
  async ({ server, github, send, tick, runner }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    github.answers.push(() => new Response("", { status: 403 }));
    await tick();
    const grant = await claimOne(runner);
    await begin(runner, grant);
    await finish(runner, grant, "succeeded");
    github.answers.push(() => new Response("", { status: 503 }));
    await tick(90_000_000);
    await tick();
    assert.deepEqual(statesOf(github), ["success"]);
  },
);

onEveryForge(
  "SC-01 FG-72 a token whose key the server does not have is told as that, and used when the key is back",
  async ({ server, github, send, tick }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    const keys: ServerSettings["keys"] = [{ id: "other", bytes: new Uint8Array(32).fill(8) }];
    await sendStatuses(server.ports, { ...server.settings, keys });
    assert.match(
      String((await endpointOf(server))["problem"]),
      /key that the server does not have: .*DAGU_ENCRYPTION_KEYS/,
    );
    await tick();
    assert.deepEqual(statesOf(github), ["pending"]);
    assert.equal((await endpointOf(server))["problem"], "");
  },
);

onEveryForge(
  "FG-05 an own instance that has no limits takes a token all the same, and no answer shows a token",
  async ({ server, github, send, tick }) => {
    github.answers.push(() => Response.json({ message: "Rate limiting is not enabled." }, { status: 404 }));
    await connect(server);
    github.answers.push(() => Response.json({ message: "Not Found" }, { status: 404 }));
    const body = { token: TOKEN };
    const path = "/api/v1/endpoints/forge/connection";
    const { message } = await bodyOf(await server.request("PUT", path, { body }), 400);
    assert.equal(message, "the forge does not take the token: HTTP 404: Not Found");
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    github.answers.push(() => Response.json({ message: `no such token: ${TOKEN}` }, { status: 401 }));
    await tick();
    assert.equal((await endpointOf(server))["problem"], "HTTP 401: no such token: *******");
  },
);

onEveryForge(
  "FG-72 an answer that cannot be read counts by its status",
  async ({ server, github, send, tick }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    await bodyOf(await send("push", "d-1", PUSH));
    const broken = (status: number) => (): Response =>
      new Response("none of gzip's", { status, headers: { "Content-Encoding": "gzip" } });
    github.answers.push(broken(404));
    await tick();
    assert.equal((await endpointOf(server))["problem"], "HTTP 404");
    await bodyOf(await send("push", "d-2", PUSH));
    github.answers.push(broken(201));
    await tick();
    await tick();
    assert.equal(github.asked, 3, "the token's check, and each status once");
    assert.equal((await endpointOf(server))["problem"], "");
  },
);

onEveryForge(
  "FG-71 the end of a run that is deleted while it is being told is told once, and then forgotten",
  async ({ server, github, send, tick, runner }) => {
    await addWorkflow(server, "build", "{git: {event: push}}");
    const dagRunId = await startedBy(await send("push", "d-1", PUSH));
    const grant = await claimOne(runner);
    await begin(runner, grant);
    await finish(runner, grant, "failed");
    github.answers.push(async () => {
      await bodyOf(await server.request("DELETE", `/api/v1/dag-runs/build/${dagRunId}`), 204);
      return Response.json({}, { status: 201 });
    });
    await tick();
    await tick();
    assert.equal(github.asked, 2, "the token's check, and the status once");
    assert.equal(await server.ports.db.$count(commitStatuses), 0);
  },
);
