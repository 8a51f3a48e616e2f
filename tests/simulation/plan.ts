/** From a seed: who takes part, what is to be run, and what goes wrong when. */
import type { Settings } from "../../src/protocol/messages.ts";
import { CALM, type Weather } from "./network.ts";
import { playKey, type Plays, type Try } from "./plays.ts";
import type { Random } from "./random.ts";

export interface Plan {
  readonly timing: Timing;
  readonly processes: number;
  /** How often a statement of the database is held up for much longer than usual. */
  readonly slowness: number;
  readonly workers: readonly PlannedWorker[];
  readonly plays: Plays;
  readonly runs: readonly PlannedRun[];
  readonly wishes: readonly Timed<Wish>[];
  readonly faults: readonly Timed<Fault>[];
}

export type Timing = Pick<Settings, "leaseMs" | "graceMs" | "heartbeatMs" | "startDeadlineMs">;

export interface PlannedWorker {
  readonly capacity: number;
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
}

export type Timed<T> = T & { readonly at: number };

/** What people ask for. */
export type Wish =
  | { readonly kind: "stop"; readonly run: number; readonly isForced: boolean }
  | { readonly kind: "retry"; readonly run: number }
  /** Two sweeps at once (INV-25). */
  | { readonly kind: "tick" };

export type Fault =
  | { readonly kind: "cut"; readonly worker: number; readonly forMs: number }
  /** Of the next attempt that it is given, the control plane hears nothing. */
  | { readonly kind: "cut_at_claim"; readonly worker: number; readonly forMs: number }
  | { readonly kind: "weather"; readonly worker: number; readonly forMs: number; readonly weather: Weather }
  | {
    readonly kind: "crash";
    readonly worker: number;
    readonly forMs: number;
    readonly how: "process" | "power";
  }
  | {
    readonly kind: "crash_soon";
    readonly worker: number;
    readonly forMs: number;
    readonly operations: number;
  }
  | { readonly kind: "full_disk"; readonly worker: number; readonly forMs: number }
  | { readonly kind: "jump"; readonly worker: number; readonly byMs: number }
  | { readonly kind: "drain"; readonly worker: number; readonly forMs: number }
  | { readonly kind: "server_crash"; readonly forMs: number }
  | { readonly kind: "server_jump"; readonly byMs: number }
  | { readonly kind: "database_away"; readonly forMs: number };

/** Nothing new begins after it. */
export const STORM_MS = 90_000;
const SHORT_LEASE = { leaseMs: 30_000, graceMs: 30_000, heartbeatMs: 10_000, startDeadlineMs: 20_000 };
/** The contract's (5.6). */
const DEFAULT_LEASE = { leaseMs: 60_000, graceMs: 240_000, heartbeatMs: 15_000, startDeadlineMs: 60_000 };
const HOUR_MS = 3_600_000;
const MAX_RATE_ERROR = 0.01;

export function newPlan(random: Random): Plan {
  const workers = Array.from({ length: random.pick([1, 2, 2, 3]) }, (_, n) => newPlannedWorker(random, n));
  const plays: Plays = new Map();
  const runs = Array.from({ length: random.between(2, 6) }, (_, n) => newPlannedRun(random, plays, n));
  return {
    timing: random.pick([SHORT_LEASE, SHORT_LEASE, DEFAULT_LEASE]),
    slowness: random.pick([0, 0.01, 0.1]),
    processes: random.between(1, 2),
    workers,
    plays,
    runs,
    wishes: Array.from({ length: random.between(0, 4) }, () => ({
      ...newWish(random, runs.length),
      at: random.between(1_000, STORM_MS),
    })),
    faults: [
      ...(random.chance(AMBUSHES) ? [newAmbush(random, workers.length)] : []),
      ...Array.from({ length: random.between(0, 6) }, () => ({
        ...newFault(random, workers.length),
        at: random.between(0, STORM_MS),
      })),
    ],
  };
}

function newPlannedWorker(random: Random, n: number): PlannedWorker {
  return {
    capacity: random.between(2, 4),
    isSpecial: n === 0,
    aheadMs: random.chance(0.3) ? random.between(-HOUR_MS, HOUR_MS) : 0,
    rate: 1 + (random.next() * 2 - 1) * MAX_RATE_ERROR,
  };
}

