/** That each invariant can be found broken: a world as it should be, and one thing in it that should not. */
import assert from "node:assert/strict";
import { RUN_STATUSES, type RunStatus } from "../../src/run/event.ts";
import { newChecker } from "./checker.ts";
import type { Seen, SeenAttempt, SeenQueue, SeenRun } from "./observed.ts";
import type { Truth } from "./truth.ts";
import { Violation } from "./violation.ts";

const NOW = 1_000_000;

function newTruth(change: Partial<Truth> = {}): Truth {
  return {
    wallMs: NOW,
    nowMs: NOW,
    leaseMs: 60_000,
    graceMs: 240_000,
    claimWaitMs: 30_000,
    sweepsMs: 40_000,
    forgivenMs: 0,
    disturbedAt: 0,
    acknowledged: new Map(),
    renewedAt: new Map(),
    dropped: new Set(),
    promised: new Set(),
    asked: new Map([["c", 1]]),
    given: new Set(),
    ready: new Map([["runner", { since: 0, capacity: 4, cpu: null }]]),
    ...change,
  };
}

function code(status: RunStatus): number {
  return RUN_STATUSES.indexOf(status);
}

function run(change: Partial<SeenRun> = {}): SeenRun {
  return {
    id: "r",
    name: "flow",
    dag_run_id: change.id ?? "r",
    status: code("running"),
    reason: "",
    attempt: 1,
    requeues: 0,
    auto_retries: 0,
    queue: "q",
    needs_slot: false,
    needs_cpu: 0,
    parent_id: null,
    child_key: null,
    delivery_id: null,
    trigger_type: "manual",
    slot: null,
    live: 1,
    queued: 0,
    waits: null,
    fits: ["runner"],
    handouts: [],
    artifacts: 0,
    broken_artifacts: 0,
    done_by_people: 0,
    times_waited: 0,
    ...change,
  };
}

function queued(id: string, availableAt: number, change: Partial<SeenRun> = {}): SeenRun {
  const waits = { priority: 5, available_at: availableAt, queued_at: availableAt, excluded: [] };
  return run({
    id,
    status: code("queued"),
    attempt: 0,
    live: 0,
    queued: 1,
    needs_slot: true,
    waits,
    ...change,
  });
}

function attempt(change: Partial<SeenAttempt> = {}): SeenAttempt {
  return {
    id: "a",
    run_id: "r",
    runner_id: "runner",
    claim_id: "c",
    fence: 1,
    state: "started",
    ack_seq: 1,
    events: 1,
    last_seq: 1,
    started: true,
    claimed_at: NOW,
    ended_at: null,
    cancel_deadline: null,
    fits: true,
    ...change,
  };
}

const LIVE = ["claimed", "started", "cancelling"];

function seen(
  runs: readonly SeenRun[],
  attempts: readonly SeenAttempt[] = [],
  rest: Partial<Seen> = {},
): Seen {
  const live = attempts.filter(({ state }) => LIVE.includes(state));
  return {
    runs: new Map(runs.map((one) => [one.id, one])),
    attempts: new Map(attempts.map((one) => [one.id, one])),
    leases: new Map(live.map(({ id }) => [id, NOW])),
    queues: [],
    runners: [],
    slotsMade: 0,
    changedRuns: runs,
    changedAttempts: attempts,
    ...rest,
  };
}

function line(change: Partial<SeenQueue> = {}): { readonly queues: readonly SeenQueue[] } {
  return { queues: [{ queue: "q", width: 2, taken: [], limit: null, is_paused: false, ...change }] };
}

const given = { attempt_id: "a", at: NOW, is_declared: true, is_trusted: true, is_its_runners: true };
const aborted = { status: code("aborted"), reason: "cancelled", live: 0 };
const inSlot = run({ id: "b", needs_slot: true });
const taker = attempt({ id: "x", run_id: "b" });

interface Case {
  readonly invariant: string;
  readonly what: string;
  /** In their order; only the last one is wrong. */
  readonly worlds: readonly Seen[];
  readonly truth?: Partial<Truth>;
  /** Virtual time that passes before the last one. */
  readonly afterMs?: number;
}

