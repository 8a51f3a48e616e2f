/** The container that the steps of a run share: ours (3.1), or somebody else's that we only execute into (2.3). */
import type { ContainerFacts } from "../../run/event.ts";
import type { Failure } from "../../run/failure.ts";
import type { Outcome, OutputSink, Reporter } from "../../run/ports.ts";
import type { StopRules } from "../../run/stop.ts";
import type { ExecContainer, ResourceLimits } from "../../workflow/workflow.ts";
import { openBackground } from "./background.ts";
import type { Engine } from "./engine.ts";
import { type ExecRequest, runExec } from "./exec.ts";
import { describe, diagnose } from "./diagnose.ts";
import { factsOf, findForeign } from "./foreign.ts";
import { killTree } from "./kill-tree.ts";
import { tellForeignLimits } from "./limits.ts";
import { anyExecToken } from "./names.ts";
import { releaseBackground } from "./release.ts";
import type { ContainerRequest } from "./spec.ts";
import { findLeft } from "./takeover.ts";

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
  const { id, facts } = opened.value;
  return rootContainer(engine, request, id, facts, async () => await opened.value[Symbol.asyncDispose]());
}

/**
 * The one that an earlier process of the runner opened. Its execs are ended: what they print cannot be listened to a second
 * time (B04).
 */
export async function takeRootContainer(
  engine: Engine,
  request: ContainerRequest,
  report: Reporter,
  signal: AbortSignal,
): Promise<RootContainer | Failure> {
  const { container, labels } = request;
  const left = await findLeft(engine, labels, "shared", report, signal);
  if (!left.ok) return diagnose(engine.runtime, left.error, { image: container.image }, signal).failure;
  if (left.value.kind !== "begun" || !left.value.container.State.Running) {
    const message = "the root container ended or was taken away while the runner was not there";
    const remedy = "start the run again";
    const found = { code: "CONTAINER_LOST", message, remedy } as const;
    return describe(engine.runtime, found, { image: container.image });
  }
  const { Id } = left.value.container;
  await killTree(engine, Id, anyExecToken(labels.attempt), container.user, "KILL", 0);
  const dispose = (): Promise<void> => releaseBackground(engine, Id, container.keepContainer, report);
  return rootContainer(engine, request, Id, factsOf(engine, left.value.container), dispose);
}

function rootContainer(
  engine: Engine,
  { labels }: ContainerRequest,
  id: string,
  facts: ContainerFacts,
  dispose: () => Promise<void>,
): RootContainer {
  const about = { image: facts.image, name: facts.name };
  const owner = labels.attempt;
  return {
    facts,
    exec: (exec, stop, sink, stopped) => runExec(engine, id, about, { ...exec, owner }, stop, sink, stopped),
    [Symbol.asyncDispose]: dispose,
  };
}

/** `owner`: whose its execs are, to be found again by it. */
export async function openForeignContainer(
  engine: Engine,
  container: ExecContainer,
  owner: string,
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
    exec: (exec, stop, sink, stopped) => runExec(engine, id, about, { ...exec, owner }, stop, sink, stopped),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
