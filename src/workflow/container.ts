/** Containers of a workflow in typed form: what `container:` and `docker.run` say. */
import type { Path } from "./document.ts";
import type { NamedText } from "./workflow.ts";

export type Container = ImageContainer | ExecContainer;

export type PullPolicy = "always" | "missing" | "never" | "fallback";

/** `container:` with `image` (2.2): a container that we create. */
export interface ImageContainer {
  readonly kind: "image";
  readonly image: string;
  /** Explicit container name; null: ours, unique and labelled. */
  readonly containerName: string | null;
  readonly pullPolicy: PullPolicy;
  readonly env: readonly NamedText[];
  /** `source:target[:mode]`, as written. */
  readonly volumes: readonly string[];
  readonly user: string | null;
  readonly workingDir: string | null;
  readonly platform: string | null;
  readonly ports: readonly string[];
  readonly network: string | null;
  readonly keepContainer: boolean;
  readonly startup: "keepalive" | "entrypoint" | "command";
  readonly command: readonly string[];
  readonly waitFor: "running" | "healthy";
  readonly logPattern: string | null;
  /** For `waitFor` and `logPattern` together; absent: the engine's limit of 120 s (B31). */
  readonly readyTimeoutSec?: number;
  readonly restartPolicy: "no" | "always" | "unless-stopped" | null;
  readonly healthcheck: Healthcheck | null;
  /** `keep-id...` of rootless Podman; absent: the engine's own (B27). */
  readonly userns?: string;
  /** Names of the workflow's secrets that it finds as files (B22). */
  readonly secrets?: readonly string[];
  /** null: `["/bin/sh","-e","-c"]`; `["direct"]`: no shell (2.12). */
  readonly shell: readonly string[] | null;
}

/**
 * The container with each text in which references are replaced (2.13) changed; the path is its author's. `env` stays, as
 * its entries see each other.
 */
export function mapContainerTexts(
  container: Container,
  change: (text: string, path: Path) => string,
): Container {
  const optional = (text: string | null, key: string): string | null =>
    text === null ? null : change(text, [key]);
  const all = (texts: readonly string[], key: string): string[] =>
    texts.map((text, index) => change(text, [key, index]));
  const shared = {
    user: optional(container.user, "user"),
    workingDir: optional(container.workingDir, "working_dir"),
    shell: container.shell === null ? null : all(container.shell, "shell"),
  };
  if (container.kind === "exec") {
    return { ...container, ...shared, target: change(container.target, ["exec"]) };
  }
  return {
    ...container,
    ...shared,
    image: change(container.image, ["image"]),
    containerName: optional(container.containerName, "name"),
    volumes: all(container.volumes, "volumes"),
    ports: all(container.ports, "ports"),
    network: optional(container.network, "network"),
    command: all(container.command, "command"),
  };
}

/** A container of the image of which nothing else is said. */
export function bareContainer(image: string): ImageContainer {
  return {
    kind: "image",
    image,
    containerName: null,
    pullPolicy: "missing",
    env: [],
    volumes: [],
    user: null,
    workingDir: null,
    platform: null,
    ports: [],
    network: null,
    keepContainer: false,
    startup: "keepalive",
    command: [],
    waitFor: "running",
    logPattern: null,
    restartPolicy: null,
    healthcheck: null,
    shell: null,
  };
}

/** `container:` with `exec` (2.3): somebody else's container that we only execute into. */
export interface ExecContainer {
  readonly kind: "exec";
  /** Name or id. */
  readonly target: string;
  readonly env: readonly NamedText[];
  readonly user: string | null;
  readonly workingDir: string | null;
  readonly shell: readonly string[] | null;
}

export interface Healthcheck {
  /** `["NONE"]`, `["CMD", ...]` or `["CMD-SHELL", text]`. */
  readonly test: readonly string[];
  readonly intervalMs: number | null;
  readonly timeoutMs: number | null;
  readonly startPeriodMs: number | null;
  readonly retries: number | null;
}

/** `with` of `docker.run` (5.1). Raw engine objects are in the engine's own (PascalCase) spelling, flat. */
export interface DockerRun {
  readonly image: string | null;
  readonly containerName: string | null;
  /** null: the image's own command. `text`: split into words, or one argument of `shell`; `words`: one argv (5.4). */
  readonly command:
    | { readonly kind: "text"; readonly text: string }
    | { readonly kind: "words"; readonly words: readonly string[] }
    | null;
  readonly pullPolicy: PullPolicy;
  /** Bool, or text with references that must become one. Default false. */
  readonly autoRemove: boolean | string;
  readonly platform: string | null;
  readonly workingDir: string | null;
  readonly volumes: readonly string[];
  readonly shell: readonly string[] | null;
  readonly container: Readonly<Record<string, unknown>>;
  readonly host: Readonly<Record<string, unknown>>;
  readonly network: Readonly<Record<string, unknown>>;
  readonly exec: Readonly<Record<string, unknown>>;
}

/** `registry_auths` (6.5): by exact host, or one whole Docker config JSON. */
export type RegistryAuths =
  | { readonly kind: "hosts"; readonly logins: Readonly<Record<string, RegistryLogin>> }
  | { readonly kind: "config"; readonly text: string };

/** Text: a JSON object with `username` and `password`, or base64 of `user:password` (6.5.4). */
export type RegistryLogin = string | {
  readonly username: string;
  readonly password: string;
  readonly auth: string;
};
