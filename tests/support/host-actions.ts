/** The `Actions` port on this machine's host, without an engine, in a folder of its own. */
import { newActions } from "../../src/runner/actions/open.ts";
import { filterHostEnv } from "../../src/runner/actions/environment.ts";
import { systemClock, systemIds } from "../../src/runner/clock.ts";
import { machineDisk } from "../../src/runner/disk.ts";
import { newMask } from "../../src/runner/mask.ts";
import { OPEN_POLICY } from "../../src/runner/policy.ts";
import { newSecretFiles } from "../../src/runner/secret-files.ts";
import { openWorkspace, type Workspace } from "../../src/runner/workspace.ts";
import type { Failure } from "../../src/run/failure.ts";
import type { OpenActions, Outcome, Reporter, RunScope, StepCall } from "../../src/run/ports.ts";

export interface HostBench extends AsyncDisposable {
  readonly actions: OpenActions;
  readonly workspace: Workspace;
  readonly hurry: AbortController;
  /** Performs one call; missing parts are those of a plain host step. */
  perform(call: Partial<StepCall> & Pick<StepCall, "action">, signal?: AbortSignal): Promise<Performed>;
}

export interface Performed {
  readonly outcome: Outcome;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HostBenchOptions {
  readonly scope?: Partial<RunScope>;
  readonly secrets?: readonly string[];
  readonly runnerEnv?: Readonly<Record<string, string>>;
  onOutput?(text: string): void;
}

export const SILENT: Reporter = { container: () => Promise.resolve(), note: () => Promise.resolve() };
const NO_ENGINE: Failure = { code: "RUNTIME_CONFIG_INVALID", message: "no engine here", remedy: "" };
const NEVER = new AbortController().signal;

export async function openHostBench(options: HostBenchOptions = {}): Promise<HostBench> {
  const folder = await Deno.makeTempDir();
  const run = { name: "flow", dagRunId: "run1", attemptId: "a1" };
  const workspace = await openWorkspace(
    machineDisk(),
    folder,
    run,
    { isWanted: true, dir: null, nowMs: 0 },
    null,
  );
  const hurry = new AbortController();
  const runnerEnv = options.runnerEnv ?? { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/root" };
  const opened = await newActions({
    attemptId: run.attemptId,
    workspace,
    sourceDir: "",
    owner: null,
    policy: OPEN_POLICY.forRun({ name: run.name, trust: "trusted" }, { own: [], secret: [] }),
    secretFiles: newSecretFiles({ base: folder, attemptId: run.attemptId, values: {}, owner: null }),
    hostEnv: filterHostEnv(runnerEnv),
    runnerEnv,
    mask: newMask(options.secrets ?? []),
    clock: systemClock(),
    ids: systemIds(),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    hurry: hurry.signal,
    engine: () => Promise.resolve(NO_ENGINE),
    state: () => Promise.resolve({ problem: "no control plane here" }),
    labels: () => {
      throw new Error("a host step has no labels");
    },
    logFiles: (step) => ({ stdout: `${folder}/${step}.stdout`, stderr: `${folder}/${step}.stderr` }),
    past: {
      hasRoot: false,
      retell: () => Promise.resolve(),
      endOf: () => Promise.resolve(null),
      keepEnd: () => {},
    },
    knownLogFiles: () => null,
  }).open(newScope(options.scope), SILENT, NEVER);
  if ("code" in opened) throw new Error(opened.message);
  return {
    actions: opened,
    workspace,
    hurry,
    perform: async (call, signal = NEVER) => {
      const text = { stdout: "", stderr: "" };
      const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
      const sink = {
        write: (stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> => {
          text[stream] += decoders[stream].decode(bytes, { stream: true });
          options.onOutput?.(text.stdout);
          return Promise.resolve();
        },
      };
      const files = opened.files(call.step ?? PLAIN.step);
      const scopeEnv = {
        PWD: opened.stepDir(call.workingDir ?? null),
        ...(workspace.artifactsDir === null ? {} : { DAG_RUN_ARTIFACTS_DIR: workspace.artifactsDir }),
        ...call.scopeEnv,
        DAGU_OUTPUT_FILE: files.output,
        DAG_RUN_STEP_STDOUT_FILE: files.stdout,
        DAG_RUN_STEP_STDERR_FILE: files.stderr,
      };
      const outcome = await opened.perform({ ...PLAIN, ...call, scopeEnv, files }, sink, SILENT, signal);
      return { outcome, ...text };
    },
    [Symbol.asyncDispose]: async () => {
      await opened[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

const PLAIN: Omit<StepCall, "action" | "files"> = {
  step: "a",
  handler: null,
  retry: 0,
  interrupted: null,
  place: "host",
  container: null,
  stepEnv: {},
  scopeEnv: {},
  workingDir: null,
  signalOnStop: "SIGTERM",
  graceMs: 5_000,
  maxOutputSize: 1_048_576,
  isOneStream: false,
};

export function newScope(scope: Partial<RunScope> = {}): RunScope {
  return {
    container: null,
    resources: { cpu: null, memoryBytes: null },
    registryAuths: null,
    harnesses: {},
    shell: null,
    workingDir: null,
    graceMs: 5_000,
    defaults: {},
    ...scope,
  };
}
