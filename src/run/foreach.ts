/** `foreach`: the same steps once for each item, each item a small graph of its own (workflow-language contract 4.17). */
import { isMapping, parseExactJson } from "../workflow/json.ts";
import { resolveText, type Scope } from "../workflow/reference.ts";
import { insertionText } from "../workflow/select.ts";
import { FAN_OUT_MAX } from "../workflow/schema/fanout.ts";
import type { ForeachAction, Step, Workflow } from "../workflow/workflow.ts";
import type { Failure } from "./failure.ts";
import { forEachLimited } from "./limited.ts";
import { printOwn } from "./own-output.ts";
import { failedWith, isFailure, succeeded } from "./outcome.ts";
import type { Outcome, OutputSink } from "./ports.ts";
import { resolveValue } from "./resolve.ts";
import { runSteps } from "./schedule.ts";
import { newStepScope } from "./scope.ts";
import { newRunState, reduce, type RunState } from "./state.ts";
import type { StepRun } from "./step.ts";
import { indexSteps } from "../workflow/graph.ts";

interface Item {
  readonly index: number;
  readonly key: string;
  readonly scope: Scope;
}

interface ItemEnd {
  readonly key: string;
  readonly index: number;
  readonly status: "succeeded" | "failed" | "aborted";
  readonly outputs: Readonly<Record<string, string>>;
  readonly failure: Failure | null;
}

interface Scopes {
  /** Of the step's own fields. */
  readonly own: Scope;
  /** The same without the entries of `env` that are the workflow's `defaults` (S-113). */
  readonly body: Scope;
}

