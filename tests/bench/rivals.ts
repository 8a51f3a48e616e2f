/** Job queues on Postgres to be measured beside our own: fill, then take and complete everything. */
import { PgBoss, type PgBoss as Boss } from "pg-boss";
import { Logger, makeWorkerUtils, run } from "graphile-worker";

export interface Contest {
  readonly url: string;
  readonly jobs: number;
  /** Jobs that one fetch takes. */
  readonly batch: number;
  /** Fetches at once. */
  readonly takers: number;
  /** What a job carries: as much as a run of ours does. */
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Milliseconds from the first fetch to the last completion. */
export type Contestant = (contest: Contest) => Promise<number>;

const QUEUE = "bench";

export const pgBoss: Contestant = async ({ url, jobs, batch, takers, payload }) => {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false, max: 10 });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE);
  await boss.insert(QUEUE, Array.from({ length: jobs }, () => ({ data: payload })));
  const before = performance.now();
  await Promise.all(Array.from({ length: takers }, () => drain(boss, batch)));
  const tookMs = performance.now() - before;
  await boss.stop({ graceful: false });
  return tookMs;
};

async function drain(boss: Boss, batchSize: number): Promise<void> {
  while (true) {
    const taken = await boss.fetch(QUEUE, { batchSize });
    if (taken.length === 0) return;
    await boss.complete(QUEUE, taken.map(({ id }) => id));
  }
}

export const graphileWorker: Contestant = async ({ url, jobs, batch, takers, payload }) => {
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  await utils.addJobs(Array.from({ length: jobs }, () => ({ identifier: QUEUE, payload })));
  await utils.release();
  const before = performance.now();
  const all = Promise.withResolvers<void>();
  let done = 0;
  const open = async () => {
    const runner = await run({
      preset: {
        worker: {
          connectionString: url,
          concurrentJobs: batch,
          maxPoolSize: 3,
          // Fetches this many at once, and completes together what ends together.
          localQueue: { size: batch },
          completeJobBatchDelay: 0,
          logger,
        },
      },
      taskList: { [QUEUE]: () => Promise.resolve() },
      noHandleSignals: true,
    });
    runner.events.on("job:complete", () => {
      if (++done === jobs) all.resolve();
    });
    return runner;
  };
  const runners = await Promise.all(Array.from({ length: takers }, open));
  await all.promise;
  // Stopping writes the completions that are still in memory.
  await Promise.all(runners.map((runner) => runner.stop()));
  return performance.now() - before;
};
