import { join } from "node:path";
import { systemClock, systemIds } from "../../runner/clock.ts";
import { readRuntime } from "../../runner/containers/runtime.ts";
import { thisMachine } from "../../runner/machine.ts";
import { openRunner, type Runner } from "../../runner/runner.ts";
import { isHttpUrl } from "../api-client.ts";
import { type Command, type Context, UserError, writeErr } from "../command.ts";
import { openHome } from "../home.ts";
import { openLog } from "../log.ts";
import { readLogDir } from "../log-dir.ts";
import { readCapacity, readDrain, readKeepMs } from "../local-runner.ts";
import { readResources } from "../runner-resources.ts";
import { readLabels } from "../runner-labels.ts";
import { runnerName } from "../runner-name.ts";
import { CONFIGURATION_ERROR, readRunnerPolicy } from "../runner-policy.ts";
import { settingOf } from "../setting.ts";
import { VERSION } from "../version.ts";

export const command: Command = {
  usage: "worker --url URL [--token TOKEN]",
  summary:
    "Runs a runner: it claims runs from the control plane at URL over outbound HTTPS and executes them here. It listens\n" +
    "nowhere. The first start needs a registration token (dagu token runner); later ones use the identity that it kept.\n" +
    "Docker or Podman is chosen by DAGU_CONTAINER_RUNTIME and DAGU_PODMAN_HOST.",
  examples: [
    "DAGU_RUNNER_REGISTRATION_TOKEN=dagu_rrt_... dagu worker --url https://dagu.example.com --labels gpu=true",
    "DAGU_CONTAINER_RUNTIME=podman dagu worker --url https://dagu.example.com --capacity 4",
  ],
  options: {
    url: { type: "string", value: "URL", help: "control plane (DAGU_RUNNER_URL)" },
    token: {
      type: "string",
      value: "TOKEN",
      help: "registration token; better: DAGU_RUNNER_REGISTRATION_TOKEN",
    },
    name: {
      type: "string",
      value: "NAME",
      help: "name to show (DAGU_RUNNER_NAME, DAGU_WORKER_ID, default: host name)",
    },
    labels: {
      type: "string",
      short: "l",
      multiple: true,
      value: "K=V",
      help: "label that workflows can select (repeatable; DAGU_RUNNER_LABELS)",
    },
    capacity: {
      type: "string",
      short: "m",
      value: "N",
      help: "runs at once (DAGU_RUNNER_CAPACITY, DAGU_WORKER_MAX_ACTIVE_RUNS)",
    },
    "state-dir": {
      type: "string",
      value: "DIR",
      help: "work folders, spool and identity (default $DAGU_HOME/runner)",
    },
    "drain-timeout": {
      type: "string",
      value: "TIME",
      help: "how long what runs may go on after a SIGTERM (default 1h; DAGU_RUNNER_DRAIN_TIMEOUT)",
    },
    once: { type: "boolean", help: "execute one run, then end" },
  },
  arguments: [0, 0],
  ownsInterrupts: true,
  run: async (context) => {
    const { env, flags } = context;
    const url = flags.text("url") ?? settingOf(env, "DAGU_RUNNER_URL") ?? "";
    if (url === "") {
      throw new UserError("a runner needs the control plane's address: --url URL or DAGU_RUNNER_URL");
    }
    if (!isHttpUrl(url)) {
      throw new UserError(`"${url}" is not the address of a control plane; write --url https://HOST[:PORT]`);
    }
    const home = await openHome(env);
    const stateDir = flags.text("state-dir") ?? settingOf(env, "DAGU_RUNNER_STATE_DIR") ?? home.runnerDir;
    const token = flags.text("token") ?? settingOf(env, "DAGU_RUNNER_REGISTRATION_TOKEN") ?? "";
    if (token === "" && !await hasIdentity(stateDir)) {
      throw new UserError(
        "the first start needs a registration token: on the server, dagu token runner; here, DAGU_RUNNER_REGISTRATION_TOKEN or --token",
      );
    }
    await makeStateDir(stateDir);
    const runner = openRunner({
      fetch: (request) => fetch(request),
      baseUrl: url.replace(/\/+$/, ""),
      registrationToken: () => Promise.resolve(token),
      stateDir,
      logDir: await readLogDir(env),
      keepRunsMs: readKeepMs(env),
      name: flags.text("name") ?? runnerName(env),
      labels: { ...readLabels(env), ...readLabels({ DAGU_RUNNER_LABELS: flags.texts("labels").join(",") }) },
      capacity: readCapacity(
        flags.text("capacity") === null ? env : { DAGU_RUNNER_CAPACITY: flags.text("capacity") ?? "" },
      ),
      resources: readResources(env),
      runtime: readRuntime(env),
      policy: await readRunnerPolicy(env),
      hostEnv: env,
      machine: thisMachine(),
      clock: systemClock(),
      ids: systemIds(),
      random: Math.random,
      log: openLog(env),
      version: VERSION,
      once: flags.has("once"),
      ...readDrain(
        flags.text("drain-timeout") === null
          ? env
          : { DAGU_RUNNER_DRAIN_TIMEOUT: flags.text("drain-timeout") ?? "" },
      ),
    });
    writeErr(`dagu worker for ${url}`);
    return await runUntilInterrupted(runner, context);
  },
};

async function hasIdentity(stateDir: string): Promise<boolean> {
  return await Deno.stat(join(stateDir, "runner.json")).then(() => true, () => false);
}

async function makeStateDir(dir: string): Promise<void> {
  try {
    await Deno.mkdir(dir, { recursive: true, mode: 0o755 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `cannot make the runner's folder ${dir}: ${reason}\nChoose another with --state-dir or DAGU_RUNNER_STATE_DIR.`,
    );
  }
}

/** The first interrupt drains: what runs goes on to its end. The second stops it. */
export async function runUntilInterrupted(runner: Runner, context: Context): Promise<number> {
  const onFirst = (): void => writeErr("draining: no new runs; once more to stop what runs");
  const onSecond = (): void => runner.stop();
  context.interrupts.first.addEventListener("abort", onFirst, { once: true });
  context.interrupts.second.addEventListener("abort", onSecond, { once: true });
  const end = await runner.run(context.interrupts.first);
  switch (end) {
    case "drained":
      return 0;
    case "upgrade_required":
      writeErr("the control plane speaks a newer protocol: upgrade this runner");
      return 75;
    case "state_in_use":
      writeErr("another runner uses this state folder: give this one its own with --state-dir");
      return 1;
    case "superseded":
      writeErr(
        "another process speaks for this runner: its state folder was copied; give each its own with --state-dir",
      );
      // Started anew at once, the two would take each other's runs away for ever.
      return CONFIGURATION_ERROR;
    case "refused":
      writeErr("the control plane does not admit this runner: correct what the line above says");
      return 1;
    case "unauthorized":
      writeErr(
        "the control plane does not know this runner: register it with a new token (dagu token runner)",
      );
      return 1;
    default:
      return end satisfies never;
  }
}
