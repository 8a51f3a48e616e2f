/** `dag.run` and `dag.enqueue`: one child, or one for each item of `parallel` (workflow-language contract 4.16, 4.21). */
import { type CallerParams, readCallerParams } from "../workflow/inputs.ts";
import { isMapping, parseExactJson } from "../workflow/json.ts";
import { resolveText, type Scope } from "../workflow/reference.ts";
import { insertionText } from "../workflow/select.ts";
import { FAN_OUT_MAX, isParallelItem } from "../workflow/schema/fanout.ts";
import type { Parallel, SubRunAction } from "../workflow/workflow.ts";
import { noteOf, type RunStatus } from "./event.ts";
import type { Failure } from "./failure.ts";
import { forEachLimited } from "./limited.ts";
import { printOwn } from "./own-output.ts";
import { failedWith, isFailure, succeeded } from "./outcome.ts";
import type { ChildRequest, ChildResult, Outcome, OutputSink, QueuedChild } from "./ports.ts";
import { resolveValue } from "./resolve.ts";
import { splitItems } from "./items.ts";
import type { ChildLink } from "./state.ts";
import type { StepRun } from "./step.ts";

/** A child to be, and what of its parameters is told in results. */
interface Planned {
  readonly request: ChildRequest;
  readonly params: string;
}

