import assert from "node:assert/strict";
import type { RunEventBody } from "../../../src/run/event.ts";
import { type LogPiece, reportLog } from "../../../src/server/dispatch/logs.ts";
import { newReports } from "../../../src/server/dispatch/report.ts";
import { reattach } from "../../../src/server/dispatch/reattach.ts";
import { requeueAttempt } from "../../../src/server/dispatch/requeue.ts";
import { listEvents } from "../../../src/server/store/events.ts";
import { findLine, readLog, viewLog } from "../../../src/server/store/logs.ts";
import { listSteps } from "../../../src/server/store/steps.ts";
import {
  addRunner,
  callerOf,
  claimOne,
  type DispatchBench,
  onEveryDatabase,
  queueRun,
  readRun,
  reportOf,
  STARTED,
  SUCCEEDED,
  tell,
} from "../../support/dispatch.ts";

const STEP_STARTED: RunEventBody = { type: "step.started", step: "a", data: { retry: 0 } };
const STEP_DONE: RunEventBody = {
  type: "step.finished",
  step: "a",
  data: { status: "succeeded", exitCode: 0, logs: { stdout: 3, stderr: 0 } },
};

async function openAttempt(bench: DispatchBench) {
  const run = await queueRun(bench);
  const runner = await addRunner(bench);
  return { run, runner, grant: await claimOne(bench, runner) };
}

async function storedTypes(bench: DispatchBench, runId: string): Promise<string[]> {
  const rows = await listEvents(bench.ports.db, { runId, fence: 1 }, 0, 100);
  assert.deepEqual(
    rows.map((row) => row.seq),
    rows.map((_, index) => index + 1),
    "INV-05 without hole or repeat",
  );
  return rows.map((row) => row.type);
}

onEveryDatabase("TX-03 run and steps are the fold of the events", async (bench) => {
  const { run, runner, grant } = await openAttempt(bench);
  const output: RunEventBody = {
    type: "step.output",
    step: "a",
    data: { kind: "declared", name: "x", value: "ü" },
  };
  const told = await tell(bench, runner, grant, 1, [STARTED, STEP_STARTED, output, STEP_DONE]);
  assert.deepEqual(told, { ok: true, reply: { ackSeq: 4, runStatus: "running", directives: [] } });
  const [step] = await listSteps(bench.ports.db, run.id);
  assert.equal(step?.status, "succeeded");
  assert.deepEqual(step?.outputs, { x: "ü" });
  assert.deepEqual(step?.logSizes, { stdout: 3, stderr: 0 });
  assert.equal((await readRun(bench, run.id)).word, "running");
  await tell(bench, runner, grant, 5, [SUCCEEDED]);
  const ended = await readRun(bench, run.id);
  assert.equal(ended.word, "succeeded");
  assert.equal(ended.finishedAt?.getTime(), bench.time.clock.now());
});

onEveryDatabase("4.3 what was under way at the end of its attempt ended with it", async (bench) => {
  const { run, runner, grant } = await openAttempt(bench);
  await tell(bench, runner, grant, 1, [STARTED, STEP_STARTED]);
  const error = { code: "RUNNER_RESTARTED" as const, message: "", remedy: "" };
  await tell(bench, runner, grant, 3, [{ type: "attempt.finished", data: { status: "failed", error } }]);
  const [step] = await listSteps(bench.ports.db, run.id);
  assert.deepEqual([step?.status, step?.finishedAt], ["failed", bench.time.clock.now()]);
});

const UNREADABLE: readonly [name: string, type: string, data: Record<string, unknown>][] = [
  ["an unknown error code", "attempt.finished", {
    status: "aborted",
    error: { code: "MOON_PHASE", message: "", remedy: "" },
  }],
  ["an unknown status", "attempt.finished", { status: "vanished" }],
  ["an unknown kind of waiting", "attempt.waiting", { for: "rain" }],
];
for (const [name, type, data] of UNREADABLE) {
  onEveryDatabase(`EV-01 an end with ${name} ends the run and its steps`, async (bench) => {
    const { run, runner, grant } = await openAttempt(bench);
    await tell(bench, runner, grant, 1, [STARTED, STEP_STARTED]);
    const told = await tell(bench, runner, grant, 3, [], {
      events: [{ type, data, seq: 3, at: bench.time.clock.now(), mono: 0 }],
    });
    assert.equal(told.ok && told.reply.runStatus, "failed");
    const ended = await readRun(bench, run.id);
    assert.deepEqual([ended.word, ended.reason], ["failed", "internal"]);
    assert.equal(ended.finishedAt?.getTime(), bench.time.clock.now());
    const [step] = await listSteps(bench.ports.db, run.id);
    assert.deepEqual([step?.status, step?.finishedAt], ["failed", bench.time.clock.now()]);
    assert.deepEqual((await storedTypes(bench, run.id)).at(-1), type, "what was told is stored as it was");
  });
}

