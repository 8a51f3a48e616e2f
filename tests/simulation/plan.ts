/** From a seed: who takes part, what is to be run, and what goes wrong when. */
import type { Settings } from "../../src/protocol/messages.ts";
import { type Library, MOST_CPU, newDefinition, QUEUES } from "./definitions.ts";
import { newAmbush, newFault, type Planned as PlannedFault } from "./faults-plan.ts";
import type { Random } from "./random.ts";

/** How much there is to be of a world. */
export interface Size {
  readonly minutes: number;
  /** That people start, and deliveries; what schedules, steps and retries start comes on top. */
  readonly runs: number;
}

export interface Plan extends Library {
  readonly stormMs: number;
  readonly timing: Timing;
  readonly pace: Pace;
  readonly processes: number;
  /** How often a statement of the database is held up for much longer than usual. */
  readonly slowness: number;
  readonly workers: readonly PlannedWorker[];
  readonly runs: readonly PlannedRun[];
  /** Stored workflows: one that has a schedule, or none, and one that deliveries start. */
  readonly timed: string | null;
  readonly hooked: string;
  readonly deliveries: readonly PlannedDelivery[];
  readonly wishes: readonly Timed<Wish>[];
  readonly faults: readonly PlannedFault[];
}

export type Timing = Pick<
  Settings,
  "leaseMs" | "graceMs" | "heartbeatMs" | "startDeadlineMs" | "claimWaitMs"
>;

/** How often what repeats itself does so: rarely, in a world that is long. */
export interface Pace {
  readonly sweepMs: number;
  /** How much more seldom than usual who waits looks without being told. */
  readonly laziness: number;
}

export interface PlannedWorker {
  readonly capacity: number;
  /** Cores that it offers; null: it does not count them. */
  readonly cpu: number | null;
  readonly isSpecial: boolean;
  readonly aheadMs: number;
  readonly rate: number;
}

export interface PlannedRun {
  readonly at: number;
  readonly dagRunId: string;
  readonly name: string;
  readonly spec: string;
  readonly needsSlot: boolean;
  /** As of a fork that nobody approved. */
  readonly isUntrusted: boolean;
}

export interface PlannedDelivery {
  readonly at: number;
  readonly key: string;
  /** Copies that are sent at once. */
  readonly copies: number;
}

export type Timed<T> = T & { readonly at: number };

/** What people ask for. */
export type Wish =
  | { readonly kind: "stop"; readonly run: number; readonly isForced: boolean }
  | { readonly kind: "retry"; readonly run: number }
  | { readonly kind: "queue"; readonly queue: string; readonly change: QueueChange }
  /** Two sweeps at once (INV-25). */
  | { readonly kind: "tick" };

export type QueueChange =
  | { readonly paused: boolean }
  | { readonly maxConcurrency: number };

const SHORT_LEASE: Timing = {
  leaseMs: 30_000,
  graceMs: 30_000,
  heartbeatMs: 10_000,
  startDeadlineMs: 20_000,
  claimWaitMs: 25_000,
};
/** The contract's (5.6). */
const DEFAULT_LEASE: Timing = {
  leaseMs: 60_000,
  graceMs: 240_000,
  heartbeatMs: 15_000,
  startDeadlineMs: 60_000,
  claimWaitMs: 25_000,
};
/** Who asks for work waits for as long as the contract allows: a world that is long is mostly waiting. */
const PATIENT: Timing = { ...DEFAULT_LEASE, claimWaitMs: 50_000 };
const LONG_LEASE: Timing = { ...PATIENT, leaseMs: 180_000, heartbeatMs: 60_000 };
const BRISK: Pace = { sweepMs: 10_000, laziness: 5 };
const SLOW: Pace = { sweepMs: 25_000, laziness: 40 };
/** From here on a world is long. */
const LONG_MINUTES = 60;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const MAX_RATE_ERROR = 0.01;

