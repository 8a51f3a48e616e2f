/** Rows of the failure table that take an engine of the test's own: one that dies, is full, or is set up badly. */
import assert from "node:assert/strict";
import { createContainer, startContainer } from "../../../src/runner/containers/api/container.ts";
import { type Engine, openEngine } from "../../../src/runner/containers/engine.ts";
import { newLabels } from "../../../src/runner/containers/labels.ts";
import { openRootContainer } from "../../../src/runner/containers/root-container.ts";
import type { ContainerRequest } from "../../../src/runner/containers/spec.ts";
import { runStepContainer } from "../../../src/runner/containers/step-container.ts";
import type { Turn } from "../../../src/runner/containers/takeover.ts";
import type { ImageContainer } from "../../../src/workflow/workflow.ts";
import { openOwnDocker, openOwnPodman, type OwnEngine, ownImage } from "../../support/own-engines.ts";
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

function engineOf(own: OwnEngine): Engine {
  return openEngine(runtimeAt(own.socket, own.kind === "podman"), { reconnectMs: 30_000 });
}

function request(container: Partial<ImageContainer>, text = "true"): ContainerRequest {
  return {
    container: { ...CONTAINER, image: ownImage(), pullPolicy: "missing", ...container },
    entrypoint: ["/bin/sh"],
    command: ["-e", "-c", text],
    env: {},
    baseDir: "/tmp",
    labels: newTestLabels(),
    limits: { cpu: null, memoryBytes: null },
    registryAuths: null,
    hostEnv: {},
  };
}

Deno.test("F63 an engine that is started anew takes its containers with it, whatever their code is (Docker)", async () => {
  await using docker = await openOwnDocker();
  await using engine = engineOf(docker);
  const ends: [text: string, code: number][] = [
    ["echo on; sleep 300", 143],
    ["trap 'exit 0' TERM; echo on; while :; do sleep 0.1; done", 0],
  ];
  for (const [text, code] of ends) {
    const out = collect();
    const running = runStepContainer(engine, request({}, text), STOP, out, reporter(), IDLE);
    await out.seen("on\n");
    await docker.crash();
    await docker.start();
    const outcome = await running;
    assert.equal(exitOf(outcome), `${code} CONTAINER_LOST`, textOf(outcome));
    assert.match(outcome.failure?.message ?? "", /docker was started anew .* \d{4}-\d\d-\d\dT/);
    assert.match(outcome.failure?.remedy ?? "", /live-restore/);
  }
});

Deno.test("F63 B03 a container that ended with its engine while no runner was there is not taken for done (Docker)", async () => {
  await using docker = await openOwnDocker();
  await using engine = engineOf(docker);
  const wanted = request({}, "true");
  // Pulls the image.
  await runStepContainer(engine, wanted, STOP, collect(), reporter(), IDLE);
  const body = {
    Image: ownImage(),
    Cmd: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"],
    Labels: newLabels(wanted.labels, "step", false),
    HostConfig: { NetworkMode: "none" },
  };
  const made = await createContainer(engine.socket, "left", body, null, IDLE);
  assert.ok(made.ok);
  await startContainer(engine.socket, made.value.Id, IDLE);
  await docker.crash();
  await docker.start();
  const turn: Turn = { interrupted: { hasContainer: true }, settled: () => Promise.resolve() };
  const outcome = await runStepContainer(engine, wanted, STOP, collect(), reporter(), IDLE, turn);
  assert.equal(exitOf(outcome), "0 CONTAINER_LOST", textOf(outcome));
});

Deno.test("F63 F61 a root container that its engine ended: the command is lost, the next one is told since when (Docker)", async () => {
  await using docker = await openOwnDocker();
  await using engine = engineOf(docker);
  const root = await openRootContainer(engine, request({}), reporter(), IDLE);
  assert.ok("facts" in root, JSON.stringify(root));
  await using opened = root;
  const exec = (text: string, out = collect()) => ({
    out,
    end: opened.exec(
      { argv: ["/bin/sh", "-c", text], env: {}, workingDir: null, user: null },
      STOP,
      out,
      IDLE,
    ),
  });
  const first = exec("echo on; sleep 300");
  await first.out.seen("on\n");
  await docker.crash();
  await docker.start();
  const lost = await first.end;
  assert.equal(exitOf(lost), "1 CONTAINER_LOST", textOf(lost));
  assert.match(lost.failure?.message ?? "", /code \d+ at \d{4}-/);
  const next = await exec("true").end;
  assert.equal(exitOf(next), "1 CONTAINER_NOT_RUNNING");
  assert.match(next.failure?.message ?? "", /exited with code \d+ at \d{4}-/);
});

