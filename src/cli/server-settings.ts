/** What the environment sets of the control plane. */
import { type Network, readNetwork } from "../server/access/network.ts";
import type { Keyring } from "../server/secrets/keyring.ts";
import {
  ARTIFACT_MAX_OF_OBJECTS,
  type AuthMode,
  type Limits,
  SERVER_DEFAULTS,
  type ServerSettings,
} from "../server/settings.ts";
import { isHttpUrl } from "./api-client.ts";
import { UserError } from "./command.ts";
import { LONGEST_S, readSeconds } from "./seconds.ts";
import { settingOf } from "./setting.ts";
import { readTimeZone } from "./time-zone.ts";
import { VERSION } from "./version.ts";

export interface SettingsOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly auth: AuthMode;
  readonly publicUrl?: string;
}

export function readSettings(options: SettingsOptions, keys: Keyring): ServerSettings {
  const { env } = options;
  const publicUrl = options.publicUrl ?? readPublicUrl(env);
  return {
    ...SERVER_DEFAULTS,
    version: VERSION,
    publicUrl,
    basePath: readBasePath(env, publicUrl),
    auth: options.auth,
    keys,
    ...readPatience(env),
    trustedProxies: readProxies(env),
    webhookMaxPayloadBytes: readBytes(
      env,
      "DAGU_WEBHOOKS_MAX_PAYLOAD_SIZE",
      SERVER_DEFAULTS.webhookMaxPayloadBytes,
    ),
    timeZone: readTimeZone(env),
    internalToken: settingOf(env, "DAGU_INTERNAL_TOKEN"),
    limits: readLimits(env),
    queueTtlMs: readSeconds(env, "DAGU_QUEUE_TTL", [1, LONGEST_S]),
    overtime: {
      ...SERVER_DEFAULTS.overtime,
      maxMs: readSeconds(env, "DAGU_RUNS_MAX_DURATION", [1, LONGEST_S]) ?? SERVER_DEFAULTS.overtime.maxMs,
    },
  };
}

/** Without a slash at its end; "": the address by which we are asked. */
function readPublicUrl(env: Readonly<Record<string, string>>): string {
  const text = env["DAGU_PUBLIC_URL"]?.trim() ?? "";
  if (text !== "" && !isHttpUrl(text)) {
    throw new UserError(
      `DAGU_PUBLIC_URL is "${text}"; write the address of this server, https://HOST[:PORT]`,
    );
  }
  return text.replace(/\/+$/, "");
}

/** `DAGU_BASE_PATH`, else the path of the public address. Without a slash at its end. */
function readBasePath(env: Readonly<Record<string, string>>, publicUrl: string): string {
  const text = settingOf(env, "DAGU_BASE_PATH") ?? (publicUrl === "" ? "" : new URL(publicUrl).pathname);
  const path = text.replace(/\/+$/, "");
  if (path !== "" && !/^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/.test(path)) {
    throw new UserError(
      `DAGU_BASE_PATH is "${text}"; write a path of letters, digits, _ . ~ -, such as /dagu`,
    );
  }
  return path;
}

/** What runners are told of it. */
export function readPatience(
  env: Readonly<Record<string, string>>,
): Pick<ServerSettings, "runner" | "retryGraceMs"> {
  return {
    runner: { ...SERVER_DEFAULTS.runner, ...readLease(env), artifactMax: readArtifactMax(env) },
    retryGraceMs: readSeconds(env, "DAGU_RUNS_GRACE", [0, 3_600]) ?? SERVER_DEFAULTS.retryGraceMs,
  };
}

/** A runner renews a lease at least three times before it ends (5.6). */
function readLease(env: Readonly<Record<string, string>>): Partial<ServerSettings["runner"]> {
  const leaseMs = readSeconds(env, "DAGU_RUNS_LEASE", [30, 600]);
  if (leaseMs === null) return {};
  return { leaseMs, heartbeatMs: Math.min(SERVER_DEFAULTS.runner.heartbeatMs, Math.floor(leaseMs / 3)) };
}

/** Three of them are for operators to set; 0: no limit. */
function readLimits(env: Readonly<Record<string, string>>): Limits {
  const { limits } = SERVER_DEFAULTS;
  const perMinute = (name: string, fallback: number): number => {
    const text = env[name]?.trim() ?? "";
    if (text === "") return fallback;
    if (!/^\d{1,7}$/.test(text)) throw new UserError(`${name} must be a number per minute, got "${text}"`);
    return Number(text);
  };
  const webhook = perMinute("DAGU_WEBHOOK_RATE_LIMIT", limits.webhook.perMinute);
  const api = perMinute("DAGU_API_RATE_LIMIT", limits.api.perMinute);
  return {
    ...limits,
    api: { perMinute: api, burst: Math.max(1, Math.ceil(api / 3)) },
    changes: { perMinute: perMinute("DAGU_API_CHANGE_LIMIT", limits.changes.perMinute) },
    webhook: { perMinute: webhook, burst: 2 * webhook },
  };
}

/** Addresses and networks, with commas between. */
function readProxies(env: Readonly<Record<string, string>>): Network[] {
  const name = "DAGU_IP_ACCESS_TRUSTED_PROXIES";
  const texts = (env[name] ?? "").split(",").map((text) => text.trim()).filter((text) => text !== "");
  return texts.map((text) => {
    const network = readNetwork(text);
    if (network === null) {
      throw new UserError(`${name}: "${text}" is no address and no network, such as 10.0.0.0/8`);
    }
    return network;
  });
}

function readArtifactMax(env: Readonly<Record<string, string>>): number {
  const hasStore = (env["DAGU_BLOB_STORE_URL"]?.trim() ?? "") !== "";
  const fallback = hasStore ? ARTIFACT_MAX_OF_OBJECTS : SERVER_DEFAULTS.runner.artifactMax;
  return readBytes(env, "DAGU_ARTIFACT_MAX_SIZE", fallback);
}

function readBytes(env: Readonly<Record<string, string>>, name: string, fallback: number): number {
  const text = env[name]?.trim() ?? "";
  if (text === "") return fallback;
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new UserError(`${name} must be a number of bytes, got "${text}"`);
  return Number(text);
}
