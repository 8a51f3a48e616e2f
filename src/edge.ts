/**
 * The door on edge runtimes (workerd): the same control plane, a database client for each request. Settings come from the
 * platform's bindings; the schema must be there already (`dagu server` on the same database applies the migrations).
 */
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import * as v from "valibot";
import { uuidV7 } from "./run/ids.ts";
import type { Clock, Log } from "./run/ports.ts";
import { createApp } from "./server/app.ts";
import { POLL_MS, type ServerPorts } from "./server/ports.ts";
import { isZone } from "./workflow/cron.ts";
import { Keys } from "./server/secrets/keyring.ts";
import { API_FORM, GITHUB_API, isApiAddress, openGithub } from "./server/outbound/github.ts";
import { BUCKET_FORM, openS3Store, readBucket } from "./server/outbound/s3.ts";
import { ARTIFACT_MAX_OF_OBJECTS, SERVER_DEFAULTS, type ServerSettings } from "./server/settings.ts";
import type { Db } from "./server/store/db.ts";
import { POOL_OPTIONS, withSafeTransactions } from "./server/store/pool.ts";
import * as schema from "./server/store/schema.ts";
import { tick } from "./server/tick/tick.ts";

/** What the platform must bind. `HYPERDRIVE` (a pooler) wins over `DATABASE_URL`. */
const Bindings = v.object({
  DATABASE_URL: v.optional(v.string()),
  HYPERDRIVE: v.optional(v.object({ connectionString: v.string() })),
  DAGU_PUBLIC_URL: v.optional(v.string(), ""),
  DAGU_ENCRYPTION_KEYS: Keys,
  DAGU_INTERNAL_TOKEN: v.optional(v.string()),
  DAGU_BLOB_STORE_URL: v.optional(v.string(), ""),
  DAGU_GITHUB_API_URL: v.optional(
    v.pipe(v.string(), v.check(isApiAddress, API_FORM)),
    GITHUB_API,
  ),
  AWS_ACCESS_KEY_ID: v.optional(v.string(), ""),
  AWS_SECRET_ACCESS_KEY: v.optional(v.string(), ""),
  AWS_SESSION_TOKEN: v.optional(v.string(), ""),
  DAGU_TZ: v.optional(
    v.pipe(v.string(), v.check(isZone, "must be a time zone, for example Europe/Berlin")),
    "UTC",
  ),
  /** On the edge there is no loopback: `token` or `basic`. */
  DAGU_AUTH_MODE: v.optional(v.picklist(["token", "basic"]), "token"),
  DAGU_AUTH_BASIC_USERNAME: v.optional(v.string(), ""),
  DAGU_AUTH_BASIC_PASSWORD: v.optional(v.string(), ""),
});
type Bindings = v.InferOutput<typeof Bindings>;

interface ExecutionContext {
  waitUntil(work: Promise<unknown>): void;
}