onEveryDatabase("M6 RD-03 events sent again, alone or before new ones, are taken once", async (bench) => {
  const { run, runner, grant } = await openAttempt(bench);
  await tell(bench, runner, grant, 1, [STARTED, STEP_STARTED]);
  const again = await tell(bench, runner, grant, 1, [STARTED, STEP_STARTED]);
  assert.equal(again.ok && again.reply.ackSeq, 2);
  const overlapping = await tell(bench, runner, grant, 2, [STEP_STARTED, STEP_DONE]);
  assert.equal(overlapping.ok && overlapping.reply.ackSeq, 3);
  assert.deepEqual(await storedTypes(bench, run.id), ["attempt.started", "step.started", "step.finished"]);
});

onEveryDatabase("M6 copies of a batch that arrive at once are taken once", async (bench) => {
  const { run, runner, grant } = await openAttempt(bench);
  const replies = await Promise.all(
    Array.from(
      { length: 8 },
      () => tell(bench, runner, grant, 1, [STARTED, STEP_STARTED, STEP_DONE, SUCCEEDED]),
    ),
  );
  assert.ok(replies.every((told) => told.ok && told.reply.ackSeq === 4));
  assert.equal((await storedTypes(bench, run.id)).length, 4);
});

onEveryDatabase("M6 a gap is refused with the number that is expected", async (bench) => {
  const { run, runner, grant } = await openAttempt(bench);
  await tell(bench, runner, grant, 1, [STARTED]);
  const told = await tell(bench, runner, grant, 3, [STEP_DONE]);
  assert.equal(told.ok, false);
  assert.equal(!told.ok && told.code, "seq_gap");
  assert.equal(!told.ok && told.expectedSeq, 2);
  assert.deepEqual(await storedTypes(bench, run.id), ["attempt.started"]);
});

onEveryDatabase("M6 another story under a number that was told is a conflict", async (bench) => {
  const { run, runner, grant } = await openAttempt(bench);
  await tell(bench, runner, grant, 1, [STARTED, STEP_STARTED]);
  const told = await tell(bench, runner, grant, 2, [STEP_DONE]);
  assert.equal(!told.ok && told.code, "conflict");
  const ended = await readRun(bench, run.id);
  assert.deepEqual([ended.word, ended.reason], ["failed", "internal"], "nobody would tell its end");
});

onEveryDatabase("M6 EV-03 after the end repeats are acknowledged and news are fenced", async (bench) => {
  const { run, runner, grant } = await openAttempt(bench);
  await tell(bench, runner, grant, 1, [STARTED, SUCCEEDED]);
  const again = await tell(bench, runner, grant, 1, [STARTED, SUCCEEDED]);
  assert.equal(again.ok && again.reply.ackSeq, 2);
  const news = await tell(bench, runner, grant, 3, [STEP_STARTED]);
  assert.equal(!news.ok && news.code, "fenced");
  assert.equal((await readRun(bench, run.id)).word, "succeeded");
});

onEveryDatabase("EV-01 nothing follows the end of an attempt, not in one report either", async (bench) => {
  const { run, runner, grant } = await openAttempt(bench);
  const told = await tell(bench, runner, grant, 1, [STARTED, SUCCEEDED, STEP_STARTED]);
  assert.equal(!told.ok && told.code, "invalid");
  assert.deepEqual(await storedTypes(bench, run.id), []);
});

onEveryDatabase("INV-04 an attempt that was given away changes nothing any more", async (bench) => {
  const { run, runner, grant } = await openAttempt(bench);
  await requeueAttempt(bench.ports, grant.attemptId, "expired", { excludeRunner: false });
  await bench.time.advance(60_000);
  const next = await claimOne(bench, runner);
  assert.equal(next.fence, 2);
  assert.notEqual(next.attemptToken, grant.attemptToken);
  const stale = await tell(bench, runner, grant, 1, [STARTED, SUCCEEDED]);
  assert.equal(!stale.ok && stale.code, "fenced");
  const lying = await tell(bench, runner, grant, 1, [STARTED], { fence: 2 });
  assert.equal(!lying.ok && lying.code, "fenced");
  assert.equal((await readRun(bench, run.id)).word, "not_started");
  assert.ok((await tell(bench, runner, next, 1, [STARTED, SUCCEEDED])).ok);
});

