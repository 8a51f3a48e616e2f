/**
 * Which engine, and where: alone in knowing DAGU_CONTAINER_RUNTIME and its friends (containers contract 1). A function of
 * the environment record that the process was started with; no workflow value can reach it (1.3).
 */
import type { Failure } from "../../run/failure.ts";

export type RuntimeKind = "docker" | "podman";

export type Address =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls: Tls | null };

export type NetworkChoice = "bridge" | "private" | "internal";

/** Client certificates of docker mode. The files are read by the first connection. */
export interface Tls {
  readonly certPath: string;
  readonly isVerified: boolean;
}

export interface Runtime {
  readonly kind: RuntimeKind;
  readonly address: Address;
  /** The variable that gave the address, or "default". */
  readonly source: string;
  /** Pinned API version; null: negotiate. */
  readonly apiVersion: string | null;
  /** Docker config JSON with registry credentials. Never logged. */
  readonly authConfig: string | null;
  /** Path of a Docker config file that pulls may use; null: none (6.5.7). */
  readonly registryConfig: string | null;
  /** What containers are in that name no network: the engine's own, or one of their run (B25). */
  readonly network: NetworkChoice;
  /** For the start-up log, for example that a variable is ignored (F11). */
  readonly notes: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Length of `sun_path` on Linux without its end (1.4). */
const SOCKET_PATH_MAX = 107;
const DEFAULT_SOCKETS: Readonly<Record<RuntimeKind, string>> = {
  docker: "/var/run/docker.sock",
  podman: "/run/podman/podman.sock",
};
const HOST_VARIABLES: Readonly<Record<RuntimeKind, string>> = {
  docker: "DOCKER_HOST",
  podman: "DAGU_PODMAN_HOST",
};

export function readRuntime(env: Environment): Runtime | Failure {
  const kind = readKind(env);
  if (kind === null) {
    const value = env["DAGU_CONTAINER_RUNTIME"] ?? "";
    return invalid(
      `invalid container runtime "${value}" in DAGU_CONTAINER_RUNTIME: it must be "docker" or "podman"`,
      "correct DAGU_CONTAINER_RUNTIME in the environment of the runner and restart it",
    );
  }
  const variable = HOST_VARIABLES[kind];
  const text = trimmed(env, variable);
  const address = text === null
    ? { kind: "unix" as const, path: DEFAULT_SOCKETS[kind] }
    : parseAddress(text, variable, kind, readTls(env, kind));
  if ("code" in address) return { ...address, engine: kind };
  const apiVersion = trimmed(env, "DOCKER_API_VERSION");
  if (apiVersion !== null && !/^\d+\.\d+$/.test(apiVersion)) {
    const message = `DOCKER_API_VERSION is "${apiVersion}"; it must look like "1.41"`;
    return { ...invalid(message, "unset DOCKER_API_VERSION to let the engine decide"), engine: kind };
  }
  const network = readNetwork(env);
  if (network === null) {
    const message = `DAGU_CONTAINER_NETWORK is "${env["DAGU_CONTAINER_NETWORK"]}"`;
    return { ...invalid(message, "write bridge, private or internal"), engine: kind };
  }
  return {
    kind,
    address,
    network,
    source: text === null ? "default" : variable,
    apiVersion,
    authConfig: trimmed(env, "DOCKER_AUTH_CONFIG"),
    registryConfig: trimmed(env, "DAGU_REGISTRY_CONFIG"),
    notes: readNotes(env, kind),
  };
}

/** `unix:///path` or `tcp://host:port`: how an address is shown everywhere. It never holds credentials. */
export function addressText(address: Address): string {
  return address.kind === "unix" ? `unix://${address.path}` : `tcp://${address.host}:${address.port}`;
}

function readKind(env: Environment): RuntimeKind | null {
  const text = trimmed(env, "DAGU_CONTAINER_RUNTIME")?.toLowerCase() ?? "docker";
  return text === "docker" || text === "podman" ? text : null;
}

/** null: it is none of them. Nobody gets a network that they did not ask for. */
function readNetwork(env: Environment): NetworkChoice | null {
  const text = trimmed(env, "DAGU_CONTAINER_NETWORK")?.toLowerCase() ?? "bridge";
  return text === "bridge" || text === "private" || text === "internal" ? text : null;
}

/** TLS belongs to docker mode; a stale certificate folder must not even be looked at in podman mode (1.2). */
function readTls(env: Environment, kind: RuntimeKind): Tls | null {
  const certPath = trimmed(env, "DOCKER_CERT_PATH");
  if (kind !== "docker" || certPath === null) return null;
  return { certPath, isVerified: (env["DOCKER_TLS_VERIFY"] ?? "") !== "" };
}

function parseAddress(text: string, variable: string, kind: RuntimeKind, tls: Tls | null): Address | Failure {
  const shown = withoutCredentials(text);
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text);
  if (match === null) {
    const hint = text.startsWith("/")
      ? `write ${variable}=unix://${text}`
      : `write ${variable}=${example(kind)}`;
    return invalid(`${variable} is "${shown}", which has no scheme`, hint);
  }
  const [, scheme = "", rest = ""] = match;
  switch (scheme.toLowerCase()) {
    case "unix":
      return parseSocketPath(rest, variable, kind);
    case "tcp":
      return parseTcp(rest, shown, variable, tls);
    case "http":
      return parseTcp(rest, shown, variable, null);
    case "https":
      if (tls !== null) return parseTcp(rest, shown, variable, tls);
      return kind === "podman"
        ? invalid(
          `${variable} is "${shown}", but Podman is reached without TLS`,
          `write ${variable}=${example(kind)}`,
        )
        : invalid(`${variable} is "${shown}", which needs client certificates`, "set DOCKER_CERT_PATH");
    case "ssh":
      return invalid(
        `${variable} is "${shown}"; ssh:// is not supported`,
        `forward the socket with ssh -L and write ${variable}=unix:///path/of/the/forwarded.sock`,
      );
    default:
      return invalid(
        `${variable} is "${shown}"; the scheme "${scheme}" is not supported here`,
        `write ${variable}=${example(kind)}`,
      );
  }
}