export default {
  async fetch(request: Request, bindings: unknown, context: ExecutionContext): Promise<Response> {
    const parsed = v.safeParse(Bindings, bindings);
    if (!parsed.success) {
      return misconfigured(parsed.issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`));
    }
    const plane = openPlane(parsed.output, context);
    const response = await createApp(plane.ports, plane.settings).fetch(request, {
      // Cloudflare writes it anew, whatever the sender wrote.
      remoteAddress: request.headers.get("CF-Connecting-IP"),
    });
    // A stream goes on reading the database after this function has returned.
    const { answer, read } = tapBody(response);
    context.waitUntil(read.then(() => plane.close()));
    return answer;
  },

  async scheduled(_event: unknown, bindings: unknown, context: ExecutionContext): Promise<void> {
    const plane = openPlane(v.parse(Bindings, bindings), context);
    await tick(plane.ports, plane.settings);
    await plane.close();
  },
};

interface Plane {
  readonly ports: ServerPorts;
  readonly settings: ServerSettings;
  close(): Promise<void>;
}

/** A pool across requests is not possible here: a pooler in front of Postgres is its place. */
function openPlane(bindings: Bindings, context: ExecutionContext): Plane {
  const url = bindings.HYPERDRIVE?.connectionString ?? bindings.DATABASE_URL ?? "";
  const background = new Set<Promise<void>>();
  const clock = edgeClock();
  const client = withSafeTransactions(postgres(url, { ...POOL_OPTIONS, max: 4, prepare: false }), {
    clock,
    random: Math.random,
  });
  return {
    ports: {
      // The handle is this at run time; only the type of raw results differs, which `query.ts` absorbs.
      db: drizzle(client, { schema }) as unknown as Db,
      clock,
      ids: { uuid: () => uuidV7(clock.now(), crypto.getRandomValues(new Uint8Array(10))) },
      log: edgeLog(),
      base: null,
      forge: openGithub(
        { fetch: (request) => fetch(request), clock },
        bindings.DAGU_GITHUB_API_URL,
      ),
      ...objectStore(bindings, clock),
      wake: {
        pollMs: POLL_MS,
        notify: () => {},
        wait: async (_topics, ms, signal) => {
          await clock.sleep(ms, signal);
          return false;
        },
      },
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
      background: (work) => {
        background.add(work);
        context.waitUntil(work.finally(() => background.delete(work)));
      },
    },
    settings: toSettings(bindings),
    close: async () => {
      // It asks the database, too, and may begin more of its kind.
      while (background.size > 0) await Promise.allSettled(background);
      await client.end({ timeout: 5 });
    },
  };
}

/** The same answer, and a promise of the moment at which its body has been read or let go. */
function tapBody(response: Response): { answer: Response; read: Promise<void> } {
  if (response.body === null) return { answer: response, read: Promise.resolve() };
  const through = new TransformStream<Uint8Array, Uint8Array>();
  const read = response.body.pipeTo(through.writable).catch(() => {});
  return { answer: new Response(through.readable, response), read };
}

function objectStore(bindings: Bindings, clock: Clock): Pick<ServerPorts, "objects"> {
  if (bindings.DAGU_BLOB_STORE_URL === "") return {};
  const bucket = readBucket(bindings.DAGU_BLOB_STORE_URL, {
    accessKeyId: bindings.AWS_ACCESS_KEY_ID,
    secretAccessKey: bindings.AWS_SECRET_ACCESS_KEY,
    sessionToken: bindings.AWS_SESSION_TOKEN,
  });
  if (bucket === null) throw new Error(`DAGU_BLOB_STORE_URL ${BUCKET_FORM}`);
  return { objects: openS3Store({ fetch: (request) => fetch(request), clock }, bucket) };
}

function toSettings(bindings: Bindings): ServerSettings {
  return {
    ...SERVER_DEFAULTS,
    version: "edge",
    publicUrl: bindings.DAGU_PUBLIC_URL.replace(/\/+$/, ""),
    auth: bindings.DAGU_AUTH_MODE === "basic"
      ? {
        kind: "basic",
        username: bindings.DAGU_AUTH_BASIC_USERNAME,
        password: bindings.DAGU_AUTH_BASIC_PASSWORD,
      }
      : { kind: "token" },
    keys: bindings.DAGU_ENCRYPTION_KEYS,
    timeZone: bindings.DAGU_TZ,
    internalToken: bindings.DAGU_INTERNAL_TOKEN ?? null,
    ...(bindings.DAGU_BLOB_STORE_URL === ""
      ? {}
      : { runner: { ...SERVER_DEFAULTS.runner, artifactMax: ARTIFACT_MAX_OF_OBJECTS } }),
    // Cron comes once a minute at best.
    outageMs: 150_000,
  };
}

function edgeClock(): Clock {
  return {
    now: () => Date.now(),
    mono: () => performance.now(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const over = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", over);
          resolve();
        };
        const timer = setTimeout(over, ms);
        signal?.addEventListener("abort", over, { once: true });
      }),
  };
}

/** The platform collects what is written to the console. */
function edgeLog(): Log {
  const line = (level: string) => (message: string, facts?: Readonly<Record<string, unknown>>): void =>
    console.log(JSON.stringify({ level, message, ...facts }));
  return { info: line("info"), warn: line("warn"), error: line("error") };
}

function misconfigured(problems: readonly string[]): Response {
  return Response.json({
    code: "internal_error",
    message: `the deployment lacks settings: ${problems.join("; ")}`,
  }, { status: 500 });
}
