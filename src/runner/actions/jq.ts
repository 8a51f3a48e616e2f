/** `jq.filter`: jq over JSON texts (workflow-language contract 6.5). */
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { openSource } from "./data-source.ts";
import { ActionError, print } from "./deed.ts";
import type { JqAnswer, JqTask } from "./jq-worker.ts";
import { onThread } from "./thread.ts";
import type { Work } from "./work.ts";

const WORKER = new URL("./jq-worker.ts", import.meta.url);

export async function jqFilter(given: With<"jq.filter">, work: Work): Promise<Outcome> {
  const source = await openSource(given, work);
  const text = source.kind === "text" ? source.text : JSON.stringify(source.value);
  const task: JqTask = { filter: given.filter, text, isRaw: given.raw };
  const answer = await onThread<JqAnswer>(WORKER, task, "the filter prints too much", work.signal);
  if (!answer.ok) throw new ActionError(answer.message, "correct filter, or what it is given");
  if (answer.notes !== "") await work.sink.write("stderr", new TextEncoder().encode(answer.notes));
  if (answer.text !== "") await print(work, `${answer.text}\n`);
  return succeeded(null);
}
