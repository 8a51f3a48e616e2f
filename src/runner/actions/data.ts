/** `data.convert` and `data.pick`: values from one notation into another, and one value out of them. */
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { openSource } from "./data-source.ts";
import { type DataTask, dataText } from "./data-text.ts";
import type { DataAnswer } from "./data-worker.ts";
import { ActionError, print } from "./deed.ts";
import { onThread } from "./thread.ts";
import type { Work } from "./work.ts";

const WORKER = new URL("./data-worker.ts", import.meta.url);
/** Of what is longer, a stop and other steps would wait for the end. */
const AT_ONCE_CHARS = 262_144;

export async function dataConvert(given: With<"data.convert">, work: Work): Promise<Outcome> {
  return await tell({ name: "data.convert", source: await openSource(given, work), given }, work);
}

export async function dataPick(given: With<"data.pick">, work: Work): Promise<Outcome> {
  return await tell({ name: "data.pick", source: await openSource(given, work), given }, work);
}

/** A text keeps the line break that it ends with. */
async function tell(task: DataTask, work: Work): Promise<Outcome> {
  const { source } = task;
  const isLong = source.kind === "text" && source.text.length > AT_ONCE_CHARS;
  const text = isLong ? await onOwnThread(task, work.signal) : dataText(task);
  await print(work, text === "" || text.endsWith("\n") ? text : `${text}\n`);
  return succeeded(null);
}

async function onOwnThread(task: DataTask, signal: AbortSignal): Promise<string> {
  const answer = await onThread<DataAnswer>(WORKER, task, "the data takes too much memory", signal);
  if (answer.ok) return answer.text;
  throw new ActionError(answer.message, "remedy" in answer ? answer.remedy : "split the data");
}
