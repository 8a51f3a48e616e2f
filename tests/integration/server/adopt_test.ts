/** Runs that were executed ahead of the database (docs/guarantees.md), stored from what was kept of them. */
import assert from "node:assert/strict";
import { concat } from "../../../src/run/bytes.ts";
import type { RunEventBody } from "../../../src/run/event.ts";
import { adoptRun, type AheadEntry, type AheadRun } from "../../../src/server/dispatch/adopt.ts";
import { findStream, readLog } from "../../../src/server/store/logs.ts";
import { listSteps } from "../../../src/server/store/steps.ts";
import { type DispatchBench, onEveryDatabase, readRun, STARTED, SUCCEEDED } from "../../support/dispatch.ts";

const STEPS = 30;
const text = `steps:\n${
  Array.from({ length: STEPS }, (_, n) => `  - {id: s${n}, run: "echo ${n}"}\n`).join("")
}`;

/** A run as it was kept: each step says a line and ends, each in a report of its own. */
function kept({ ports }: DispatchBench): { run: AheadRun; entries: AheadEntry[] } {
  const at = ports.clock.now();
  const [id, runnerId] = [ports.ids.uuid(), ports.ids.uuid()];
  const run: AheadRun = {
    at,
    id,
    dagRunId: "one",
    name: "w",
    text,
    params: { kind: "none" },
    labels: [],
    selector: {},
    sourceDir: "",
    defaultDir: "",
    triggerActor: "local",
  };
  let seq = 0;
  const told = (...bodies: RunEventBody[]): AheadEntry => ({
    kind: "events",
    at: at + seq,
    request: {
      fence: 1,
      firstSeq: seq + 1,
      events: bodies.map((body) => ({ ...body, seq: ++seq, at: at + seq, mono: seq })),
    },
  });
  const said = (step: string, offset: number, line: string, isFinal: boolean): AheadEntry => ({
    kind: "log",
    at: at + seq,
    piece: { step, stream: "stdout", offset, fence: 1, isFinal, bytes: new TextEncoder().encode(line) },
  });
  const facts = {
    name: "here",
    machineId: "here",
    version: "0",
    os: "linux",
    arch: "x86_64",
    labels: {},
    capacity: 1,
    features: [],
  };
  const entries: AheadEntry[] = [
    { kind: "runner", at, id: runnerId, tokenDigest: "r", facts },
    { kind: "attempt", at, id: ports.ids.uuid(), runnerId, claimId: ports.ids.uuid(), tokenDigest: "a" },
    told(STARTED),
  ];
  for (let n = 0; n < STEPS; n++) {
    const step = `s${n}`;
    entries.push(
      told({ type: "step.started", step, data: { retry: 0 } }),
      said(step, 0, `half of ${n}, `, false),
      said(step, `half of ${n}, `.length, "and the rest\n", true),
      told(
        {
          type: "step.finished",
          step,
          data: { status: "succeeded", exitCode: 0, logs: { stdout: 20, stderr: 0 } },
        },
      ),
    );
  }
  return { run, entries: [...entries, told(SUCCEEDED)] };
}

async function logOf({ ports: { db } }: DispatchBench, runId: string, step: string): Promise<string> {
  const stream = await findStream(db, { runId, fence: 1, step, stream: "stdout" });
  const parts: Uint8Array[] = [];
  for (let offset = 0; stream !== null && offset < stream.stored;) {
    const part = await readLog(db, stream.id, offset, 1_000);
    parts.push(part);
    offset += part.length;
  }
  return new TextDecoder().decode(concat(parts));
}

onEveryDatabase("C-02 a run that was ahead is stored as it was told, with each log whole", async (bench) => {
  const { ports, settings } = bench;
  const { run, entries } = kept(bench);
  assert.deepEqual(await adoptRun(ports, settings, run, entries), { ok: true });
  assert.equal((await readRun(bench, run.id)).word, "succeeded");
  const steps = await listSteps(ports.db, run.id);
  assert.deepEqual(new Set(steps.map(({ status }) => status)), new Set(["succeeded"]));
  for (let n = 0; n < STEPS; n++) {
    assert.equal(await logOf(bench, run.id, `s${n}`), `half of ${n}, and the rest\n`);
  }
});

onEveryDatabase(
  "C-02 M7 adopted once more with what came later, nothing is twice and nothing is missing",
  async (bench) => {
    const { ports, settings } = bench;
    const { run, entries } = kept(bench);
    // In the midst of a log: the attempt's beginning, two whole steps, and the first half of what the third said.
    const soFar = entries.slice(0, 3 + 4 * 2 + 2);
    assert.deepEqual(await adoptRun(ports, settings, run, soFar), { ok: true });
    assert.equal((await readRun(bench, run.id)).word, "running");
    assert.equal(await logOf(bench, run.id, "s2"), "half of 2, ");
    assert.deepEqual(await adoptRun(ports, settings, run, entries), { ok: true });
    assert.deepEqual(await adoptRun(ports, settings, run, entries), { ok: true });
    assert.equal((await readRun(bench, run.id)).word, "succeeded");
    for (let n = 0; n < STEPS; n++) {
      assert.equal(
        await logOf(bench, run.id, `s${n}`),
        `half of ${n}, and the rest\n`,
      );
    }
  },
);
