/** `data.convert` and `data.pick` of a large text, on a thread of its own. */
import { parentPort, workerData } from "node:worker_threads";
import { type DataTask, dataText } from "./data-text.ts";
import { ActionError } from "./deed.ts";

export type DataAnswer =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string; readonly remedy?: string };

parentPort?.postMessage(answer(workerData));

function answer(task: DataTask): DataAnswer {
  try {
    return { ok: true, text: dataText(task) };
  } catch (error) {
    const remedy = error instanceof ActionError ? { remedy: error.remedy } : {};
    return { ok: false, message: error instanceof Error ? error.message : String(error), ...remedy };
  }
}
