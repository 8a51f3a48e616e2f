/** Values of a workflow's `secrets`, read where the run is executed (workflow-language contract 3.5). */
import { resolve } from "node:path";
import type { Failure } from "../run/failure.ts";
import type { Secret } from "../workflow/workflow.ts";
import type { RunPolicy } from "./policy.ts";

/** Relative files are looked for in `folders`, in this order (P-35). The first that cannot be had fails the run (P-36). */
export async function readSecrets(
  secrets: readonly Secret[],
  env: Readonly<Record<string, string>>,
  folders: readonly string[],
  policy: Pick<RunPolicy, "secret">,
): Promise<Readonly<Record<string, string>> | Failure> {
  const values: Record<string, string> = {};
  for (const secret of secrets) {
    const { name, source } = secret;
    const refused = await policy.secret(secret);
    if (refused !== null) return refused;
    const value = source.kind === "managed"
      ? null
      : source.provider === "env"
      ? env[source.key] ?? null
      : await readSecretFile(source.key, folders);
    if (value === null) return unresolved(name, source);
    values[name] = value;
  }
  return values;
}

async function readSecretFile(path: string, folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    const text = await Deno.readTextFile(resolve(folder, path)).catch(() => null);
    if (text !== null) return text.replace(/\r?\n$/, "");
  }
  return null;
}

function unresolved(name: string, source: Secret["source"]): Failure {
  const [what, remedy] = source.kind === "managed"
    ? [
      `managed secret ${source.ref}`,
      "use provider: env or provider: file; managed secrets are not served yet",
    ]
    : source.provider === "env"
    ? [`variable ${source.key} of the runner's process`, `set ${source.key} where the runner is started`]
    : [`file ${source.key}`, "the file must be on the runner's machine, readable by the runner"];
  return { code: "INPUT_INVALID", message: `secret ${name} cannot be resolved: there is no ${what}`, remedy };
}