onEveryDatabase("TX-03 only the runner with the attempt's own token may speak for it", async (bench) => {
  const { runner, grant } = await openAttempt(bench);
  const good = await callerOf(runner, grant);
  const other = await addRunner(bench);
  const request = { fence: 1, firstSeq: 1, events: [{ ...STARTED, seq: 1, at: 0, mono: 0 }] };
  for (const change of [{ tokenDigest: "0" }, { runnerId: other.id }]) {
    const told = await newReports(bench.ports)({ caller: { ...good, ...change }, request });
    assert.equal(!told.ok && told.code, "forbidden");
  }
  const unknown = { ...good, attemptId: bench.ports.ids.uuid() };
  const told = await newReports(bench.ports)({ caller: unknown, request });
  assert.equal(!told.ok && told.code, "not_found");
});

onEveryDatabase("EV-01 an event of an unknown type is stored and changes nothing", async (bench) => {
  const { run, runner, grant } = await openAttempt(bench);
  const events = [{ type: "step.pondered", step: "a", data: { deep: true }, seq: 1, at: 0, mono: 0 }];
  const request = { fence: 1, firstSeq: 1, events };
  const told = await newReports(bench.ports)({ caller: await callerOf(runner, grant), request });
  assert.equal(told.ok && told.reply.ackSeq, 1);
  assert.deepEqual(await storedTypes(bench, run.id), ["step.pondered"]);
  assert.equal((await readRun(bench, run.id)).word, "not_started");
});

// ---- logs -------------------------------------------------------------------------------------------------------

async function openLog(bench: DispatchBench, logStreamMax = 1_000_000) {
  const attempt = await openAttempt(bench);
  const settings = { ...bench.settings, runner: { ...bench.settings.runner, logStreamMax } };
  const caller = await callerOf(attempt.runner, attempt.grant);
  const place = { runId: attempt.run.id, step: "a", stream: "stdout" } as const;
  return {
    ...attempt,
    send: (offset: number, text: string, change: Partial<LogPiece> = {}) =>
      reportLog(bench.ports, settings, caller, {
        step: "a",
        stream: "stdout",
        offset,
        fence: 1,
        isFinal: false,
        bytes: new TextEncoder().encode(text),
        ...change,
      }),
    stream: async () => {
      const stream = (await viewLog(bench.ports.db, place))?.stream ?? null;
      assert.ok(stream);
      return stream;
    },
    text: async (from = 0) => {
      const stream = (await viewLog(bench.ports.db, place))?.stream ?? null;
      const bytes = stream === null
        ? new Uint8Array()
        : await readLog(bench.ports.db, stream.id, from, 10_000_000);
      return new TextDecoder().decode(bytes);
    },
  };
}

const LOG_CASES: [name: string, pieces: [offset: number, text: string][], want: string][] = [
  ["pieces in order", [[0, "ab"], [2, "cd"]], "abcd"],
  ["a piece sent again", [[0, "ab"], [0, "ab"], [2, "cd"]], "abcd"],
  ["a piece that overlaps what is there", [[0, "abc"], [1, "bcde"]], "abcde"],
  ["a piece inside what is there", [[0, "abcdef"], [2, "cd"]], "abcdef"],
  ["an empty piece", [[0, ""], [0, "a"], [1, ""]], "a"],
];
onEveryDatabase("M7 each byte is stored once, whatever is sent again", async (bench) => {
  for (const [name, pieces, want] of LOG_CASES) {
    const log = await openLog(bench);
    for (const [offset, text] of pieces) {
      const told = await log.send(offset, text);
      assert.ok(told.ok, name);
    }
    assert.equal((await log.stream()).nextOffset, want.length, name);
    const chunks = await readAll(bench, (await log.stream()).id);
    assert.equal(chunks, want, name);
  }
});

onEveryDatabase("M7 what came in many small pieces is read in few large ones", async (bench) => {
  const log = await openLog(bench);
  for (let n = 0; n < 40; n++) await log.send(n * 10, "123456789\n");
  const { id } = await log.stream();
  assert.equal((await readLog(bench.ports.db, id, 0, 300)).length, 300);
  assert.equal((await readLog(bench.ports.db, id, 305, 300)).length, 95);
});

async function readAll(bench: DispatchBench, streamId: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (let offset = 0;;) {
    const piece = await readLog(bench.ports.db, streamId, offset, 262_144);
    if (piece.length === 0) return text + decoder.decode();
    text += decoder.decode(piece, { stream: true });
    offset += piece.length;
  }
}

onEveryDatabase("M7 a gap is refused with the offset that is expected", async (bench) => {
  const log = await openLog(bench);
  await log.send(0, "ab");
  const told = await log.send(5, "x");
  assert.equal(!told.ok && told.code, "offset_gap");
  assert.equal(!told.ok && told.expectedOffset, 2);
  assert.equal(await log.text(), "ab");
});

