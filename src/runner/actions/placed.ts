/**
 * Commands of a step in containers: in the root container, in somebody else's, or in one of the step's own. The client
 * of the engine is loaded by the first container only: a run without one starts in half the time.
 */
import type { Failure } from "../../run/failure.ts";
import type { Outcome, StreamName } from "../../run/ports.ts";
import type { Container, ExecContainer, ImageContainer, ResourceLimits } from "../../workflow/workflow.ts";
import { stepOwner } from "../containers/names.ts";
import type { RootContainer } from "../containers/root-container.ts";
import type { ScriptFile } from "../containers/shell.ts";
import type { ContainerRequest } from "../containers/spec.ts";
import { execEnvironment, ownEnvironment } from "./environment.ts";
import { stepDir } from "./host.ts";
import { failed, failedWith, isFailure, nameCommand, succeeded } from "../../run/outcome.ts";
import { stopRules, type Work } from "./work.ts";

export interface PlacedCommand {
  /** null: what the container does by itself. */
  readonly argv: readonly string[] | null;
  /** Absent: the command needs none. */
  readonly file?: ScriptFile | null;
  /** The image's entrypoint runs, with `argv` as its arguments; otherwise `argv` is the whole command (4.4). */
  readonly keepsEntrypoint: boolean;
}

/** Decides which variables the commands see (3.6, 4.7). */
export type PlacedKind = "run" | "harness.run";

/** In the root container: one exec for each command, in order, until one fails (3.4.5). */
export async function runInShared(
  work: Work,
  kind: PlacedKind,
  commands: readonly PlacedCommand[],
): Promise<Outcome> {
  const { root, scope } = work.attempt;
  if (root === null || scope.container === null) {
    return failed("INTERNAL", "the step is meant for a root container, and the run has none", "");
  }
  return await execAll(root, scope.container, work, kind, commands);
}

/** In the step's own `container:`, which replaces the root one entirely (4.1.2). */
export async function runInOwn(
  work: Work,
  kind: PlacedKind,
  commands: readonly PlacedCommand[],
): Promise<Outcome> {
  const { container } = work.call;
  if (container === null) return failed("INTERNAL", "the step has no container of its own", "");
  return container.kind === "exec"
    ? await runInForeign(container, work, kind, commands)
    : await runInNew(container, work, kind, commands);
}

async function runInForeign(
  container: ExecContainer,
  work: Work,
  kind: PlacedKind,
  commands: readonly PlacedCommand[],
): Promise<Outcome> {
  const engine = await work.attempt.engine();
  if (isFailure(engine)) return failedWith(engine);
  const { openForeignContainer } = await import("../containers/root-container.ts");
  const { resources } = work.attempt.scope;
  const owner = stepOwner(work.attempt.labels(work.call.step));
  const foreign = await openForeignContainer(engine, container, owner, resources, work.report, work.signal);
  if (isFailure(foreign)) return notEntered(foreign, container.target, work);
  await using opened = foreign;
  return await execAll(opened, container, work, kind, commands);
}

/** A stop that came while somebody else's container was waited for: that is what took the time. */
export function notEntered(failure: Failure, target: string, { signal }: Work): Outcome {
  const outcome = failedWith(failure);
  return signal.aborted
    ? { ...outcome, aftermath: `until then container ${target} was waited for, which does not run` }
    : outcome;
}

async function runInNew(
  container: ImageContainer,
  work: Work,
  kind: PlacedKind,
  commands: readonly PlacedCommand[],
): Promise<Outcome> {
  const engine = await work.attempt.engine();
  if (isFailure(engine)) return failedWith(engine);
  const [command, ...others] = commands;
  if (command === undefined) return succeeded(null);
  const secrets = await work.attempt.secretFiles.open(container.secrets ?? []);
  if (isFailure(secrets)) return failedWith(secrets);
  await using files = secrets;
  const extraMounts = files.mounts;
  const { runStepCommands, runStepContainer } = await import("../containers/step-container.ts");
  const { sink, report, signal } = work;
  if (others.length === 0) {
    const request = { ...ownRequest(container, work, kind, command), extraMounts };
    return await runStepContainer(engine, request, stopRules(work), sink, report, signal, work.turn);
  }
  // The container only holds them: `startup` says what its own process is (4.5.1).
  const held = { argv: null, keepsEntrypoint: true };
  const request = { ...ownRequest(container, work, kind, held), extraMounts };
  const shellCommands = commands.map(({ argv, file }) => ({ argv: argv ?? [], file: file ?? null }));
  return await runStepCommands(engine, request, shellCommands, stopRules(work), sink, report, signal);
}

/** A create request for a container of this step. Relative volumes are meant against the step's directory (2.6.3). */
export function ownRequest(
  container: ImageContainer,
  work: Work,
  kind: PlacedKind,
  command: PlacedCommand,
): ContainerRequest {
  const argv = command.argv;
  return {
    container,
    entrypoint: argv === null || command.keepsEntrypoint ? null : argv.slice(0, 1),
    command: argv === null ? null : command.keepsEntrypoint ? argv : argv.slice(1),
    file: command.file ?? null,
    env: ownEnvironment(kind, work.call, container.secrets),
    baseDir: stepDir(work),
    labels: work.attempt.labels(work.call.step),
    tailed: tailedOf(kind),
    limits: work.attempt.scope.resources satisfies ResourceLimits,
    registryAuths: work.attempt.scope.registryAuths,
    hostEnv: work.attempt.runnerEnv,
  };
}

async function execAll(
  root: RootContainer,
  container: Container,
  work: Work,
  kind: PlacedKind,
  commands: readonly PlacedCommand[],
): Promise<Outcome> {
  const hidden = container.kind === "image" ? container.secrets : [];
  const env = execEnvironment(kind, work.call, container.env, hidden);
  for (const [index, command] of commands.entries()) {
    const { user, workingDir } = container;
    const { argv, file } = command;
    const request = { argv: argv ?? [], file: file ?? null, env, workingDir, user, tailed: tailedOf(kind) };
    const outcome = await root.exec(request, stopRules(work), work.sink, work.signal);
    if (outcome.failure !== null) return commands.length > 1 ? nameCommand(outcome, index) : outcome;
    // A stop between two commands must not start the next one (4.5.1).
    if (work.signal.aborted) return outcome;
  }
  return succeeded(null);
}

/** An agent often says on stdout why it gave up (7.8). */
function tailedOf(kind: PlacedKind): readonly StreamName[] {
  return kind === "harness.run" ? ["stderr", "stdout"] : ["stderr"];
}
