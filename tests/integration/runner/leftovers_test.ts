/** What a killed runner left on its disk and on its engine, and what its next process makes of it (RS-01, B03, SP-04). */
import { NO_NEEDS } from "../../../src/protocol/resources.ts";
import assert from "node:assert/strict";
import {
  createContainer,
  inspectContainer,
  startContainer,
} from "../../../src/runner/containers/api/container.ts";
import { type Engine, openEngine } from "../../../src/runner/containers/engine.ts";
import { type Labels, newLabels } from "../../../src/runner/containers/labels.ts";
import { stepOwner } from "../../../src/runner/containers/names.ts";
import { openForeignContainer, openRootContainer } from "../../../src/runner/containers/root-container.ts";
import { systemClock, systemIds } from "../../../src/runner/clock.ts";
import { machineDisk } from "../../../src/runner/disk.ts";
import { openRecovery } from "../../../src/runner/recovery.ts";
import { newSpool, type Spool } from "../../../src/runner/spool.ts";
import { thisMachine } from "../../../src/runner/machine.ts";
import type { Clock } from "../../../src/run/ports.ts";
import { bareContainer } from "../../../src/workflow/container.ts";
import { ENGINE_NAMES, engineUnderTest } from "../../support/engines.ts";
import { newGrant, openRunnerBench, type RunnerBench } from "../../support/runner-bench.ts";
import { collect, IDLE, reporter, runtimeAt, STOP } from "../containers/bench.ts";

const FACTS = {
  engine: "docker",
  address: "unix:///x",
  id: "0123456789ab",
  name: "x",
  image: "alpine:3.20",
  digest: "",
} as const;

/** A runner with an id of its own, whose first process was killed in the middle of one attempt. */
interface Killed extends AsyncDisposable {
  readonly bench: RunnerBench;
  readonly labels: Labels;
  readonly folder: string;
  status(): unknown;
  log(key: string): string;
}

async function openKilled(
  yaml: string,
  leave: (spool: Spool) => Promise<void>,
  clock: Clock = systemClock(),
): Promise<Killed> {
  const stateDir = await Deno.makeTempDir({ dir: "/tmp", prefix: "dagu-left-" });
  await Deno.chmod(stateDir, 0o755);
  const bench = await openRunnerBench(stateDir);
  const { plane } = bench;
  plane.runnerId = systemIds().uuid();
  const grant = await newGrant(yaml);
  plane.granted.push(grant);
  const { attemptId } = grant;
  const { name, dagRunId } = grant.run;
  const { bootId } = thisMachine();
  const header = {
    attemptId,
    attemptToken: "t",
    fence: 1,
    name,
    dagRunId,
    takesSlot: true,
    needs: NO_NEEDS,
    bootId,
  };
  const folder = `${stateDir}/spool/${attemptId}`;
  {
    const budget = { limitBytes: 1e9, usedBytes: 0 };
    await using spool = await newSpool(folder, header, { clock, disk: machineDisk() }, budget);
    await spool.event({ type: "attempt.started", data: { engineVersion: "1", host: "h", workDir: "/w" } });
    await leave(spool);
  }
  return {
    bench,
    folder,
    labels: { workflow: name, run: dagRunId, attempt: attemptId, step: "", runner: plane.runnerId },
    status: () => plane.events.find(({ type }) => type === "attempt.finished")?.data?.["status"],
    log: (key) => new TextDecoder().decode(plane.logs.get(key)),
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  };
}

