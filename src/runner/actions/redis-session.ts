/** One connection to Redis for one step: no commands behind its back, no second try. */
import { createClient } from "@redis/client";
import * as v from "valibot";
import { type RedisSettings, redisSettings } from "../../workflow/actions/redis.ts";
import { readComplaint } from "../../workflow/schema/fields.ts";
import { ActionError } from "./deed.ts";
import type { Limit } from "./limit.ts";
import type { Words } from "./redis-commands.ts";
import type { Work } from "./work.ts";

export interface RedisSession extends AsyncDisposable {
  ask(words: Words): Promise<unknown>;
  /** As one message, in this order; a mistake of one does not keep the others from being done. */
  askAll(lines: readonly Words[]): Promise<readonly (unknown | Error)[]>;
}

/**
 * Keys of root `redis` stand in for those that the step leaves out; a `url` of the step's own for all that
 * say where.
 */
export function readSettings(given: Readonly<Record<string, unknown>>, work: Work): RedisSettings {
  const { timeout, ...place } = work.attempt.scope.defaults["redis"] ?? {};
  const defaults = { timeout, ...(given["url"] === undefined ? place : {}) };
  const known = Object.entries({ ...defaults, ...given }).filter(([, value]) => value !== undefined);
  const parsed = v.safeParse(redisSettings, Object.fromEntries(known));
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  const { message, remedy } = readComplaint(issue.message);
  throw new ActionError(`redis.${v.getDotPath(issue) ?? ""}: ${message}`, remedy);
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly db: number;
  readonly isTls: boolean;
}

export async function openRedis(settings: RedisSettings, limit: Limit): Promise<RedisSession> {
  const place = readPlace(settings);
  const { host, port } = place;
  const client = createClient({
    RESP: 2,
    socket: {
      host,
      port,
      ...(place.isTls
        ? { tls: true, servername: host, rejectUnauthorized: settings.tls_skip_verify !== true }
        : {}),
      connectTimeout: 0,
      reconnectStrategy: false,
    },
    ...(place.username === "" ? {} : { username: place.username }),
    ...(place.password === "" ? {} : { password: place.password }),
    database: place.db,
    disableClientInfo: true,
  });
  // What it tells here, the waiting command hears as well.
  client.on("error", () => {});
  const cut = (): void => client.destroy();
  const tried = async <T>(act: () => Promise<T>): Promise<T> => {
    try {
      limit.signal.throwIfAborted();
      return await act();
    } catch (error) {
      throw explained(error, place, limit);
    }
  };
  const close = (): void => {
    limit.signal.removeEventListener("abort", cut);
    if (client.isOpen) client.destroy();
  };
  limit.signal.addEventListener("abort", cut, { once: true });
  try {
    await tried(() => client.connect());
  } catch (error) {
    close();
    throw error;
  }
  const send = (words: Words): Promise<unknown> => client.sendCommand([...words]);
  return {
    ask: (words) => tried(() => send(words)),
    askAll: (lines) =>
      tried(async () => {
        const answers = await Promise.allSettled(lines.map(send));
        return answers.map((one) =>
          one.status === "fulfilled" ? one.value : explained(one.reason, place, limit)
        );
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(close()),
  };
}

const REMEDY = "write url: redis://USER:PASSWORD@HOST:6379/0, or give host and port";

/** Keys beat the parts of the URL. */
function readPlace(settings: RedisSettings): Place {
  const url = settings.url === undefined ? null : readUrl(settings.url);
  const db = settings.db ?? Number(url?.pathname.slice(1) || "0");
  if (!Number.isInteger(db) || db < 0) {
    throw new ActionError("redis.url names a database that is none", REMEDY);
  }
  const host = settings.host ?? url?.hostname.replace(/^\[|\]$/g, "") ?? "";
  return {
    host: host === "" ? "localhost" : host,
    port: settings.port ?? Number(url?.port || "6379"),
    username: settings.username ?? decoded(url?.username),
    password: settings.password ?? decoded(url?.password),
    db,
    isTls: settings.tls ?? url?.protocol === "rediss:",
  };
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^rediss?:$/.test(url.protocol)) {
    throw new ActionError("redis.url is none of Redis", REMEDY);
  }
  return url;
}

function decoded(part = ""): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ActionError("redis.url is not percent-encoded", "write % in the password as %25");
  }
}

function explained(error: unknown, place: Place, limit: Limit): Error {
  if (error instanceof ActionError) return error;
  if (limit.isOver()) {
    return new ActionError("no answer within timeout", "raise timeout, or look at the server");
  }
  if (limit.signal.aborted) return new ActionError("stopped");
  const why = error instanceof Error ? error.message || reasonOf(error) : String(error);
  const text = place.password === "" ? why : why.replaceAll(place.password, "*****");
  const isLogin = /^(NOAUTH|WRONGPASS|NOPERM)|AUTH/.test(text);
  // An answer of the server begins with a word of its own: WRONGTYPE, ERR, BUSY.
  if (/^[A-Z]{2,}\b/.test(text) && !/^E[A-Z]{4,}$/.test(text.split(" ")[0] ?? "")) {
    return new ActionError(text, isLogin ? "check username and password" : "");
  }
  return new ActionError(
    `redis ${place.host}:${place.port}: ${text}`,
    "check host, port, tls and the server",
  );
}

function reasonOf(error: Error): string {
  if (error instanceof AggregateError) {
    return error.errors.map((one) => String(one?.message ?? one)).join(", ");
  }
  return "code" in error ? String(error.code) : error.name;
}
