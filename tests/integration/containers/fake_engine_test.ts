/** Answers that real engines give too rarely, or too late, to wait for them. */
import assert from "node:assert/strict";
import { checkSharedFolder } from "../../../src/runner/containers/doctor.ts";
import { type EngineLimits, openEngine } from "../../../src/runner/containers/engine.ts";
import { ensureImage } from "../../../src/runner/containers/pull.ts";
import { inspectContainer } from "../../../src/runner/containers/api/container.ts";
import { isEndedByEngine } from "../../../src/runner/containers/restart.ts";
import { openRootContainer } from "../../../src/runner/containers/root-container.ts";
import type { ContainerRequest } from "../../../src/runner/containers/spec.ts";
import { runStepContainer } from "../../../src/runner/containers/step-container.ts";
import type { ImageContainer } from "../../../src/workflow/container.ts";
import {
  collect,
  CONTAINER,
  exitOf,
  IDLE,
  newTestLabels,
  reporter,
  runtimeAt,
  STOP,
  textOf,
} from "./bench.ts";
import { type Asked, type FakeEngine, json, openFake, type Reply } from "./fake.ts";

function requestFor(container: Partial<ImageContainer>): ContainerRequest {
  return {
    container: { ...CONTAINER, ...container },
    entrypoint: null,
    command: null,
    env: {},
    baseDir: "/tmp",
    labels: newTestLabels(),
    limits: { cpu: null, memoryBytes: null },
    registryAuths: null,
    hostEnv: {},
  };
}

// ---- the engine's own platform ---------------------------------------------------------------------------------

/** An engine that has one image, for `architecture`, and says of itself what `info` answers. */
function holding(architecture: string, info: (response: Reply) => void): Promise<FakeEngine> {
  return openFake((_request, response, path) => {
    if (path === "/_ping") return json(response, 200, "OK");
    if (path === "/info") return info(response);
    if (path.startsWith("/images/")) {
      return json(response, 200, { Id: "sha256:1", Os: "linux", Architecture: architecture });
    }
    json(response, 404, { message: "not here" });
  });
}

async function ensured(fake: FakeEngine, limits: Partial<EngineLimits> = {}): Promise<string> {
  await using engine = openEngine(runtimeAt(fake.path, false), limits);
  const wanted = { image: "acme/tool:1", policy: "never", platform: null, registryAuths: null } as const;
  const made = await ensureImage(engine, wanted, reporter(), IDLE);
  return made.ok ? made.value.Id : `${made.error.failure.code} ${made.error.failure.message}`;
}

Deno.test("1.5.3 6.4.2 without platform an image must be for the engine's own, in whatever words it says that", async () => {
  await using other = await holding(
    "s390x",
    (reply) => json(reply, 200, { OSType: "linux", Architecture: "x86_64" }),
  );
  assert.match(await ensured(other), /^IMAGE_PLATFORM_MISMATCH .*linux\/s390x.*linux\/amd64/);
  await using same = await holding(
    "s390x",
    (reply) => json(reply, 200, { OSType: "linux", Architecture: "s390x" }),
  );
  assert.equal(await ensured(same), "sha256:1");
});

Deno.test("1.5.3 an engine that does not say its platform is a broken connection, no wrong platform", async () => {
  await using silent = await holding("s390x", () => {});
  assert.match(await ensured(silent, { answerMs: 200 }), /^ENGINE_UNREACHABLE /);
});

Deno.test("1.6.2 a probe that is stopped while its container is made removes it", async () => {
  const stop = new AbortController();
  await using fake = await openFake((request, response, path) => {
    if (path === "/_ping") return json(response, 200, "OK");
    if (path === "/images/json") return json(response, 200, [{ Id: "sha256:1", RepoTags: ["a:1"] }]);
    if (request.method === "DELETE") return void response.writeHead(204).end();
    // The engine goes on with it, whether its caller waits or not.
    stop.abort();
    setTimeout(() => json(response, 201, { Id: "c".repeat(64) }), 50);
  });
  await using engine = openEngine(runtimeAt(fake.path, false));
  await checkSharedFolder(engine, "/tmp", stop.signal);
  assert.deepEqual(fake.asked.slice(-2), [
    "POST /containers/create",
    `DELETE /containers/${"c".repeat(64)}`,
  ]);
});

