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
}

/** Milliseconds from the first fetch to the last completion. */
export type Contestant = (contest: Contest) => Promise<number>;

const QUEUE = "bench";

export const pgBoss: Contestant = async ({ url, jobs, batch, takers }) => {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false, max: 10 });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE);
  await boss.insert(QUEUE, Array.from({ length: jobs }, (_, n) => ({ data: { n } })));
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

export const graphileWorker: Contestant = async ({ url, jobs, batch, takers }) => {
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  await utils.addJobs(Array.from({ length: jobs }, (_, n) => ({ identifier: QUEUE, payload: { n } })));
  await utils.release();
  const before = performance.now();
  const all = Promise.withResolvers<void>();
  let done = 0;
  const runner = await run({
    preset: {
      worker: {
        connectionString: url,
        concurrentJobs: batch * takers,
        maxPoolSize: 10,
        localQueue: { size: batch * takers },
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
  await all.promise;
  // Stopping writes the completions that are still in memory.
  await runner.stop();
  return performance.now() - before;
};