onEveryDatabase("M7 copies of a piece that arrive at once are stored once", async (bench) => {
  const log = await openLog(bench);
  const told = await Promise.all(Array.from({ length: 8 }, () => log.send(0, "abc")));
  assert.ok(told.every((one) => one.ok && one.reply.nextOffset === 3));
  assert.equal(await log.text(), "abc");
});

onEveryDatabase("M7 beyond the cap bytes are counted and not stored", async (bench) => {
  const log = await openLog(bench, 4);
  await log.send(0, "abc");
  assert.deepEqual(await log.send(3, "def"), { ok: true, reply: { nextOffset: 6, limitReached: true } });
  assert.deepEqual(await log.send(6, "g"), { ok: true, reply: { nextOffset: 7, limitReached: true } });
  assert.equal(await log.text(), "abcd");
});

onEveryDatabase("M7 a large piece comes back as it was, from any offset", async (bench) => {
  const log = await openLog(bench);
  const text = "0123456789abcde\n".repeat(40_000);
  assert.ok((await log.send(0, text, { isFinal: true })).ok);
  const stream = await log.stream();
  assert.equal(stream.isFinal, true);
  assert.equal(stream.lines, 40_000);
  assert.equal(await readAll(bench, stream.id), text);
  assert.equal(await log.text(500_001), text.slice(500_001));
});

onEveryDatabase("AP-66 a line is found where it begins, however it was cut", async (bench) => {
  const log = await openLog(bench);
  const pieces = ["he", "llo\nwor", "ld\n", "last"];
  let offset = 0;
  for (const piece of pieces) {
    await log.send(offset, piece);
    offset += piece.length;
  }
  const lines = pieces.join("").split("\n");
  const { id } = await log.stream();
  for (const [n, want] of lines.entries()) {
    const start = await findLine(bench.ports.db, id, n);
    assert.equal((await log.text(start.offset)).split("\n")[n - start.line], want, `line ${n}`);
  }
});

onEveryDatabase("INV-04 EV-03 log bytes are taken for a while after the end, then fenced", async (bench) => {
  const log = await openLog(bench);
  await tell(bench, log.runner, log.grant, 1, [STARTED, SUCCEEDED]);
  await bench.time.advance(bench.settings.runner.tailWindowMs);
  assert.ok((await log.send(0, "late")).ok);
  await bench.time.advance(1);
  const told = await log.send(4, "too late");
  assert.equal(!told.ok && told.code, "fenced");
  assert.equal(await log.text(), "late");
});

onEveryDatabase(
  "INV-07 5.11 after a re-attachment only the process that asked for it is heard",
  async (bench) => {
    const { ports, settings } = bench;
    const { runner, grant } = await openAttempt(bench);
    await tell(bench, runner, grant, 1, [STARTED]);
    const held = { attempts: [{ attemptId: grant.attemptId, fence: 1, lastSeq: 1 }] };
    await reattach(ports, settings, runner, held, 2);
    const caller = await callerOf(runner, grant);
    const codes = await Promise.all([1, 2].map(async (boot) => {
      const piece = { step: "a", stream: "stdout", fence: 1, isFinal: false, offset: 0 } as const;
      const bytes = new TextEncoder().encode("x");
      const sent = await reportLog(ports, settings, { ...caller, boot }, { ...piece, bytes });
      const report = await reportOf(bench, runner, grant, 2, [STEP_STARTED]);
      const told = await newReports(ports)({ ...report, caller: { ...caller, boot } });
      return [sent, told].map((answer) => answer.ok ? "ok" : answer.code);
    }));
    assert.deepEqual(codes, [["fenced", "fenced"], ["ok", "ok"]]);
  },
);

onEveryDatabase(
  "INV-07 what an older process sends beside a re-attachment is in what that answers, or is refused",
  async (bench) => {
    const { ports, settings } = bench;
    for (let n = 0; n < 10; n++) {
      const { runner, grant } = await openAttempt(bench);
      await tell(bench, runner, grant, 1, [STARTED]);
      const old = { ...await callerOf(runner, grant), boot: 1 };
      const piece = { step: "a", stream: "stdout", fence: 1, isFinal: false } as const;
      const send = (offset: number) =>
        reportLog(ports, settings, old, { ...piece, offset, bytes: new TextEncoder().encode("x") });
      if (n % 2 === 0) assert.ok((await send(0)).ok);
      const offset = n % 2 === 0 ? 1 : 0;
      const held = { attempts: [{ attemptId: grant.attemptId, fence: 1, lastSeq: 1 }] };
      const [late, { attempts: [answer] }] = await Promise.all([
        send(offset),
        reattach(ports, settings, runner, held, 2),
      ]);
      assert.equal(answer?.verdict, "continue");
      const known = answer?.verdict === "continue" ? answer.logs[0]?.nextOffset ?? 0 : -1;
      assert.equal(known, late.ok ? offset + 1 : offset);
    }
  },
);
