/** Registry credentials: where they are looked for, and the header of a pull (containers contract 6.5). */
import type { RegistryAuths } from "../../workflow/workflow.ts";
import { type Found, fromConfig, type Login, readEntry, type UnreadableSource } from "./login-config.ts";
import { type LoginFile, lookUpLoginFile } from "./login-file.ts";

export interface Credentials {
  /** Encoded for `X-Registry-Auth`; null: none for this registry, the pull is anonymous. */
  readonly header: string | null;
  /** Where they came from, for messages. */
  readonly source: string;
}

export interface CredentialSources {
  /** `registry_auths` of the workflow, resolved. */
  readonly workflow: RegistryAuths | null;
  /** `DOCKER_AUTH_CONFIG` of the runner. */
  readonly environment: string | null;
  /** A Docker config file that the operator of the runner opened to pulls; null: none (6.5.7). */
  readonly file: LoginFile | null;
}

const WORKFLOW = "registry_auths of the workflow";
const ENVIRONMENT = "DOCKER_AUTH_CONFIG of the runner";
const ANONYMOUS: Credentials = { header: null, source: "none" };

/** The first source that knows the registry. */
export async function findCredentials(
  sources: CredentialSources,
  registry: string,
): Promise<Credentials | UnreadableSource> {
  const found = fromWorkflow(sources.workflow, registry) ??
    (sources.environment === null ? null : fromConfig(sources.environment, registry, ENVIRONMENT)) ??
    (sources.file === null ? null : await lookUpLoginFile(sources.file, registry));
  if (found === null) return ANONYMOUS;
  return "login" in found ? { header: encode(found.login, registry), source: found.source } : found;
}

function fromWorkflow(auths: RegistryAuths | null, registry: string): Found {
  if (auths === null) return null;
  if (auths.kind === "config") return fromConfig(auths.text, registry, WORKFLOW);
  const entry = auths.logins[registry];
  if (entry === undefined) return null;
  const login = readEntry(entry);
  if (login !== null) return { login, source: `${WORKFLOW} (${registry})` };
  return {
    problem: `the credentials for ${registry} in ${WORKFLOW} cannot be read`,
    remedy: "write username and password, or base64 of user:password",
  };
}

/** Registry of an image as written: `docker.io` unless its first part names a host (6.5.2). */
export function registryOf(image: string): string {
  const [name = ""] = image.split("@", 1);
  const [first = ""] = name.split("/", 1);
  return name.includes("/") && (/[.:]/.test(first) || first === "localhost") ? first : "docker.io";
}

function encode({ username, password }: Login, registry: string): string {
  const json = JSON.stringify({ username, password, serveraddress: registry });
  return new TextEncoder().encode(json).toBase64({ alphabet: "base64url" });
}