export async function runForeach(
  run: StepRun,
  action: ForeachAction,
  scopes: Scopes,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<Outcome> {
  const items = readItems(action, scopes);
  if (isFailure(items)) return failedWith(items);
  const ends: ItemEnd[] = [];
  await forEachLimited(items, action.maxConcurrent, async (item, at) => {
    ends[at] = await runItem(run, action, item, signal);
  });
  await print(run, sink, ends);
  const failed = ends.find((end) => end.status !== "succeeded");
  if (failed === undefined) return succeeded(null);
  const why = failed.failure === null ? failed.status : failed.failure.message;
  return failedWith({
    code: "COMMAND_FAILED",
    message: `foreach item ${failed.key}: ${why}`,
    remedy: failed.failure?.remedy ?? "",
  });
}

function readItems(action: ForeachAction, { own: scope, body }: Scopes): Item[] | Failure {
  const values = typeof action.items === "string"
    ? parseExactJson(resolveText(action.items, scope, "scope"))
    : action.items.map((item) => resolveValue(item, scope, "scope"));
  if (!Array.isArray(values)) {
    return invalid("foreach.items string must resolve to a JSON array", "give a JSON array");
  }
  if (values.length > FAN_OUT_MAX) {
    return invalid(`foreach has ${values.length} items, more than ${FAN_OUT_MAX}`, "split the work");
  }
  const outer = outerFacts(scope, action.as);
  const items = values.map((value: unknown, index): Item => {
    const facts = { ...outer, index: String(index), ...aliasFacts(action.as, value) };
    const key = action.key === null
      ? String(index)
      : resolveText(action.key, { ...scope, foreach: facts }, "scope");
    return { index, key, scope: { ...body, foreach: { ...facts, key } } };
  });
  const keys = new Set<string>();
  for (const { key } of items) {
    if (keys.has(key)) {
      return invalid(`duplicate foreach item key "${key}"`, "make foreach.key differ for each item");
    }
    keys.add(key);
  }
  return items;
}

/** Of the foreach around this one: its item, unless the alias is this one's as well; index and key are each one's own. */
function outerFacts({ foreach }: Scope, as: string): Record<string, string> {
  const hidden = ["index", "key", as];
  return Object.fromEntries(
    Object.entries(foreach ?? {}).filter(([name]) => !hidden.includes(name.split(".")[0] ?? name)),
  );
}

/** The item, and one level of its fields (S-112). */
function aliasFacts(alias: string, value: unknown): Record<string, string> {
  const facts: Record<string, string> = { [alias]: insertionText(value) };
  if (isMapping(value)) {
    for (const [field, one] of Object.entries(value)) facts[`${alias}.${field}`] = insertionText(one);
  }
  return facts;
}

async function runItem(
  run: StepRun,
  action: ForeachAction,
  item: Item,
  signal: AbortSignal,
): Promise<ItemEnd> {
  const nodeName = (name: string): string => `${run.step.name}[${item.key}].${name}`;
  const steps = action.steps.map((step): Step => ({
    ...step,
    name: nodeName(step.name),
    depends: step.depends.map(nodeName),
  }));
  const workflow: Workflow = { ...run.workflow, steps, maxActiveSteps: 0, delaySec: 0 };
  const fresh = newRunState({ steps, handlers: {} });
  let state: RunState = { ...fresh, steps: fresh.steps.map((step) => ({ ...step, again: run.again })) };
  await runSteps(
    {
      workflow,
      ports: run.ports,
      scope: item.scope,
      state: () => state,
      kill: run.kill,
      tries: new Map(),
      canWait: false,
      // What is told of a push-back is in the scope of the step that has the items.
      previousStdout: () => null,
      emit: async (body) => {
        state = reduce(state, { ...body, at: run.ports.clock.now() });
        await run.emit(body);
        // Steps of the items are not listed; what runs below them is found at the step that has the items.
        if (body.type === "child.linked") await run.emit({ ...body, step: run.step.name });
      },
      titleOf: (name) => name.slice(nodeName("").length),
    },
    run.actions,
    signal,
  );
  const broken = state.steps.find((step) => step.status === "failed" && !step.isContinued);
  const isAborted = signal.aborted || state.steps.some((step) => step.status === "not_started");
  const end = { key: item.key, index: item.index };
  if (broken !== undefined) return { ...end, status: "failed", outputs: {}, failure: broken.failure };
  if (isAborted) return { ...end, status: "aborted", outputs: {}, failure: null };
  const outputs = collect(action, steps, state, item.scope);
  return isFailure(outputs)
    ? { ...end, status: "failed", outputs: {}, failure: outputs }
    : { ...end, status: "succeeded", outputs, failure: null };
}

/** Sees the outputs of every step of the body; a reference that stays fails the item. */
function collect(
  action: ForeachAction,
  steps: readonly Step[],
  state: RunState,
  scope: Scope,
): Record<string, string> | Failure {
  const last = steps[0];
  if (last === undefined) return {};
  const collector: Step = {
    ...last,
    id: null,
    name: "collect",
    env: [],
    workingDir: null,
    depends: steps.map((step) => step.name),
  };
  const places = {
    stepDir: () => "",
    files: null,
    logsOf: () => null,
    previousStdout: () => null,
    title: collector.name,
  };
  const all = newStepScope(scope, collector, indexSteps([...steps, collector]), state, places);
  const seen = { ...all.scope, env: { ...scope.env, ...all.scope.variables } };
  const outputs: Record<string, string> = {};
  for (const [name, text] of Object.entries(action.collect)) {
    const value = resolveText(text, seen, "scope");
    const left = /\$\{(?:steps|foreach|params|consts|env|context)\.[^}]*\}/.exec(value);
    if (left !== null && text.includes(left[0])) {
      return invalid(
        `foreach.collect.${name}: ${left[0]} has no value`,
        "name an output that the body publishes",
      );
    }
    outputs[name] = value;
  }
  return outputs;
}

/** Compact JSON; the items themselves are not in it (S-111). */
async function print({ ports }: StepRun, sink: OutputSink, ends: readonly ItemEnd[]): Promise<void> {
  const good = ends.filter((end) => end.status === "succeeded");
  const document = {
    summary: { total: ends.length, succeeded: good.length, failed: ends.length - good.length },
    items: ends.map(({ key, index, status, outputs }) => ({ key, index, status, outputs })),
    outputs: good.map(({ outputs }) => outputs),
  };
  await printOwn(ports, sink, `${JSON.stringify(document)}\n`);
}

function invalid(message: string, remedy: string): Failure {
  return { code: "INPUT_INVALID", message, remedy };
}