function parseSocketPath(path: string, variable: string, kind: RuntimeKind): Address | Failure {
  if (!path.startsWith("/")) {
    const message = `${variable} is "unix://${path}", whose path is not absolute`;
    return invalid(message, `write three slashes: ${variable}=${example(kind)}`);
  }
  if (new TextEncoder().encode(path).length > SOCKET_PATH_MAX) {
    const message = `${variable}: socket path too long (more than ${SOCKET_PATH_MAX} bytes): ${path}`;
    return invalid(message, "use a shorter path, for example a symbolic link");
  }
  return { kind: "unix", path };
}

function parseTcp(rest: string, shown: string, variable: string, tls: Tls | null): Address | Failure {
  // Not as http: that scheme has a port of its own, which is dropped when it is written.
  const url = URL.parse(`tcp://${rest}`);
  const port = url === null ? 0 : Number(url.port === "" ? (tls === null ? "2375" : "2376") : url.port);
  const hasMore = url !== null && (!/^\/?$/.test(url.pathname) || url.search !== "" || url.username !== "");
  if (url === null || url.hostname === "" || hasMore || port === 0) {
    return invalid(`${variable} is "${shown}", which is not host:port`, `write ${variable}=tcp://host:2375`);
  }
  return { kind: "tcp", host: url.hostname, port, tls };
}

function readNotes(env: Environment, kind: RuntimeKind): string[] {
  const dockerHost = trimmed(env, "DOCKER_HOST");
  return kind === "podman" && dockerHost !== null
    ? ["DOCKER_HOST is set and ignored, because DAGU_CONTAINER_RUNTIME is podman"]
    : [];
}

function example(kind: RuntimeKind): string {
  return `unix://${DEFAULT_SOCKETS[kind]}`;
}

function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@]*@/, "//***@");
}

function trimmed(env: Environment, name: string): string | null {
  const text = env[name]?.trim() ?? "";
  return text === "" ? null : text;
}

function invalid(message: string, remedy: string): Failure {
  return { code: "RUNTIME_CONFIG_INVALID", message, remedy };
}
