/** The `Actions` port of one attempt: its folders, its root container, and the way from a call to an action. */
import { join } from "node:path";
import type { Failure } from "../../run/failure.ts";
import type {
  Actions,
  Clock,
  Ids,
  Log,
  OpenActions,
  Outcome,
  OutputSink,
  Reporter,
  RunScope,
  StepCall,
  StreamName,
} from "../../run/ports.ts";
import type { Engine } from "../containers/engine.ts";
import type { Labels, Marks } from "../containers/labels.ts";
import { stepOwner } from "../containers/names.ts";
import type { RootContainer } from "../containers/root-container.ts";
import { type Mask, maskSink } from "../mask.ts";
import type { RunPolicy } from "../policy.ts";
import type { SecretFiles } from "../secret-files.ts";
import type { Owner, Workspace } from "../workspace.ts";
import type { Environment } from "./environment.ts";
import { joinDir, makeWorkingDir } from "./host.ts";
import { runDirectory } from "../run-directory.ts";
import { failedWith, isFailure, lostTry } from "../../run/outcome.ts";
import { openRedirect, readTextFile } from "./redirect.ts";
import { perform } from "./registry.ts";
import type { StateReply } from "../../protocol/state.ts";
import type { AttemptShare, StateCall } from "./work.ts";

export interface ActionsOptions {
  readonly attemptId: string;
  readonly workspace: Workspace;
  /** Folder of the workflow's file; "": unknown. */
  readonly sourceDir: string;
  /** Given the working directory when we make it; null: the runner's user. */
  readonly owner: Owner | null;
  readonly policy: RunPolicy;
  readonly secretFiles: Pick<SecretFiles, "open">;
  readonly hostEnv: Environment;
  readonly runnerEnv: Readonly<Record<string, string>>;
  readonly mask: Mask;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly hurry: AbortSignal;
  /** Nothing is to be made here. */
  readonly isPlanned?: boolean;
  engine(): Promise<Engine | Failure>;
  state(request: StateCall, signal: AbortSignal): Promise<StateReply | { readonly problem: string }>;
  /** Of a step's container; null: of the root container. */
  labels(step: string | null): Labels;
  logFiles(step: string): Readonly<Record<StreamName, string>>;
  /** What earlier processes of the runner left of this attempt, and what a later one will have to know. */
  readonly past: Past;
  /** Of a step that has logged already; null: it has not. */
  knownLogFiles(step: string): Readonly<Record<StreamName, string>> | null;
}

export interface Past {
  /** They had opened the root container. */
  readonly hasRoot: boolean;
  /** What the log has of the last try of the step goes to `sink` once more, as it is there. */
  retell(step: string, sink: OutputSink): Promise<void>;
  /** How the last try of the step ended, when that is known; its output goes to `sink` once more. */
  endOf(step: string, sink: OutputSink): Promise<Outcome | null>;
  keepEnd(step: string, outcome: Outcome): void;
}

export function newActions(options: ActionsOptions): Actions {
  return {
    open: async (scope, report, signal) => {
      const places = { workDir: options.workspace.workDir, sourceDir: options.sourceDir };
      const workingDir = runDirectory(places, scope.workingDir);
      const refused = await options.policy.path(workingDir);
      if (refused !== null) return refused;
      const unusable = options.isPlanned === true ? null : await makeRunDir(workingDir, options.owner);
      if (unusable !== null) return unusable;
      const root = await openRoot(options, scope, workingDir, report, signal);
      if (root !== null && isFailure(root)) return root;
      return newOpenActions(
        { ...options, scope, workingDir, root, scratchDir: options.workspace.attemptDir },
        options,
      );
    },
  };
}

function newOpenActions(attempt: AttemptShare, options: ActionsOptions): OpenActions {
  // Another process of the runner may have named files of this attempt before.
  const files = join(attempt.scratchDir, attempt.ids.uuid());
  let tries = 0;
  return {
    perform: async (call, sink, report, signal) => {
      if (call.interrupted !== null) {
        const known = await options.past.endOf(call.step, sink);
        if (known !== null || !canGoOn(call)) await abandon(options, call.step);
        if (known !== null) return known;
        if (!canGoOn(call)) await abandonForeign(options, call);
        if (!canGoOn(call)) return failedWith(lostTry("what it printed cannot be listened to again"), null);
      }
      const masked = maskSink(await resumed(options, call, sink, signal), options.mask);
      const settled = async (outcome: Outcome): Promise<void> => {
        await masked.end();
        options.past.keepEnd(call.step, outcome);
      };
      const turn = { interrupted: call.interrupted, settled };
      const outcome = await perform(call.action, { call, attempt, sink: masked, report, signal, turn });
      await masked.end();
      return outcome;
    },
    abandon: (step) => abandon(options, step),
    stepDir: (workingDir) => joinDir(attempt.workingDir, workingDir),
    files: (step) => ({
      ...attempt.logFiles(step),
      output: `${files}-${++tries}.output`,
    }),
    logsOf: (step) => options.knownLogFiles(step),
    redirect: async (target, stepDir) => {
      const refused = target.kind === "file"
        ? await attempt.policy.path(joinDir(stepDir, target.path))
        : null;
      return refused ?? await openRedirect(target, stepDir, options.workspace.artifactsDir);
    },
    readText: async (path, stepDir, maxBytes) =>
      await attempt.policy.path(joinDir(stepDir, path)) ?? await readTextFile(path, stepDir, maxBytes),
    [Symbol.asyncDispose]: async () => {
      try {
        await attempt.root?.[Symbol.asyncDispose]();
      } catch (error) {
        options.log.warn("root container not cleaned up", { error: String(error) });
      }
    },
  };
}

