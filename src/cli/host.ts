/** The control plane on Deno: opens what it needs, builds the ports, and is the app behind a socket or in memory. */
import type { Log } from "../run/ports.ts";
import { systemClock, systemIds } from "../runner/clock.ts";
import type { ServerPorts, Wake } from "../server/ports.ts";
import { API_FORM, GITHUB_API, isApiAddress, openGithub } from "../server/outbound/github.ts";
import { type Bucket, BUCKET_FORM, openS3Store, readBucket } from "../server/outbound/s3.ts";
import type { ServerSettings } from "../server/settings.ts";
import { createRegistrationToken } from "../server/dispatch/register.ts";
import { adoptRecords } from "./ahead/adoption.ts";
import { readBaseConfig } from "./base-config.ts";
import { UserError } from "./command.ts";
import { openCache } from "./cache.ts";
import { type Channel, openEmbedded, openPostgres } from "./database.ts";
import { databaseAt, type Home, readKeyring, takeHome } from "./home.ts";
import type { LocalPlane } from "./local-plane.ts";
import { readSettings, type SettingsOptions } from "./server-settings.ts";
import { settingOf } from "./setting.ts";
import { takeTurn } from "./turn.ts";
import { newMemoryWake } from "./wake.ts";

export interface Host extends LocalPlane {
  readonly ports: ServerPorts;
  readonly settings: ServerSettings;
}

export interface HostOptions extends SettingsOptions {
  readonly home: Home;
  readonly log: Log;
  /** The caller holds the home already. */
  readonly isHeld?: boolean;
}

const ADMISSION_MS = 60_000;

/** Throws `HomeInUseError`. */
export async function openHost(options: HostOptions): Promise<Host> {
  await using built = new AsyncDisposableStack();
  const postgres = databaseAt(options.env);
  if (postgres === null && options.isHeld !== true) built.use(await takeHome(options.home));
  const cache = postgres === null ? await openCache(options.env) : null;
  using _turn = cache === null ? null : await takeTurn(cache);
  const base = await readBaseConfig(options.env);
  const [database, { createApp }, keys] = await Promise.all([
    postgres === null ? openEmbedded(options.home, cache) : openPostgres(postgres.url, postgres.variable),
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
    forge: openGithub({ fetch, clock }, readGithubApi(options.env)),
    ...(bucket === null ? {} : { objects: openS3Store({ fetch, clock }, bucket) }),
    wake: await joinWake(newMemoryWake(clock), database.channel),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    background: (work) => {
      background.add(work);
      void work.finally(() => background.delete(work));
    },
  };
  const settings = readSettings(options, keys);
  if (postgres === null) await adoptRecords(options.home, ports, settings);
  const app = createApp(ports, settings);
  const kept = built.move();
  return {
    ports,
    settings,
    fetch: async (request, connection = {}) => await app.fetch(request, connection),
    admission: async () =>
      (await createRegistrationToken(ports, { lifeMs: ADMISSION_MS, uses: 1, labels: {} })).token,
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(background);
      await kept.disposeAsync();
    },
  };
}

/** What one process notifies, the others on the same Postgres hear too. */
async function joinWake(memory: Wake, channel: Channel | null): Promise<Wake> {
  if (channel === null) return memory;
  await channel.subscribe((topic) => memory.notify(topic));
  return {
    ...memory,
    notify: (topic) => {
      memory.notify(topic);
      channel.publish(topic);
    },
  };
}

/** `DAGU_GITHUB_API_URL`: of an own instance, `https://HOST/api/v3`. */
function readGithubApi(env: Readonly<Record<string, string>>): string {
  const text = settingOf(env, "DAGU_GITHUB_API_URL") ?? GITHUB_API;
  if (!isApiAddress(text)) {
    throw new UserError(`DAGU_GITHUB_API_URL ${API_FORM}`);
  }
  return text;
}

/** `DAGU_BLOB_STORE_URL` and the login that AWS's tools read too; null: the database keeps everything. */
function readObjectStore(env: Readonly<Record<string, string>>): Bucket | null {
  const text = env["DAGU_BLOB_STORE_URL"]?.trim() ?? "";
  if (text === "") return null;
  const login = {
    accessKeyId: env["AWS_ACCESS_KEY_ID"] ?? "",
    secretAccessKey: env["AWS_SECRET_ACCESS_KEY"] ?? "",
    sessionToken: env["AWS_SESSION_TOKEN"] ?? "",
  };
  const bucket = readBucket(text, login);
  if (bucket === null) throw new UserError(`DAGU_BLOB_STORE_URL ${BUCKET_FORM}`);
  if (login.accessKeyId === "" || login.secretAccessKey === "") {
    throw new UserError("DAGU_BLOB_STORE_URL needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  return bucket;
}
