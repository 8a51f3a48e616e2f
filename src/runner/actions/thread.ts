/** What may take long or all memory, on a thread of its own: others go on meanwhile, and a stop ends it with the thread. */
import { Worker } from "node:worker_threads";

export interface Unfinished {
  readonly ok: false;
  readonly message: string;
}

const HEAP_MAX_MB = 512;

/** `file` posts one answer to the `task` that it is given. `full`: what is told when the memory does not suffice. */
export async function onThread<A>(
  file: URL,
  task: unknown,
  full: string,
  signal: AbortSignal,
): Promise<A | Unfinished> {
  if (signal.aborted) return STOPPED;
  const worker = new Worker(file, {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
  });
  const stop = Promise.withResolvers<Unfinished>();
  const onAbort = (): void => stop.resolve(STOPPED);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([answerOf<A>(worker, full), stop.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    await worker.terminate();
  }
}

const STOPPED: Unfinished = { ok: false, message: "stopped" };

function answerOf<A>(worker: Worker, full: string): Promise<A | Unfinished> {
  return new Promise((resolve) => {
    worker.once("message", (answer: A) => resolve(answer));
    worker.once("error", (error: Error & { readonly code?: string }) => {
      const isFull = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      resolve({ ok: false, message: isFull ? full : error.message });
    });
    worker.once("exit", () => resolve({ ok: false, message: "it ended without an answer" }));
  });
}
