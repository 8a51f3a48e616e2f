/**
 * One claimed attempt, from its workspace to its last report. Whatever happens in between, it ends with a terminal event
 * in the spool, unless the control plane has taken it away.
 */
import { join } from "node:path";
import type { Grant } from "../protocol/grant.ts";
import type { Directive, Settings } from "../protocol/messages.ts";
import { resend } from "../protocol/resend.ts";
import type { PrivateKey } from "../protocol/sealing.ts";
import { execute } from "../run/execute.ts";
import type { Failure } from "../run/failure.ts";
import type { RunInputs } from "../run/inputs.ts";
import type { Clock, Journal, Log } from "../run/ports.ts";
import { isFailure } from "../run/outcome.ts";
import type { Progress } from "../run/progress.ts";
import { knownWorkingDir, newRunScope } from "../run/scope.ts";
import type { RunState } from "../run/state.ts";
import { stopReason } from "../run/stop.ts";
import { usesArtifacts } from "../workflow/artifacts.ts";
import type { Workflow } from "../workflow/workflow.ts";
import { filterHostEnv, withoutServiceEnv } from "./actions/environment.ts";
import { fetchArtifacts, keepingJournal } from "./artifacts.ts";
import { brokenBy, describe } from "./broken.ts";
import { newChecks } from "./checks.ts";
import { type ChildrenPorts, newChildren } from "./children.ts";
import type { Engine } from "./containers/engine.ts";
import type { Disk } from "./disk.ts";
import { decline, refusalOf, unsigned } from "./decline.ts";
import type { Labels } from "./containers/labels.ts";
import { readDefinition } from "./definition.ts";
import { guardedJournal } from "./guarded-journal.ts";
import { type Attempt, type Control, holdAttempt, newControl } from "./control.ts";
import { type Instant, newLease } from "./lease.ts";
import type { Machine } from "./machine.ts";
import { filingJournal } from "./log-files.ts";
import { lookupFolders } from "./run-directory.ts";
import { heardJournal, type Listener } from "./listener.ts";
import { openRunLog } from "./run-log.ts";
import { newMails } from "./mails.ts";
import { extendMask, type Mask, maskJournal } from "./mask.ts";
import { fetchPreviousLogs } from "./previous-logs.ts";
import { newRunEngine } from "./run-engine.ts";
import { newSecretFiles } from "./secret-files.ts";
import { fetchSecrets } from "./managed-secrets.ts";
import { readSecrets } from "./secrets.ts";
import { newPast } from "./past.ts";
import type { Policy, RunPolicy } from "./policy.ts";
import { newSpool, type Spool, type SpoolBudget } from "./spool.ts";
import { newSurroundings } from "./surroundings.ts";
import { tellToTheEnd } from "./tell.ts";
import { fetchTriggerEnv } from "./trigger-inputs.ts";
import { openWorkspace, type Owner, type Workspace } from "./workspace.ts";

/** What the runner lends to each of its attempts. */
export interface AttemptHost extends ChildrenPorts {
  readonly log: Log;
  readonly machine: Machine;
  /** The machine's. */
  readonly disk: Disk;
  readonly settings: Settings;
  readonly stateDir: string;
  /** Folders of runs. */
  readonly runsDir: string;
  readonly logDir: string | null;
  readonly runnerId: string;
  readonly listener: Listener | null;
  /** Unseals what the control plane seals to this runner; null: it registered no key. */
  readonly privateKey: PrivateKey | null;
  readonly version: string;
  readonly hostName: string;
  readonly runnerEnv: Readonly<Record<string, string>>;
  readonly owner: Owner | null;
  readonly mask: Mask;
  readonly policy: Policy;
  /** What no container may see. */
  readonly hiddenPaths: readonly string[];
  /** Where secrets are held as files. */
  readonly secretsBase: string;
  readonly budget: SpoolBudget;
  /** Its sleeps end early when contact with the control plane is back. */
  readonly retryClock: Clock;
  engine(): Promise<Engine | Failure>;
  onDirectives(directives: readonly Directive[]): void;
  /** Removes the containers of an attempt of which nothing goes on. Never throws. */
  reap(attemptId: string): Promise<void>;
}

