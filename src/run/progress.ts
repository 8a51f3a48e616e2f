/**
 * How far an attempt had come when its runner's process ended, from what it had told until then. A new process goes on from
 * there (RS-01): nothing that is over runs again, and a try that was under way is taken over by whoever can.
 */
import { HANDLER_NODE_NAMES, type HandlerName } from "../workflow/workflow.ts";
import type { StreamName } from "./ports.ts";
import { findStep, OPEN_STEP_STATUSES, reduce, type RunState, type TimedEvent } from "./state.ts";

export type Sizes = Readonly<Record<StreamName, number>>;

/** Bytes of a step in its log. */
export interface Logged {
  /** Of the tries before the last one. */
  readonly before: Sizes;
  /** Of the last one. */
  readonly last: Sizes;
}

/** The last try of a step that was not over. */
export interface OpenTry {
  /** Tries of this execution before it, from 0. */
  readonly retry: number;
  /** Executions before this one, from 0. */
  readonly repeat: number;
  readonly startedAt: number;
  /** It was at work; false: it had failed, and the next was waited for. */
  readonly isUnderWay: boolean;
  /** Its own container was told. */
  readonly hasContainer: boolean;
  readonly logged: Logged;
}

export interface Progress {
  readonly state: RunState;
  readonly tries: ReadonlyMap<string, OpenTry>;
}

export function foldProgress(
  initial: RunState,
  events: readonly TimedEvent[],
  logged: (step: string) => Logged,
): Progress {
  const state = events.reduce(reduce, initial);
  const tries = new Map<string, OpenTry>();
  for (const event of events) {
    if (event.type === "step.started") {
      const { retry, repeat = 0 } = event.data;
      const about = { startedAt: event.at, isUnderWay: true, hasContainer: false };
      tries.set(event.step, { retry, repeat, ...about, logged: logged(event.step) });
    } else if (event.type === "container.started" || event.type === "step.retrying") {
      const open = event.step === undefined ? undefined : tries.get(event.step);
      if (open === undefined || event.step === undefined) continue;
      const change = event.type === "step.retrying" ? { isUnderWay: false } : { hasContainer: true };
      tries.set(event.step, { ...open, ...change });
    }
  }
  const isOpen = (name: string): boolean => {
    const status = findStep(state, name)?.status;
    return status !== "waiting" && OPEN_STEP_STATUSES.some((open) => open === status);
  };
  return { state, tries: new Map([...tries].filter(([name]) => isOpen(name))) };
}

const LAST_HANDLERS: readonly HandlerName[] = ["wait", "success", "failure", "abort", "exit"];

/** Whether the run was still among its steps; why it ended is not known any more once a last handler has begun. */
export function isAmongSteps({ state }: Progress): boolean {
  const stateOf = (handler: HandlerName) =>
    findStep(state, HANDLER_NODE_NAMES[handler])?.status ?? "not_started";
  return LAST_HANDLERS.every((handler) => stateOf(handler) === "not_started") &&
    !["failed", "aborted"].includes(stateOf("init"));
}

/** Whether anything of the workflow itself was begun: its own conditions were met then. */
export function hasBegun({ state }: Progress): boolean {
  return state.container !== null ||
    [...state.steps, ...state.handlers].some((node) => node.startedAt !== null);
}
