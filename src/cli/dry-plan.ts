/** What a workflow's containers would be asked of the engine, step by step; nothing is sent (`dagu dry --plan`). */
import type { Actions, RunPorts } from "../run/ports.ts";
import type { Failure } from "../run/failure.ts";
import { isFailure } from "../run/outcome.ts";
import { newActions } from "../runner/actions/open.ts";
import { filterHostEnv } from "../runner/actions/environment.ts";
import { systemIds } from "../runner/clock.ts";
import { openPaperEngine, type PlannedCall } from "../runner/containers/paper.ts";
import type { Mount } from "../runner/containers/mounts.ts";
import type { Runtime } from "../runner/containers/runtime.ts";
import { MASK, newMask } from "../runner/mask.ts";
import type { RunPolicy } from "../runner/policy.ts";
import { isMapping } from "../workflow/json.ts";
import type { Step } from "../workflow/workflow.ts";
import { machineDisk } from "../runner/disk.ts";
import { openWorkspace } from "../runner/workspace.ts";

export interface PlannedStep {
  /** "": the root container of the run. */
  readonly step: string;
  readonly calls: readonly PlannedCall[];
  readonly failure: Failure | null;
}

export interface Plan {
  readonly actions: Actions;
  steps(): readonly PlannedStep[];
}

export interface PlanOptions {
  readonly runtime: Runtime;
  readonly policy: RunPolicy;
  readonly env: Readonly<Record<string, string>>;
  readonly name: string;
  readonly workDir: string;
  readonly sourceDir: string;
  readonly clock: RunPorts["clock"];
}

/** Where a run would have its secrets as files. */
export const PLANNED_SECRETS_DIR = "/dev/shm/dagu-secrets-PLAN";

const PLANNED_SECRETS: Mount = {
  type: "bind",
  source: PLANNED_SECRETS_DIR,
  target: "/run/secrets",
  readOnly: true,
};

/** Whether anything of the step would reach an engine. */
export function isInContainer(step: Step): boolean {
  return step.place !== "host" || step.action.name === "docker.run";
}

export async function openPlan(options: PlanOptions): Promise<Plan> {
  const steps: PlannedStep[] = [];
  const paper = openPaperEngine(options.runtime, options.policy.guard);
  const ids = systemIds();
  const run = { name: options.name, dagRunId: "plan", attemptId: ids.uuid() };
  const workspace = await openWorkspace(
    machineDisk(),
    options.workDir,
    run,
    { isWanted: false, dir: null, nowMs: 0 },
    null,
  );
  const quiet = (): void => {};
  const real = newActions({
    attemptId: run.attemptId,
    workspace: { ...workspace, workDir: options.workDir },
    sourceDir: options.sourceDir,
    owner: null,
    policy: options.policy,
    secretFiles: {
      open: (names) =>
        Promise.resolve({
          mounts: names.length === 0 ? [] : [PLANNED_SECRETS],
          [Symbol.asyncDispose]: () => Promise.resolve(),
        }),
    },
    hostEnv: filterHostEnv(options.env),
    runnerEnv: options.env,
    mask: newMask([]),
    clock: options.clock,
    ids,
    log: { info: quiet, warn: quiet, error: quiet },
    hurry: new AbortController().signal,
    isPlanned: true,
    engine: () => Promise.resolve(paper.engine),
    state: () => Promise.resolve({ problem: "a dry run has no state" }),
    labels: (step) => ({
      workflow: options.name,
      run: "PLAN",
      attempt: "PLAN",
      runner: "PLAN",
      step: step ?? "",
    }),
    logFiles: () => ({ stdout: "", stderr: "" }),
    past: {
      hasRoot: false,
      retell: () => Promise.resolve(),
      endOf: () => Promise.resolve(null),
      keepEnd: () => {},
    },
    knownLogFiles: () => null,
  });
  const actions: Actions = {
    open: async (scope, report, signal) => {
      const opened = await real.open(scope, report, signal);
      const calls = paper.take();
      const failure = isFailure(opened) ? opened : null;
      if (calls.length > 0 || failure !== null) steps.push({ step: "", calls, failure });
      if (isFailure(opened)) return opened;
      return {
        ...opened,
        perform: async (call, sink, reporter, stop) => {
          if (call.action.name === "noop") return { exitCode: 0, failure: null, outputFile: null };
          const outcome = await opened.perform(call, sink, reporter, stop);
          steps.push({ step: call.step, calls: paper.take(), failure: outcome.failure });
          return outcome;
        },
      };
    },
  };
  return { actions, steps: () => steps };
}

// ---- how it is shown ----------------------------------------------------------------------------------------------

/** Variables whose values nobody wants in a terminal, wherever they come from. */
const SECRET_NAME = /TOKEN|SECRET|PASS(?:WORD|WD|PHRASE)?$|CREDENTIAL|API_?KEY|PRIVATE_?KEY|AUTH/i;

export function planText(runtime: Runtime, address: string, steps: readonly PlannedStep[]): string {
  const plan = {
    engine: runtime.kind,
    address,
    steps: steps.map(({ step, calls, failure }) => ({
      step: step === "" ? "(root container)" : step,
      ...(failure === null ? {} : { refused: failure }),
      calls,
    })),
  };
  const values = new Set<string>();
  const hidden = hideNamed(plan, values);
  return newMask(values).text(JSON.stringify(hidden, null, 2)) + "\n";
}

/** `NAME=value` texts with such a name lose their value, which is hidden elsewhere, too. */
function hideNamed(value: unknown, values: Set<string>): unknown {
  if (typeof value === "string") {
    const cut = value.indexOf("=");
    if (cut < 1 || !/^\w+$/.test(value.slice(0, cut)) || !SECRET_NAME.test(value.slice(0, cut))) return value;
    values.add(value.slice(cut + 1));
    return `${value.slice(0, cut)}=${MASK}`;
  }
  if (Array.isArray(value)) return value.map((item) => hideNamed(item, values));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hideNamed(item, values)]));
}
