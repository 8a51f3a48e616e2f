import { NO_NEEDS } from "../../../src/protocol/resources.ts";
import assert from "node:assert/strict";
import * as v from "valibot";
import { systemIds } from "../../../src/runner/clock.ts";
import { systemClock } from "../../../src/runner/clock.ts";
import { machineDisk } from "../../../src/runner/disk.ts";
import { thisMachine } from "../../../src/runner/machine.ts";
import { newSpool } from "../../../src/runner/spool.ts";
import { FAKE_RUNNER_ID } from "../../support/fake-control-plane.ts";
import { digestOf, newGrant, openRunnerBench, type RunnerBench } from "../../support/runner-bench.ts";

const HELLO = "steps:\n  - id: hello\n    run: echo hello; echo oops >&2\n";
const SLEEPY = "steps:\n  - id: nap\n    run: echo awake; sleep 30\n";

/** The runner asks for work once more. */
async function asked(bench: RunnerBench): Promise<void> {
  for (const before = bench.plane.claims; bench.plane.claims === before;) await systemClock().sleep(5);
}

function types(bench: RunnerBench): string[] {
  return bench.plane.events.map((event) => event.type);
}

function logText(bench: RunnerBench, key: string): string {
  return new TextDecoder().decode(bench.plane.logs.get(key));
}

function finalStatus(bench: RunnerBench): unknown {
  return bench.plane.events.find((event) => event.type === "attempt.finished")?.data?.["status"];
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) names.push(entry.name);
  return names;
}

Deno.test("a claimed run is executed and told to the end; spool and attempt folder are gone, the work folder stays", async () => {
  await using bench = await openRunnerBench();
  bench.plane.grants.push(await newGrant(HELLO));
  const { end } = bench.start({ once: true });
  assert.equal(await end, "drained");
  assert.deepEqual(types(bench), ["attempt.started", "step.started", "step.finished", "attempt.finished"]);
  assert.equal(finalStatus(bench), "succeeded");
  assert.equal(logText(bench, "hello/stdout"), "hello\n");
  assert.equal(logText(bench, "hello/stderr"), "oops\n");
  assert.deepEqual(await namesIn(`${bench.stateDir}/spool`), []);
  assert.deepEqual(await namesIn(`${bench.stateDir}/runs/flow/run-1/attempts`), []);
  assert.equal((await Deno.stat(`${bench.stateDir}/runs/flow/run-1/work`)).isDirectory, true);
});

Deno.test("LO-06 nothing of the user's runs before the control plane knows that the attempt has begun", async () => {
  await using bench = await openRunnerBench();
  const mark = `${bench.stateDir}/mark`;
  bench.plane.grants.push(await newGrant(`steps:\n  - id: a\n    run: touch ${mark}\n`));
  const seenAt: boolean[] = [];
  bench.plane.before = (path) => {
    if (!path.endsWith("/events")) return null;
    seenAt.push([...Deno.readDirSync(bench.stateDir)].some((entry) => entry.name === "mark"));
    return seenAt.length > 1 ? null : new Response("<html>bad gateway</html>", { status: 502 });
  };
  assert.equal(await bench.start({ once: true }).end, "drained");
  assert.deepEqual(seenAt.slice(0, 2), [false, false]);
  assert.equal(seenAt.length > 2, true);
  assert.equal((await Deno.stat(mark)).isFile, true);
  assert.equal(finalStatus(bench), "succeeded");
});

Deno.test("M1 the identity is kept for its user only, used again, and no token is logged", async () => {
  await using bench = await openRunnerBench();
  bench.plane.grants.push(await newGrant(HELLO));
  await bench.start({ once: true }).end;
  const mode = (await Deno.stat(`${bench.stateDir}/runner.json`)).mode ?? 0;
  assert.equal(mode & 0o777, 0o600);
  bench.plane.events.length = 0;
  bench.plane.logs.clear();
  bench.plane.grants.push(await newGrant(HELLO));
  await bench.start({ once: true }).end;
  assert.equal(bench.plane.registered.length, 1);
  assert.doesNotMatch(bench.logLines.join("\n"), /dagu_(rrt|rnr|att)_/);
});

