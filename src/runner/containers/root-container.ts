/** The container that the steps of a run share: ours (3.1), or somebody else's that we only execute into (2.3). */
import type { ContainerFacts } from "../../run/event.ts";
import type { Failure } from "../../run/failure.ts";
import type { Outcome, OutputSink, Reporter } from "../../run/ports.ts";
import type { StopRules } from "../../run/stop.ts";
import type { ExecContainer, ResourceLimits } from "../../workflow/workflow.ts";
import { openBackground } from "./background.ts";
import type { Engine } from "./engine.ts";
import { type ExecRequest, runExec } from "./exec.ts";
import { findForeign } from "./foreign.ts";
import { tellForeignLimits } from "./limits.ts";
import type { ContainerRequest } from "./spec.ts";

export type { ExecRequest } from "./exec.ts";

/** Disposal ends and removes a container of ours, and leaves a foreign one alone. */
export interface RootContainer extends AsyncDisposable {
  readonly facts: ContainerFacts;
  /** Concurrent calls are fine; stopping one touches no other. */
  exec(request: ExecRequest, stop: StopRules, sink: OutputSink, signal: AbortSignal): Promise<Outcome>;
}

export async function openRootContainer(
  engine: Engine,
  request: ContainerRequest,
  report: Reporter,
  signal: AbortSignal,
): Promise<RootContainer | Failure> {
  const opened = await openBackground(engine, request, "shared", report, signal);
  if (!opened.ok) return opened.error.failure;
  const { id, facts, subject } = opened.value;
  const about = { image: facts.image, name: subject.name ?? facts.name };
  return {
    facts,
    exec: (exec, stop, sink, stopped) => runExec(engine, id, about, exec, stop, sink, stopped),
    [Symbol.asyncDispose]: () => opened.value[Symbol.asyncDispose](),
  };
}

export async function openForeignContainer(
  engine: Engine,
  container: ExecContainer,
  limits: ResourceLimits,
  report: Reporter,
  signal: AbortSignal,
): Promise<RootContainer | Failure> {
  const found = await findForeign(engine, container.target, signal);
  if (!found.ok) return found.error.failure;
  const { id, facts } = found.value;
  await report.container(facts);
  await tellForeignLimits(limits, container.target, report);
  const about = { image: facts.image, name: facts.name };
  return {
    facts,
    exec: (exec, stop, sink, stopped) => runExec(engine, id, about, exec, stop, sink, stopped),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