/** The next process, until the attempt is told to its end. */
async function goOn({ bench }: Killed, name: (typeof ENGINE_NAMES)[number] = "docker"): Promise<void> {
  const { socket, kind } = engineUnderTest(name);
  const { runner, end } = bench.start({ runtime: runtimeAt(socket, kind === "podman") });
  await bench.told("attempt.finished");
  runner.drain();
  await end;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

const ROOT = `
container: {image: "alpine:3.20", pull_policy: never, network: none}
steps:
  - {id: a, run: "echo x > /tmp/f"}
  - id: b
    depends: a
    retry_policy: {limit: 1, interval_sec: 0}
    run: "hostname; cat /tmp/f; ps -o args | grep -c '[s]leep 4242' || true"
`;

async function leaveRoot(spool: Spool): Promise<void> {
  const logs = { stdout: 0, stderr: 0 };
  await spool.event({ type: "container.started", data: FACTS });
  await spool.event({ type: "step.started", step: "a", data: { retry: 0 } });
  await spool.event({ type: "step.finished", step: "a", data: { status: "succeeded", exitCode: 0, logs } });
  await spool.event({ type: "step.started", step: "b", data: { retry: 0 } });
}

async function openLeftRoot(engine: Engine, labels: Labels): ReturnType<typeof openRootContainer> {
  const request = {
    container: { ...bareContainer("alpine:3.20"), pullPolicy: "never", network: "none" },
    entrypoint: null,
    command: null,
    env: {},
    baseDir: "/tmp",
    labels,
    limits: { cpu: null, memoryBytes: null },
    registryAuths: null,
    hostEnv: {},
  } as const;
  return await openRootContainer(engine, request, reporter(), IDLE);
}

for (const name of ENGINE_NAMES) {
  const { socket, kind } = engineUnderTest(name);
  const runtime = runtimeAt(socket, kind === "podman");

  Deno.test(`B03 B04 a root container is adopted: its files stay, its commands end, the step is tried again (${name})`, async () => {
    await using killed = await openKilled(ROOT, leaveRoot);
    await using engine = openEngine(runtime);
    const root = await openLeftRoot(engine, killed.labels);
    assert.ok("facts" in root, JSON.stringify(root));
    const exec = (text: string, out = collect()) => ({
      out,
      end: root.exec(
        { argv: ["/bin/sh", "-c", text], env: {}, workingDir: null, user: null },
        STOP,
        out,
        IDLE,
      ),
    });
    await exec("echo x > /tmp/f").end;
    const under = exec("sleep 4242 & echo on; wait");
    await under.out.seen("on\n");

    await goOn(killed, name);
    await under.end;

    const story = JSON.stringify(killed.bench.plane.events);
    assert.equal(killed.status(), "succeeded", story);
    assert.equal(killed.log("b/stdout"), `${root.facts.id}\nx\n0\n`);
    const started = killed.bench.plane.events.filter(({ type }) => type === "container.started");
    assert.equal(started.length, 1, story);
    const gone = await inspectContainer(engine.socket, root.facts.id, IDLE);
    assert.equal(gone.ok, false);
    assert.equal(await exists(killed.folder), false);
  });
}

/** What was executed in another container by the process that was killed, and what of it there is when it is tried again. */
const FOREIGN_STEPS: readonly [place: string, yaml: (target: string) => string][] = [
  ["a step", (target) => `steps:\n  - id: b\n    container: ${target}\n    run: |\n      ${SEE_LEFT}\n`],
  ["the root", (target) => `container: ${target}\nsteps:\n  - id: b\n    run: |\n      ${SEE_LEFT}\n`],
  [
    "docker.run",
    (target) =>
      "steps:\n  - id: b\n    action: docker.run\n    with:\n" +
      `      container_name: ${target}\n      shell: [/bin/sh, -c]\n      command: |\n        ${SEE_LEFT}\n`,
  ],
];
const SEE_LEFT = "ps -o args | grep -c '[s]leep 4343' || true";

for (const [place, yamlOf] of FOREIGN_STEPS) {
  Deno.test(`F64 B04 what ${place} left in somebody else's container is ended before the next try`, async () => {
    const { socket } = engineUnderTest("docker");
    await using engine = openEngine(runtimeAt(socket, false));
    const theirs = {
      workflow: "w",
      run: "r",
      attempt: systemIds().uuid(),
      step: "",
      runner: systemIds().uuid(),
    };
    const target = await openLeftRoot(engine, theirs);
    assert.ok("facts" in target, JSON.stringify(target));
    await using owned = target;
    const retry = "    retry_policy: {limit: 1, interval_sec: 0}\n";
    const yaml = yamlOf(owned.facts.name).replace("  - id: b\n", (line) => line + retry);
    await using killed = await openKilled(yaml, async (spool) => {
      const step = place === "the root" ? {} : { step: "b" };
      await spool.event({ type: "container.started", ...step, data: FACTS });
      await spool.event({ type: "step.started", step: "b", data: { retry: 0 } });
    });
    const owner = place === "the root" ? killed.labels.attempt : stepOwner({ ...killed.labels, step: "b" });
    const left = await openForeignContainer(
      engine,
      { kind: "exec", target: owned.facts.name, env: [], user: null, workingDir: null, shell: null },
      owner,
      { cpu: null, memoryBytes: null },
      reporter(),
      IDLE,
    );
    assert.ok("facts" in left, JSON.stringify(left));
    const out = collect();
    const argv = ["/bin/sh", "-c", "sleep 4343 & echo on; wait"];
    const under = left.exec({ argv, env: {}, workingDir: null, user: null }, STOP, out, IDLE);
    await out.seen("on\n");

    await goOn(killed);

    assert.equal(killed.log("b/stdout"), "0\n", JSON.stringify(killed.bench.plane.events));
    assert.equal((await under).exitCode, 137);
  });
}

Deno.test("B03 a root container that is not there any more fails the run, and no other takes its place", async () => {
  await using killed = await openKilled(ROOT, leaveRoot);
  await goOn(killed);
  assert.equal(killed.status(), "failed");
  const story = JSON.stringify(killed.bench.plane.events);
  assert.match(
    story,
    /CONTAINER_LOST.*the root container ended or was taken away while the runner was not there/,
  );
  assert.equal(killed.log("b/stdout"), "");
});

const HOST = "steps:\n  - id: a\n    retry_policy: {limit: 1, interval_sec: 0}\n    run: echo on\n";
const SECOND_MS = 1_000;

async function leaveHost(spool: Spool, renewedAgoMs: number): Promise<void> {
  await spool.event({ type: "step.started", step: "a", data: { retry: 0 } });
  const renewedAt = systemClock().now() - renewedAgoMs;
  spool.recovery.renewed({ renewedAt, leaseMs: 60 * SECOND_MS, graceMs: 240 * SECOND_MS });
}

/** No answer to anything of attempts until the runner has said that. */
function silentUntil({ bench }: Killed, words: string): void {
  bench.plane.before = (path) =>
    path.endsWith("/register") || bench.logLines.some((line) => line.includes(words))
      ? null
      : new Response("", { status: 502 });
}

Deno.test("B03 LO-03 a lease went on counting while no runner was there: one that is over ends the attempt", async () => {
  await using killed = await openKilled(HOST, (spool) => leaveHost(spool, 3_600 * SECOND_MS));
  silentUntil(killed, "lease lost");
  await goOn(killed);
  assert.equal(killed.status(), "failed");
  assert.match(JSON.stringify(killed.bench.plane.events.at(-1)), /LEASE_LOST/);
  assert.equal(killed.log("a/stdout"), "");
});

Deno.test("B03 LO-03 an attempt whose lease is good waits for the control plane, and goes on", async () => {
  await using killed = await openKilled(HOST, (spool) => leaveHost(spool, 60 * SECOND_MS));
  silentUntil(killed, "control plane not reached");
  await goOn(killed);
  assert.equal(killed.status(), "succeeded", JSON.stringify(killed.bench.plane.events));
  assert.equal(killed.log("a/stdout"), "on\n");
});

Deno.test("B05 the record of the lease is the last that was granted, also behind a line that a crash cut short", async () => {
  const folder = await Deno.makeTempDir();
  const disk = machineDisk();
  const at = (renewedAt: number) => ({ renewedAt, leaseMs: 60_000, graceMs: 240_000 });
  {
    using recovery = await openRecovery(disk, folder);
    recovery.renewed(at(1));
    recovery.renewed(at(2));
  }
  await Deno.writeTextFile(`${folder}/recovery.jsonl`, '\n{"kind":"lease","lea', { append: true });
  {
    using recovery = await openRecovery(disk, folder);
    assert.deepEqual(recovery.lease, at(2));
    recovery.renewed(at(3));
  }
  using recovery = await openRecovery(disk, folder);
  assert.deepEqual(recovery.lease, at(3));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("B05 a heartbeat's answer is in the record of the lease", async () => {
  await using bench = await openRunnerBench();
  const grant = await newGrant("steps:\n  - id: a\n    run: sleep 30\n");
  bench.plane.grants.push(grant);
  const { runner, end } = bench.start();
  await bench.told("step.started");
  const records = (): number[] => {
    const text = Deno.readTextFileSync(`${bench.stateDir}/spool/${grant.attemptId}/recovery.jsonl`);
    return [...text.matchAll(/"renewedAt":(\d+)/g)].map(([, at]) => Number(at));
  };
  const first = records().length;
  while (records().length <= first) await systemClock().sleep(20);
  const all = records();
  assert.deepEqual(all, all.toSorted((a, b) => a - b));
  runner.stop();
  await end;
});

const DAY_MS = 24 * 3_600 * SECOND_MS;

function clockOf(agoMs: number): Clock {
  const clock = systemClock();
  return { ...clock, now: () => clock.now() - agoMs };
}

Deno.test("SP-04 a spool that nobody took for seven days is removed untold, a younger one is told", async () => {
  const text = new TextEncoder().encode("half\n");
  const leave = async (spool: Spool): Promise<void> => {
    await spool.event({ type: "step.started", step: "a", data: { retry: 0 } });
    await spool.log("a", "stdout", text);
  };
  await using old = await openKilled(HOST, leave, clockOf(7 * DAY_MS + 60 * SECOND_MS));
  const { runner, end } = old.bench.start();
  while (!old.bench.logLines.some((line) => line.includes("runner ready"))) await systemClock().sleep(10);
  runner.drain();
  await end;
  assert.match(old.bench.logLines.join("\n"), /warn spool removed that nobody took for 7 days/);
  assert.equal(await exists(old.folder), false);
  assert.deepEqual(old.bench.plane.events, []);

  await using young = await openKilled(HOST, leave, clockOf(6 * DAY_MS));
  await goOn(young);
  assert.match(young.log("a/stdout"), /^half\n/);
  assert.notEqual(young.status(), undefined);
});

Deno.test("SP-04 a lease that was renewed within the seven days keeps a spool without newer events", async () => {
  const leave = (spool: Spool): Promise<void> => leaveHost(spool, 60 * SECOND_MS);
  await using killed = await openKilled(HOST, leave, clockOf(9 * DAY_MS));
  await goOn(killed);
  assert.equal(killed.status(), "succeeded", JSON.stringify(killed.bench.plane.events));
});

const CAP = 100;
const LONG = `
steps:
  - id: a
    output: ALL
    container: {image: "alpine:3.20", pull_policy: never, network: none}
    run: "never started by this process"
  - {id: b, depends: a, run: 'echo "$ALL" | tail -n 1'}
`;

/** A container of step `a` that prints `lines` and ends with the code; the log has the first bytes of it. */
async function leaveWorking(
  engine: Engine,
  killed: Killed,
  text: string,
): Promise<string> {
  const body = {
    Image: "alpine:3.20",
    Cmd: ["sh", "-c", text],
    Labels: newLabels({ ...killed.labels, step: "a" }, "step", false),
    HostConfig: { NetworkMode: "none" },
  };
  const name = `left-${crypto.randomUUID().slice(0, 8)}`;
  const made = await createContainer(engine.socket, name, body, null, IDLE);
  assert.ok(made.ok, JSON.stringify(made));
  await startContainer(engine.socket, made.value.Id, IDLE);
  return made.value.Id;
}

const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => `${from + index}\n`).join("");

for (const name of ENGINE_NAMES) {
  const { socket, kind } = engineUnderTest(name);
  const runtime = runtimeAt(socket, kind === "podman");

  Deno.test(`B03 INV-07 behind a full log the rest still counts for outputs and messages, and the gap is told (${name})`, async () => {
    for (const code of [0, 3]) {
      const known = numbers(1, 1_000).slice(0, CAP);
      await using killed = await openKilled(LONG, async (spool) => {
        await spool.event({ type: "step.started", step: "a", data: { retry: 0 } });
        await spool.event({ type: "container.started", step: "a", data: FACTS });
        await spool.log("a", "stdout", new TextEncoder().encode(known));
      });
      killed.bench.plane.logStreamMax = CAP;
      await using engine = openEngine(runtime);
      await leaveWorking(engine, killed, `seq 1 1000; sleep 1; seq 1 1000 >&2; exit ${code}`);
      await goOn(killed, name);
      const story = JSON.stringify(killed.bench.plane.events);
      assert.equal(killed.log("a/stdout"), known);
      assert.match(story, /"log\.dropped","step":"a","data":\{"stream":"stdout"/);
      assert.equal(killed.status(), code === 0 ? "succeeded" : "failed", story);
      // The message quotes the end of stderr, of which the log has the beginning only.
      if (code === 0) assert.equal(killed.log("b/stdout"), "1000\n");
      else assert.match(story, /exit(?:ed with)? (?:code|status) 3[^"]*999\\n1000/);
    }
  });

  Deno.test(`B03 F65 bytes that are not UTF-8 stay as they are in what was told, and what follows is told once (${name})`, async () => {
    const bytes = new Uint8Array([...new TextEncoder().encode("é "), 0xff, 0xfe, 0x80, 0x0a]);
    const yaml = LONG.replace("output: ALL", "log_output: separate").replace(/ {2}- \{id: b.*\n/, "");
    await using killed = await openKilled(yaml, async (spool) => {
      await spool.event({ type: "step.started", step: "a", data: { retry: 0 } });
      await spool.event({ type: "container.started", step: "a", data: FACTS });
      await spool.log("a", "stdout", bytes);
    });
    await using engine = openEngine(runtime);
    await leaveWorking(engine, killed, "printf 'é \\377\\376\\200\\n'; sleep 1; echo after");
    await goOn(killed, name);
    assert.equal(killed.status(), "succeeded", JSON.stringify(killed.bench.plane.events));
    const want = new Uint8Array([...bytes, ...new TextEncoder().encode("after\n")]);
    assert.deepEqual(new Uint8Array(killed.bench.plane.logs.get("a/stdout") ?? []), want);
  });
}

Deno.test("B05 INV-07 an end that is known without all of its output is not taken for one that has it", async () => {
  const end = { exitCode: 0, failure: null, outputFile: null };
  const dropped = [{ stream: "stdout" as const, bytes: 900, reason: "the runner's spool is full" }];
  for (const isRead of [true, false]) {
    const yaml = isRead
      ? LONG
      : LONG.replace("output: ALL", "continue_on: {failure: false}").replace('"$ALL"', "x");
    await using killed = await openKilled(yaml, async (spool) => {
      await spool.event({ type: "step.started", step: "a", data: { retry: 0 } });
      await spool.event({ type: "container.started", step: "a", data: FACTS });
      await spool.log("a", "stdout", new TextEncoder().encode("1\n"));
      spool.recovery.keepEnd("a", { ...end, dropped });
    });
    await goOn(killed);
    const story = JSON.stringify(killed.bench.plane.events);
    assert.equal(killed.status(), isRead ? "failed" : "succeeded", story);
    assert.match(story, /"bytes":900,"reason":"the runner's spool is full"/);
    if (isRead) assert.match(story, /a part of its output was not kept/);
    assert.equal(killed.log("a/stdout"), "1\n");
  }
});