Deno.test("1.1.5 a runner without an engine says so at registration and runs what needs none", async () => {
  await using bench = await openRunnerBench();
  bench.plane.grants.push(await newGrant(HELLO));
  const { runner, end } = bench.start();
  await bench.told("attempt.finished");
  runner.drain();
  assert.equal(await end, "drained");
  const [registered] = bench.plane.registered;
  assert.match(JSON.stringify(registered), /"problem":\{"code":"RUNTIME_CONFIG_INVALID"/);
  assert.equal(finalStatus(bench), "succeeded");
});

Deno.test("M5 1.1.4 a runner that is started anew tells what it is now: its labels and slots at once, its engine when it has looked", async () => {
  await using bench = await openRunnerBench();
  bench.plane.grants.push(await newGrant(HELLO));
  await bench.start({ once: true }).end;
  const { runner, end } = bench.start({ labels: { zone: "b" }, capacity: 5 });
  while (bench.plane.beats.at(-1)?.engine === undefined) await systemClock().sleep(10);
  runner.drain();
  await end;
  assert.equal(bench.plane.registered.length, 1);
  const [first] = bench.plane.beats.filter(({ capacity }) => capacity === 5);
  assert.deepEqual([first?.labels, first?.engine], [{ zone: "b" }, undefined]);
  assert.equal(bench.plane.beats.at(-1)?.engine?.problem?.code, "RUNTIME_CONFIG_INVALID");
});

Deno.test("M4 a definition with problems, or of another digest, is declined with the reason", async () => {
  await using bench = await openRunnerBench();
  const changed = {
    ...(await newGrant(HELLO)),
    definition: { digest: `sha256:${"0".repeat(64)}`, yaml: HELLO, document: "" },
  };
  bench.plane.grants.push(await newGrant("steps:\n  - id: a\n    rum: echo\n"), changed);
  const { runner, end } = bench.start();
  while (bench.plane.declined.length < 2) await systemClock().sleep(10);
  runner.drain();
  await end;
  assert.deepEqual(bench.plane.declined.map((decline) => decline.reason), [
    "definition_invalid",
    "definition_invalid",
  ]);
  const details = bench.plane.declined.map((decline) => decline.detail ?? "").sort();
  assert.match(details.join("\n"), /rum/);
  assert.match(details.join("\n"), /has digest sha256:/);
  assert.deepEqual(types(bench), []);
});

Deno.test("CN-03 a cancel directive stops the run, is acted upon once and acknowledged", async () => {
  await using bench = await openRunnerBench();
  const grant = await newGrant(SLEEPY);
  bench.plane.grants.push(grant);
  const { runner, end } = bench.start();
  await bench.told("step.started");
  bench.plane.directives.push({
    id: systemIds().uuid(),
    type: "cancel",
    attemptId: grant.attemptId,
    fence: 1,
    reason: "ann",
  });
  await bench.told("attempt.finished");
  while (bench.plane.directives.length > 0) await systemClock().sleep(10);
  runner.drain();
  await end;
  assert.equal(finalStatus(bench), "aborted");
  assert.equal(logText(bench, "nap/stdout"), "awake\n");
});

Deno.test("M3 a runner tells what it has left beside its runs", async () => {
  await using bench = await openRunnerBench();
  const leftIs = async (cpu: number): Promise<void> => {
    while (bench.plane.left.cpu !== cpu) await systemClock().sleep(10);
  };
  const grant = await newGrant(SLEEPY);
  bench.plane.grants.push({ ...grant, run: { ...grant.run, needs: { cpu: 0.7, memoryBytes: 5 } } });
  const resources = { cpu: 1, memoryBytes: 8 };
  const { runner, end } = bench.start({ resources });
  await leftIs(0.3);
  assert.deepEqual(bench.plane.left, { cpu: 0.3, memoryBytes: 3 });
  const { attemptId } = grant;
  bench.plane.directives.push({ id: systemIds().uuid(), type: "cancel", attemptId, fence: 1, reason: "ann" });
  await leftIs(1);
  runner.drain();
  await end;
});

Deno.test("M8 a directive that waits for its acknowledgement does not make the runner ask in a hurry", async () => {
  await using bench = await openRunnerBench();
  bench.plane.heartbeatMs = 2_000;
  bench.plane.grants.push(await newGrant(SLEEPY));
  const { runner, end } = bench.start();
  await bench.told("step.started");
  const before = bench.plane.claims;
  bench.plane.directives.push({ id: systemIds().uuid(), type: "resume_claims" });
  while (bench.plane.directives.length > 0) await systemClock().sleep(10);
  const claims = bench.plane.claims - before;
  assert.ok(claims <= 20, `${claims} claims until the next heartbeat`);
  runner.drain();
  await end;
});

Deno.test("SP-02 a run goes on while nobody answers, and is told in order afterwards", async () => {
  await using bench = await openRunnerBench();
  bench.plane.grants.push(await newGrant("steps:\n  - id: a\n    run: echo one; sleep 1; echo two\n"));
  const { end } = bench.start({ once: true });
  await bench.told("step.started");
  let refused = 0;
  const startedAt = Date.now();
  bench.plane.before = () => {
    if (Date.now() - startedAt > 2_000) return null;
    refused++;
    return new Response("<html>bad gateway</html>", { status: 502 });
  };
  assert.equal(await end, "drained");
  assert.ok(refused > 0);
  assert.equal(finalStatus(bench), "succeeded");
  assert.equal(logText(bench, "a/stdout"), "one\ntwo\n");
});

Deno.test("5.3 a fenced attempt is stopped at once and tells nothing more", async () => {
  await using bench = await openRunnerBench();
  bench.plane.grants.push(await newGrant(SLEEPY));
  const { end } = bench.start({ once: true });
  await bench.told("step.started");
  bench.plane.fence = 2;
  assert.equal(await end, "drained");
  assert.equal(types(bench).includes("attempt.finished"), false);
  assert.deepEqual(await namesIn(`${bench.stateDir}/spool`), []);
});

Deno.test("LO-03 without contact for longer than the lease allows, the work is stopped, and that is told later", async () => {
  await using bench = await openRunnerBench();
  // Ten seconds are the margin: what is left is half a second.
  bench.plane.grants.push(await newGrant(SLEEPY, { leaseMs: 10_000, graceMs: 500 }));
  bench.plane.heartbeatMs = 60_000;
  const { end } = bench.start({ once: true });
  await bench.told("step.started");
  bench.plane.before = () =>
    bench.logLines.some((line) => line.includes("lease lost")) ? null : new Response("", { status: 502 });
  assert.equal(await end, "drained");
  assert.equal(finalStatus(bench), "failed");
  assert.match(JSON.stringify(bench.plane.events.at(-1)), /LEASE_LOST/);
});

Deno.test("RS-01 two processes never share a state folder", async () => {
  await using bench = await openRunnerBench();
  bench.plane.grants.push(await newGrant("steps:\n  - id: a\n    run: sleep 0.3\n"));
  const first = bench.start({ once: true });
  await bench.told("step.started");
  assert.equal(await bench.start().end, "state_in_use");
  assert.equal(await first.end, "drained");
});

Deno.test("RS-02 a drain lets the run end; a stop cancels it", async () => {
  await using drained = await openRunnerBench();
  drained.plane.grants.push(await newGrant("steps:\n  - id: a\n    run: sleep 0.5; echo end\n"));
  const first = drained.start();
  await drained.told("step.started");
  first.runner.drain();
  assert.equal(await first.end, "drained");
  assert.equal(finalStatus(drained), "succeeded");

  await using stopped = await openRunnerBench();
  stopped.plane.grants.push(await newGrant(SLEEPY));
  const second = stopped.start();
  await stopped.told("step.started");
  second.runner.stop();
  assert.equal(await second.end, "drained");
  assert.equal(finalStatus(stopped), "aborted");
});

Deno.test("RS-02 a drain that takes too long stops what still runs", async () => {
  await using bench = await openRunnerBench();
  bench.plane.grants.push(await newGrant(SLEEPY));
  const { runner, end } = bench.start({ drainMs: 100 });
  await bench.told("step.started");
  runner.drain();
  assert.equal(await end, "drained");
  const ended = bench.plane.events.find((event) => event.type === "attempt.finished")?.data;
  const code = v.parse(v.object({ code: v.string() }), ended?.["error"]).code;
  assert.deepEqual([ended?.["status"], code], ["aborted", "RUNNER_SHUTDOWN"]);
});

Deno.test("TO-02 a run whose time is over by the control plane's clock ends as if its runner had kept it", async () => {
  await using bench = await openRunnerBench();
  const grant = await newGrant(SLEEPY);
  bench.plane.grants.push(grant);
  const { runner, end } = bench.start();
  await bench.told("step.started");
  const { attemptId } = grant;
  const directive = { id: systemIds().uuid(), type: "cancel", attemptId, fence: 1, reason: "timeout" };
  bench.plane.directives.push({ ...directive, limitMs: 3_000 });
  await bench.told("attempt.finished");
  runner.drain();
  await end;
  const ended = bench.plane.events.find((event) => event.type === "attempt.finished")?.data;
  const { code, message } = v.parse(v.object({ code: v.string(), message: v.string() }), ended?.["error"]);
  assert.deepEqual([ended?.["status"], code], ["failed", "RUN_TIMEOUT"]);
  assert.match(message, /timeout_sec of 3 passed/);
});

Deno.test("RS-01 what an earlier process left is told to its end", async () => {
  await using bench = await openRunnerBench();
  const grant = await newGrant(HELLO);
  const header = {
    attemptId: grant.attemptId,
    attemptToken: "t",
    fence: 1,
    name: "flow",
    dagRunId: "run-1",
    takesSlot: true,
    needs: NO_NEEDS,
    bootId: "",
  };
  {
    const budget = { limitBytes: 1e9, usedBytes: 0 };
    await using spool = await newSpool(
      `${bench.stateDir}/spool/${grant.attemptId}`,
      header,
      { clock: systemClock(), disk: machineDisk() },
      budget,
    );
    await spool.event({ type: "attempt.started", data: { engineVersion: "1", host: "h", workDir: "/w" } });
    await spool.log("a", "stdout", new TextEncoder().encode("half"));
  }
  const { runner, end } = bench.start();
  await bench.told("attempt.finished");
  runner.drain();
  await end;
  assert.equal(finalStatus(bench), "failed");
  assert.match(JSON.stringify(bench.plane.events.at(-1)), /RUNNER_RESTARTED/);
  assert.equal(logText(bench, "a/stdout"), "half");
  assert.deepEqual(await namesIn(`${bench.stateDir}/spool`), []);
  assert.match(bench.logLines.join("\n"), new RegExp(FAKE_RUNNER_ID));
});

Deno.test("WH-17 a webhook's payload is in the environment, and above 64 KiB in a file", async () => {
  await using bench = await openRunnerBench();
  const small = new TextEncoder().encode('{"a":1}');
  const large = new TextEncoder().encode(JSON.stringify({ big: "x".repeat(70_000) }));
  for (const bytes of [small, large]) bench.plane.blobs.set(await digestOf(bytes), bytes);
  const yaml =
    'steps:\n  - id: a\n    run: echo "$WEBHOOK_HEADERS"; cat "$WEBHOOK_HEADERS_FILE"; echo; echo "$WEBHOOK_PAYLOAD"; wc -c < "$WEBHOOK_PAYLOAD_FILE"\n';
  bench.plane.grants.push(
    await newGrant(yaml, {
      inputs: [
        { name: "WEBHOOK_PAYLOAD", digest: await digestOf(large), sizeBytes: large.length },
        { name: "WEBHOOK_HEADERS", digest: await digestOf(small), sizeBytes: small.length },
      ],
    }),
  );
  await bench.start({ once: true }).end;
  assert.match(
    logText(bench, "a/stdout"),
    new RegExp(`^{"a":1}\n{"a":1}\n{"\\$file":".*WEBHOOK_PAYLOAD.input"}\n${large.length}\n$`),
  );
});

Deno.test("SP-03 a runner whose disk is full leaves runs to others, until there is room", async () => {
  await using bench = await openRunnerBench();
  const disk = machineDisk();
  let isFull = true;
  let skippedMs = 0;
  const full: typeof disk = {
    ...disk,
    write: (path, bytes) =>
      isFull && bytes.length > 100_000
        ? Promise.reject(new Error("No space left on device"))
        : disk.write(path, bytes),
  };
  bench.plane.grants.push(await newGrant(HELLO));
  const { runner, end } = bench.start({
    machine: { ...thisMachine(), disk: full },
    clock: { ...systemClock(), mono: () => systemClock().mono() + skippedMs },
  });
  await asked(bench);
  await asked(bench);
  assert.equal(bench.plane.grants.length, 1);
  assert.equal(bench.logLines.filter((line) => line.startsWith("error no room on the disk")).length, 1);
  isFull = false;
  skippedMs = 5_000;
  await bench.told("attempt.finished");
  assert.equal(finalStatus(bench), "succeeded");
  assert.ok(bench.logLines.some((line) => line.startsWith("info room on the disk again")));
  runner.drain();
  assert.equal(await end, "drained");
});

Deno.test("M10 an artifact that a proxy takes at no time is told, and the run ends", async () => {
  await using bench = await openRunnerBench();
  bench.plane.grants.push(
    await newGrant(
      'steps: [{id: a, run: "echo kept > \\"$DAG_RUN_ARTIFACTS_DIR/a.txt\\""}]\nartifacts: {enabled: true}',
    ),
  );
  bench.plane.before = (path) => {
    if (path.endsWith("/u/1")) return new Response("<html>too large</html>", { status: 413 });
    return path.endsWith("/artifacts") ? Response.json({ mode: "inline", url: "/u/1" }) : null;
  };
  await bench.start({ once: true }).end;
  assert.equal(finalStatus(bench), "succeeded");
  const notes = bench.plane.events.filter(({ type }) => type === "note").map(({ data }) => data?.["message"]);
  assert.deepEqual(notes, [
    "artifact a.txt was not kept: something on the way to the control plane takes no body of 5 bytes: raise its limit",
  ]);
});

Deno.test("5.11 a runner that another process speaks for by now ends what it executes, and itself", async () => {
  await using bench = await openRunnerBench();
  bench.plane.grants.push(await newGrant(SLEEPY));
  const { end } = bench.start();
  await bench.told("step.started");
  bench.plane.before = () =>
    Response.json({ code: "fenced", message: "newer", retryable: false, details: { boot: 9 } }, {
      status: 409,
    });
  assert.equal(await end, "superseded");
  assert.ok(!bench.plane.events.some(({ type }) => type === "attempt.finished"));
});

Deno.test("5.11 a state folder that was restored takes its runner's place again", async () => {
  await using bench = await openRunnerBench();
  const boots: (string | null)[] = [];
  const fetch = (request: Request): Promise<Response> => {
    boots.push(request.headers.get("Dagu-Boot")?.replace(/[.].*/, "") ?? null);
    return bench.plane.fetch(request);
  };
  bench.plane.grants.push(await newGrant('steps: [{id: a, run: "true"}]'));
  const first = bench.start({ fetch });
  await bench.told("attempt.finished");
  first.runner.drain();
  assert.equal(await first.end, "drained");
  assert.deepEqual([...new Set(boots)], ["1"]);

  boots.length = 0;
  bench.plane.before = () => {
    const isOld = Number(boots.at(-1)) <= 40;
    const details = { boot: 40 };
    return isOld
      ? Response.json({ code: "fenced", message: "newer", retryable: false, details }, { status: 409 })
      : null;
  };
  const second = bench.start({ fetch });
  await asked(bench);
  second.runner.drain();
  assert.equal(await second.end, "drained");
  assert.deepEqual([...new Set(boots)], ["2", "41"]);
  boots.length = 0;
  const third = bench.start({ fetch });
  await asked(bench);
  third.runner.drain();
  await third.end;
  assert.deepEqual([...new Set(boots)], ["42"]);
});

Deno.test("SP-03 a disk on which no log can be begun is told as that, and is no mistake of ours", async () => {
  await using bench = await openRunnerBench();
  const disk = machineDisk();
  const full = {
    ...disk,
    openAppend: (path: string) => {
      if (path.endsWith("streams.jsonl")) throw new Error("No space left on device (os error 28)");
      return disk.openAppend(path);
    },
  };
  bench.plane.grants.push(await newGrant(HELLO));
  assert.equal(await bench.start({ once: true, machine: { ...thisMachine(), disk: full } }).end, "drained");
  const end = bench.plane.events.find((event) => event.type === "attempt.finished");
  assert.deepEqual(end?.data?.["error"], {
    code: "SPOOL_FAILED",
    message: "the runner cannot write the logs of a step: No space left on device (os error 28)",
    remedy: "make room on the runner's state folder",
  });
  assert.equal(bench.logLines.some((line) => line.startsWith("error")), false, bench.logLines.join("\n"));
});

Deno.test("SP-03 a run that cannot be read from the disk to be told is not gone on with, and costs no other run", async () => {
  await using bench = await openRunnerBench();
  const disk = machineDisk();
  const [broken, good] = [await newGrant(SLEEPY), await newGrant(HELLO)];
  const readRange: typeof disk.readRange = (path, ...range) =>
    path.includes(broken.attemptId)
      ? Promise.reject(new Error("Input/output error (os error 5)"))
      : disk.readRange(path, ...range);
  bench.plane.grants.push(broken, good);
  const { runner, end } = bench.start({ machine: { ...thisMachine(), disk: { ...disk, readRange } } });
  await bench.told("attempt.finished");
  runner.drain();
  assert.equal(await end, "drained");
  assert.equal(logText(bench, "hello/stdout"), "hello\n");
  const told = bench.logLines.filter((line) => line.startsWith("error attempt broke"));
  assert.deepEqual(told.map((line) => line.includes(broken.attemptId)), [true]);
});

Deno.test("RS-02 a runner that has to go does not wait for ever for a sub-run that nobody answers for", async () => {
  await using bench = await openRunnerBench();
  const text =
    "steps: [{id: a, action: dag.run, with: {dag: kid}}]\n---\nname: kid\nsteps: [{id: b, run: x}]\n";
  bench.plane.grants.push(await newGrant(text));
  const asked = Promise.withResolvers<void>();
  bench.plane.before = (path) => {
    if (!path.endsWith("/children")) return null;
    asked.resolve();
    return new Response("bad gateway", { status: 502 });
  };
  const clock = systemClock();
  // Its half a minute of patience is a second here.
  const hasty = { ...clock, sleep: (ms: number, signal?: AbortSignal) => clock.sleep(ms / 30, signal) };
  const { runner, end } = bench.start({ clock: hasty });
  await asked.promise;
  runner.stop();
  assert.equal(await end, "drained");
});

/** What kind of call it is, and of which attempt. */
function kindOf(path: string): string {
  const [, attempt = "", what = ""] = /\/attempts\/([^/]+)\/(\w+)/.exec(path) ?? [];
  return what === "" ? path.replace(/^.*\//, "") : `${what} of ${attempt}`;
}

Deno.test("RP-08 a runner asks for little at a time: a claim, a heartbeat, and of each attempt an event call and two of logs", async () => {
  await using bench = await openRunnerBench();
  const work = "for i in 1 2 3 4 5; do echo $i; echo $i >&2; sleep 0.05; done";
  const steps = ["a", "b", "c"].map((id) => `  - {id: ${id}, run: "${work}"}\n`).join("");
  bench.plane.grants.push(await newGrant(`steps:\n${steps}`));
  const under = new Map<string, number>();
  const most = new Map<string, number>();
  const counting: typeof bench.plane.fetch = async (request) => {
    const kind = kindOf(new URL(request.url).pathname);
    const now = (under.get(kind) ?? 0) + 1;
    under.set(kind, now);
    most.set(kind, Math.max(most.get(kind) ?? 0, now));
    await systemClock().sleep(20);
    try {
      return await bench.plane.fetch(request);
    } finally {
      under.set(kind, (under.get(kind) ?? 1) - 1);
    }
  };
  const { runner, end } = bench.start({ fetch: counting });
  await bench.told("attempt.finished");
  runner.drain();
  assert.equal(await end, "drained");
  const kinds = [...most.keys()];
  assert.ok(kinds.some((kind) => kind.startsWith("logs of")), kinds.join(", "));
  for (const [kind, count] of most) {
    assert.ok(count <= (kind.startsWith("logs of") ? 2 : 1), `${count} calls at once: ${kind}`);
  }
});
