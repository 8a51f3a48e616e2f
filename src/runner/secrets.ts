/** Values of a workflow's `secrets` (workflow-language contract 3.5), read where the run is executed. */
import { resolve } from "node:path";
import { isFailure } from "../run/outcome.ts";
import type { Failure } from "../run/failure.ts";
import type { Secret } from "../workflow/workflow.ts";
import type { WantedSecret } from "./managed-secrets.ts";
import { isNamedPipe } from "./pipe.ts";
import type { RunPolicy } from "./policy.ts";
import { own } from "../workflow/own.ts";

export interface SecretSources {
  /** Of the runner's process. */
  readonly env: Readonly<Record<string, string>>;
  /** Relative files are looked for here, in this order (P-35). */
  readonly folders: readonly string[];
  readonly policy: Pick<RunPolicy, "secret">;
  /** What the control plane holds, by name; asked once, for all of them. */
  managed(wanted: readonly WantedSecret[]): Promise<ReadonlyMap<string, string> | Failure>;
}

/** The first that cannot be had fails the run (P-36). */
export async function readSecrets(
  secrets: readonly Secret[],
  sources: SecretSources,
): Promise<{ readonly values: Readonly<Record<string, string>> } | Failure> {
  for (const secret of secrets) {
    const refused = await sources.policy.secret(secret);
    if (refused !== null) return refused;
  }
  const wanted = secrets.flatMap(({ name, source }) =>
    source.kind === "managed" ? [{ name, ref: source.ref }] : []
  );
  const managed = wanted.length === 0 ? new Map<string, string>() : await sources.managed(wanted);
  if (isFailure(managed)) return managed;
  const values: Record<string, string> = {};
  for (const { name, source } of secrets) {
    const value = source.kind === "managed" ? managed.get(name) ?? null : await provided(source, sources);
    if (value === null) return unresolved(name, source);
    values[name] = value;
  }
  return { values };
}

async function provided(
  source: Exclude<Secret["source"], { kind: "managed" }>,
  { env, folders }: SecretSources,
): Promise<string | null> {
  return source.provider === "env" ? own(env, source.key) ?? null : await readSecretFile(source.key, folders);
}

async function readSecretFile(path: string, folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    const place = resolve(folder, path);
    const text = await isNamedPipe(place) ? null : await Deno.readTextFile(place).catch(() => null);
    if (text !== null) return text.replace(/\r?\n$/, "");
  }
  return null;
}

function unresolved(name: string, source: Secret["source"]): Failure {
  const [what, remedy] = source.kind === "managed"
    ? [`active managed secret ${source.ref} with a value`, `dagu secret set ${source.ref}`]
    : source.provider === "env"
    ? [`variable ${source.key} of the runner's process`, `set ${source.key} where the runner is started`]
    : [`file ${source.key}`, "the file must be on the runner's machine, readable by the runner"];
  return { code: "INPUT_INVALID", message: `secret ${name} cannot be resolved: there is no ${what}`, remedy };
}
