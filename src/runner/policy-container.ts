/**
 * Containers under a policy. What is judged is the body that goes to the engine, whoever wrote which part of it: a setting
 * that is not known here is refused, since engines read keys in any case and learn new ones (containers contract B20).
 */
import type { Failure } from "../run/failure.ts";
import { fullImage, imageText } from "../workflow/image.ts";
import { isMapping } from "../workflow/json.ts";
import { compileGlob } from "../workflow/glob.ts";
import type { CreateBody, EngineGuard } from "./containers/guard.ts";
import { capabilityName, type MountRule, type PolicyRules } from "./policy-file.ts";
import { compileImagePattern, type MatchesImage } from "./policy-image.ts";
import { limited } from "./policy-limits.ts";
import { isBelow, whereItLeads } from "./policy-paths.ts";
import { denied } from "./policy-denial.ts";
import { own } from "../workflow/own.ts";

export interface GuardPlaces {
  /** Folders of the run itself: always open to its containers. */
  readonly own: readonly string[];
  /** The engine's socket, the runner's state, the policy: never, unless a rule names exactly them. */
  readonly secret: readonly string[];
}

export function newGuard(rules: PolicyRules, places: GuardPlaces): EngineGuard {
  const patterns = rules.images.allow.map(compileImagePattern);
  const isExecTarget = anyOf(rules.exec);
  const isVolume = anyOf(rules.mounts.volumes);
  const image = (reference: string): string | Failure => judgeImage(reference, rules, patterns);
  return {
    image,
    source: async (path) => {
      const judged = await judgeSource(path, null, rules.mounts.allow, places);
      return typeof judged === "string" ? null : judged;
    },
    body: (body) => judgeBody(body, { rules, places, image, isVolume }),
    privilegedExec: () => rules.privileged ? null : denied("privileged", "a privileged exec"),
    exec: (container) =>
      isExecTarget(container)
        ? null
        : denied("exec.allow", `executing in container ${container}, which is not the run's own`),
  };
}

interface Given {
  readonly rules: PolicyRules;
  readonly image: EngineGuard["image"];
  readonly places: GuardPlaces;
  readonly isVolume: (name: string) => boolean;
}

function judgeImage(
  reference: string,
  rules: PolicyRules,
  patterns: readonly MatchesImage[],
): string | Failure {
  const image = fullImage(reference);
  if (image === null) return denied("images.allow", `image "${reference}", which is not named in full`);
  if (!patterns.some((matches) => matches(image))) return denied("images.allow", `image ${imageText(image)}`);
  if (rules.images.requireDigest && image.digest === null) {
    return denied("images.require_digest", `image ${imageText(image)}, which is not pinned with @sha256:`);
  }
  return imageText(image);
}

/** The path to mount. `isReadOnly` null: not known yet. */
async function judgeSource(
  path: string,
  isReadOnly: boolean | null,
  allowed: readonly MountRule[],
  places: GuardPlaces,
): Promise<string | Failure> {
  const real = await whereItLeads(path);
  const shown = real === path ? path : `${path}, which leads to ${real}`;
  for (const secret of await Promise.all(places.secret.map(whereItLeads))) {
    if (await isOwn(real, places)) break;
    const isNamed = allowed.some(({ source }) => source === path && path === real && real === secret);
    if (!isNamed && (isBelow(secret, real) || isBelow(real, secret))) {
      return denied("mounts.allow", `mounting ${shown}: the runner's own secrets are there`);
    }
  }
  if (await isOwn(real, places)) return real;
  for (const rule of allowed) {
    if (!isBelow(real, await whereItLeads(rule.source))) continue;
    if (isReadOnly !== false || !rule.isReadOnly) return real;
    return denied("mounts.allow", `mounting ${shown} for writing: it may be mounted with :ro only`);
  }
  return denied("mounts.allow", `mounting ${shown}`);
}

async function isOwn(real: string, places: GuardPlaces): Promise<boolean> {
  for (const folder of places.own) if (isBelow(real, await whereItLeads(folder))) return true;
  return false;
}

// ---- the body ---------------------------------------------------------------------------------------------------

type Judge = (value: unknown, given: Given) => Failure | null;

