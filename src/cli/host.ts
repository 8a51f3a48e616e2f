/** The control plane on Deno: opens what it needs, builds the ports, and is the app behind a socket or in memory. */
import type { Log } from "../run/ports.ts";
import { newLog } from "../runner/log.ts";
import { systemClock, systemIds } from "../runner/clock.ts";
import type { ServerPorts, Wake } from "../server/ports.ts";
import type { Keyring } from "../server/secrets/keyring.ts";
import { type Bucket, BUCKET_FORM, openS3Store, readBucket } from "../server/outbound/s3.ts";
import {
  ARTIFACT_MAX_OF_OBJECTS,
  type AuthMode,
  type Limits,
  SERVER_DEFAULTS,
  type ServerSettings,
} from "../server/settings.ts";
import { readBaseConfig } from "./base-config.ts";
import { UserError } from "./command.ts";
import { openCache } from "./cache.ts";
import { type Channel, databaseUrl, openEmbedded, openPostgres } from "./database.ts";
import { type Home, lockHome, readKeyring, readServerRecord } from "./home.ts";
import { readTimeZone } from "./time-zone.ts";
import { VERSION } from "./version.ts";
import { takeTurn } from "./turn.ts";
import { newMemoryWake } from "./wake.ts";

export interface Host extends AsyncDisposable {
  readonly ports: ServerPorts;
  readonly settings: ServerSettings;
  /** The control plane, without any socket between (DESIGN 3.4). */
  fetch(request: Request): Promise<Response>;
}

export interface HostOptions {
  readonly home: Home;
  readonly env: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly auth: AuthMode;
  readonly publicUrl?: string;
}

/** The embedded database of this home is open in another process. */
export class HomeInUseError extends UserError {}

/** Throws `HomeInUseError`. */
export async function openHost(options: HostOptions): Promise<Host> {
  await using built = new AsyncDisposableStack();
  const url = databaseUrl(options.env);
  if (url === null) built.use(await takeHome(options.home));
  const cache = url === null ? await openCache(options.env) : null;
  using _turn = cache === null ? null : await takeTurn(cache);
  const base = await readBaseConfig(options.env);
  const [database, { createApp }, keys] = await Promise.all([
    url === null ? openEmbedded(options.home, cache) : openPostgres(url),
    import("../server/app.ts"),
    readKeyring(options.home, options.env),
  ]);
  built.use(database);
  const clock = systemClock();
  const bucket = readObjectStore(options.env);
  const background = new Set<Promise<void>>();
  const ports: ServerPorts = {
    db: database.db,
    clock,
    ids: systemIds(),
    log: options.log,
    base,
    ...(bucket === null ? {} : { objects: openS3Store({ fetch, clock }, bucket) }),
    wake: await joinWake(newMemoryWake(clock), database.channel),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    background: (work) => {
      background.add(work);
      void work.finally(() => background.delete(work));
    },
  };
  const settings = readSettings(options, keys);
  const app = createApp(ports, settings);
  const kept = built.move();
  return {
    ports,
    settings,
    fetch: async (request) => await app.fetch(request),
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(background);
      await kept.disposeAsync();
    },
  };
}

/** Throws `HomeInUseError`. */
async function takeHome(home: Home): Promise<Disposable> {
  const lock = await lockHome(home);
  if (lock !== null) return lock;
  const running = await readServerRecord(home);
  const where = running === null ? "" : ` (process ${running.pid}, ${running.url})`;
  throw new HomeInUseError(
    `the embedded database below ${home.dir} is in use by another dagu${where}\n` +
      "Stop that one, set DAGU_HOME to another folder, or set DATABASE_URL to share a Postgres.",
  );
}

/** What one process notifies, the others on the same Postgres hear too. */
async function joinWake(memory: Wake, channel: Channel | null): Promise<Wake> {
  if (channel === null) return memory;
  await channel.subscribe((topic) => memory.notify(topic));
  return {
    wait: memory.wait,
    notify: (topic) => {
      memory.notify(topic);
      channel.publish(topic);
    },
  };
}

function readSettings(options: HostOptions, keys: Keyring): ServerSettings {
  const { env } = options;
  return {
    ...SERVER_DEFAULTS,
    version: VERSION,
    publicUrl: (options.publicUrl ?? env["DAGU_PUBLIC_URL"] ?? "").replace(/\/+$/, ""),
    auth: options.auth,
    keys,
    runner: { ...SERVER_DEFAULTS.runner, ...readLease(env), artifactMax: readArtifactMax(env) },
    retryGraceMs: readSeconds(env, "DAGU_RUNS_GRACE", [0, 3_600]) ?? SERVER_DEFAULTS.retryGraceMs,
    webhookMaxPayloadBytes: readBytes(
      env,
      "DAGU_WEBHOOKS_MAX_PAYLOAD_SIZE",
      SERVER_DEFAULTS.webhookMaxPayloadBytes,
    ),
    timeZone: readTimeZone(env),
    internalToken: env["DAGU_INTERNAL_TOKEN"] ?? null,
    limits: readLimits(env),
  };
}

/** `DAGU_BLOB_STORE_URL` and the login that AWS's tools read too; null: the database keeps everything. */
function readObjectStore(env: Readonly<Record<string, string>>): Bucket | null {
  const text = env["DAGU_BLOB_STORE_URL"]?.trim() ?? "";
  if (text === "") return null;
  const accessKeyId = env["AWS_ACCESS_KEY_ID"] ?? "";
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"] ?? "";
  if (accessKeyId === "" || secretAccessKey === "") {
    throw new UserError("DAGU_BLOB_STORE_URL needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  const bucket = readBucket(text, {
    accessKeyId,
    secretAccessKey,
    sessionToken: env["AWS_SESSION_TOKEN"] ?? "",
  });
  if (bucket === null) throw new UserError(`DAGU_BLOB_STORE_URL ${BUCKET_FORM}`);
  return bucket;
}

/** A runner renews a lease at least three times before it ends (5.6). */
function readLease(env: Readonly<Record<string, string>>): Partial<ServerSettings["runner"]> {
  const leaseMs = readSeconds(env, "DAGU_RUNS_LEASE", [30, 600]);
  if (leaseMs === null) return {};
  return { leaseMs, heartbeatMs: Math.min(SERVER_DEFAULTS.runner.heartbeatMs, Math.floor(leaseMs / 3)) };
}

/** `90s`, `5m`: in milliseconds; null: not set. */
function readSeconds(
  env: Readonly<Record<string, string>>,
  name: string,
  [least, most]: readonly [number, number],
): number | null {
  const text = env[name]?.trim() ?? "";
  if (text === "") return null;
  const [, count = "", unit = ""] = /^(\d{1,4})([sm])$/.exec(text) ?? [];
  const seconds = count === "" ? -1 : Number(count) * (unit === "m" ? 60 : 1);
  if (seconds < least || seconds > most) {
    throw new UserError(`${name} must be from ${least}s to ${most}s, for example 90s or 5m; got "${text}"`);
  }
  return seconds * 1_000;
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

/** Logs of the process: `DAGU_LOG_FORMAT` text or json, on stderr. */
export function openLog(env: Readonly<Record<string, string>>): Log {
  return newLog(env["DAGU_LOG_FORMAT"] === "json" ? "json" : "text", systemClock());
}

/** A log that only lets through what somebody must act on: for commands whose stderr is a person's terminal. */
export function quietLog(env: Readonly<Record<string, string>>): Log {
  const log = openLog(env);
  return env["DAGU_DEBUG"] === "true" ? log : { ...log, info: () => {}, warn: () => {} };
}
