import { NO_NEEDS } from "../../../src/protocol/resources.ts";
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { newRunnerClient } from "../../../src/protocol/client.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/messages.ts";
import type { Clock, Log } from "../../../src/run/ports.ts";
import { machineDisk } from "../../../src/runner/disk.ts";
import { newSpool, reopenSpool, type Spool } from "../../../src/runner/spool.ts";
import { openUplink, type UplinkEnd } from "../../../src/runner/uplink.ts";
import { type FakeControlPlane, newFakeControlPlane } from "../../support/fake-control-plane.ts";

const HEADER = {
  bootId: "",
  attemptId: "0199aaaa-0000-7000-8000-000000000001",
  attemptToken: "dagu_att_x",
  fence: 1,
  name: "flow",
  dagRunId: "run1",
  takesSlot: true,
  needs: NO_NEEDS,
};
const QUIET: Log = { info: () => {}, warn: () => {}, error: () => {} };
const NEVER = new AbortController().signal;

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A clock whose sleeps take no real time: each moves it on. */
function hastyClock(): Clock {
  let now = Date.UTC(2026, 0, 1);
  return {
    now: () => now,
    mono: () => now,
    sleep: async (ms, signal) => {
      await setImmediate();
      if (signal?.aborted !== true) now += Math.min(ms, 60_000);
    },
  };
}

interface Bench extends AsyncDisposable {
  readonly spool: Spool;
  readonly plane: FakeControlPlane;
  readonly folder: string;
  readonly clock: Clock;
  send(signal?: AbortSignal): Promise<UplinkEnd>;
  sendFrom(spool: Spool): Promise<UplinkEnd>;
}

