/** One machine with a runner on it: its disk and clocks outlive the process. */
import { uuidV7 } from "../../src/run/ids.ts";
import type { Log } from "../../src/run/ports.ts";
import type { Failure } from "../../src/run/failure.ts";
import { openRunner, type Runner } from "../../src/runner/runner.ts";
import { losePower, newPlatter, openDisk, type Platter } from "./disk.ts";
import type { Line } from "./network.ts";
import { newPlayedActions, type Stage } from "./plays.ts";
import type { Random } from "./random.ts";
import { clockOf, EPOCH, type Life, type MachineClock, type Timeline } from "./timeline.ts";

export interface WorkerOptions {
  readonly name: string;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly clock: MachineClock;
  readonly line: Line;
  readonly stage: Stage;
  readonly capacity: number;
  /** null: it does not count cores. */
  readonly cpu: number | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly log: Log;
  registrationToken(): Promise<string>;
}

export interface Worker {
  readonly name: string;
  readonly line: Line;
  readonly clock: MachineClock;
  readonly platter: Platter;
  readonly capacity: number;
  readonly cpu: number | null;
  /** True time since which it can take work; null: it is not up, or is draining. */
  readonly readySince: number | null;
  /** Does nothing while it is up. */
  start(): void;
  /** With `power`, appended bytes that were not synced are lost too. */
  crash(how: "process" | "power"): void;
  /** Ends after so many more operations of the disk. */
  crashSoon(operations: number): void;
  drain(): void;
}

/** After so long a service manager starts again what has ended. */
const SUPERVISED_MS = 5_000;
const NO_ENGINE: Failure = { code: "RUNTIME_CONFIG_INVALID", message: "no engine here", remedy: "" };

export function newWorker(options: WorkerOptions): Worker {
  const { name, timeline, random, stage } = options;
  const platter = newPlatter();
  let life: Life = { isOver: true };
  let runner: Runner | null = null;
  let operationsLeft = Number.POSITIVE_INFINITY;
  let readySince: number | null = null;

  const crash = (how: "process" | "power"): void => {
    life.isOver = true;
    runner = null;
    readySince = null;
    operationsLeft = Number.POSITIVE_INFINITY;
    for (const deed of [...stage.alive]) if (deed.life === life) stage.alive.delete(deed);
    if (how === "power") losePower(platter);
  };

  const start = (): void => {
    if (!life.isOver) return;
    const own: Life = { isOver: false };
    life = own;
    const clock = clockOf(timeline, options.clock, own);
    const disk = openDisk(platter, {
      life: own,
      onOperation: () => {
        if (own.isOver || --operationsLeft > 0) return;
        crash("process");
      },
    });
    const opened = openRunner({
      logDir: null,
      keepRunsMs: null,
      fetch: options.line.fetch(own),
      baseUrl: "http://control.test",
      registrationToken: options.registrationToken,
      stateDir: "/state",
      name,
      labels: options.labels,
      capacity: options.capacity,
      ...(options.cpu === null ? {} : { resources: { cpu: options.cpu } }),
      runtime: NO_ENGINE,
      hostEnv: {},
      machine: {
        hostName: name,
        bootId: String(platter.powerLosses),
        disk,
        newActions: (asked) =>
          newPlayedActions(stage, { machine: name, life: own, random, isFull: () => platter.isFull }, asked),
        killLeftovers: () => Promise.resolve(),
        removeOldRuns: () => Promise.resolve(),
      },
      clock,
      // By the true time: ids of one machine must not come twice when its wall clock is set back.
      ids: { uuid: () => uuidV7(EPOCH + Math.floor(timeline.now()), random.bytes(10)) },
      random: () => random.next(),
      log: options.log,
      version: "simulated",
      compress: false,
    });
    runner = opened;
    readySince = timeline.now();
    const ended = opened.run(new AbortController().signal).catch((error: unknown) => String(error));
    void ended.then((end) => {
      options.log.info("runner ended", { end });
      own.isOver = true;
      if (runner === opened) [runner, readySince] = [null, null];
      timeline.after(SUPERVISED_MS, start);
    });
  };

  return {
    name,
    line: options.line,
    clock: options.clock,
    platter,
    capacity: options.capacity,
    cpu: options.cpu,
    get readySince(): number | null {
      return readySince;
    },
    start,
    crash,
    crashSoon: (operations) => {
      operationsLeft = operations;
    },
    drain: () => {
      readySince = null;
      runner?.drain();
    },
  };
}
