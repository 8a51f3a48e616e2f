/** Which step is next: dependencies, limits and the shared container's lane. */
import { indexSteps } from "../workflow/graph.ts";
import type { Step, Workflow } from "../workflow/workflow.ts";
import type { RunEventBody } from "./event.ts";
import type { OpenActions, RunPorts } from "./ports.ts";
import type { OpenTry, Progress } from "./progress.ts";
import { newStepScope } from "./scope.ts";
import type { Scope } from "../workflow/reference.ts";
import { newSlots, type Slots } from "./slots.ts";
import { findStep, type RunState, type StepState } from "./state.ts";
import { runStep, type StepEnd, type StepRun } from "./step.ts";
import { openStop } from "./stop.ts";

export interface Scheduled {
  readonly workflow: Workflow;
  readonly ports: RunPorts;
  readonly scope: Scope;
  readonly emit: (body: RunEventBody) => Promise<void>;
  readonly state: () => RunState;
  /** Aborts when nothing is to be waited for any more. */
  readonly kill: AbortSignal;
  /** Of steps that were under way when the runner's process ended. */
  readonly tries: ReadonlyMap<string, OpenTry>;
  /** The log of the try of an approval that was sent back; null: it is not at hand. */
  readonly previousStdout: (approval: string) => string | null;
  /** What a step is called where its author looks; absent: its name. */
  readonly titleOf?: (name: string) => string;
  /** See `StepRun`. */
  readonly canWait: boolean;
}

/**
 * Runs every step that may run and is not over already; returns when none runs any more and none can start: those that
 * wait for a person hold up only what depends on them. When the journal fails, what still runs is stopped and awaited
 * before the error goes on.
 */
export async function runSteps(run: Scheduled, actions: OpenActions, signal: AbortSignal): Promise<void> {
  const { steps } = run.workflow;
  const graph = newGraph(steps);
  const slotsOf = newStepSlots(run.workflow);
  const running = newRunning();
  using stop = openStop(signal);
  try {
    let ready = firstReady(steps, graph, { state: run.state(), tries: run.tries });
    while (true) {
      if (!stop.signal.aborted) {
        const skipped: Step[] = [];
        for (const step of ready) {
          if (stop.signal.aborted) break;
          const verdict = judge(run.state(), step);
          if (verdict === "wait") continue;
          if (verdict === "go") {
            running.add(start(run, step, graph.orderOf(step), slotsOf(step), actions, stop.signal));
            // N ready steps start spread over N times the delay. Even a timer of nothing takes a millisecond.
            const delayMs = run.workflow.delaySec * 1000;
            if (delayMs > 0) await run.ports.clock.sleep(delayMs, stop.signal);
            continue;
          }
          const continued = verdict.status === "skipped" && step.continueOn.skipped;
          await run.emit({ type: "step.skipped", step: step.name, data: { ...verdict, continued } });
          skipped.push(step);
        }
        ready = skipped.flatMap((step) => graph.release(step.name)).filter((step) =>
          isOpen(run.state(), step)
        );
        if (ready.length > 0) continue;
      }
      const next = await running.next();
      if (next === null) return;
      const { name, end } = next;
      if (findStep(run.state(), name)?.failure?.code === "PRECONDITION_ERROR") {
        // Whether the step may run cannot be known: the run is stopped (S-74).
        stop.abort({ kind: "cancelled", by: `the precondition error of step ${name}`, force: false });
      }
      ready = end === "waiting" ? [] : graph.release(name).filter((step) => isOpen(run.state(), step));
    }
  } catch (error) {
    stop.abort({ kind: "fenced" });
    await running.settled();
    throw error;
  }
}

async function start(
  run: Scheduled,
  step: Step,
  order: number,
  slots: Slots,
  actions: OpenActions,
  signal: AbortSignal,
): Promise<Ended> {
  const { workflow, ports, emit } = run;
  const byName = stepsOf(workflow);
  const scope: StepRun["scope"] = (files, env = step.env) =>
    newStepScope(run.scope, { ...step, env }, byName, run.state(), {
      files,
      title: run.titleOf?.(step.name) ?? step.name,
      stepDir: (dir) => actions.stepDir(dir),
      logsOf: (name) => actions.logsOf(name),
      previousStdout: run.previousStdout,
    });
  const mailFailure = async (): Promise<void> => {
    if (workflow.mails.error === undefined) return;
    const problem = await ports.mails.send("error", {
      status: "failed",
      step: step.name,
      state: run.state(),
    });
    if (problem !== null) {
      await emit({ type: "note", step: step.name, data: { level: "warn", message: problem } });
    }
  };
  const end = await runStep(
    {
      workflow,
      step,
      handler: null,
      open: run.tries.get(step.name) ?? null,
      again: findStep(run.state(), step.name)?.again ?? null,
      ports,
      actions,
      emit,
      slots,
      order,
      canWait: run.canWait,
      scope,
      kill: run.kill,
      mailFailure,
    },
    signal,
  );
  return { name: step.name, end };
}

