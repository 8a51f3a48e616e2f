/** Logs of tries that approvers sent back, as files for the steps that run again (S-122, 7.1). */
import { join } from "node:path";
import type { AttemptCredential, RunnerClient } from "../protocol/client.ts";
import { resend, type ResendPorts } from "../protocol/resend.ts";
import { rejectedTries, type RejectedTry } from "../run/push-back.ts";
import type { Log } from "../run/ports.ts";
import type { StepState } from "../run/state.ts";
import type { Disk } from "./disk.ts";

interface Ports extends ResendPorts {
  readonly client: RunnerClient;
  readonly disk: Disk;
  readonly log: Log;
}

/** Paths by the step of the approval. What cannot be fetched is told in the runner's log, and the steps run without it. */
export async function fetchPreviousLogs(
  ports: Ports,
  attempt: AttemptCredential,
  steps: readonly StepState[],
  folder: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const paths: Record<string, string> = {};
  for (const [index, rejected] of rejectedTries(steps).entries()) {
    const path = join(folder, `previous-${index + 1}.stdout`);
    const problem = await fetchLog(ports, attempt, rejected, path, signal);
    if (problem === null) paths[rejected.step] = path;
    else ports.log.warn(`the rejected log is not here: ${problem}`, { step: rejected.step });
  }
  return paths;
}

async function fetchLog(
  ports: Ports,
  credential: AttemptCredential,
  { step, attempt }: RejectedTry,
  path: string,
  signal: AbortSignal,
): Promise<string | null> {
  // An earlier process of the runner may have begun it.
  await ports.disk.remove(path);
  const file = ports.disk.openAppend(path);
  try {
    for (let offset = 0;;) {
      const place = { step, stream: "stdout", attempt, offset } as const;
      const got = await resend(ports, { signal }, (call) => ports.client.readLog(credential, place, call));
      if (!got.ok) return got.failure.kind === "aborted" ? "the run was stopped" : got.failure.message;
      if (got.value.length === 0) return null;
      for (let at = 0; at < got.value.length;) at += await file.write(got.value.subarray(at));
      offset += got.value.length;
    }
  } finally {
    file.close();
  }
}
