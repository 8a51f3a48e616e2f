/** `jq.filter`: jq over JSON texts (workflow-language contract 6.5). */
import { Worker } from "node:worker_threads";
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { openSource } from "./data-source.ts";
import { ActionError, print } from "./deed.ts";
import type { JqAnswer, JqTask } from "./jq-worker.ts";
import type { Work } from "./work.ts";

/** Output is put together there. */
const HEAP_MAX_MB = 512;

export async function jqFilter(given: With<"jq.filter">, work: Work): Promise<Outcome> {
  const source = await openSource(given, work);
  const text = source.kind === "text" ? source.text : JSON.stringify(source.value);
  const answer = await ask({ filter: given.filter, text, isRaw: given.raw }, work.signal);
  if (!answer.ok) throw new ActionError(answer.message, "correct filter, or what it is given");
  if (answer.notes !== "") await work.sink.write("stderr", new TextEncoder().encode(answer.notes));
  if (answer.text !== "") await print(work, `${answer.text}\n`);
  return succeeded(null);
}

/** Ends with the thread, whatever the filter does. */
async function ask(task: JqTask, signal: AbortSignal): Promise<JqAnswer> {
  if (signal.aborted) return STOPPED;
  const worker = new Worker(new URL("./jq-worker.ts", import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
  });
  const stop = Promise.withResolvers<JqAnswer>();
  const onAbort = (): void => stop.resolve(STOPPED);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([answerOf(worker), stop.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    await worker.terminate();
  }
}

const STOPPED: JqAnswer = { ok: false, message: "stopped" };

function answerOf(worker: Worker): Promise<JqAnswer> {
  return new Promise((resolve) => {
    worker.once("message", (answer: JqAnswer) => resolve(answer));
    worker.once("error", (error: Error & { readonly code?: string }) => {
      const isFull = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      resolve({ ok: false, message: isFull ? "the filter prints too much" : error.message });
    });
    worker.once("exit", () => resolve({ ok: false, message: "jq ended without an answer" }));
  });
}