/** `abandon` ends the waiting for a control plane that does not answer; what was not told stays in the spool. */
export function startAttempt(
  host: AttemptHost,
  grant: Grant,
  claimedAt: Instant,
  abandon: AbortSignal,
  takesSlot = true,
): Attempt {
  const control = newControl();
  const done = runAttempt(host, grant, { control, abandon, claimedAt, takesSlot }).catch((error: unknown) => {
    host.log.error("attempt broke", { attempt: grant.attemptId, error: describe(error) });
  });
  const lease = newLease(host.clock, claimedAt, grant.leaseMs, grant.graceMs);
  const { attemptId, fence, run: { needs } } = grant;
  return holdAttempt({ attemptId, fence, takesSlot, needs, lease }, control, done);
}

interface Claim {
  readonly control: Control;
  readonly abandon: AbortSignal;
  readonly claimedAt: Instant;
  readonly takesSlot: boolean;
}

async function runAttempt(host: AttemptHost, grant: Grant, claim: Claim): Promise<void> {
  const { control } = claim;
  const read = await readDefinition(grant.definition, grant.run.name);
  const { signal } = control.stop;
  if ("problem" in read) return await decline(host, grant, "definition_invalid", read.problem, signal);
  const problem = await unsigned(host, grant, read.workflow);
  if (problem !== null) return await decline(host, grant, "signature_invalid", problem, signal);
  const refused = refusalOf(host.policy, grant.run, read.workflow);
  if (refused !== null) return await decline(host, grant, "policy_denied", refused.message, signal);
  const folder = join(host.stateDir, "spool", grant.attemptId);
  const header = {
    attemptId: grant.attemptId,
    attemptToken: grant.attemptToken,
    fence: grant.fence,
    name: grant.run.name,
    dagRunId: grant.run.dagRunId,
    takesSlot: claim.takesSlot,
    needs: grant.run.needs,
    bootId: host.machine.bootId,
  };
  const spool = await newSpool(folder, header, host, host.budget);
  const { now: renewedAt } = claim.claimedAt;
  spool.recovery.renewed({ renewedAt, leaseMs: grant.leaseMs, graceMs: grant.graceMs });
  await carryOut(host, grant, read.workflow, spool, null, control, claim.abandon);
}

/** From what its spool tells to the last report of its end. `progress`: what earlier processes of the runner told. */
export async function carryOut(
  host: AttemptHost,
  grant: Grant,
  workflow: Workflow,
  opened: Spool,
  progress: Progress | null,
  control: Control,
  abandon: AbortSignal,
): Promise<void> {
  await using spool = opened;
  const opening = openWorkspace(
    host.disk,
    host.runsDir,
    { name: grant.run.name, dagRunId: grant.run.dagRunId, attemptId: grant.attemptId },
    { isWanted: usesArtifacts(workflow), dir: workflow.artifacts.dir, nowMs: host.clock.now() },
    host.owner,
  );
  const workspace = await opening.catch(noFolder);
  if (isFailure(workspace)) {
    return await tellToTheEnd(host, spool, control, abandon, async () => {
      await spool.event({ type: "attempt.finished", data: { status: "failed", error: workspace } });
    });
  }
  try {
    await tellToTheEnd(host, spool, control, abandon, async () => {
      await perform(host, grant, { workflow, workspace, spool, progress, abandon }, control);
    });
  } finally {
    await workspace.close();
  }
}

function noFolder(error: unknown): Failure {
  return {
    code: "INPUT_INVALID",
    message: `the run's folders cannot be made: ${error instanceof Error ? error.message : String(error)}`,
    remedy: "see that artifacts.dir and the runner's state folder are places where it may write",
  };
}

/** What an attempt goes on with when it is executed. */
interface Given {
  readonly workflow: Workflow;
  readonly workspace: Workspace;
  readonly spool: Spool;
  readonly progress: Progress | null;
  readonly abandon: AbortSignal;
}

