import * as v from "valibot";
import { readBoolean } from "../boolean.ts";
import { isMapping } from "../json.ts";
import type { DockerRun } from "../workflow.ts";
import { image, PLATFORM, pullPolicy, shell, target, volumes } from "./container.ts";
import { complain, fields, hasReference, isScalarValue, keyItem, kindOf, mapping, text } from "./fields.ts";

const command = v.pipe(
  v.unknown(),
  v.check(
    (value) => isScalarValue(value) || (Array.isArray(value) && value.every(isScalarValue)),
    (issue) => complain(`command must be a string or a list of words, got ${kindOf(issue.input)}`),
  ),
  v.transform((value): NonNullable<DockerRun["command"]> =>
    Array.isArray(value) ? { kind: "words", words: value.map(String) } : { kind: "text", text: String(value) }
  ),
  v.check(
    (given) =>
      given.kind === "text" ? given.text.trim() !== "" : given.words.some((word) => word.trim() !== ""),
    complain("command must not be blank"),
  ),
);

const autoRemove = v.pipe(
  v.unknown(),
  v.check(
    (value) =>
      typeof value === "boolean" ||
      (typeof value === "string" && (readBoolean(value) !== null || hasReference(value))),
    (issue) => complain(`auto_remove must be a boolean, got ${kindOf(issue.input)}`),
  ),
  v.transform((value): boolean | string =>
    typeof value === "boolean" ? value : readBoolean(String(value)) ?? String(value)
  ),
);

/** Raw engine objects keep the engine's spelling; keys may be written in any case and in snake_case (5.1.2). */
function raw(known: readonly string[], of: string, flattened: string | null = null) {
  const canonical = new Map(known.map((key) => [key.toLowerCase(), key]));
  const canonicalOf = (key: string): string | undefined =>
    canonical.get(key.replaceAll("_", "").toLowerCase());
  const rename = (given: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(given).map(([key, item]) => [canonicalOf(key) ?? key, item]));
  return v.pipe(
    mapping,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const inner = flattened === null ? undefined : rename(dataset.value)[flattened];
      if (inner !== undefined && inner !== null && !isMapping(inner)) {
        addIssue({ message: complain(`${of}.resources must be a mapping, got ${kindOf(inner)}`) });
      }
      for (const [key, value] of [...Object.entries(dataset.value), ...entriesOf(inner)]) {
        if (canonicalOf(key) !== undefined) continue;
        addIssue({
          message: complain(`${of} has invalid keys: ${key}`, `keys: ${known.join(", ")}`),
          path: [keyItem(key, value)],
        });
      }
    }),
    v.transform((given): Record<string, unknown> => {
      const renamed = rename(given);
      if (flattened === null) return renamed;
      const { [flattened]: inner, ...flat } = renamed;
      return { ...rename(Object.fromEntries(entriesOf(inner))), ...flat };
    }),
  );
}

function entriesOf(value: unknown): [string, unknown][] {
  return isMapping(value) ? Object.entries(value) : [];
}