const FINE_TOP = [
  "Cmd Entrypoint Labels WorkingDir User Healthcheck Hostname Domainname StopSignal StopTimeout Tty",
  "OpenStdin StdinOnce NetworkDisabled MacAddress Shell AttachStdout AttachStderr ExposedPorts",
].join(" ").split(" ");
const FINE_HOST = [
  "Init CapDrop RestartPolicy Memory MemorySwap MemoryReservation NanoCpus NanoCPUs CpuShares CpuPeriod CpuQuota",
  "CpusetCpus CpusetMems PidsLimit BlkioWeight Ulimits ReadonlyRootfs Dns DnsOptions DnsSearch ExtraHosts ShmSize",
  "Tmpfs",
].join(" ").split(" ");

const TOP_RULES: Readonly<Record<string, Judge>> = {
  // Podman reads `source:target` here as a mount.
  Volumes: (value) => {
    const extra = isMapping(value)
      ? Object.keys(value).find((path) => !isPlainPath(path))
      : "in an unknown form";
    return extra === undefined ? null : denied("mounts.allow", `the volume ${JSON.stringify(extra)}`);
  },
  // Podman fills a name without a value from its own environment.
  Env: (value) => {
    const extra = words(value).find((one) => one.indexOf("=") < 1);
    return extra === undefined ? null : denied("settings.allow", `the variable ${extra} without a value`);
  },
};
const FINE_ENDPOINT: ReadonlySet<string> = new Set(["Aliases", "IPAMConfig", "MacAddress"]);

/** Settings with a rule of their own. Binds and Mounts are judged apart: they are changed, too. */
const HOST_RULES: Readonly<Record<string, Judge>> = {
  Privileged: (value, { rules }) =>
    isOff(value) || (value === true && rules.privileged)
      ? null
      : denied("privileged", "a privileged container"),
  CapAdd: (value, { rules }) => {
    const extra = words(value).map(capabilityName).find((one) => !rules.capabilities.includes(one));
    return extra === undefined ? null : denied("capabilities.allow", `capability ${extra}`);
  },
  Devices: (value, { rules }) => {
    const extra = asList(value).map(devicePath).find((path) =>
      path === null || !rules.devices.includes(path)
    );
    return extra === undefined ? null : denied("devices.allow", `device ${extra ?? "in an unknown form"}`);
  },
  NetworkMode: (value, { rules }) => judgeNetwork(value, rules),
  PidMode: namespace("PidMode", ["", "private"]),
  IpcMode: namespace("IpcMode", ["", "none", "private", "shareable"]),
  UTSMode: namespace("UTSMode", ["", "private"]),
  CgroupnsMode: namespace("CgroupnsMode", ["", "private"]),
  UsernsMode: (value) =>
    value === "" || value === "private" || /^keep-id(:(uid|gid)=\d+(,(uid|gid)=\d+)*)?$/.test(String(value))
      ? null
      : denied("settings.allow", `UsernsMode ${JSON.stringify(value)}`),
  SecurityOpt: (value) => {
    const extra = asList(value).find((one) => !/^no-new-privileges([:=]true)?$/.test(String(one)));
    return extra === undefined ? null : denied("settings.allow", `SecurityOpt ${JSON.stringify(extra)}`);
  },
  // Podman would hand down the groups of whoever runs it.
  GroupAdd: (value) =>
    words(value).includes("keep-groups") ? denied("settings.allow", "GroupAdd keep-groups") : null,
  PortBindings: (value, { rules }) => judgePorts(value, rules),
  PublishAllPorts: (value) =>
    isOff(value) ? null : denied("ports.allow", "PublishAllPorts, which takes any port"),
};

async function judgeBody(body: CreateBody, given: Given): Promise<{ readonly body: CreateBody } | Failure> {
  const { HostConfig: host, NetworkingConfig, Image, ...top } = body;
  if (!isMapping(host)) return denied("settings.allow", "a HostConfig that is no mapping");
  const { Binds: writtenBinds, Mounts: writtenMounts, ...settings } = host;
  const image = given.image(String(Image));
  if (typeof image !== "string") return image;
  const failure = judgeSettings(top, "container", TOP_RULES, FINE_TOP, given) ??
    judgeSettings(settings, "host", HOST_RULES, FINE_HOST, given);
  if (failure !== null) return failure;
  const networks = judgeEndpoints(NetworkingConfig, host, given.rules);
  if (networks !== null) return networks;
  const binds = await judgeBinds(writtenBinds, given);
  if (!Array.isArray(binds)) return binds;
  const mounts = await judgeMounts(writtenMounts, given);
  if (!Array.isArray(mounts)) return mounts;
  return {
    body: {
      ...top,
      Image: image,
      HostConfig: {
        ...limited(settings, given.rules.limits),
        Binds: binds,
        ...(mounts.length === 0 ? {} : { Mounts: mounts }),
      },
      ...(NetworkingConfig === undefined ? {} : { NetworkingConfig }),
    },
  };
}