interface Ended {
  readonly name: string;
  readonly end: StepEnd;
}

/** The steps under way. A race of ten thousand promises would be entered anew after each step. */
interface Running {
  add(step: Promise<Ended>): void;
  /** The one that ends next; null: none is under way. Rejects when one does. */
  next(): Promise<Ended | null>;
  settled(): Promise<void>;
}

function newRunning(): Running {
  const underWay = new Set<Promise<Ended>>();
  /** Over, and not told yet. */
  const over: Promise<Ended>[] = [];
  let wake = (): void => {};
  return {
    add: (step) => {
      underWay.add(step);
      const end = (): void => {
        underWay.delete(step);
        over.push(step);
        wake();
      };
      step.then(end, end);
    },
    next: async () => {
      while (over.length === 0 && underWay.size > 0) await new Promise<void>((resolve) => wake = resolve);
      return await (over.shift() ?? null);
    },
    settled: async () => {
      await Promise.allSettled(underWay);
    },
  };
}

const indexes = new WeakMap<readonly Step[], ReadonlyMap<string, Step>>();

/** A large graph is indexed once, not once for each of its steps. */
export function stepsOf(workflow: Workflow): ReadonlyMap<string, Step> {
  const known = indexes.get(workflow.steps);
  if (known !== undefined) return known;
  const index = indexSteps(workflow.steps);
  indexes.set(workflow.steps, index);
  return index;
}

/**
 * Steps that were brought to their end stay as they are; what waited for them only may start. What was under way goes on
 * first.
 */
function firstReady(steps: readonly Step[], graph: Graph, { state, tries }: Progress): Step[] {
  const status = new Map(state.steps.map((step) => [step.name, step.status]));
  const isNew = (step: Step): boolean => status.get(step.name) === "not_started";
  const open = steps.filter((step) => tries.has(step.name));
  const free = steps.filter((step) => isNew(step) && step.depends.length === 0);
  const isOver = (step: Step): boolean =>
    !isNew(step) && !tries.has(step.name) && status.get(step.name) !== "waiting";
  const released = steps.filter(isOver).flatMap((step) => graph.release(step.name));
  return [...open, ...free, ...released.filter(isNew)];
}

/** Of a step that this attempt runs again, dependents may be over already (5.14). */
function isOpen(state: RunState, step: Step): boolean {
  return findStep(state, step.name)?.status === "not_started";
}

/**
 * Steps in one shared container take turns as long as `max_active_steps` is not written (3.5.3): the file system is shared,
 * so declaration order is what an author expects. Written, it is the limit of the whole run and of the lane.
 */
function newStepSlots(workflow: Workflow): (step: Step) => Slots {
  const all = newSlots(workflow.maxActiveSteps ?? 0);
  const lane = newSlots(1);
  return (step) => workflow.maxActiveSteps === null && step.place === "shared" ? lane : all;
}

interface Graph {
  orderOf(step: Step): number;
  /** The step is over: the steps whose last dependency it was, in declaration order. */
  release(name: string): Step[];
}

function newGraph(steps: readonly Step[]): Graph {
  const order = new Map(steps.map((step, index) => [step.name, index]));
  const open = new Map(steps.map((step) => [step.name, new Set(step.depends).size]));
  const dependents = new Map<string, Step[]>(steps.map((step) => [step.name, []]));
  for (const step of steps) {
    for (const name of new Set(step.depends)) dependents.get(name)?.push(step);
  }
  return {
    orderOf: (step) => order.get(step.name) ?? 0,
    release: (name) =>
      (dependents.get(name) ?? []).filter((step) => {
        const left = (open.get(step.name) ?? 0) - 1;
        open.set(step.name, left);
        return left === 0;
      }),
  };
}

/** Whether upstream steps let this one start. Dependencies are looked at in written order; all must allow (4.3). */
function judge(state: RunState, step: Step): Verdict {
  for (const name of step.depends) {
    const upstream = findStep(state, name);
    const verdict = upstream === undefined ? "go" : verdictOf(upstream);
    if (verdict !== "go") return verdict;
  }
  return "go";
}

type Verdict = "go" | "wait" | { readonly status: "skipped" | "aborted"; readonly reason: string };

function verdictOf(upstream: StepState): Verdict {
  switch (upstream.status) {
    case "succeeded":
    case "partially_succeeded":
      return "go";
    case "failed":
      return upstream.isContinued ? "go" : { status: "aborted", reason: "upstream failed" };
    case "skipped":
      return upstream.isContinued ? "go" : { status: "skipped", reason: "upstream skipped" };
    case "aborted":
      return { status: "aborted", reason: "upstream aborted" };
    case "rejected":
      return { status: "aborted", reason: "upstream rejected" };
    case "not_started":
    case "running":
    case "retrying":
    case "waiting":
      return "wait";
    default:
      return upstream.status satisfies never;
  }
}
