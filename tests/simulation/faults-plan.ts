/** What goes wrong: faults of messages, machines, clocks, disks and the database, drawn from a seed. */
import { CALM, type Weather } from "./network.ts";
import type { Random } from "./random.ts";

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

export type Planned = Fault & { readonly at: number };

const HOUR_MS = 3_600_000;

export function newAmbush(random: Random, workers: number): Planned {
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

export function newFault(random: Random, workers: number): Fault {
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