const FULL_BYTES = 48 * 2 ** 20;

for (const [name, open] of [["Docker", openOwnDocker], ["Podman", openOwnPodman]] as const) {
  Deno.test(`F26 a store without room: for an image, and for a container (${name})`, async () => {
    await using own = await open({ storeBytes: FULL_BYTES });
    await using engine = engineOf(own);
    const run = (): ReturnType<typeof runStepContainer> =>
      runStepContainer(engine, request({}), STOP, collect(), reporter(), IDLE);
    const fill = await fillUp(own.store);
    const unpulled = await run();
    assert.equal(exitOf(unpulled), "1 IMAGE_PULL_FAILED", textOf(unpulled));
    assert.match(unpulled.failure?.message ?? "", /no room for image .* in the storage of \w+/);
    assert.match(unpulled.failure?.remedy ?? "", /system df/);
    await Deno.remove(fill);
    const fine = await run();
    assert.equal(exitOf(fine), "0", textOf(fine));
    await fillUp(own.store);
    const unmade = await run();
    assert.equal(exitOf(unmade), "1 OCI_RUNTIME", textOf(unmade));
    assert.match(unmade.failure?.message ?? "", /the storage of \w+ is full/);
    assert.match(unmade.failure?.remedy ?? "", /system prune/);
  });
}

/** To the last block. */
async function fillUp(store: string): Promise<string> {
  const path = `${store}/filler`;
  using file = await Deno.open(path, { create: true, write: true });
  const block = new Uint8Array(4_096);
  try {
    while (true) await file.write(block);
  } catch (error) {
    assert.match(String(error), /No space left/);
  }
  return path;
}

Deno.test("F27 a short name that no registry is searched for (Podman)", async () => {
  await using podman = await openOwnPodman({
    // Otherwise all that comes through this API is meant for Docker Hub.
    engine: "compat_api_enforce_docker_hub = false",
    registries: "unqualified-search-registries = []",
  });
  await using engine = engineOf(podman);
  const wanted = request({ image: "acme-tool:1" });
  const outcome = await runStepContainer(engine, wanted, STOP, collect(), reporter(), IDLE);
  assert.equal(exitOf(outcome), "1 IMAGE_MISSING", textOf(outcome));
  assert.match(outcome.failure?.message ?? "", /does not look up the short name "acme-tool:1"/);
  assert.match(outcome.failure?.remedy ?? "", /docker\.io\/library\/acme-tool:1/);
});

Deno.test("an engine that keeps no log: outputs that close early are not the end of the process (Docker)", async () => {
  await using docker = await openOwnDocker({ daemon: { "log-driver": "none" } });
  await using engine = engineOf(docker);
  const out = collect();
  const wanted = request({}, "echo before; exec >&- 2>&-; sleep 1; exit 3");
  const outcome = await runStepContainer(engine, wanted, STOP, out, reporter(), IDLE);
  assert.equal(exitOf(outcome), "3 COMMAND_FAILED", textOf(outcome));
  assert.equal(out.text("stdout"), "before\n");
});

const WITHOUT_INIT: [name: string, open: () => Promise<OwnEngine>][] = [
  ["Docker", () => openOwnDocker({ daemon: { "init-path": "/no/such/init" } })],
  ["Podman", () => openOwnPodman({ engine: 'init_path = "/no/such/init"' })],
];

for (const [name, open] of WITHOUT_INIT) {
  Deno.test(`2.10.2 F45 an engine without its init binary: one warning, and the container runs without (${name})`, async () => {
    await using own = await open();
    await using other = engineOf(own);
    const root = await openRootContainer(other, request({}), reporter(), IDLE);
    assert.ok("facts" in root, JSON.stringify(root));
    await root[Symbol.asyncDispose]();
    await using engine = engineOf(own);
    const report = reporter();
    for (let turn = 0; turn < 2; turn++) {
      const out = collect();
      const outcome = await runStepContainer(engine, request({}, "echo on"), STOP, out, report, IDLE);
      assert.equal(exitOf(outcome), "0", textOf(outcome));
      assert.equal(out.text("stdout"), "on\n");
    }
    const told = report.notes.filter((note) => note.includes("F45"));
    assert.equal(told.length, 1, report.notes.join("\n"));
    assert.match(told[0] ?? "", /warn .*no init binary/);
  });
}
