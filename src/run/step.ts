/**
 * One step's life: a place, its preconditions, try, retry, repeat, outcome. The same for lifecycle handlers, which only differ
 * in what they can see. It tells everything by events and never throws for what an author, an engine or a process did.
 */
import { resolveText, type Scope } from "../workflow/reference.ts";
import { formOf } from "../workflow/task-form.ts";
import type { HandlerName, RetryPolicy, Step, Workflow } from "../workflow/workflow.ts";
import { checkConditions, describeUnmet } from "./conditions.ts";
import type { RunEventBody } from "./event.ts";
import { isRetryable } from "./failure.ts";
import type { OpenActions, RunPorts, StepFiles } from "./ports.ts";
import type { OpenTry } from "./progress.ts";
import { delayMs, readNumber } from "./policy.ts";
import { wantsRepeat } from "./repeat.ts";
import type { StepScope } from "./scope.ts";
import type { Slot, Slots } from "./slots.ts";
import type { Again } from "./state.ts";
import type { ChildLink } from "./state.ts";
import { type EndedTry, runTry, type Sizes } from "./try.ts";

export interface StepRun {
  readonly workflow: Workflow;
  readonly step: Step;
  readonly handler: HandlerName | null;
  /** Its last try, when the runner's process ended in the middle of the step; null: it has not begun. */
  readonly open: OpenTry | null;
  /** The push-back because of which it runs; null: it runs for the first time, or is tried again. */
  readonly again: Again | null;
  readonly ports: RunPorts;
  readonly actions: OpenActions;
  readonly emit: (body: RunEventBody) => Promise<void>;
  readonly slots: Slots;
  /** Whether the run can be left while it waits, and taken up again: not in the middle of a handler, or of an item. */
  readonly canWait: boolean;
  /** Position in the declaration: who gets a free place first. */
  readonly order: number;
  /** Aborts when nothing is to be waited for any more. */
  readonly kill: AbortSignal;
  /** Mails that the step failed; what goes wrong with that is noted. */
  readonly mailFailure: () => Promise<void>;
  /**
   * Asked anew for each try: it sees what upstream steps published. `files` are those of the try. `env`: instead of the
   * step's own entries.
   */
  readonly scope: (files: StepFiles | null, env?: Step["env"]) => StepScope;
}

/** How the step ended for its dependents and for the run. */
export type StepEnd =
  | "succeeded"
  | "skipped"
  | "failed"
  | "aborted"
  /** A person has to act first. */
  | "waiting"
  /** It had not started when the run was stopped: it keeps `not_started` (S-97). */
  | "never";

export async function runStep(run: StepRun, signal: AbortSignal): Promise<StepEnd> {
  if (run.step.action.name === "human.task") return await openTask(run, signal);
  const first = await run.slots.take(run.order, signal);
  if (first === null) return "never";
  let slot: Slot = first;
  try {
    const gate = run.open === null ? await checkStepConditions(run, signal) : "go";
    if (gate !== "go") return gate;
    let { retry, repeat, taken, sizes } = begin(run.open);
    while (true) {
      if (taken === null) {
        await run.emit({
          type: "step.started",
          step: run.step.name,
          data: { retry, ...(run.step.repeat === null ? {} : { repeat }) },
        });
      }
      const result = await runTry(run, { retry, repeat, sizes, taken }, signal);
      taken = null;
      if (result.kind === "waiting") return await waitForChildren(run, result.awaits, sizes);
      const pauseMs = result.kind === "failed" ? retryDelay(run, retry, result) : null;
      if (pauseMs !== null && result.kind === "failed") {
        await run.emit({
          type: "step.retrying",
          step: run.step.name,
          data: { retry: retry + 1, delayMs: pauseMs, ...codeOf(result), error: result.failure },
        });
        retry++;
      } else {
        const again = await wantsRepeat(run, result, repeat, signal);
        if (again === null) return await finish(run, result, sizes);
        await tell(run, result);
        repeat++;
        retry = 0;
        slot = await pause(run, slot, again, signal) ?? slot;
        if (signal.aborted) return await finish(run, result, sizes);
        continue;
      }
      const next = await pause(run, slot, pauseMs, signal);
      if (next === null) return await finish(run, { ...result, kind: "stopped" }, sizes);
      slot = next;
    }
  } finally {
    slot.release();
  }
}

interface Beginning {
  readonly retry: number;
  readonly repeat: number;
  /** To be taken over rather than begun. */
  readonly taken: OpenTry | null;
  readonly sizes: Sizes;
}

function begin(open: OpenTry | null): Beginning {
  if (open === null) return { retry: 0, repeat: 0, taken: null, sizes: { stdout: 0, stderr: 0 } };
  const { retry, repeat, isUnderWay, logged: { before, last } } = open;
  const sizes = { stdout: before.stdout + last.stdout, stderr: before.stderr + last.stderr };
  return isUnderWay
    ? { retry, repeat, taken: open, sizes }
    : { retry: retry + 1, repeat, taken: null, sizes };
}

/** A step that waits does not hold a place. null: the run was stopped meanwhile. */
async function pause(run: StepRun, slot: Slot, ms: number, signal: AbortSignal): Promise<Slot | null> {
  slot.release();
  await run.ports.clock.sleep(ms, signal);
  return await run.slots.take(run.order, signal);
}

// ---- preconditions ----------------------------------------------------------------------------------------------

type Gate = "go" | "skipped" | "failed" | "never";