/** Executes the workflow and sees to it that the spool ends with a terminal event, unless the attempt is fenced. */
async function perform(
  host: AttemptHost,
  grant: Grant,
  given: Given,
  control: Control,
): Promise<void> {
  const { workflow, workspace, spool, abandon } = given;
  const policy = host.policy.forRun(grant.run, {
    own: [
      join(host.secretsBase, grant.attemptId),
      workspace.workDir,
      ...(workspace.artifactsDir === null ? [] : [workspace.artifactsDir]),
    ],
    secret: host.hiddenPaths,
  });
  // The folder of the workflow's file is the machine's, not the run's.
  const sourceDir = policy.isConfined ? "" : grant.run.sourceDir;
  const folders = sourceDir === "" ? [workspace.workDir] : [workspace.workDir, sourceDir];
  const inputs = firstInputs(host, grant, given, policy);
  const workingDir = knownWorkingDir(workflow, newRunScope(workflow, inputs, host.clock.now()));
  const secrets = await readSecrets(workflow.secrets, {
    env: host.runnerEnv,
    folders: lookupFolders({ workDir: workspace.workDir, sourceDir }, workingDir),
    policy,
    managed: (wanted) => fetchSecrets(host, spool.header, wanted, control.stop.signal),
  });
  const mask = isFailure(secrets) ? host.mask : extendMask(host.mask, Object.values(secrets.values));
  const guarded = guardedJournal(spool, control);
  const heard = host.listener === null ? guarded : heardJournal(guarded, host.listener, grant.run);
  const logDir = workflow.logDir ?? host.logDir;
  const filed = logDir === null ? heard : filingJournal(spool, heard, host, grant.run, workflow, logDir);
  using log = openRunLog(host.disk, workspace.logFile, host.clock);
  const masked = maskJournal(log.journal(filed), mask);
  const silence = AbortSignal.any([control.silence.signal, abandon]);
  const kept = workspace.artifactsDir === null ? null : {
    folder: workspace.artifactsDir,
    attempt: spool.header,
    signal: AbortSignal.any([control.kill.signal, silence]),
  };
  const journal = kept === null ? masked : keepingJournal(host, masked, kept);
  try {
    const trigger = await fetchTriggerEnv(
      host,
      spool.header,
      grant,
      workspace.attemptDir,
      control.stop.signal,
    );
    if (!trigger.ok) control.lost ??= trigger.failure;
    else if (isFailure(secrets)) control.lost ??= secrets;
    else {
      const triggerEnv = trigger.env;
      if (kept !== null && grant.resume !== null) {
        const signal = AbortSignal.any([kept.signal, control.stop.signal]);
        for (const problem of await fetchArtifacts(host, { ...kept, signal })) {
          host.log.warn(problem, { attempt: grant.attemptId });
        }
      }
      const { header } = spool;
      const { attemptDir } = workspace;
      const steps = grant.resume ?? [];
      const opened = {
        previousStdout: await fetchPreviousLogs(host, header, steps, attemptDir, control.stop.signal),
        workflow,
        workspace,
        spool,
        inputs,
        journal,
        mask,
        secrets: secrets.values,
        triggerEnv,
        policy,
        sourceDir,
        folders,
        silence,
      };
      control.result = await run(host, grant, opened, control);
    }
  } catch (error) {
    control.lost ??= brokenBy(host, grant.attemptId, error);
  }
  if (spool.isComplete || control.isFenced) return;
  const error = control.lost ?? { code: "INTERNAL", message: "the run ended without a result", remedy: "" };
  const status = stopReason(control.stop.signal)?.kind === "cancelled" ? "aborted" : "failed";
  await spool.event({ type: "attempt.finished", data: { status, error } });
}