export async function runChildren(
  run: StepRun,
  action: SubRunAction,
  repeat: number,
  scope: Scope,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<Outcome> {
  const planned = action.parallel === null
    ? [plan(run, action, repeat, scope, 0, null)]
    : planItems(run, action, action.parallel, repeat, scope);
  if (isFailure(planned)) return failedWith(planned);
  await warnOfSecrets(run, planned);
  return action.name === "dag.run"
    ? await runAll(run, action, planned, sink, signal)
    : await enqueueAll(run, action, planned, sink);
}

/** Parameters are kept and shown with the run that has them, and that run does not know what of them is secret. */
async function warnOfSecrets(run: StepRun, planned: readonly Planned[]): Promise<void> {
  const telling = planned.find(({ params }) => run.ports.conceal(params) !== params);
  if (telling === undefined) return;
  const { step, dag } = telling.request;
  const message =
    `step ${step}: a secret is among the parameters of ${dag}, which are kept and shown with its run; ` +
    "let that workflow name it in its own secrets";
  await run.emit({ type: "note", data: noteOf("warn", message, undefined) });
}

// ---- planning ---------------------------------------------------------------------------------------------------

/** One child for each different target with its parameters (S-105). */
function planItems(
  run: StepRun,
  action: SubRunAction,
  { items }: Parallel,
  repeat: number,
  scope: Scope,
): Planned[] | Failure {
  const expanded = typeof items === "string"
    ? splitItems(resolveText(items, scope, "scope"))
    : items.map((item) => resolveValue(item, scope, "scope"));
  if (expanded.length === 0) return invalid("parallel has no items", "give at least one item");
  if (expanded.length > FAN_OUT_MAX) {
    return invalid(`parallel has ${expanded.length} items, more than ${FAN_OUT_MAX}`, "split the work");
  }
  const unusual = expanded.find((item) => !isParallelItem(item));
  if (unusual !== undefined) {
    return invalid(
      `a parallel item must be a string, a number or a flat mapping, got ${
        JSON.stringify(unusual).slice(0, 80)
      }`,
      "use foreach for nested values",
    );
  }
  const planned = expanded.map((item, index) => plan(run, action, repeat, scope, index, { item }));
  const byKey = new Map(planned.map((one) => [one.request.key, one]));
  return [...byKey.values()];
}

function plan(
  run: StepRun,
  action: SubRunAction,
  repeat: number,
  scope: Scope,
  index: number,
  given: { readonly item: unknown } | null,
): Planned {
  const seen = given === null
    ? scope
    : { ...scope, properties: { ...scope.properties, ...itemFacts(given.item) } };
  const dag = resolveText(action.dag, seen, "scope").trim();
  const written = action.params === null && given !== null ? itemParams(given.item) : action.params;
  const params = readParams(resolveValue(written, seen, "scope"));
  const text = paramsText(params);
  return {
    params: text,
    request: {
      step: run.step.name,
      key: `${run.step.name}/${repeat}/${dag}/${text}${sentBack(run)}`,
      index,
      dag,
      params,
      queue: action.queue === null ? null : resolveText(action.queue, scope, "scope"),
      workerSelector: Object.fromEntries(
        Object.entries(action.workerSelector).map(([key, value]) => [
          resolveText(key, scope, "scope"),
          resolveText(value, scope, "scope"),
        ]),
      ),
    },
  };
}

/** A retry finds the children of its step again; work that was sent back is done anew. */
function sentBack({ again }: StepRun): string {
  return again === null ? "" : `/again ${again.iteration} ${again.step}`;
}

/** `${ITEM}` and, of a mapping, `${ITEM.field}` (S-104). */
function itemFacts(item: unknown): Record<string, string> {
  const facts: Record<string, string> = { ITEM: insertionText(item) };
  if (isMapping(item)) {
    for (const [field, value] of Object.entries(item)) facts[`ITEM.${field}`] = insertionText(value);
  }
  return facts;
}

/** Without `params` the item itself is the payload: text is the first positional parameter. */
function itemParams(item: unknown): unknown {
  return isMapping(item) ? item : [insertionText(item)];
}

/** Text as on the command line, lists as tokens, mappings by name; values inside become JSON text (S-129). */
function readParams(given: unknown): CallerParams {
  if (given === null || given === undefined) return { kind: "none" };
  if (isMapping(given)) {
    return {
      kind: "tokens",
      tokens: Object.entries(given).map(([name, value]) => `${name}=${quoted(value)}`),
    };
  }
  if (Array.isArray(given)) {
    return {
      kind: "tokens",
      tokens: given.flatMap((item: unknown) =>
        isMapping(item)
          ? Object.entries(item).map(([name, value]) => `${name}=${quoted(value)}`)
          : [insertionText(item)]
      ),
    };
  }
  return readCallerParams(insertionText(given));
}

/** A token drops quotes that surround its value (P-18); these are the value's own. */
function quoted(value: unknown): string {
  const text = value === null ? "" : insertionText(value);
  return /^(["']).*\1$/s.test(text) ? `'${text}'` : text;
}

function paramsText(params: CallerParams): string {
  switch (params.kind) {
    case "none":
      return "";
    case "text":
      return params.text;
    case "tokens":
      return params.tokens.map((token) => /\s/.test(token) ? JSON.stringify(token) : token).join(" ");
    case "json":
      return params.json;
    default:
      return params satisfies never;
  }
}

// ---- dag.run ----------------------------------------------------------------------------------------------------

async function runAll(
  run: StepRun,
  action: SubRunAction,
  planned: readonly Planned[],
  sink: OutputSink,
  signal: AbortSignal,
): Promise<Outcome> {
  const results: (ChildResult | Failure)[] = [];
  await forEachLimited(planned, action.parallel?.maxConcurrent ?? 1, async ({ request }, at) => {
    if (signal.aborted) return;
    results[at] = await run.ports.children.run(request, async (child) => {
      const { name, dagRunId } = child;
      await run.emit({
        type: "child.linked",
        step: run.step.name,
        data: { childRunId: dagRunId, name, index: request.index },
      });
    }, signal);
  });
  const done = planned.flatMap(({ params }, at) => {
    const result = results[at];
    return result === undefined || isFailure(result) ? [] : [{ ...result, params }];
  });
  const waiting = run.canWait ? awaitedOf(results) : [];
  // The step goes on when they are over, and tells of all children then.
  if (waiting.length > 0) return { ...succeeded(null), awaits: waiting };
  const document = action.parallel === null ? done[0] && childJson(done[0]) : summary(planned.length, done);
  if (document !== undefined) await print(run, sink, document);
  return outcomeOf(results, action.parallel === null ? done[0]?.outputs ?? {} : {});
}

type Done = ChildResult & { readonly params: string };

function childJson(child: Done): Record<string, unknown> {
  return {
    name: child.name,
    dagRunId: child.dagRunId,
    params: child.params,
    outputs: child.outputs,
    outputValues: outputValues(child.outputs),
    status: child.status,
  };
}

function outputValues(outputs: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, text]) => [name, parseExactJson(text) ?? text]),
  );
}

