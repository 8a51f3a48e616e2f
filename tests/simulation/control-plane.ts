/** Processes of the control plane in front of one database: they crash, start again, and lose their way to it. */
import { newMemoryWake } from "../../src/cli/wake.ts";
import { uuidV7 } from "../../src/run/ids.ts";
import type { Clock, Log } from "../../src/run/ports.ts";
import { createApp } from "../../src/server/app.ts";
import type { ServerPorts, Wake } from "../../src/server/ports.ts";
import type { ServerSettings } from "../../src/server/settings.ts";
import { sweepLeases } from "../../src/server/tick/leases.ts";
import { tickSchedules } from "../../src/server/tick/schedules.ts";
import { noForge } from "../support/server.ts";
import { dbOf, overRoad, type Store } from "./database.ts";
import { type Answer, type Message, requestOf } from "./network.ts";
import type { Pace } from "./plan.ts";
import type { Random } from "./random.ts";
import { clockOf, type Life, type MachineClock, type Timeline } from "./timeline.ts";

export interface ControlPlaneOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly store: Store;
  readonly clock: MachineClock;
  readonly settings: ServerSettings;
  /** How often a statement is held up for much longer than usual. */
  readonly slowness: number;
  readonly pace: Pace;
  readonly hasSchedule: boolean;
  readonly log: Log;
  /** A message has come. */
  onMessage(message: Message): void;
  /** Something was committed. */
  onCommit(): void;
  /** A message was answered; what it says is known to somebody from now on. */
  onAnswer(message: Message, answer: Answer): void;
}

export interface ControlPlane {
  /** While set, nobody reaches the database, and what was about to be committed is not, or nobody hears of it. */
  isDatabaseAway: boolean;
  readonly isUp: boolean;
  start(processes: number): void;
  /** One of the processes ends, in the middle of whatever it does. */
  crash(): void;
  crashAll(): void;
  /** null: nobody listens, or whoever took the message was gone before it was answered. */
  listen(message: Message, signal: AbortSignal): Promise<Answer | null>;
  /** Ports of a process, for what is not asked over HTTP. */
  ports(): ServerPorts;
}

/** What waits does so until it is told, or for longer than usual: that costs time, here virtual, and saves real time. */
function newLazyWake(clock: Clock, laziness: number): Wake {
  const wake = newMemoryWake(clock);
  const [first, last] = wake.pollMs;
  return { ...wake, pollMs: [first * laziness, last * laziness] };
}

const SLOWEST_MS = 20;
const HELD_UP_MS = 2_000;

interface Process {
  readonly life: Life;
  readonly ports: ServerPorts;
  handle(request: Request): Promise<Response>;
}

export function newControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { timeline, random } = options;
  const processes: Process[] = [];

  const newProcess = (): Process => {
    const life: Life = { isOver: false };
    const clock = clockOf(timeline, options.clock, life);
    const check = (): void => {
      if (life.isOver || plane.isDatabaseAway) throw new Error("the connection to the database is closed");
    };
    const store = overRoad(options.store, {
      reach: async () => {
        await clock.sleep(
          random.chance(options.slowness) ? random.between(0, HELD_UP_MS) : random.between(0, SLOWEST_MS),
        );
        check();
      },
      check,
      onCommit: options.onCommit,
    });
    const ports: ServerPorts = {
      db: dbOf(store),
      clock,
      ids: { uuid: () => uuidV7(clock.now(), random.bytes(10)) },
      log: options.log,
      wake: newLazyWake(clock, options.pace.laziness),
      random: (length) => random.bytes(length),
      base: null,
      forge: noForge(),
      background: () => {},
    };
    const app = createApp(ports, options.settings);
    return { life, ports, handle: async (request) => await app.fetch(request) };
  };

  const jobs = options.hasSchedule ? [sweepLeases, tickSchedules] : [sweepLeases];
  const runTicks = async ({ life, ports }: Process): Promise<void> => {
    await ports.clock.sleep(random.between(0, options.pace.sweepMs));
    while (!life.isOver) {
      for (const job of jobs) {
        await job(ports, options.settings).catch((error: unknown) => {
          options.log.warn("tick failed", { error: error instanceof Error ? error.message : String(error) });
        });
      }
      await ports.clock.sleep(options.pace.sweepMs);
    }
  };

  const plane: ControlPlane = {
    isDatabaseAway: false,
    get isUp(): boolean {
      return processes.length > 0;
    },
    start: (count) => {
      for (let n = 0; n < count; n++) {
        const process = newProcess();
        processes.push(process);
        void runTicks(process);
      }
    },
    crash: () => {
      const gone = processes.splice(random.between(0, Math.max(0, processes.length - 1)), 1);
      for (const { life } of gone) life.isOver = true;
    },
    crashAll: () => {
      for (const { life } of processes.splice(0)) life.isOver = true;
    },
    listen: async (message, signal) => {
      const process = processes[random.between(0, Math.max(0, processes.length - 1))];
      if (process === undefined) return null;
      options.onMessage(message);
      const response = await process.handle(requestOf(message, signal));
      const body = new Uint8Array(await response.arrayBuffer());
      if (process.life.isOver) return null;
      const answer = { status: response.status, headers: new Headers(response.headers), body };
      options.onAnswer(message, answer);
      return answer;
    },
    ports: () => {
      const [first] = processes;
      if (first === undefined) throw new Error("no process of the control plane is up");
      return first.ports;
    },
  };
  return plane;
}