const CONTAINER_KEYS = [
  "Hostname",
  "Domainname",
  "User",
  "Env",
  "WorkingDir",
  "Entrypoint",
  "Labels",
  "Healthcheck",
  "ExposedPorts",
  "StopSignal",
  "StopTimeout",
  "Tty",
  "OpenStdin",
  "StdinOnce",
  "Volumes",
  "NetworkDisabled",
  "MacAddress",
  "Shell",
];
const HOST_KEYS = [
  "AutoRemove",
  "Binds",
  "Mounts",
  "NetworkMode",
  "PortBindings",
  "Privileged",
  "CapAdd",
  "CapDrop",
  "SecurityOpt",
  "Devices",
  "DeviceRequests",
  "DeviceCgroupRules",
  "RestartPolicy",
  "Memory",
  "MemorySwap",
  "MemoryReservation",
  "MemorySwappiness",
  "KernelMemory",
  "KernelMemoryTCP",
  "NanoCPUs",
  "CpuShares",
  "CpuPeriod",
  "CpuQuota",
  "CpusetCpus",
  "CpusetMems",
  "PidsLimit",
  "BlkioWeight",
  "BlkioWeightDevice",
  "BlkioDeviceReadBps",
  "BlkioDeviceWriteBps",
  "BlkioDeviceReadIOps",
  "BlkioDeviceWriteIOps",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "Ulimits",
  "OomKillDisable",
  "Resources",
  "Init",
  "ReadonlyRootfs",
  "Dns",
  "DnsOptions",
  "DnsSearch",
  "ExtraHosts",
  "GroupAdd",
  "IpcMode",
  "PidMode",
  "UTSMode",
  "UsernsMode",
  "CgroupnsMode",
  "CgroupParent",
  "ShmSize",
  "Sysctls",
  "Tmpfs",
  "Runtime",
  "LogConfig",
  "Links",
  "VolumesFrom",
  "VolumeDriver",
  "PublishAllPorts",
  "OomScoreAdj",
  "StorageOpt",
  "MaskedPaths",
  "ReadonlyPaths",
  "Annotations",
];

/** There is no short form as under `container:`. */
const network = v.pipe(
  v.custom<Record<string, unknown>>(
    isMapping,
    (issue) =>
      complain(
        `must be a mapping, got ${kindOf(issue.input)}`,
        "a network's name goes into host.NetworkMode",
      ),
  ),
  raw(["EndpointsConfig"], "with.network"),
);

const ENGINE_HINT =
  "the engine is chosen by DAGU_CONTAINER_RUNTIME in the environment of the runner's process";

/** `with` of `docker.run` and `container.run` (5.1). */
export const dockerRun = v.pipe(
  fields({
    image: v.optional(image),
    container_name: v.optional(target),
    command: v.optional(command),
    pull: v.optional(pullPolicy),
    auto_remove: v.optional(autoRemove),
    platform: v.optional(PLATFORM),
    working_dir: v.optional(text),
    volumes: v.optional(volumes),
    shell: v.optional(shell),
    container: v.optional(raw(CONTAINER_KEYS, "with.container")),
    host: v.optional(raw(HOST_KEYS, "with.host", "Resources")),
    network: v.optional(network),
    exec: v.optional(raw(["User", "WorkingDir", "Env", "Privileged", "Tty"], "with.exec")),
  }, {
    of: "docker.run",
    hints: {
      env: "use with.container.Env",
      ports: "use with.host.PortBindings",
      runtime: ENGINE_HINT,
      engine: ENGINE_HINT,
      host_url: ENGINE_HINT,
      daemon: ENGINE_HINT,
      socket: ENGINE_HINT,
    },
  }),
  v.check(
    (given) => Object.keys(given.exec ?? {}).length === 0 || given.container_name !== undefined,
    complain("exec options need container_name", "name the running container with container_name"),
  ),
  v.check(
    (given) =>
      given.image !== undefined || given.container_name === undefined ||
      [given.container, given.host, given.network].every((one) => Object.keys(one ?? {}).length === 0),
    complain(
      "container, host and network describe a container that is created, and container_name names a running one",
      "add image, or use exec",
    ),
  ),
  v.check(
    (given) =>
      given.command?.kind !== "text" || given.shell !== undefined ||
      !given.command.text.trim().includes("\n"),
    complain("a command of several lines needs a shell", "add shell: [/bin/sh, -e, -c]"),
  ),
  v.transform((given): DockerRun => ({
    image: given.image ?? null,
    containerName: given.container_name ?? null,
    command: given.command ?? null,
    pullPolicy: given.pull ?? "missing",
    autoRemove: given.auto_remove ?? given.host?.["AutoRemove"] === true,
    platform: given.platform ?? null,
    workingDir: given.working_dir ?? null,
    volumes: given.volumes ?? [],
    shell: given.shell ?? null,
    container: given.container ?? {},
    host: given.host ?? {},
    network: given.network ?? {},
    exec: given.exec ?? {},
  })),
);