async function checkStepConditions(run: StepRun, signal: AbortSignal): Promise<Gate> {
  const { step, workflow, ports } = run;
  if (step.preconditions.length === 0) return "go";
  const { scope, workingDir } = run.scope(null);
  const environment = {
    checks: ports.checks,
    shell: (shellOf(step) ?? workflow.shell)?.map((word) => resolveText(word, scope, "scope")) ?? null,
    workingDir: run.actions.stepDir(workingDir),
  };
  const { isMet, failure, results } = await checkConditions(step.preconditions, scope, environment, signal);
  if (signal.aborted) return "never";
  await run.emit({ type: "preconditions.checked", step: step.name, data: { results } });
  if (isMet) return "go";
  if (failure !== null) {
    const logs = { stdout: 0, stderr: 0 };
    await run.emit({
      type: "step.finished",
      step: step.name,
      data: { status: "failed", error: failure, logs },
    });
    return "failed";
  }
  await run.emit({
    type: "step.skipped",
    step: step.name,
    data: {
      status: "skipped",
      reason: describeUnmet(step.preconditions, results),
      continued: step.continueOn.skipped,
    },
  });
  return "skipped";
}

/** `with.shell` of a `run` step reads its conditions too (V-60). */
function shellOf({ action }: Step): readonly string[] | null {
  return action.name === "run" ? action.shell : null;
}

// ---- people -----------------------------------------------------------------------------------------------------

/** Nothing is executed: the run goes on without it, and waits for it when nothing else is left (S-119). */
async function openTask(run: StepRun, signal: AbortSignal): Promise<StepEnd> {
  const { action, name } = run.step;
  if (action.name !== "human.task") return "never";
  if (signal.aborted) return "never";
  const gate = await checkStepConditions(run, signal);
  if (gate !== "go") return gate;
  const { scope } = run.scope(null);
  await run.emit({ type: "step.started", step: name, data: { retry: 0 } });
  await run.emit({
    type: "step.waiting",
    step: name,
    data: {
      kind: "human_task",
      prompt: resolveText(action.prompt, scope, "scope"),
      ...formIn(run.step),
      logs: { stdout: 0, stderr: 0 },
    },
  });
  return "waiting";
}

/** The run is left to itself until they are over: the step is tried again then, and finds their results (S-132). */
async function waitForChildren(run: StepRun, awaits: readonly ChildLink[], sizes: Sizes): Promise<StepEnd> {
  const runs = awaits.map(({ name, dagRunId }) => `${name}:${dagRunId}`).join(", ");
  const data = { kind: "sub_run" as const, prompt: `waits for ${runs}`, logs: { ...sizes } };
  await run.emit({ type: "step.waiting", step: run.step.name, data });
  return "waiting";
}

// ---- after a try ------------------------------------------------------------------------------------------------

/** Milliseconds to wait before the next try, or null when there is none (S-84, S-85). */
function retryDelay(
  run: StepRun,
  retry: number,
  result: Extract<EndedTry, { kind: "failed" | "stopped" }>,
): number | null {
  const policy: RetryPolicy | null = run.step.retry;
  if (policy === null || !isRetryable(result.failure.code)) return null;
  if (policy.exitCodes !== null && !policy.exitCodes.includes(result.exitCode ?? -1)) return null;
  const scope: Scope = run.scope(null).scope;
  return retry >= readNumber(policy.limit, scope) ? null : delayMs(policy, retry, scope);
}

/** What a try published counts at once: the next execution and its condition may see it. */
async function tell(run: StepRun, result: EndedTry): Promise<void> {
  if (result.kind !== "succeeded") return;
  for (const output of result.published) {
    await run.emit({ type: "step.output", step: run.step.name, data: output });
  }
}

async function finish(run: StepRun, result: EndedTry, sizes: Sizes): Promise<StepEnd> {
  const step = run.step.name;
  const logs = { ...sizes };
  if (result.kind === "succeeded") {
    await tell(run, result);
    if (run.step.approval !== null) {
      const prompt = resolveText(run.step.approval.prompt ?? "", run.scope(null).scope, "scope");
      const data = { kind: "approval" as const, prompt, ...formIn(run.step), logs };
      await run.emit({ type: "step.waiting", step, data });
      return "waiting";
    }
    const status = result.isPartial ? "partially_succeeded" : "succeeded";
    await run.emit({ type: "step.finished", step, data: { status, ...codeOf(result), logs } });
    return "succeeded";
  }
  const error = result.failure;
  if (result.kind === "stopped") {
    await run.emit({
      type: "step.finished",
      step,
      data: { status: "aborted", ...codeOf(result), error, logs },
    });
    return "aborted";
  }
  const { continueOn } = run.step;
  const isContinued = continueOn.failure || result.hasWatched ||
    (result.exitCode !== null && continueOn.exitCodes.includes(result.exitCode));
  const status = isContinued && continueOn.markSuccess ? "succeeded" : "failed";
  await run.emit({
    type: "step.finished",
    step,
    data: { status, ...codeOf(result), error, continued: isContinued, logs },
  });
  if (status === "failed" && run.step.mailOnError) await run.mailFailure();
  return status;
}

function formIn(step: Step): { form?: Record<string, unknown> } {
  const form = formOf(step);
  return form === null ? {} : { form: { ...form } };
}

function codeOf(result: { readonly exitCode: number | null }): { exitCode?: number } {
  return result.exitCode === null ? {} : { exitCode: result.exitCode };
}
