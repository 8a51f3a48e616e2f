/** Values of the secrets that the control plane holds (M11), unsealed here and kept in memory only. */
import type { AttemptCredential, RunnerClient } from "../protocol/client.ts";
import { resend, type ResendPorts } from "../protocol/resend.ts";
import { type PrivateKey, type Sealed, unseal } from "../protocol/sealing.ts";
import type { Failure } from "../run/failure.ts";

export interface WantedSecret {
  readonly name: string;
  readonly ref: string;
}

interface Ports extends ResendPorts {
  readonly client: RunnerClient;
  readonly privateKey: PrivateKey | null;
}

/** By name, those that there are. Asked until there is an answer, as everything of an attempt. */
export async function fetchSecrets(
  ports: Ports,
  attempt: AttemptCredential & { readonly fence: number },
  wanted: readonly WantedSecret[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string> | Failure> {
  const body = { fence: attempt.fence, refs: wanted.map(({ name, ref }) => ({ name, ref })) };
  const answer = await resend(ports, { signal }, (call) => ports.client.secrets(attempt, body, call));
  if (!answer.ok) {
    const reason = answer.failure.kind === "aborted" ? "the run was stopped" : answer.failure.message;
    return failed(
      `secrets cannot be fetched: ${reason}`,
      "see what started the run, and the definition's secrets",
    );
  }
  const values = new Map<string, string>();
  for (const { name, value, sealed } of answer.value.values) {
    const plain = sealed === undefined ? value : await opened(ports.privateKey, sealed, attempt.attemptId);
    if (plain === null) {
      return failed(
        `secret ${name} cannot be resolved: it is sealed to another key than this runner's`,
        "remove runner.json from the runner's state folder and register it anew",
      );
    }
    if (plain !== undefined) values.set(name, plain);
  }
  return values;
}

async function opened(key: PrivateKey | null, sealed: Sealed, attemptId: string): Promise<string | null> {
  return key === null ? null : await unseal(key, sealed, attemptId);
}

function failed(message: string, remedy: string): Failure {
  return { code: "INPUT_INVALID", message, remedy };
}
