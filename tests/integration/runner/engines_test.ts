/** The seed's two examples and the ways out of a step, by a real runner on each engine. */
import assert from "node:assert/strict";
import { readRuntime } from "../../../src/runner/containers/runtime.ts";
import type { Runtime } from "../../../src/runner/containers/runtime.ts";
import type { Failure } from "../../../src/run/failure.ts";
import { systemIds } from "../../../src/runner/clock.ts";
import { newGrant, openRunnerBench, type RunnerBench } from "../../support/runner-bench.ts";
import { SHARED_CONTAINER, STEP_CONTAINER } from "../../support/seed-examples.ts";

const ENGINES = [
  { name: "Docker", variable: "DOCKER_SOCK", env: (host: string) => ({ DOCKER_HOST: host }) },
  { name: "Podman", variable: "PODMAN_SOCK", env: podman },
  { name: "rootless Podman", variable: "PODMAN_ROOTLESS_SOCK", env: podman },
] as const;

function podman(host: string): Record<string, string> {
  return { DAGU_CONTAINER_RUNTIME: "podman", DAGU_PODMAN_HOST: host };
}

function runtimeOf(engine: (typeof ENGINES)[number]): Runtime | Failure {
  const socket = Deno.env.get(engine.variable);
  if (socket === undefined) throw new Error(`${engine.variable} is not set: eval "$(infra/dev/up)" first`);
  const address = socket.startsWith("unix://") ? socket : `unix://${socket}`;
  return readRuntime(engine.env(address));
}

/** A state folder that the user of a rootless engine can reach, too. */
async function openBench(): Promise<RunnerBench> {
  const folder = await Deno.makeTempDir({ dir: "/tmp" });
  await Deno.chmod(folder, 0o755);
  return await openRunnerBench(folder);
}

function logText(bench: RunnerBench, key: string): string {
  return new TextDecoder().decode(bench.plane.logs.get(key));
}

function finished(bench: RunnerBench, type: "attempt.finished" | "step.finished"): Record<string, unknown> {
  const event = bench.plane.events.find((other) => other.type === type);
  assert.ok(event?.data, `no ${type}; log:\n${bench.logLines.join("\n")}`);
  return event.data;
}

async function runYaml(bench: RunnerBench, engine: (typeof ENGINES)[number], yaml: string): Promise<void> {
  bench.plane.grants.push(await newGrant(yaml));
  await bench.start({ once: true, runtime: runtimeOf(engine) }).end;
}

for (const engine of ENGINES) {
  Deno.test(`AC-01 the steps of a run share its root container (${engine.name})`, async () => {
    await using bench = await openBench();
    await runYaml(bench, engine, SHARED_CONTAINER);
    assert.equal(
      finished(bench, "attempt.finished")["status"],
      "succeeded",
      JSON.stringify(bench.plane.events),
    );
    assert.match(logText(bench, "read_file/stdout"), /^from command step\n3\.20\.\d+\n$/);
    assert.equal(bench.plane.events.filter((event) => event.type === "container.started").length, 1);
    const shared = await Deno.readTextFile(`${bench.stateDir}/runs/flow/run-1/work/shared.txt`);
    assert.equal(shared, "from command step\n");
  });

  Deno.test(`AC-02 a step has a container of its own with a read-only bind (${engine.name})`, async () => {
    await using bench = await openBench();
    const work = `${bench.stateDir}/runs/flow/run-1/work`;
    await Deno.mkdir(work, { recursive: true });
    await Deno.writeTextFile(`${work}/a.txt`, "a");
    await Deno.writeTextFile(`${work}/b.txt`, "b");
    await runYaml(bench, engine, STEP_CONTAINER);
    assert.equal(
      finished(bench, "attempt.finished")["status"],
      "succeeded",
      JSON.stringify(bench.plane.events),
    );
    assert.equal(logText(bench, "inspect/stdout"), "/workspace\n./a.txt\n./b.txt\n");
  });

  Deno.test(`4.4 4.5 one command, a list and docker.run, streams apart and codes exact (${engine.name})`, async () => {
    await using bench = await openBench();
    await runYaml(
      bench,
      engine,
      `type: chain
steps:
  - id: one
    env: {LAYER: step, BOTH: step}
    container: {image: "alpine:3.20", pull_policy: never, env: {BOTH: container}}
    run: echo "$LAYER $BOTH"; echo err >&2
  - id: many
    container: {image: "alpine:3.20", pull_policy: never}
    run:
      - echo first > /tmp/x
      - cat /tmp/x
  - id: raw
    action: docker.run
    with: {image: "alpine:3.20", pull: never, command: "echo a  'b  c'", auto_remove: true}
  - id: ends
    container: {image: "alpine:3.20", pull_policy: never}
    run: echo why >&2; exit 42
`,
    );
    assert.equal(logText(bench, "one/stdout"), "step container\n");
    assert.equal(logText(bench, "one/stderr"), "err\n");
    assert.equal(logText(bench, "many/stdout"), "first\n");
    assert.equal(logText(bench, "raw/stdout"), "a b  c\n");
    const last = bench.plane.events.find((event) => event.type === "step.finished" && event.step === "ends");
    assert.equal(last?.data?.["exitCode"], 42);
    assert.equal(last?.data?.["status"], "failed");
  });

  Deno.test(`3.7 4.8 a cancel stops the step in the root container and in its own (${engine.name})`, async () => {
    for (const container of ['container: {image: "alpine:3.20", pull_policy: never}\n', ""]) {
      await using bench = await openBench();
      const own = container === "" ? '\n    container: {image: "alpine:3.20", pull_policy: never}' : "";
      const grant = await newGrant(
        `${container}steps:\n  - id: nap${own}\n    run: echo awake; sleep 97531\n`,
      );
      bench.plane.grants.push(grant);
      const { end } = bench.start({ once: true, runtime: runtimeOf(engine) });
      await bench.told("step.started");
      while (logText(bench, "nap/stdout") !== "awake\n") {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      bench.plane.directives.push({
        id: systemIds().uuid(),
        type: "cancel",
        attemptId: grant.attemptId,
        fence: 1,
        reason: "test",
      });
      await end;
      assert.equal(finished(bench, "attempt.finished")["status"], "aborted");
      assert.equal(finished(bench, "step.finished")["status"], "aborted");
    }
  });

  Deno.test(`F20 an image that is not there, with never, says its class and remedy (${engine.name})`, async () => {
    await using bench = await openBench();
    const missing = 'container: {image: "no.such/image:1", pull_policy: never}';
    await runYaml(bench, engine, `steps:\n  - id: a\n    ${missing}\n    run: echo never\n`);
    const { error } = finished(bench, "step.finished") as { error?: { code?: string; remedy?: string } };
    assert.equal(error?.code, "IMAGE_MISSING");
    assert.notEqual(error?.remedy, "");
  });
}
