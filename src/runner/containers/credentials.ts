/** Registry credentials: from a Docker config JSON to the header of a pull (containers contract 6.5). */
import * as v from "valibot";

export interface Credentials {
  /** Encoded for `X-Registry-Auth`; null: none for this registry, the pull is anonymous. */
  readonly header: string | null;
  /** Where they came from, for messages. */
  readonly source: string;
}

const Entry = v.object({
  auth: v.optional(v.string(), ""),
  username: v.optional(v.string(), ""),
  password: v.optional(v.string(), ""),
});
const Config = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ auths: v.optional(v.record(v.string(), Entry), {}) }),
);

/** What `docker login` really writes for Docker Hub (6.5.3). */
const HUB_KEYS = ["https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"];
const SOURCE = "DOCKER_AUTH_CONFIG";

/** null: the configuration cannot be read (6.5.10). Its content appears in no message. */
export function findCredentials(authConfig: string | null, registry: string): Credentials | null {
  if (authConfig === null) return { header: null, source: "none" };
  const config = v.safeParse(Config, authConfig);
  if (!config.success) return null;
  const { auths } = config.output;
  const entry = keysOf(registry).map((key) => auths[key]).find((found) => found !== undefined);
  if (entry === undefined) return { header: null, source: "none" };
  const login = readLogin(entry);
  return login === null ? null : { header: encode({ ...login, serveraddress: registry }), source: SOURCE };
}

/** Registry of an image as written: `docker.io` unless its first part names a host (6.5.2). */
export function registryOf(image: string): string {
  const [name = ""] = image.split("@", 1);
  const [first = ""] = name.split("/", 1);
  return name.includes("/") && (/[.:]/.test(first) || first === "localhost") ? first : "docker.io";
}

function keysOf(registry: string): string[] {
  const keys = [registry, `https://${registry}`, registry.replace(/:\d+$/, "")];
  return registry === "docker.io" ? [...keys, ...HUB_KEYS] : keys;
}

/** Engines ignore a bare `auth`: it is taken apart here (6.5.5). */
function readLogin(entry: v.InferOutput<typeof Entry>): { username: string; password: string } | null {
  if (entry.username !== "" || entry.auth === "") return entry;
  try {
    const text = new TextDecoder().decode(Uint8Array.fromBase64(entry.auth));
    const cut = text.indexOf(":");
    return cut === -1 ? null : { username: text.slice(0, cut), password: text.slice(cut + 1) };
  } catch {
    return null;
  }
}

function encode(login: { username: string; password: string; serveraddress: string }): string {
  const { username, password, serveraddress } = login;
  const json = JSON.stringify({ username, password, serveraddress });
  return new TextEncoder().encode(json).toBase64({ alphabet: "base64url" });
}
