/**
 * A Docker config file on the runner's machine, with its credential helpers. It is read only when the operator names it in
 * DAGU_REGISTRY_CONFIG: otherwise every workflow could pull with whatever login somebody left on that machine (6.5.7).
 */
import * as v from "valibot";
import { type Found, fromConfig, keysOf, LoginConfig } from "./login-config.ts";

export interface LoginFile {
  readonly path: string;
}

/** Read for every pull: logins are renewed while the runner runs. */
export async function lookUpLoginFile({ path }: LoginFile, registry: string): Promise<Found> {
  const source = `${path} (DAGU_REGISTRY_CONFIG of the runner)`;
  const remedy = "correct DAGU_REGISTRY_CONFIG, or log in again with docker login or podman login";
  const text = await Deno.readTextFile(path).catch(() => null);
  const config = text === null ? null : v.safeParse(LoginConfig, text);
  if (text === null || config?.success !== true) return { problem: `${source} cannot be read`, remedy };
  const { credHelpers, credsStore } = config.output;
  const keys = keysOf(registry);
  const ownKey = keys.find((key) => credHelpers[key] !== undefined);
  if (ownKey !== undefined) return await askHelper(credHelpers[ownKey] ?? "", [ownKey], source);
  const found = credsStore === "" ? null : await askHelper(credsStore, keys, source);
  return found ?? fromConfig(text, registry, source);
}

const HELPER_MS = 10_000;
const Answer = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ Username: v.string(), Secret: v.string() }),
);

/** `docker-credential-NAME get`: the first key that it knows. Its words may hold a secret and are not shown. */
async function askHelper(name: string, keys: readonly string[], source: string): Promise<Found> {
  const program = `docker-credential-${name}`;
  const remedy = `run "${program} get" as the runner's user to see what is wrong`;
  if (!/^[A-Za-z0-9._-]+$/.test(name)) return { problem: `${source} names a helper that is none`, remedy };
  for (const key of keys) {
    const answered = await runHelper(program, key);
    if (answered === null) return { problem: `the credential helper ${program} cannot be run`, remedy };
    const answer = v.safeParse(Answer, answered);
    if (!answer.success) continue;
    const { Username: username, Secret: password } = answer.output;
    return { login: { username, password }, source: `${program} of ${source}` };
  }
  return null;
}

/** What it wrote; null: it does not run. A registry that it does not know is told by words, not by JSON. */
async function runHelper(program: string, key: string): Promise<string | null> {
  try {
    await using child = new Deno.Command(program, {
      args: ["get"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      signal: AbortSignal.timeout(HELPER_MS),
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(key)).catch(() => {});
    await writer.close().catch(() => {});
    const { stdout } = await child.output();
    return new TextDecoder().decode(stdout);
  } catch {
    return null;
  }
}
