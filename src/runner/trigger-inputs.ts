/** Variables that a trigger brings: small ones come with the grant, webhook bodies are fetched by digest (M12, WH-17). */
import { join } from "node:path";
import type { AttemptCredential, RunnerClient } from "../protocol/client.ts";
import type { Grant } from "../protocol/grant.ts";
import { resend, type ResendPorts } from "../protocol/resend.ts";
import type { Failure } from "../run/failure.ts";
import type { Disk } from "./disk.ts";

/** Larger values do not go into an environment: operating systems limit it. */
const ENVIRONMENT_MAX = 65_536;

export type TriggerEnv =
  | { readonly ok: true; readonly env: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly failure: Failure };

export async function fetchTriggerEnv(
  ports: ResendPorts & { readonly client: RunnerClient; readonly disk: Disk },
  attempt: AttemptCredential,
  grant: Pick<Grant, "env" | "inputs">,
  folder: string,
  signal: AbortSignal,
): Promise<TriggerEnv> {
  const env: Record<string, string> = { ...grant.env };
  for (const input of grant.inputs) {
    const got = await resend(
      ports,
      { signal },
      (options) => ports.client.blob(attempt, input.digest, options),
    );
    if (!got.ok) {
      const reason = got.failure.kind === "aborted" ? "the run was stopped" : got.failure.message;
      const message = `cannot fetch ${input.name} (${input.sizeBytes} bytes): ${reason}`;
      return { ok: false, failure: { code: "INTERNAL", message, remedy: "start the run again" } };
    }
    const path = join(folder, `${input.name}.input`);
    await ports.disk.write(path, got.value);
    env[`${input.name}_FILE`] = path;
    env[input.name] = got.value.length > ENVIRONMENT_MAX
      ? JSON.stringify({ $file: path })
      : new TextDecoder().decode(got.value);
  }
  return { ok: true, env };
}