function newPlannedRun(random: Random, plays: Plays, n: number): PlannedRun {
  const name = `flow-${n % 3}-${n}`;
  const names = Array.from({ length: random.between(1, 3) }, (_, i) => `s${i}`);
  for (const step of names) {
    const tries = Array.from({ length: random.between(1, 2) }, () => newTry(random));
    plays.set(playKey(name, step), tries);
  }
  const steps = names.map((step, i) => {
    const depends = i > 0 && random.chance(0.7) ? `, depends: [${names[i - 1]}]` : "";
    const retry = random.chance(0.4) ? ", retry_policy: {limit: 1, interval_sec: 2}" : "";
    const goOn = random.chance(0.3) ? ", continue_on: {failure: true}" : "";
    return `  - {id: ${step}, run: play${depends}${retry}${goOn}}`;
  });
  const root = [
    `name: ${name}`,
    "dotenv: []",
    `queue: shared-${n % 2}`,
    ...(random.chance(0.15) ? ["worker_selector: {kind: special}"] : []),
    ...(random.chance(0.3) ? ["retry_policy: {limit: 1, interval_sec: 5}"] : []),
    ...(random.chance(0.2) ? [`timeout_sec: ${random.between(20, 120)}`] : []),
  ];
  return {
    at: random.between(0, STORM_MS / 2),
    dagRunId: `run-${n}`,
    name,
    spec: [...root, "steps:", ...steps, ""].join("\n"),
    needsSlot: random.chance(0.6),
  };
}

function newTry(random: Random): Try {
  return {
    takesMs: random.chance(0.4) ? random.between(40_000, 150_000) : random.between(0, 10_000),
    printsBytes: random.chance(0.5) ? random.between(0, 2_000) : 0,
    exit: random.chance(0.25) ? 1 : 0,
    stubbornMs: random.chance(0.3) ? random.between(0, 20_000) : 0,
  };
}

function newWish(random: Random, runs: number): Wish {
  const run = random.between(0, runs - 1);
  const kind = random.pick(["stop", "retry", "retry", "tick"] as const);
  if (kind === "stop") return { kind, run, isForced: random.chance(0.3) };
  return kind === "retry" ? { kind, run } : { kind: "tick" };
}

/** The worst moment to be cut off is rare by chance alone. */
const AMBUSHES = 0.25;

function newAmbush(random: Random, workers: number): Timed<Fault> {
  const worker = random.between(0, workers - 1);
  return { kind: "cut_at_claim", worker, forMs: random.between(60_000, 150_000), at: 0 };
}

/** Some more often than others. */
const KINDS = [
  "cut",
  "cut",
  "cut_at_claim",
  "weather",
  "weather",
  "crash",
  "crash_soon",
  "full_disk",
  "jump",
  "drain",
  "server_crash",
  "server_crash",
  "server_jump",
  "database_away",
] as const satisfies readonly Fault["kind"][];

function newFault(random: Random, workers: number): Fault {
  const worker = random.between(0, workers - 1);
  const forMs = random.chance(0.4) ? random.between(500, 30_000) : random.between(30_000, 150_000);
  const kind = random.pick(KINDS);
  switch (kind) {
    case "weather":
      return { kind, worker, forMs, weather: newWeather(random) };
    case "crash":
      return { kind, worker, forMs, how: random.pick(["process", "power"]) };
    case "crash_soon":
      return { kind, worker, forMs, operations: random.between(1, 40) };
    case "jump":
      return { kind, worker, byMs: random.between(-HOUR_MS, HOUR_MS) };
    case "server_jump":
      return { kind, byMs: random.between(-HOUR_MS, HOUR_MS) };
    case "server_crash":
      return { kind, forMs };
    case "database_away":
      return { kind, forMs: random.between(100, 15_000) };
    default:
      return { kind, worker, forMs };
  }
}

function newWeather(random: Random): Weather {
  return {
    ...CALM,
    loss: random.next() * 0.5,
    duplication: random.next() * 0.5,
    lateness: random.next() * 0.5,
    latestMs: random.pick([1_000, 10_000, 600_000]),
  };
}

/** When the last fault is over; what it left behind must then come to an end by itself. */
export function endOfStorm(plan: Plan): number {
  return Math.max(STORM_MS, ...plan.faults.map((fault) => fault.at + ("forMs" in fault ? fault.forMs : 0)));
}