function summary(total: number, done: readonly Done[]): Record<string, unknown> {
  const good = done.filter(({ status }) => isGood(status));
  return {
    summary: { total, succeeded: good.length, failed: total - good.length },
    results: done.map(childJson),
    outputs: good.map(({ outputs }) => outputs),
  };
}

function isGood(status: RunStatus): boolean {
  return status === "succeeded" || status === "partially_succeeded";
}

/** Children that wait for a person; none when the step has failed anyway. */
function awaitedOf(results: readonly (ChildResult | Failure)[]): ChildLink[] {
  const children = results.flatMap((result) => result === undefined || isFailure(result) ? [] : [result]);
  const isWell = children.length === results.length &&
    children.every(({ status }) => isGood(status) || status === "waiting");
  return isWell
    ? children.filter(({ status }) => status === "waiting").map(({ name, dagRunId }) => ({ name, dagRunId }))
    : [];
}

/** S-107, S-132. */
function outcomeOf(
  results: readonly (ChildResult | Failure)[],
  outputs: Readonly<Record<string, string>>,
): Outcome {
  for (const result of results) {
    if (result === undefined) continue;
    if (isFailure(result)) return failedWith(result);
    if (isGood(result.status)) continue;
    const why = result.failure === null ? "" : `: ${result.failure.message}`;
    return failedWith({
      code: "COMMAND_FAILED",
      message: `sub-workflow ${result.name}:${result.dagRunId} ended ${result.status}${why}`,
      remedy: result.failure?.remedy ?? "look at the sub-workflow's run",
    });
  }
  const isPartial = results.some((result) => !isFailure(result) && result.status === "partially_succeeded");
  return { ...succeeded(null), outputs, ...(isPartial ? { isPartial } : {}) };
}

// ---- dag.enqueue ------------------------------------------------------------------------------------------------

async function enqueueAll(
  run: StepRun,
  action: SubRunAction,
  planned: readonly Planned[],
  sink: OutputSink,
): Promise<Outcome> {
  const runs: Record<string, unknown>[] = [];
  for (const { request, params } of planned) {
    const queued = await run.ports.children.enqueue(request);
    if (isFailure(queued)) return failedWith(queued);
    await run.emit({
      type: "child.linked",
      step: run.step.name,
      data: { childRunId: queued.dagRunId, name: queued.name, index: request.index },
    });
    runs.push(queuedJson(queued, params));
  }
  await print(
    run,
    sink,
    action.parallel === null ? runs[0] ?? {} : {
      summary: { total: runs.length, queued: runs.length },
      runs,
    },
  );
  return succeeded(null);
}

function queuedJson(queued: QueuedChild, params: string): Record<string, unknown> {
  const { name, dagRunId, queue, alreadyExists } = queued;
  return { name, dagRunId, params, queue, status: "queued", alreadyExists };
}

/** Two-space indented (S-106, S-131). */
async function print(
  { ports }: StepRun,
  sink: OutputSink,
  document: Readonly<Record<string, unknown>>,
): Promise<void> {
  await printOwn(ports, sink, `${JSON.stringify(document, null, 2)}\n`);
}

function invalid(message: string, remedy: string): Failure {
  return { code: "INPUT_INVALID", message, remedy };
}