/** A few runs in a minute and a half, if nothing else is asked for. */
export function newPlan(random: Random, size: Size | null): Plan {
  const stormMs = size === null ? 90_000 : size.minutes * MINUTE_MS;
  const isLong = stormMs >= LONG_MINUTES * MINUTE_MS;
  // What people and bad luck do, in a small world at most; in a larger one as often in the same time.
  const share = stormMs / 90_000 / (isLong ? 4 : 1);
  const some = (most: number): number =>
    size === null ? random.between(0, most) : Math.round(most / 2 * share);
  const deliveries = size === null ? some(2) : Math.floor(size.runs / 4);
  const count = size === null ? random.between(2, 5) : size.runs - deliveries;
  const workers = Array.from({ length: random.pick([1, 2, 2, 3]) }, (_, n) => newPlannedWorker(random, n));
  const library: Library = { plays: new Map(), askings: new Map() };
  const lastStart = size === null ? stormMs / 2 : stormMs * 0.95;
  const runs = Array.from({ length: count }, (_, n) => ({
    ...newPlannedRun(random, library, n),
    at: random.between(0, lastStart),
  }));
  const schedule = isLong ? "*/20 * * * *" : "* * * * *";
  return {
    ...library,
    stormMs,
    timing: isLong
      ? random.pick([PATIENT, LONG_LEASE])
      : random.pick([SHORT_LEASE, SHORT_LEASE, DEFAULT_LEASE]),
    pace: isLong ? SLOW : BRISK,
    slowness: random.pick([0, 0.01, 0.1]),
    processes: random.between(1, 2),
    workers,
    runs,
    timed: random.chance(0.4)
      ? newDefinition(random, library, "timed", [`schedule: "${schedule}"`, ...catchUp(random)])
      : null,
    hooked: newDefinition(random, library, "hooked", [`queue: ${QUEUES[0]}`]),
    deliveries: Array.from({ length: deliveries }, (_, n) => ({
      at: random.between(0, stormMs),
      key: `delivery-${n}`,
      copies: random.pick([1, 1, 2, 3]),
    })),
    wishes: Array.from({ length: some(6) }, () => ({
      ...newWish(random, runs.length, isLong),
      at: random.between(1_000, stormMs),
    })),
    faults: [
      ...(random.chance(AMBUSHES) ? [newAmbush(random, workers.length)] : []),
      ...Array.from({ length: some(6) }, () => ({
        ...newFault(random, workers.length),
        at: random.between(0, stormMs),
      })),
    ],
  };
}

/** The worst moment to be cut off is rare by chance alone. */
const AMBUSHES = 0.25;

function newPlannedWorker(random: Random, n: number): PlannedWorker {
  return {
    capacity: random.between(2, 4),
    cpu: random.chance(0.5) ? random.between(MOST_CPU, 4) : null,
    isSpecial: n === 0,
    aheadMs: random.chance(0.3) ? random.between(-HOUR_MS, HOUR_MS) : 0,
    rate: 1 + (random.next() * 2 - 1) * MAX_RATE_ERROR,
  };
}

function newPlannedRun(random: Random, library: Library, n: number): Omit<PlannedRun, "at"> {
  const name = `flow-${n}`;
  const width = random.chance(0.3) ? [`max_active_runs: ${random.between(1, 3)}`] : [];
  const spec = newDefinition(random, library, name, [`queue: ${random.pick(QUEUES)}`, ...width]);
  return {
    dagRunId: `run-${n}`,
    name,
    spec,
    needsSlot: random.chance(0.6),
    isUntrusted: random.chance(0.1),
  };
}

function catchUp(random: Random): readonly string[] {
  return random.chance(0.5) ? ["catchup_window: 1h", "overlap_policy: latest"] : [];
}

function newWish(random: Random, runs: number, isLong: boolean): Wish {
  const run = random.between(0, runs - 1);
  const kind = random.pick(["stop", "stop", "retry", "retry", "queue", "queue", "tick"] as const);
  switch (kind) {
    case "stop":
      return { kind, run, isForced: random.chance(0.3) };
    case "retry":
      return { kind, run };
    case "queue":
      return { kind, queue: random.pick(QUEUES), change: newQueueChange(random, isLong) };
    case "tick":
      return { kind };
    default:
      return kind satisfies never;
  }
}

/** In a world that is long nobody keeps a queue paused for most of it. */
function newQueueChange(random: Random, isLong: boolean): QueueChange {
  return random.chance(0.4)
    ? { paused: random.chance(isLong ? 0.25 : 0.6) }
    : { maxConcurrency: random.between(1, 3) };
}

/**
 * How far behind its own furthest time the control plane's clock stands when the storm is over: what is due by the clock, such
 * as the next try of a run, waits until the clock shows that time again.
 */
export function clockDebtMs({ faults }: Plan): number {
  let [aheadMs, furthestMs] = [0, 0];
  for (const fault of faults.toSorted((a, b) => a.at - b.at)) {
    if (fault.kind !== "server_jump") continue;
    aheadMs += fault.byMs;
    furthestMs = Math.max(furthestMs, aheadMs);
  }
  return furthestMs - aheadMs;
}

/** When the last fault is over; what it left behind must then come to an end by itself. */
export function endOfStorm(plan: Plan): number {
  return Math.max(
    plan.stormMs,
    ...plan.faults.map((fault) => fault.at + ("forMs" in fault ? fault.forMs : 0)),
  );
}