// ---- a container whose end and readiness are as told -------------------------------------------------------------

const FRAME = "\u0001\0\0\0\0\0\0\u0003on\n";

interface Story {
  /** What the engine says of the container each time it is asked. */
  readonly state: () => Record<string, unknown>;
  readonly wait?: Record<string, unknown>;
  readonly logs: (reply: Reply) => void;
}

function telling({ state, wait, logs }: Story): Promise<FakeEngine> {
  const answer = (request: Asked, response: Reply, path: string): void => {
    const isPost = request.method === "POST";
    if (path === "/_ping") return json(response, 200, "OK");
    if (path.startsWith("/images/")) {
      return json(response, 200, { Id: "sha256:1", Os: "linux", Architecture: "" });
    }
    if (path === "/containers/create") return json(response, 201, { Id: "c".repeat(64) });
    if (isPost && path.endsWith("/attach")) {
      response.writeHead(200, { "content-type": "application/vnd.docker.raw-stream" });
      return void response.end(FRAME);
    }
    if (isPost && path.endsWith("/wait")) return json(response, 200, wait ?? { StatusCode: 0 });
    if (isPost && path.endsWith("/start")) return void response.writeHead(204).end();
    if (path.endsWith("/logs")) {
      response.writeHead(200, { "content-type": "application/vnd.docker.raw-stream" });
      return logs(response);
    }
    if (request.method === "GET" && path.endsWith("/json")) {
      const State = {
        Status: "running",
        Running: true,
        Paused: false,
        ExitCode: 0,
        OOMKilled: false,
        ...state(),
      };
      return json(response, 200, {
        Id: "c".repeat(64),
        Name: "/x",
        Image: "sha256:1",
        RestartCount: 0,
        State,
        Config: { Image: "alpine:3.20", Labels: {}, Tty: false, Healthcheck: { Test: ["CMD", "true"] } },
        HostConfig: { Memory: 0, NanoCpus: 0 },
        Mounts: [],
      });
    }
    response.writeHead(204).end();
  };
  return openFake(answer);
}

Deno.test("4.1.4 4.1.3 a wait that is answered with success and an error is a loss, never a success", async () => {
  const words = "getting exit code of container: no such container";
  await using fake = await telling({
    state: () => ({}),
    wait: { StatusCode: 0, Error: { Message: words } },
    logs: (reply) => reply.end(FRAME),
  });
  await using engine = openEngine(runtimeAt(fake.path, false));
  const request = { ...requestFor({}), command: ["true"] };
  const outcome = await runStepContainer(engine, request, STOP, collect(), reporter(), IDLE);
  assert.equal(exitOf(outcome), "1 CONTAINER_LOST", textOf(outcome));
  const asked = fake.asked.map((line) => line.split("/").at(-1));
  assert.ok(asked.indexOf("start") < asked.indexOf("wait"), fake.asked.join("\n"));
});

Deno.test("2.11.1 2.11.7 health and the line of the log have one budget, and the text says which was waited for", async () => {
  const begin = performance.now();
  const HEALTHY_MS = 1_500;
  const READY_MS = 2_500;
  await using fake = await telling({
    state: () => ({ Health: { Status: performance.now() - begin < HEALTHY_MS ? "starting" : "healthy" } }),
    // It goes on and never has the line.
    logs: (reply) => reply.write(FRAME),
  });
  await using engine = openEngine(runtimeAt(fake.path, false), { readyMs: READY_MS });
  const request = requestFor({ waitFor: "healthy", logPattern: "READY" });
  const failure = await openRootContainer(engine, request, reporter(), IDLE);
  assert.ok("code" in failure && failure.code === "READINESS_TIMEOUT", JSON.stringify(failure));
  assert.match(failure.message, /log_pattern READY.*last state: running, no line matched/);
  assert.ok(performance.now() - begin < HEALTHY_MS + READY_MS, "each had a budget of its own");
});

