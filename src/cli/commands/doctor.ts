import { dirname } from "node:path";
import { examine, type Finding } from "../../runner/containers/examine.ts";
import { readRuntime } from "../../runner/containers/runtime.ts";
import { type Command, writeOut } from "../command.ts";
import { locateHome } from "../home.ts";
import { readRunnerPolicy } from "../runner-policy.ts";
import { settingOf } from "../setting.ts";

export const command: Command = {
  usage: "doctor",
  summary:
    "Looks at the container engine as a runner with this environment would: selection, socket, permission, versions,\n" +
    "storage, users, cgroups, mounts; with --image also a pull and a container that runs. Says what to mend. Leaves\n" +
    "nothing behind; exit code 1 when there is a problem.",
  examples: ["DAGU_CONTAINER_RUNTIME=podman dagu doctor --image docker.io/library/alpine"],
  options: {
    image: {
      type: "string",
      value: "IMAGE",
      help: "pull it if it is not there, and run it once; it needs /bin/sh",
    },
    "state-dir": { type: "string", value: "DIR", help: "the runner's folder (default $DAGU_HOME/runner)" },
  },
  arguments: [0, 0],
  ownsInterrupts: true,
  run: async ({ env, flags, interrupts }) => {
    const policy = await readRunnerPolicy(env);
    if (policy.digest !== "") show({ what: "policy", level: "ok", text: policy.digest, remedy: "" });
    const dir = flags.text("state-dir") ?? settingOf(env, "DAGU_RUNNER_STATE_DIR") ??
      locateHome(env).runnerDir;
    const made = await firstMissing(dir);
    await Deno.mkdir(dir, { recursive: true });
    try {
      let problems = 0;
      const runtime = readRuntime(env);
      const signal = interrupts.first;
      for await (const finding of examine({ runtime, workDir: dir, image: flags.text("image"), signal })) {
        show(finding);
        if (finding.level === "problem") problems++;
      }
      writeOut(
        problems === 0 ? "no problems found" : `${problems} ${problems === 1 ? "problem" : "problems"}`,
      );
      return problems === 0 ? 0 : 1;
    } finally {
      if (made !== null) await Deno.remove(made, { recursive: true }).catch(() => {});
    }
  },
};

const MARKS: Readonly<Record<Finding["level"], string>> = { ok: "ok", warning: "WARN", problem: "FAIL" };

function show({ what, level, text, remedy }: Finding): void {
  writeOut(`${MARKS[level].padEnd(5)}${what.padEnd(12)}${text.replaceAll("\n", "\n".padEnd(18))}`);
  if (remedy !== "") writeOut(`${" ".repeat(17)}what to do: ${remedy}`);
}

/** The uppermost folder that is not there yet; null: all are. */
async function firstMissing(path: string): Promise<string | null> {
  if (await Deno.stat(path).then(() => true, () => false)) return null;
  return await firstMissing(dirname(path)) ?? path;
}
