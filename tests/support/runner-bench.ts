/** A real runner on this machine against a control plane in memory. */
import { NO_NEEDS } from "../../src/protocol/resources.ts";
import { sha256 } from "../../src/workflow/digest.ts";
import type { Grant } from "../../src/protocol/grant.ts";
import type { Failure } from "../../src/run/failure.ts";
import { systemClock, systemIds } from "../../src/runner/clock.ts";
import { thisMachine } from "../../src/runner/machine.ts";
import type { RunnerOptions } from "../../src/runner/options.ts";
import { openRunner, type Runner, type RunnerEnd } from "../../src/runner/runner.ts";
import { type FakeControlPlane, newFakeControlPlane } from "./fake-control-plane.ts";

export interface RunnerBench extends AsyncDisposable {
  readonly plane: FakeControlPlane;
  readonly stateDir: string;
  readonly logLines: string[];
  start(options?: Partial<RunnerOptions>): StartedRunner;
  /** Resolves when the control plane has an event of that type, or of that step and type. */
  told(type: string, step?: string): Promise<void>;
}

export interface StartedRunner {
  readonly runner: Runner;
  readonly end: Promise<RunnerEnd>;
}

const NO_ENGINE: Failure = { code: "RUNTIME_CONFIG_INVALID", message: "no engine in this test", remedy: "" };

export async function openRunnerBench(stateDir?: string): Promise<RunnerBench> {
  const folder = stateDir ?? await Deno.makeTempDir();
  const plane = newFakeControlPlane({ random: () => 0, lossRate: 0 });
  const logLines: string[] = [];
  const note = (level: string) => (message: string, facts?: object): void => {
    logLines.push(`${level} ${message} ${JSON.stringify(facts ?? {})}`);
  };
  return {
    plane,
    stateDir: folder,
    logLines,
    start: (options = {}) => {
      const runner = openRunner({
        logDir: null,
        keepRunsMs: null,
        fetch: plane.fetch,
        baseUrl: "http://control.test",
        registrationToken: () => Promise.resolve("dagu_rrt_secret"),
        stateDir: folder,
        name: "test-runner",
        labels: {},
        capacity: 2,
        runtime: NO_ENGINE,
        hostEnv: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: folder },
        machine: thisMachine(),
        clock: systemClock(),
        ids: systemIds(),
        random: Math.random,
        log: { info: note("info"), warn: note("warn"), error: note("error") },
        version: "0.0.0-test",
        compress: false,
        ...options,
      });
      return { runner, end: runner.run(new AbortController().signal) };
    },
    told: async (type, step) => {
      const clock = systemClock();
      const isTold = (): boolean =>
        plane.events.some((event) => event.type === type && (step === undefined || event.step === step));
      for (let waits = 0; !isTold(); waits++) {
        if (waits > 2_000) {
          const got = plane.events.map((event) => event.type).join(", ");
          throw new Error(`no ${type} within 20 s; events: ${got}; log:\n${logLines.join("\n")}`);
        }
        await clock.sleep(10);
      }
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

export async function newGrant(yaml: string, more: Partial<Grant> = {}): Promise<Grant> {
  return {
    attemptId: systemIds().uuid(),
    fence: 1,
    attemptToken: "dagu_att_secret",
    leaseMs: 60_000,
    graceMs: 240_000,
    startDeadlineMs: 60_000,
    run: {
      name: "flow",
      dagRunId: "run-1" as Grant["run"]["dagRunId"],
      triggerType: "manual",
      triggerActor: "",
      trust: "trusted",
      queue: "default",
      labels: [],
      scheduleTime: "",
      autoRetries: 0,
      root: null,
      sourceDir: "",
      defaultDir: "",
      needs: NO_NEEDS,
    },
    definition: { digest: await digestOf(new TextEncoder().encode(yaml)), yaml, document: "" },
    resume: null,
    params: { values: {}, json: "{}", given: [] },
    env: {},
    inputs: [],
    ...more,
  };
}

export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha256:${await sha256(bytes)}`;
}