for (
  const [waitFor, state, words] of [
    ["healthy", { Health: { Status: "starting" } }, /\(healthy\) within 1 s; last state: running, starting/],
    ["running", { Status: "created", Running: false }, /\(running\) within 1 s; last state: created/],
  ] as const
) {
  Deno.test(`2.11.7 a time that is over names ${waitFor} and the last state`, async () => {
    await using fake = await telling({ state: () => state, logs: (reply) => reply.end() });
    await using engine = openEngine(runtimeAt(fake.path, false), { readyMs: 1_000 });
    const failure = await openRootContainer(engine, requestFor({ waitFor }), reporter(), IDLE);
    assert.ok("code" in failure && failure.code === "READINESS_TIMEOUT", JSON.stringify(failure));
    assert.match(failure.message, words);
  });
}

Deno.test("2.11.6 a line counts when it is whole, wherever the pieces end", async () => {
  const frame = (text: string): string => `\u0001\0\0\0\0\0\0${String.fromCharCode(text.length)}${text}`;
  for (
    const [lines, isReady] of [
      [["server REA", "DY\r\n"], true],
      [["not REA", "DY yet\n"], false],
    ] as const
  ) {
    await using fake = await telling({
      state: () => ({}),
      logs: (reply) => void lines.forEach((line) => reply.write(frame(line))),
    });
    await using engine = openEngine(runtimeAt(fake.path, false), { readyMs: 1_500 });
    for (const pattern of ["READY$", "REA$"]) {
      const opened = await openRootContainer(engine, requestFor({ logPattern: pattern }), reporter(), IDLE);
      assert.equal("facts" in opened, isReady && pattern === "READY$", `${lines} ${pattern}`);
      if ("facts" in opened) await opened[Symbol.asyncDispose]();
    }
  }
});

Deno.test("B31 ready_timeout_sec is the time for both, and is told as such", async () => {
  await using fake = await telling({ state: () => ({}), logs: (reply) => reply.write(FRAME) });
  await using engine = openEngine(runtimeAt(fake.path, false), { readyMs: 60_000 });
  const request = requestFor({ logPattern: "READY", readyTimeoutSec: 1 });
  const failure = await openRootContainer(engine, request, reporter(), IDLE);
  assert.ok("code" in failure && failure.code === "READINESS_TIMEOUT", JSON.stringify(failure));
  assert.match(`${failure.message} ${failure.remedy}`, /\(log_pattern READY\) within 1 s.*ready_timeout_sec/);
});

// ---- an engine that may have been started anew -------------------------------------------------------------------

const LOST_FROM_SIGHT = "c".repeat(64);

/** Docker that remembers so many events of others, and whether it remembers the container's start. */
function remembering(others: number, hasStart: boolean): Promise<FakeEngine> {
  const event = (id: string): string => JSON.stringify({ Action: "start", Actor: { ID: id } }) + "\n";
  return openFake((_request, response, path) => {
    if (path === "/_ping") return json(response, 200, "OK");
    if (path === "/info") return json(response, 200, { SystemTime: "2026-01-02T03:04:05.6Z" });
    if (path.startsWith("/events")) {
      response.end((hasStart ? event(LOST_FROM_SIGHT) : "") + event("another").repeat(others));
      return;
    }
    const State = { Status: "exited", Running: false, ExitCode: 0 };
    json(response, 200, { Id: LOST_FROM_SIGHT, Name: "/x", Image: "", State, Config: {}, HostConfig: {} });
  });
}

async function isTakenForRestart(fake: FakeEngine): Promise<boolean> {
  await using engine = openEngine(runtimeAt(fake.path, false));
  const found = await inspectContainer(engine.socket, LOST_FROM_SIGHT, IDLE);
  assert.ok(found.ok);
  return await isEndedByEngine(engine, found.value, IDLE);
}

Deno.test("F63 an engine that remembers little, and not the start, was started anew; one that forgot it was not", async () => {
  await using young = await remembering(20, false);
  assert.equal(await isTakenForRestart(young), true);
  await using remembers = await remembering(20, true);
  assert.equal(await isTakenForRestart(remembers), false);
  // 256 are kept, of which those of the current second are not told.
  await using busy = await remembering(200, false);
  assert.equal(await isTakenForRestart(busy), false);
});
