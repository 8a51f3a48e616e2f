/** How long a runner that is not heard of keeps its run: a property of the run (DESIGN 3.5, LO-02). */
import type { ServerSettings } from "../settings.ts";
import type { RunRow } from "../store/runs.ts";

/** After the lease. Short for a run that another runner is to take over, which may begin only when it has passed. */
export function graceOf(
  settings: Pick<ServerSettings, "runner" | "retryGraceMs">,
  { onLost }: Pick<RunRow, "onLost">,
): number {
  const { graceMs } = settings.runner;
  return onLost === "retry" ? Math.min(settings.retryGraceMs, graceMs) : graceMs;
}
