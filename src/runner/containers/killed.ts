/** What a command's own failure is called: a kill that was not ours has a reason of its own (F55, F56, F58). */
import type { Failure } from "../../run/failure.ts";
import { exitMessage, type Tails } from "../../run/outcome.ts";
import type { Inspected } from "./api/container.ts";
import { readMarks } from "./labels.ts";

export const SIGKILL_CODE = 137;

/** `inspected`: the container that it ran in; null when the engine does not tell. */
export function endFinding(
  exitCode: number,
  inspected: Inspected | null,
  tails: Tails,
): Pick<Failure, "code" | "message" | "remedy"> {
  const ended = exitMessage(exitCode, tails);
  const isKilled = exitCode === SIGKILL_CODE;
  const limitBytes = inspected?.HostConfig.Memory ?? 0;
  // Podman's flag is not reliable: a limit and a kill that was not ours are as good.
  if (inspected !== null && (inspected.State.OOMKilled || (isKilled && limitBytes > 0))) {
    const limit = limitBytes > 0 ? `${Math.round(limitBytes / 2 ** 20)}Mi` : "of the machine";
    const isOurs = readMarks(inspected.Config.Labels) !== null;
    const remedy = isOurs ? "raise resources.limits.memory" : "raise the memory limit of that container";
    return { code: "OOM_KILLED", message: `killed for memory, limit ${limit}\n${ended}`, remedy };
  }
  const outside = isKilled ? "killed from outside (SIGKILL)\n" : "";
  return { code: "COMMAND_FAILED", message: outside + ended, remedy: "" };
}