/**
 * Whether a later process of the runner can take the try over: only a container that does the step's work by itself can be
 * listened to again. A kept one of an earlier try would be taken for it.
 */
function canGoOn({ action, container, retry }: StepCall): boolean {
  if (action.name === "docker.run") {
    return action.with.image !== null && (retry === 0 || action.with.autoRemove === true);
  }
  const isAlone = action.name === "container" || action.name === "run" && action.texts.length === 1;
  return isAlone && container?.kind === "image" && (container.secrets ?? []).length === 0 &&
    (retry === 0 || !container.keepContainer);
}

/**
 * Of a try that is taken over, an engine tells the output again; where its log is text, not to the byte. What is in ours
 * already comes from there, and as much of the engine's is left out.
 */
async function resumed(
  options: ActionsOptions,
  call: StepCall,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<OutputSink> {
  if (call.interrupted === null) return sink;
  const engine = await options.engine();
  if (isFailure(engine)) return sink;
  const { keepsText, newTextLength } = await import("../containers/text-log.ts");
  if (!await keepsText(engine, signal)) return sink;
  const lengths = { stdout: newTextLength(), stderr: newTextLength() };
  await options.past.retell(call.step, {
    write: async (stream, bytes) => {
      lengths[stream].add(bytes);
      await sink.write(stream, bytes);
    },
  });
  const left = { stdout: lengths.stdout.bytes, stderr: lengths.stderr.bytes };
  return {
    write: async (stream, bytes) => {
      const known = Math.min(left[stream], bytes.length);
      left[stream] -= known;
      if (known < bytes.length) await sink.write(stream, bytes.subarray(known));
    },
  };
}

const ABANDON_MS = 30_000;

async function abandon(options: ActionsOptions, step: string): Promise<void> {
  const engine = await options.engine();
  if (isFailure(engine)) return;
  const { reapAttempt } = await import("../containers/reaper.ts");
  const isOther = (marks: Marks): boolean => marks.step !== step || marks.role === "shared";
  const reaped = await reapAttempt(engine, options.labels(step), isOther, AbortSignal.timeout(ABANDON_MS));
  if (!reaped.ok) options.log.warn("left containers not removed", { step, reason: reaped.error.message });
}

/** What the try left in somebody else's container. */
async function abandonForeign(options: ActionsOptions, { action, container, step }: StepCall): Promise<void> {
  const owner = stepOwner(options.labels(step));
  if (container?.kind === "exec") return await sweep(options, container.target, owner, container.user);
  if (action.name !== "docker.run" || action.with.containerName === null) return;
  const user = action.with.exec["User"];
  await sweep(
    options,
    action.with.containerName,
    owner,
    typeof user === "string" && user !== "" ? user : null,
  );
}

async function sweep(
  options: ActionsOptions,
  target: string,
  owner: string,
  user: string | null,
): Promise<void> {
  const engine = await options.engine();
  if (isFailure(engine)) return;
  const { sweepForeign } = await import("../containers/foreign.ts");
  if (await sweepForeign(engine, target, owner, user, AbortSignal.timeout(ABANDON_MS))) return;
  options.log.warn("left processes not ended", { container: target });
}

/** Files of secrets are cleared with the process that made them: nothing that reads them is gone on with. */
const SECRETS_GONE = "its files of secrets ended with the runner's process";

async function openRoot(
  options: ActionsOptions,
  scope: RunScope,
  workingDir: string,
  report: Reporter,
  signal: AbortSignal,
): Promise<RootContainer | Failure | null> {
  const { container } = scope;
  if (container === null) return null;
  const engine = await options.engine();
  if (isFailure(engine)) return engine;
  const { openForeignContainer, openRootContainer, takeRootContainer } = await import(
    "../containers/root-container.ts"
  );
  if (container.kind === "exec") {
    const owner = options.labels(null).attempt;
    if (options.past.hasRoot) await sweep(options, container.target, owner, container.user);
    return await openForeignContainer(engine, container, owner, scope.resources, report, signal);
  }
  if (options.past.hasRoot && (container.secrets ?? []).length > 0) return lostTry(SECRETS_GONE);
  const secrets = await options.secretFiles.open(container.secrets ?? []);
  if (isFailure(secrets)) return secrets;
  await using opened = new AsyncDisposableStack();
  opened.use(secrets);
  const openOne = options.past.hasRoot ? takeRootContainer : openRootContainer;
  const root = await openOne(
    engine,
    {
      container,
      entrypoint: null,
      command: null,
      env: {},
      baseDir: workingDir,
      labels: options.labels(null),
      limits: scope.resources,
      registryAuths: scope.registryAuths,
      hostEnv: options.runnerEnv,
      extraMounts: secrets.mounts,
    },
    report,
    signal,
  );
  if (isFailure(root)) return root;
  opened.use(root);
  const held = opened.move();
  return { ...root, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** A folder that was there keeps its owner. */
async function makeRunDir(path: string, owner: Owner | null): Promise<Failure | null> {
  const known = await Deno.stat(path).catch(() => null);
  if (known?.isDirectory === true) return null;
  const unusable = await makeWorkingDir(path);
  if (unusable === null && owner !== null) await Deno.chown(path, owner.uid, owner.gid);
  return unusable;
}