const CASES: readonly Case[] = [
  {
    invariant: "INV-12",
    what: "a run is overtaken in its queue",
    worlds: [
      seen([queued("a", 10), queued("b", 20)], [], line()),
      seen([queued("a", 10), inSlot], [taker], line({ taken: ["x"] })),
    ],
  },
  {
    invariant: "INV-12",
    what: "a run is taken from a queue that is paused",
    worlds: [
      seen([queued("b", 20)], [], line({ is_paused: true })),
      seen([inSlot], [taker], line({ taken: ["x"], is_paused: true })),
    ],
  },
  {
    invariant: "INV-13",
    what: "a run is taken beyond the limit that was set",
    worlds: [
      seen([queued("b", 20)], [], line()),
      seen([inSlot, run({ needs_slot: true })], [taker, attempt()], line({ taken: ["x", "a"], limit: 1 })),
    ],
  },
  {
    invariant: "INV-14",
    what: "a slot stays with an attempt that ended",
    worlds: [seen([], [], line({ taken: ["gone"] }))],
  },
  {
    invariant: "INV-26",
    what: "a run waits beside a runner that could take it",
    worlds: [seen([queued("a", 10)], [], line()), seen([queued("a", 10)], [], line())],
    afterMs: 300_000,
  },
  {
    invariant: "INV-15",
    what: "a child has two runs",
    worlds: [seen(["r", "s"].map((id) => run({ id, parent_id: "p", child_key: "k" })), [])],
  },
  {
    invariant: "INV-15",
    what: "a delivery has two runs",
    worlds: [seen(["r", "s"].map((id) => run({ id, delivery_id: "d" })))],
  },
  {
    invariant: "INV-15",
    what: "a slot of a schedule has two runs",
    worlds: [seen(["r", "s"].map((id) => run({ id, slot: 60_000 })), [], { slotsMade: 2 })],
  },
  {
    invariant: "INV-25",
    what: "a slot of a schedule is remembered and has no run",
    worlds: [seen([], [], { slotsMade: 1 })],
  },
  {
    invariant: "INV-25",
    what: "one attempt that never began sent its run back twice",
    worlds: [
      seen([queued("r", 10, { requeues: 2 })], [attempt({ state: "expired", started: false, ended_at: 1 })]),
    ],
  },
  {
    invariant: "INV-17",
    what: "a sub-run goes on long after its parent was stopped",
    worlds: [1, 2].map(() =>
      seen([run({ id: "p", ...aborted }), run({ parent_id: "p", child_key: "k" })], [attempt()])
    ),
    afterMs: 500_000,
  },
  {
    invariant: "INV-18",
    what: "a secret goes to a run that is not trusted",
    worlds: [seen([run({ handouts: [{ ...given, is_trusted: false }] })], [attempt()])],
  },
  {
    invariant: "INV-18",
    what: "a secret goes to a run that does not declare it",
    worlds: [seen([run({ handouts: [{ ...given, is_declared: false }] })], [attempt()])],
  },
  {
    invariant: "INV-18",
    what: "a secret goes to another runner",
    worlds: [seen([run({ handouts: [{ ...given, is_its_runners: false }] })], [attempt()])],
  },
  {
    invariant: "INV-18",
    what: "a secret goes to an attempt that has ended",
    worlds: [
      seen([run(aborted)], [attempt({ state: "aborted", ended_at: 1 })]),
      seen([run({ ...aborted, handouts: [given] })], [attempt({ state: "aborted", ended_at: 1 })]),
    ],
  },
  {
    invariant: "INV-18",
    what: "nobody notes that a secret was given",
    worlds: [seen([run()], [attempt()]), seen([run()], [attempt()])],
    truth: { given: new Set(["a"]) },
  },
  {
    invariant: "INV-21",
    what: "a claim is given more than it asked for",
    worlds: [
      seen(
        ["r", "s"].map((id) => run({ id })),
        ["a", "b"].map((id, n) => attempt({ id, run_id: "rs"[n] ?? "" })),
      ),
    ],
  },
  {
    invariant: "INV-21",
    what: "a claim is answered to two runners",
    worlds: [
      seen(
        ["r", "s"].map((id) => run({ id })),
        [attempt(), attempt({ id: "b", run_id: "s", runner_id: "other" })],
      ),
    ],
    truth: { asked: new Map([["c", 2]]) },
  },
  {
    invariant: "INV-21",
    what: "a question is answered twice",
    worlds: [seen([run({ done_by_people: 2, times_waited: 1 })], [attempt()])],
  },
  {
    invariant: "INV-21",
    what: "a registration that was repeated makes two runners",
    worlds: [seen([], [], { runners: [1, 2].map(() => ({ machine_id: "m", public_key: { x: "k" } })) })],
  },
  {
    invariant: "INV-24",
    what: "an artifact is listed that is not whole",
    worlds: [seen([run({ broken_artifacts: 1 })], [attempt()])],
  },
];

for (const { invariant, what, worlds, truth: change, afterMs = 0 } of CASES) {
  Deno.test(`${invariant} the checker notices that ${what}`, () => {
    const truth = newTruth(change);
    const checker = newChecker(truth);
    for (const world of worlds.slice(0, -1)) checker.check(world);
    truth.nowMs += afterMs;
    truth.wallMs += afterMs;
    const last = worlds.at(-1);
    assert.ok(last);
    assert.throws(
      () => checker.check(last),
      (error) => error instanceof Violation && error.invariant === invariant,
    );
  });
}

Deno.test("the checker has nothing against a run that is as it should be", () => {
  const checker = newChecker(newTruth({ given: new Set(["a"]) }));
  checker.check(seen([queued("r", 10)], [], line()));
  const world = seen([run({ needs_slot: true, handouts: [given] })], [attempt()], line({ taken: ["a"] }));
  checker.check(world);
  checker.check(world);
});