async function openBench(seed: number, lossRate: number, limitBytes = 1 << 30): Promise<Bench> {
  const folder = await Deno.makeTempDir();
  const clock = hastyClock();
  const random = seeded(seed);
  let n = 0;
  const ids = { uuid: () => `0199aaaa-0000-7000-8000-${String(++n).padStart(12, "0")}` };
  const plane = newFakeControlPlane({ random, lossRate });
  // The network is real time's; only waiting is not: a call that is answered late must not count as lost.
  const callClock: Clock = {
    ...clock,
    sleep: (_ms, signal) =>
      new Promise((resolve) => {
        signal?.addEventListener("abort", () => resolve(), { once: true });
      }),
  };
  const client = newRunnerClient({ fetch: plane.fetch, clock: callClock, ids }, {
    baseUrl: "http://control.test",
    boot: { number: 1, id: "boot" },
    compress: false,
  });
  const settings = { ...DEFAULT_SETTINGS, logChunkMax: 4_096, eventBatchMax: 3 };
  const spool = await newSpool(`${folder}/a`, HEADER, { clock, disk: machineDisk() }, {
    limitBytes,
    usedBytes: 0,
  });
  const sendFrom = (from: Spool, signal: AbortSignal = NEVER): Promise<UplinkEnd> =>
    openUplink({ client, clock, ids, random, log: QUIET }, from, {
      settings,
      onDirectives: () => {},
      onFenced: () => {},
    }, signal).end;
  return {
    spool,
    plane,
    folder,
    clock,
    sendFrom,
    send: (signal) => sendFrom(spool, signal),
    [Symbol.asyncDispose]: async () => {
      await spool[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

const FINISHED = { type: "attempt.finished" as const, data: { status: "succeeded" as const } };

function started(step: string): Parameters<Spool["event"]>[0] {
  return { type: "step.started", step, data: { retry: 0 } };
}

function finished(step: string, stdout = 0): Parameters<Spool["event"]>[0] {
  return { type: "step.finished", step, data: { status: "succeeded", logs: { stdout, stderr: 0 } } };
}

/** Writes a run of several steps at once; returns what must arrive. */
async function writeRun(bench: Bench, random: () => number): Promise<Map<string, Uint8Array>> {
  const { spool } = bench;
  const want = new Map<string, Uint8Array>();
  await spool.event({ type: "attempt.started", data: { engineVersion: "1", host: "h", workDir: "/w" } });
  await Promise.all(["a", "b c/ü", "quiet"].map(async (step) => {
    await spool.event(started(step));
    spool.openStep(step);
    const parts: Uint8Array[] = [];
    for (let i = step === "quiet" ? 0 : 1 + Math.floor(random() * 20); i > 0; i--) {
      const chunk = crypto.getRandomValues(new Uint8Array(1 + Math.floor(random() * 3_000)));
      parts.push(chunk);
      await spool.log(step, random() < 0.9 ? "stdout" : "stdout", chunk);
      if (random() < 0.3) await spool.event({ type: "note", step, data: { level: "info", message: "n" } });
      if (random() < 0.2) {
        await spool.event(started(step));
        spool.openStep(step);
      }
    }
    const all = new Uint8Array(await new Blob(parts.map((part) => new Uint8Array(part))).arrayBuffer());
    if (all.length > 0) want.set(`${step}/stdout`, all);
    await spool.event(finished(step, all.length));
  }));
  await spool.event(FINISHED);
  return want;
}

for (let seed = 1; seed <= 25; seed++) {
  Deno.test(`INV-05 INV-07 events and bytes arrive once, in order, over a bad network (seed ${seed})`, async () => {
    await using bench = await openBench(seed, 0.25);
    const sending = bench.send();
    const want = await writeRun(bench, seeded(seed * 7));
    assert.equal(await sending, "delivered");
    const { plane, spool } = bench;
    assert.deepEqual(plane.events.map((event) => event.seq), plane.events.map((_event, index) => index + 1));
    assert.equal(plane.events.length, spool.lastSeq);
    assert.deepEqual([...plane.logs.keys()].sort(), [...want.keys()].sort());
    for (const [key, bytes] of want) {
      assert.deepEqual(plane.logs.get(key), bytes);
      assert.equal(plane.finals.get(key), bytes.length);
    }
    assert.equal(plane.events.at(-1)?.type, "attempt.finished");
  });
}

Deno.test("RS-01 a spool that is found again is told from its beginning, and only what is missing takes effect", async () => {
  await using bench = await openBench(3, 0.2);
  const stop = new AbortController();
  const first = bench.send(stop.signal);
  await bench.spool.event({
    type: "attempt.started",
    data: { engineVersion: "1", host: "h", workDir: "/w" },
  });
  await bench.spool.event(started("a"));
  const bytes = crypto.getRandomValues(new Uint8Array(30_000));
  await bench.spool.log("a", "stdout", bytes);
  while (bench.plane.events.length < 2) await setImmediate();
  stop.abort();
  assert.equal(await first, "aborted");
  await bench.spool[Symbol.asyncDispose]();
  await Deno.writeTextFile(`${bench.folder}/a/events.jsonl`, '{"seq":3,"at', { append: true });

  await using again = await reopenSpool(`${bench.folder}/a`, { clock: bench.clock, disk: machineDisk() }, {
    limitBytes: 1 << 30,
    usedBytes: 0,
  });
  assert.ok(again !== null);
  assert.equal(again.lastSeq, 2);
  assert.equal(again.isComplete, false);
  await again.event(FINISHED);
  assert.equal(await bench.sendFrom(again), "delivered");
  assert.deepEqual(bench.plane.events.map((event) => event.type), [
    "attempt.started",
    "step.started",
    "attempt.finished",
  ]);
  assert.deepEqual(bench.plane.logs.get("a/stdout"), bytes);
});

Deno.test("M6 a clock that was set back holds nothing up", async () => {
  await using bench = await openBench(1, 0);
  const ahead = { ...bench.clock, now: () => bench.clock.now() + 365 * 86_400_000 };
  await using spool = await newSpool(`${bench.folder}/b`, HEADER, { clock: ahead, disk: machineDisk() }, {
    limitBytes: 1 << 30,
    usedBytes: 0,
  });
  await spool.event(started("a"));
  const isTold = Promise.withResolvers<boolean>();
  const deadline = setTimeout(() => isTold.resolve(false), 10_000);
  bench.plane.before = () => {
    isTold.resolve(true);
    return null;
  };
  const sending = bench.sendFrom(spool);
  assert.ok(await isTold.promise, "told before the terminal event");
  clearTimeout(deadline);
  await spool.event(FINISHED);
  assert.equal(await sending, "delivered");
});

Deno.test("5.3 a stale fence ends the sending at once", async () => {
  await using bench = await openBench(1, 0);
  bench.plane.fence = 2;
  const sending = bench.send();
  await bench.spool.event(started("a"));
  assert.equal(await sending, "fenced");
  assert.equal(bench.plane.events.length, 0);
});

Deno.test("5.3 a token that is refused is tried again: a fail-over may bring it back", async () => {
  await using bench = await openBench(1, 0);
  let refusals = 5;
  bench.plane.before = () => {
    if (refusals-- <= 0) return null;
    return Response.json({ code: "unauthorized", message: "no", retryable: false }, { status: 401 });
  };
  const sending = bench.send();
  await bench.spool.event(FINISHED);
  assert.equal(await sending, "delivered");
});

Deno.test("M7 a log over the server's limit is told as a gap, and the run goes on", async () => {
  await using bench = await openBench(1, 0);
  bench.plane.logStreamMax = 5_000;
  const sending = bench.send();
  await bench.spool.event(started("a"));
  await bench.spool.log("a", "stdout", new Uint8Array(70_000));
  await bench.spool.event(finished("a", 70_000));
  await bench.spool.event(FINISHED);
  assert.equal(await sending, "delivered");
  assert.equal(bench.plane.logs.get("a/stdout")?.length, 5_000);
  const dropped = bench.plane.events.filter((event) => event.type === "log.dropped");
  assert.deepEqual(dropped.map((event) => [event.data?.["fromOffset"], event.data?.["bytes"]]), [[
    5_000,
    65_000,
  ]]);
});

Deno.test("SP-03 a full spool drops log bytes, says so before the step ends, and drops no event", async () => {
  await using bench = await openBench(1, 0, 1_000);
  const sending = bench.send();
  await bench.spool.event(started("a"));
  await bench.spool.log("a", "stdout", new Uint8Array(900));
  await bench.spool.log("a", "stdout", new Uint8Array(900));
  await bench.spool.event(finished("a", 1_800));
  await bench.spool.event(FINISHED);
  assert.equal(await sending, "delivered");
  assert.deepEqual(bench.plane.events.map((event) => event.type), [
    "step.started",
    "log.dropped",
    "step.finished",
    "attempt.finished",
  ]);
  assert.deepEqual(bench.plane.events[1]?.data, {
    stream: "stdout",
    fromOffset: 900,
    bytes: 900,
    reason: "the runner's spool is full",
  });
});

Deno.test("S-86 RS-01 each try writes files of its own, and all of them are told as one log, also by a later process", async () => {
  await using bench = await openBench(3, 0);
  const text = (part: string) => new TextEncoder().encode(part);
  const { spool } = bench;
  await spool.event({ type: "attempt.started", data: { engineVersion: "1", host: "h", workDir: "/w" } });
  const begin = async (): Promise<string> => {
    await spool.event(started("a"));
    return spool.openStep("a").stdout;
  };
  const quiet = await begin();
  const first = await begin();
  assert.equal(first, quiet, "of a try that printed nothing the file is as good as new");
  await spool.log("a", "stdout", text("one\n"));
  const second = await begin();
  await spool.log("a", "stdout", text("two\n"));
  assert.equal(spool.openStep("a").stdout, second, "the same try");
  await spool[Symbol.asyncDispose]();
  assert.deepEqual([await Deno.readTextFile(first), await Deno.readTextFile(second)], ["one\n", "two\n"]);

  await using again = await reopenSpool(`${bench.folder}/a`, { clock: bench.clock, disk: machineDisk() }, {
    limitBytes: 1 << 30,
    usedBytes: 0,
  });
  assert.ok(again !== null);
  assert.deepEqual(again.logsOf("a"), again.openStep("a"));
  assert.equal(again.logsOf("a")?.stdout, second);
  await again.log("a", "stdout", text("too\n"));
  const last: string[] = [];
  await again.replay("a", {
    write: (_stream, bytes) => Promise.resolve(void last.push(new TextDecoder().decode(bytes))),
  });
  assert.equal(last.join(""), "two\ntoo\n");
  await again.event(started("a"));
  const third = again.openStep("a").stdout;
  await again.log("a", "stdout", text("three\n"));
  assert.equal(new Set([first, second, third]).size, 3);
  assert.equal(await Deno.readTextFile(third), "three\n");
  await again.event(finished("a", 18));
  await again.event(FINISHED);
  assert.equal(await bench.sendFrom(again), "delivered");
  assert.equal(new TextDecoder().decode(bench.plane.logs.get("a/stdout")), "one\ntwo\ntoo\nthree\n");
});

Deno.test("SP-05 the spool is for the runner's user only", async () => {
  await using bench = await openBench(1, 0);
  await bench.spool.log("a", "stdout", new Uint8Array(1));
  const modes = async (path: string): Promise<number> => ((await Deno.stat(path)).mode ?? 0) & 0o777;
  assert.equal(await modes(`${bench.folder}/a`), 0o700);
  for await (const entry of Deno.readDir(`${bench.folder}/a`)) {
    assert.equal(await modes(`${bench.folder}/a/${entry.name}`), 0o600, entry.name);
  }
});
