/** A runner in this process, joined to its control plane by an in-memory fetch: the same code as over the network. */
import { join } from "node:path";
import type { WorkflowNamed } from "../runner/children.ts";
import type { Listener } from "../runner/listener.ts";
import { openRunner, type Runner } from "../runner/runner.ts";
import { readRuntime } from "../runner/containers/runtime.ts";
import { systemClock, systemIds } from "../runner/clock.ts";
import { thisMachine } from "../runner/machine.ts";
import type { Log } from "../run/ports.ts";
import { UserError } from "./command.ts";
import type { Home } from "./home.ts";
import type { LocalPlane } from "./local-plane.ts";
import { readLogDir } from "./log-dir.ts";
import { LONGEST_S, readSeconds } from "./seconds.ts";
import { runnerName } from "./runner-name.ts";
import { readResources } from "./runner-resources.ts";
import { readLabels } from "./runner-labels.ts";
import { leftSeats } from "./seats.ts";
import { readRunnerPolicy } from "./runner-policy.ts";
import { VERSION } from "./version.ts";

/** Not an address: it names the control plane of this home in the runner's identity. */
const LOCAL_URL = "http://local.dagu";

export interface LocalRunnerOptions {
  readonly plane: LocalPlane;
  readonly home: Home;
  readonly env: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly capacity: number;
  /** Beside those of the environment. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly workflowNamed?: WorkflowNamed;
  readonly listener?: Listener;
  /** Its seat; default: the home's own. */
  readonly stateDir?: string;
  /** One run, then done. */
  readonly once: boolean;
}

/** Tells for each seat that a killed process left that its attempts have ended. `own`: the caller's. Never throws. */
export async function settleLeftSeats(
  options: Pick<LocalRunnerOptions, "plane" | "home" | "env" | "log">,
  own: string,
): Promise<void> {
  try {
    for (const stateDir of await leftSeats(options.home, own)) {
      const runner = await openLocalRunner({ ...options, capacity: 1, once: true, stateDir });
      await runner.run(AbortSignal.abort());
    }
  } catch (error) {
    options.log.error("what a killed process left was not told", { reason: String(error) });
  }
}

export async function openLocalRunner(options: LocalRunnerOptions): Promise<Runner> {
  const { plane, home, env } = options;
  const { stateDir = home.runnerDir } = options;
  await Deno.mkdir(stateDir, { recursive: true, mode: 0o755 });
  const policy = await readRunnerPolicy(env);
  return openRunner({
    fetch: (request) => plane.fetch(request),
    baseUrl: LOCAL_URL,
    registrationToken: () => plane.admission(),
    stateDir,
    machineDir: home.runnerDir,
    logDir: await readLogDir(env) ?? join(home.dir, "logs"),
    keepRunsMs: readKeepMs(env),
    name: runnerName(env),
    labels: { ...readLabels(env), ...options.labels },
    capacity: options.capacity,
    // A runner of one run waits for no other.
    ...(options.once ? {} : { resources: readResources(env) }),
    runtime: readRuntime(env),
    policy,
    ...(options.workflowNamed === undefined ? {} : { workflowNamed: options.workflowNamed }),
    ...(options.listener === undefined ? {} : { listener: options.listener }),
    hostEnv: env,
    machine: thisMachine(),
    clock: systemClock(),
    ids: systemIds(),
    random: Math.random,
    log: options.log,
    version: VERSION,
    once: options.once,
    compress: false,
    ...readDrain(env),
  });
}

/** `DAGU_RUNNER_DRAIN_TIMEOUT`: how long what runs may go on once the runner is asked to end. */
export function readDrain(env: Readonly<Record<string, string>>): { readonly drainMs?: number } {
  const drainMs = readSeconds(env, "DAGU_RUNNER_DRAIN_TIMEOUT", [1, LONGEST_S]);
  return drainMs === null ? {} : { drainMs };
}

const DAY_MS = 86_400_000;
const KEEP_DAYS = 30;

/** `DAGU_RUNNER_KEEP_DAYS`: how long folders of runs that ended stay on the machine. 0: null, for ever. */
export function readKeepMs(env: Readonly<Record<string, string>>): number | null {
  const text = env["DAGU_RUNNER_KEEP_DAYS"]?.trim() || String(KEEP_DAYS);
  if (!/^\d{1,5}$/.test(text)) {
    throw new UserError(`DAGU_RUNNER_KEEP_DAYS must be a number of days, 0 for ever, got "${text}"`);
  }
  return text === "0" ? null : Number(text) * DAY_MS;
}

/** `DAGU_RUNNER_CAPACITY`, and the original's name of it: runs at once. */
export function readCapacity(env: Readonly<Record<string, string>>): number {
  const names = ["DAGU_RUNNER_CAPACITY", "DAGU_WORKER_MAX_ACTIVE_RUNS"];
  const name = names.find((name) => (env[name]?.trim() ?? "") !== "");
  if (name === undefined) return Math.max(2, navigator.hardwareConcurrency);
  const text = env[name]?.trim() ?? "";
  if (!/^([1-9]\d{0,2}|1000)$/.test(text)) {
    throw new UserError(`${name} (--capacity) must be a number of runs, 1 to 1000, got "${text}"`);
  }
  return Number(text);
}
