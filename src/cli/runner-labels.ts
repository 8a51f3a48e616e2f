/** What a runner says of itself, for workflows that select one. */
import { UserError } from "./command.ts";
import { settingOf } from "./setting.ts";

/** `k=v,k=v` of `DAGU_WORKER_LABELS` or `DAGU_RUNNER_LABELS`, and what the other variables say. */
export function readLabels(env: Readonly<Record<string, string>>): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const pair of (settingOf(env, "DAGU_RUNNER_LABELS", "DAGU_WORKER_LABELS") ?? "").split(",")) {
    const [key = "", value = ""] = pair.split("=", 2).map((part) => part.trim());
    if (key !== "") labels[key] = value;
    else if (pair.trim() !== "") {
      throw new UserError(
        `the label "${pair.trim()}" has no name; write NAME=VALUE, several with commas between`,
      );
    }
  }
  if (env["DAGU_RUNNER_ACCEPT_UNTRUSTED"] === "true") labels["accept-untrusted"] = "true";
  return labels;
}
