/** Logins in the forms that people and `docker login` write them (containers contract 6.5). */
import * as v from "valibot";
import type { RegistryLogin } from "../../workflow/workflow.ts";

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** A source that says nothing usable. What it holds appears in no message (6.5.10). */
export interface UnreadableSource {
  readonly problem: string;
  readonly remedy: string;
}

/** null: the source does not know the registry. */
export type Found = { readonly login: Login; readonly source: string } | UnreadableSource | null;

const Account = v.object({
  auth: v.optional(v.string(), ""),
  username: v.optional(v.string(), ""),
  password: v.optional(v.string(), ""),
});
const AccountText = v.pipe(v.string(), v.parseJson(), Account);
export const LoginConfig = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    auths: v.optional(v.record(v.string(), Account), {}),
    credHelpers: v.optional(v.record(v.string(), v.string()), {}),
    credsStore: v.optional(v.string(), ""),
  }),
);
export type LoginConfig = v.InferOutput<typeof LoginConfig>;

/** Text is an account as JSON, or base64 of `user:password` (6.5.4). */
export function readEntry(entry: RegistryLogin): Login | null {
  if (typeof entry !== "string") return readAccount(entry);
  if (!entry.trim().startsWith("{")) return decode(entry.trim());
  const account = v.safeParse(AccountText, entry);
  return account.success ? readAccount(account.output) : null;
}

/** From a Docker config JSON. */
export function fromConfig(text: string, registry: string, source: string): Found {
  const config = v.safeParse(LoginConfig, text);
  const remedy = "write a Docker config JSON";
  if (!config.success) return { problem: `${source} cannot be read`, remedy };
  const { auths } = config.output;
  const entry = keysOf(registry).map((key) => auths[key]).find((found) => found !== undefined);
  if (entry === undefined) return null;
  const login = readAccount(entry);
  return login === null
    ? { problem: `the credentials for ${registry} in ${source} cannot be read`, remedy }
    : { login, source };
}

/** What `docker login` really writes for Docker Hub (6.5.3). */
const HUB_KEYS = ["https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"];

export function keysOf(registry: string): string[] {
  const keys = [registry, `https://${registry}`, registry.replace(/:\d+$/, "")];
  return registry === "docker.io" ? [...keys, ...HUB_KEYS] : keys;
}

/** Engines ignore a bare `auth`: it is taken apart here (6.5.5). */
function readAccount({ username, password, auth }: v.InferOutput<typeof Account>): Login | null {
  return username !== "" || auth === "" ? { username, password } : decode(auth);
}

function decode(base64: string): Login | null {
  try {
    const text = new TextDecoder().decode(Uint8Array.fromBase64(base64));
    const cut = text.indexOf(":");
    return cut === -1 ? null : { username: text.slice(0, cut), password: text.slice(cut + 1) };
  } catch {
    return null;
  }
}
