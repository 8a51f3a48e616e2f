/** Runs and runners on a test database, driven through the dispatch room without HTTP. */
import assert from "node:assert/strict";
import type { Grant } from "../../src/protocol/grant.ts";
import type { ClaimReply, ClaimRequest, EventsRequest } from "../../src/protocol/messages.ts";
import type { RunEventBody } from "../../src/run/event.ts";
import { newClaims } from "../../src/server/dispatch/claim.ts";
import { createRegistrationToken, registerRunner } from "../../src/server/dispatch/register.ts";
import { newReports, type Report, type Reported } from "../../src/server/dispatch/report.ts";
import type { StartRequest } from "../../src/server/dispatch/plan.ts";
import { startRun } from "../../src/server/dispatch/start.ts";
import type { ServerPorts } from "../../src/server/ports.ts";
import { digestToken } from "../../src/server/secrets/token.ts";
import type { ServerSettings } from "../../src/server/settings.ts";
import { getRunById, type RunRow, statusOf } from "../../src/server/store/runs.ts";
import { runnerByToken, type RunnerRow } from "../../src/server/store/runners.ts";
import { DATABASE_KINDS, openTestDatabase } from "./database.ts";
import { type FakeClock, newFakeClock } from "./fake-clock.ts";
import { newTestPorts, TEST_SETTINGS } from "./server.ts";

export interface DispatchBench {
  readonly ports: ServerPorts;
  readonly settings: ServerSettings;
  readonly time: FakeClock;
}

/** One test for each kind of database, on a database and a clock of its own. */
export function onEveryDatabase(name: string, test: (bench: DispatchBench) => Promise<void>): void {
  for (const kind of DATABASE_KINDS) {
    Deno.test(`${name} (${kind})`, async () => {
      await using database = await openTestDatabase(kind);
      const time = newFakeClock();
      await test({ ports: newTestPorts(database.db, time.clock), settings: TEST_SETTINGS, time });
    });
  }
}

export const ONE_STEP = 'steps: [{id: a, run: "true"}]';

export interface QueuedRun {
  readonly id: string;
  readonly name: string;
  readonly dagRunId: string;
}

/** A stored run; queued unless the request says that it waits. */
export async function queueRun(bench: DispatchBench, change: Partial<StartRequest> = {}): Promise<QueuedRun> {
  const started = await startRun(bench.ports, {
    definition: { text: ONE_STEP, name: "one" },
    params: { kind: "none" },
    dagRunId: null,
    triggerType: "manual",
    triggerActor: "test",
    needsSlot: false,
    priority: 5,
    ...change,
  });
  assert.ok(started.ok, started.ok ? "" : started.message);
  return started;
}

export async function addRunner(
  { ports, settings }: DispatchBench,
  labels: Readonly<Record<string, string>> = {},
): Promise<RunnerRow> {
  const { token } = await createRegistrationToken(ports, { lifeMs: 60_000, uses: 1, labels });
  const reply = await registerRunner(ports, settings, token, {
    name: "test-runner",
    machineId: "m-1",
    version: "test",
    os: "linux",
    arch: "x86_64",
    labels: {},
    capacity: 8,
    features: [],
  });
  assert.ok(reply.ok, "the registration token is good");
  const row = await runnerByToken(ports.db, await digestToken(reply.reply.runnerToken));
  assert.ok(row, "a registered runner has a row");
  return row;
}

/** What there is to claim now. */
export async function claimNow(
  { ports, settings }: DispatchBench,
  runner: RunnerRow,
  change: Partial<ClaimRequest> = {},
): Promise<ClaimReply> {
  const request = {
    claimId: ports.ids.uuid(),
    labels: {},
    free: 1,
    waitMs: 0,
    resources: {},
    exclude: [],
    held: [],
    ...change,
  };
  return await newClaims(ports, settings)(runner, request, new AbortController().signal);
}

export async function claimOne(bench: DispatchBench, runner: RunnerRow): Promise<Grant> {
  const [grant] = (await claimNow(bench, runner)).attempts;
  assert.ok(grant, "a run is there to be claimed");
  return grant;
}

export const STARTED: RunEventBody = {
  type: "attempt.started",
  data: { engineVersion: "", host: "test", workDir: "/tmp" },
};
export const SUCCEEDED: RunEventBody = { type: "attempt.finished", data: { status: "succeeded" } };

export async function callerOf(
  runner: RunnerRow,
  grant: Grant,
): Promise<{ runnerId: string; attemptId: string; tokenDigest: string }> {
  return {
    runnerId: runner.id,
    attemptId: grant.attemptId,
    tokenDigest: await digestToken(grant.attemptToken),
  };
}

/** Events numbered from `firstSeq`, as the runner of the grant tells them. */
export async function reportOf(
  { time }: DispatchBench,
  runner: RunnerRow,
  grant: Grant,
  firstSeq: number,
  bodies: readonly RunEventBody[],
  change: Partial<EventsRequest> = {},
): Promise<Report> {
  const events = bodies.map((body, index) => ({
    ...body,
    seq: firstSeq + index,
    at: time.clock.now(),
    mono: 0,
  }));
  return {
    caller: await callerOf(runner, grant),
    request: { fence: grant.fence, firstSeq, events, ...change },
  };
}

/** The same, told at once and alone. */
export async function tell(
  bench: DispatchBench,
  ...what: Tail<Parameters<typeof reportOf>>
): Promise<Reported> {
  return await newReports(bench.ports)(await reportOf(bench, ...what));
}

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest] ? Rest : never;

export async function readRun({ ports }: DispatchBench, id: string): Promise<RunRow & { word: string }> {
  const row = await getRunById(ports.db, id);
  assert.ok(row, `run ${id} is stored`);
  return { ...row, word: statusOf(row.status) };
}
