import type { Checks, Clock } from "../run/ports.ts";
import { chooseShell, commandArgv } from "./actions/shell.ts";
import type { Environment } from "./actions/environment.ts";
import { joinDir } from "./actions/host.ts";
import { runProcess } from "./process.ts";

const CHECK_GRACE_MS = 5_000;
const NOWHERE = { write: (): Promise<void> => Promise.resolve() };

export interface ChecksOptions {
  readonly attemptId: string;
  readonly clock: Clock;
  /** What host processes may see of the runner's environment. */
  readonly hostEnv: Environment;
  readonly runnerEnv: Readonly<Record<string, string>>;
  /** Relative directories are meant against this one. */
  readonly workDir: string;
}

/** Command checks of preconditions: output thrown away, met when the code is 0; what cannot start is not met (S-71). */
export function newChecks(options: ChecksOptions): Checks {
  return {
    command: async (text, shell, env, workingDir, signal) => {
      const cwd = joinDir(options.workDir, workingDir);
      await Deno.mkdir(cwd, { recursive: true });
      const end = await runProcess(
        options.clock,
        {
          argv: commandArgv(chooseShell(null, shell, options.runnerEnv), text),
          env: { ...options.hostEnv, ...env, PWD: cwd },
          cwd,
          stdin: null,
          owner: options.attemptId,
        },
        { signal: "SIGTERM", graceMs: CHECK_GRACE_MS, hurry: new AbortController().signal },
        NOWHERE,
        signal,
      );
      return end.kind === "exited" && end.exitCode === 0;
    },
  };
}
