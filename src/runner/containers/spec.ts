/** A workflow's container, resolved -> the body of the engine's create call. */
import type { Failure } from "../../run/failure.ts";
import type { StreamName } from "../../run/ports.ts";
import { isMapping } from "../../workflow/json.ts";
import { parsePort } from "../../workflow/port.ts";
import type { Healthcheck, ImageContainer, RegistryAuths, ResourceLimits } from "../../workflow/workflow.ts";
import type { ExecOptions } from "./exec.ts";
import { type Labels, newLabels, type Role } from "./labels.ts";
import type { Mount } from "./mounts.ts";
import type { ScriptFile } from "./shell.ts";
import { type Made, unmade } from "./outcome.ts";

export interface ContainerRequest {
  /** Every string resolved. */
  readonly container: ImageContainer;
  /** null: the image's own. Never an empty list: Podman ignores one (engine notes 5). */
  readonly entrypoint: readonly string[] | null;
  readonly command: readonly string[] | null;
  /** Put into the container before it starts. */
  readonly file?: ScriptFile | null;
  /** Layers below `container.env` (4.7). */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute folder for relative volumes (2.6.3). */
  readonly baseDir: string;
  readonly labels: Labels;
  readonly limits: ResourceLimits;
  readonly registryAuths: RegistryAuths | null;
  /** Mounts that are not the author's. */
  readonly extraMounts?: readonly Mount[];
  /** The runner's environment, of which volume sources may use what is open to them (2.6.2). */
  readonly hostEnv: Readonly<Record<string, string>>;
  /** Streams whose ends the message of a failure quotes; absent: stderr. */
  readonly tailed?: readonly StreamName[];
  /** Raw engine objects of `docker.run` (5.1). */
  readonly raw?: {
    readonly container: Readonly<Record<string, unknown>>;
    readonly host: Readonly<Record<string, unknown>>;
    readonly network: Readonly<Record<string, unknown>>;
  };
  /** For the case that the name's holder is executed into (5.2); absent: as the container's fields say. */
  readonly exec?: ExecOptions;
}

type Json = Record<string, unknown>;

/** What the container is given on top of the image's own (4.7). */
export function variablesOf({ env, container }: ContainerRequest): Record<string, string> {
  return { ...env, ...Object.fromEntries(container.env.map(({ name, value }) => [name, value])) };
}

/** `withInit`: an init process reaps orphans and passes signals on; some engines have none (2.10.2). */
export function newCreateBody(
  request: ContainerRequest,
  mounts: readonly Mount[],
  role: Role,
  withInit: boolean,
): Made<Json> {
  const { container, raw } = request;
  const ports = readPorts(container.ports);
  if ("code" in ports) return unmade(ports);
  if (container.workingDir !== null && !/^(\/|$)/.test(container.workingDir)) {
    const message =
      `working_dir must be an absolute path inside the container, got "${container.workingDir}"`;
    return unmade({ code: "SPEC_INVALID", message, remedy: "see what its reference came to" });
  }
  const env = variablesOf(request);
  const rawEnv = raw?.container["Env"];
  const host = hostConfig(request, mounts, ports, withInit);
  const body = {
    ...(container.workingDir === null ? {} : { WorkingDir: container.workingDir }),
    ...(container.user === null ? {} : { User: container.user }),
    ...raw?.container,
    ...(isEmptyList(raw?.container["Entrypoint"]) ? { Entrypoint: [""] } : {}),
    Image: container.image,
    Env: [
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ...(Array.isArray(rawEnv) ? rawEnv : []),
    ],
    ...(request.entrypoint === null ? {} : { Entrypoint: request.entrypoint }),
    ...(request.command === null ? {} : { Cmd: request.command }),
    Labels: {
      ...asRecord(raw?.container["Labels"]),
      ...newLabels(request.labels, role, container.keepContainer),
    },
    ...(container.healthcheck === null ? {} : { Healthcheck: toHealthcheck(container.healthcheck) }),
    ExposedPorts: { ...asRecord(raw?.container["ExposedPorts"]), ...ports.exposed },
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: host,
    ...(raw === undefined || Object.keys(raw.network).length === 0 ? {} : { NetworkingConfig: raw.network }),
  };
  return { ok: true, value: body };
}

function hostConfig(
  request: ContainerRequest,
  mounts: readonly Mount[],
  ports: Ports,
  withInit: boolean,
): Json {
  const { container, raw, limits } = request;
  const { AutoRemove: _autoRemove, ...host } = asRecord(raw?.host);
  const binds = mounts.map(bindText);
  return {
    ...(withInit ? { Init: true } : {}),
    ...host,
    Binds: [...(Array.isArray(host["Binds"]) ? host["Binds"] : []), ...binds],
    ...(container.network === null ? {} : { NetworkMode: container.network }),
    ...(container.restartPolicy === null ? {} : { RestartPolicy: { Name: container.restartPolicy } }),
    PortBindings: { ...asRecord(host["PortBindings"]), ...ports.bindings },
    ...(container.userns === undefined ? {} : { UsernsMode: container.userns }),
    ...(limits.cpu === null ? {} : { NanoCpus: Math.round(limits.cpu * 1e9) }),
    ...(limits.memoryBytes === null ? {} : { Memory: limits.memoryBytes }),
  };
}

function bindText({ source, target, readOnly, options = [] }: Mount): string {
  const mode = [...(readOnly ? ["ro"] : []), ...options].join(",");
  return [source, target, ...(mode === "" ? [] : [mode])].join(":");
}

interface Ports {
  readonly exposed: Readonly<Record<string, Json>>;
  readonly bindings: Readonly<Record<string, { HostIp: string; HostPort: string }[]>>;
}

function readPorts(texts: readonly string[]): Ports | Failure {
  const exposed: Record<string, Json> = {};
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const text of texts) {
    const port = parsePort(text);
    if ("error" in port) return { code: "SPEC_INVALID", message: port.error, remedy: "for example 8080:80" };
    const key = `${port.containerPort}/${port.protocol}`;
    exposed[key] = {};
    if (port.hostPort !== null) bindings[key] = [{ HostIp: port.hostIp, HostPort: String(port.hostPort) }];
  }
  return { exposed, bindings };
}

const MS_NS = 1_000_000;

function toHealthcheck(check: Healthcheck): Json {
  return {
    Test: check.test,
    ...(check.intervalMs === null ? {} : { Interval: Math.round(check.intervalMs * MS_NS) }),
    ...(check.timeoutMs === null ? {} : { Timeout: Math.round(check.timeoutMs * MS_NS) }),
    ...(check.startPeriodMs === null ? {} : { StartPeriod: Math.round(check.startPeriodMs * MS_NS) }),
    ...(check.retries === null ? {} : { Retries: check.retries }),
  };
}

/** Clears the image's entrypoint on Docker; Podman ignores it and wants one empty word (engine notes 5). */
function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function asRecord(value: unknown): Json {
  return isMapping(value) ? { ...value } : {};
}