/** A setting with a rule of its own is never let through by its name alone. */
function judgeSettings(
  settings: Readonly<Record<string, unknown>>,
  of: string,
  judges: Readonly<Record<string, Judge>>,
  fine: readonly string[],
  given: Given,
): Failure | null {
  for (const [key, value] of Object.entries(settings)) {
    if (value === undefined || value === null || fine.includes(key)) continue;
    const judge = Object.hasOwn(judges, key) ? judges[key] : undefined;
    const failure = judge !== undefined
      ? judge(value, given)
      : given.rules.settings.includes(key)
      ? null
      : denied("settings.allow", `${of} setting ${key}`);
    if (failure !== null) return failure;
  }
  return null;
}

function namespace(key: string, own: readonly string[]): Judge {
  return (value) =>
    own.includes(String(value)) ? null : denied("settings.allow", `${key} ${JSON.stringify(value)}`);
}

// ---- networks and ports -----------------------------------------------------------------------------------------

function judgeNetwork(value: unknown, { networks }: PolicyRules): Failure | null {
  const name = value === "" || value === "default" ? "bridge" : value;
  if (typeof name === "string" && networks.some((pattern) => isNetwork(pattern, name))) return null;
  return denied("networks.allow", `network ${JSON.stringify(value)}`);
}

/** Networks of the host or of other containers are meant by their very names only. */
function isNetwork(pattern: string, name: string): boolean {
  return pattern === name || (name !== "host" && !/[:,]/.test(name) && compileGlob(pattern)(name));
}

function judgeEndpoints(
  networking: unknown,
  host: Readonly<Record<string, unknown>>,
  rules: PolicyRules,
): Failure | null {
  const endpoints = isMapping(networking) ? networking["EndpointsConfig"] : undefined;
  const hasMore = networking !== undefined && networking !== null &&
    (!isMapping(networking) || Object.keys(networking).some((key) => key !== "EndpointsConfig"));
  if (hasMore) return denied("networks.allow", "network settings in an unknown form");
  if (endpoints === undefined || endpoints === null || (isMapping(endpoints) && isEmpty(endpoints))) {
    return isOff(host["NetworkMode"]) ? judgeNetwork("", rules) : null;
  }
  if (!isMapping(endpoints)) return denied("networks.allow", "EndpointsConfig in an unknown form");
  for (const [name, endpoint] of Object.entries(endpoints)) {
    const failure = judgeNetwork(name, rules);
    if (failure !== null) return failure;
    const extra = isMapping(endpoint)
      ? Object.keys(endpoint).find((key) => !FINE_ENDPOINT.has(key))
      : undefined;
    if (extra !== undefined) return denied("settings.allow", `endpoint setting ${extra}`);
  }
  return isOff(host["NetworkMode"]) ? judgeNetwork("", rules) : null;
}

function judgePorts(value: unknown, { ports }: PolicyRules): Failure | null {
  if (!isMapping(value)) return denied("ports.allow", "PortBindings in an unknown form");
  for (const binding of Object.values(value).flatMap(asList)) {
    const written = isMapping(binding) ? binding["HostPort"] : binding;
    const port = Number(written);
    const isOpen = /^\d+$/.test(String(written)) && ports.some(({ from, to }) => port >= from && port <= to);
    if (!isOpen) return denied("ports.allow", `publishing on host port ${JSON.stringify(written ?? "any")}`);
  }
  return null;
}

// ---- mounts -----------------------------------------------------------------------------------------------------

const BIND_MODES: ReadonlySet<string> = new Set(["rw", "ro", "z", "Z", "U", "nocopy", "private", "rprivate"]);