/** What a run starts from, before anything is fetched for it. */
function firstInputs(
  host: AttemptHost,
  grant: Grant,
  { workflow, workspace, progress }: Given,
  policy: RunPolicy,
): RunInputs {
  const imported = filterHostEnv(host.runnerEnv);
  const { run } = grant;
  return {
    name: run.name,
    dagRunId: run.dagRunId,
    attemptId: grant.attemptId,
    triggerType: run.triggerType,
    triggerActor: run.triggerActor,
    scheduleTime: run.scheduleTime,
    params: grant.params,
    env: {},
    host: policy.isConfined ? imported : withoutServiceEnv(host.runnerEnv),
    imported,
    paths: { workDir: workspace.workDir, logFile: workspace.logFile, artifactsDir: workspace.artifactsDir },
    secrets: {},
    root: run.root,
    // The failure handler waits for the last attempt.
    isRetryDue: run.root === null && run.autoRetries < (workflow.retry?.limit ?? 0),
    resume: grant.resume === null ? null : { steps: grant.resume },
    previousStdout: {},
    progress,
    engineVersion: host.version,
    hostName: host.hostName,
  };
}

/** What the attempt has by the time at which it is executed. */
interface Opened extends Omit<Given, "abandon" | "progress"> {
  /** Without what is fetched for it. */
  readonly inputs: RunInputs;
  readonly journal: Journal;
  readonly mask: Mask;
  readonly secrets: Readonly<Record<string, string>>;
  readonly triggerEnv: Readonly<Record<string, string>>;
  readonly policy: RunPolicy;
  readonly sourceDir: string;
  /** Where relative files of the workflow are looked for. */
  readonly folders: readonly string[];
  /** See `ChildrenOf`. */
  readonly silence: AbortSignal;
  readonly previousStdout: Readonly<Record<string, string>>;
}

async function run(host: AttemptHost, grant: Grant, opened: Opened, control: Control): Promise<RunState> {
  const { workflow, workspace, spool, journal, mask, policy, sourceDir, folders } = opened;
  const { progress, imported: hostEnv } = opened.inputs;
  const { attemptId } = grant;
  const { owner } = host;
  const secretFiles = newSecretFiles({ base: host.secretsBase, attemptId, values: opened.secrets, owner });
  const labels = (step: string | null): Labels => ({
    run: grant.run.dagRunId,
    workflow: grant.run.name,
    attempt: grant.attemptId,
    runner: host.runnerId,
    step: step ?? "",
  });
  await using engine = newRunEngine(host.engine, policy.guard, labels(null));
  const share = { attemptId, policy, clock: host.clock, hostEnv, runnerEnv: host.runnerEnv };
  const actions = host.machine.newActions({
    ...share,
    ids: host.ids,
    log: host.log,
    mask,
    workspace,
    sourceDir,
    owner,
    secretFiles,
    hurry: control.kill.signal,
    engine: engine.open,
    state: async (request, signal) => {
      const body = { ...request, fence: grant.fence };
      const got = await resend(host, { signal }, (call) => host.client.state(grant, body, call));
      if (got.ok) return got.value;
      return { problem: got.failure.kind === "aborted" ? "the run was stopped" : got.failure.message };
    },
    labels,
    past: newPast(workflow, spool, mask, progress),
    logFiles: (step) => spool.openStep(step),
    knownLogFiles: (step) => spool.logsOf(step),
  });
  const inputs = {
    ...opened.inputs,
    env: opened.triggerEnv,
    secrets: opened.secrets,
    previousStdout: opened.previousStdout,
  };
  const children = newChildren(host, {
    attempt: grant,
    locals: new Set(Object.keys(workflow.locals)),
    folders,
    policy,
    control,
    silence: opened.silence,
  });
  const surroundings = newSurroundings({ workDir: workspace.workDir, sourceDir, policy });
  const checks = newChecks({ ...share, workDir: workspace.workDir, sourceDir });
  const mails = newMails({
    workflow,
    run: grant.run,
    runnerEnv: host.runnerEnv,
    mask,
    logsOf: (step) => spool.logsOf(step),
  });
  const { clock } = host;
  const ports = { clock, journal, actions, checks, children, surroundings, mails, conceal: mask.text };
  const located = workflow.workingDir !== null || grant.run.defaultDir === ""
    ? workflow
    : { ...workflow, workingDir: grant.run.defaultDir };
  try {
    return await execute(located, inputs, ports, control.stop.signal, control.kill.signal);
  } finally {
    await host.disk.remove(secretFiles.dir);
  }
}