async function judgeBinds(value: unknown, given: Given): Promise<string[] | Failure> {
  const binds: string[] = [];
  for (const bind of asList(value)) {
    const parts = typeof bind === "string" ? bind.split(":") : [];
    const [source = "", target = "", mode = ""] = parts;
    const modes = mode === "" ? [] : mode.split(",");
    const isReadable = parts.length >= 2 && parts.length <= 3 && modes.every((one) => BIND_MODES.has(one));
    if (!isReadable) return denied("mounts.allow", `the mount ${JSON.stringify(bind)}`);
    const judged = await judgePlace(source, modes.includes("ro"), given);
    if (typeof judged !== "string") return judged;
    binds.push([judged, target, ...(mode === "" ? [] : [mode])].join(":"));
  }
  return binds;
}

/** A folder of the host, or a volume by its name. */
async function judgePlace(
  source: string,
  isReadOnly: boolean,
  { rules, places, isVolume }: Given,
): Promise<string | Failure> {
  if (source.startsWith("/")) return await judgeSource(source, isReadOnly, rules.mounts.allow, places);
  if (/^[A-Za-z0-9][\w.-]*$/.test(source) && isVolume(source)) return source;
  return denied("mounts.volumes", `the volume ${JSON.stringify(source)}`);
}

const MOUNT_KEYS: Readonly<Record<string, readonly string[]>> = {
  bind: ["Type", "Source", "Target", "ReadOnly", "BindOptions"],
  volume: ["Type", "Source", "Target", "ReadOnly", "VolumeOptions"],
  tmpfs: ["Type", "Target", "ReadOnly", "TmpfsOptions"],
};

async function judgeMounts(value: unknown, given: Given): Promise<unknown[] | Failure> {
  const mounts: unknown[] = [];
  for (const mount of asList(value)) {
    const type = isMapping(mount) ? mount["Type"] : undefined;
    const keys = typeof type === "string" ? own(MOUNT_KEYS, type) : undefined;
    const isKnown = isMapping(mount) && keys !== undefined && hasOnly(mount, keys) && hasSafeOptions(mount);
    if (!isKnown || !isPlainPath(mount["Target"]) || /[,"\\]/.test(String(mount["Source"] ?? ""))) {
      return denied("mounts.allow", `the mount ${JSON.stringify(mount)}`);
    }
    const source = mount["Source"];
    const isNameless = type === "tmpfs" || (type === "volume" && isOff(source));
    if (isNameless) mounts.push(mount);
    else {
      // Only a path is a bind's source, only a name a volume's: engines differ in what else they make of it.
      const text = typeof source === "string" && source.startsWith("/") === (type === "bind") ? source : "";
      const judged = await judgePlace(text, mount["ReadOnly"] === true, given);
      if (typeof judged !== "string") return judged;
      mounts.push({ ...mount, Source: judged });
    }
  }
  return mounts;
}

/** A volume's driver could mount anything; a propagated mount could reach the host. */
function hasSafeOptions(mount: Readonly<Record<string, unknown>>): boolean {
  const { BindOptions: bind, VolumeOptions: volume, TmpfsOptions: tmpfs } = mount;
  const isPrivate = !isMapping(bind) || /^(r?private)?$/.test(String(bind["Propagation"] ?? ""));
  return isPrivate && hasOnly(bind, ["Propagation", "NonRecursive"]) &&
    hasOnly(volume, ["NoCopy", "Labels"]) &&
    hasOnly(tmpfs, ["SizeBytes", "Mode"]);
}

function hasOnly(value: unknown, keys: readonly string[]): boolean {
  return isOff(value) || (isMapping(value) && Object.keys(value).every((key) => keys.includes(key)));
}

// ---- values -----------------------------------------------------------------------------------------------------

/** Podman writes mounts as one line of `key=value` with commas before it reads them. */
function isPlainPath(value: unknown): boolean {
  return typeof value === "string" && /^\/[^:,"\\\r\n]*$/.test(value);
}

function devicePath(device: unknown): string | null {
  const path = isMapping(device) && hasOnly(device, ["PathOnHost", "PathInContainer", "CgroupPermissions"])
    ? device["PathOnHost"]
    : null;
  return typeof path === "string" ? path : null;
}

function isOff(value: unknown): boolean {
  return value === undefined || value === null || value === false || value === "";
}

function isEmpty(value: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(value).length === 0;
}

function asList(value: unknown): readonly unknown[] {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}

function words(value: unknown): string[] {
  return asList(value).map(String);
}

function anyOf(globs: readonly string[]): (name: string) => boolean {
  const tests = globs.map(compileGlob);
  return (name) => tests.some((test) => test(name));
}
