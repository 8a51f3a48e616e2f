/** Who is asking, and may they (7.1, 7.3): middleware in front of API and pages. Runner and hook paths have their own. */
import type { Context, MiddlewareHandler } from "hono";
import { getCookie } from "hono/cookie";
import { whoHolds } from "../access/tokens.ts";
import type { ServerPorts } from "../ports.ts";
import { bearerOf, isEqualConstantTime } from "../secrets/token.ts";
import { LOCAL_CALLER, type ServerSettings } from "../settings.ts";
import { newRateLimit, retryAfter } from "./rate-limit.ts";
import { senderOf } from "./sender.ts";

export interface GuardVariables {
  /** Name of the caller, for records. */
  caller: string;
}

export const SESSION_COOKIE = "dagu_session";

const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

/** `onDenied`: how to say no (JSON for the API, the login page for people). */
export function guard(
  ports: ServerPorts,
  settings: ServerSettings,
  onDenied: (c: Context, why: "credentials" | "origin") => Response | Promise<Response>,
): MiddlewareHandler<{ Variables: GuardVariables }> {
  const guesses = newRateLimit(ports.clock, settings.limits.failures);
  return async (c, next) => {
    // A password can be guessed; a token has more chance in it than anybody has time.
    const guesser = settings.auth.kind === "basic" && c.req.header("Authorization")?.startsWith("Basic ")
      ? senderOf(c, settings.trustedProxies).counted
      : null;
    const waitMs = guesser === null ? 0 : guesses.look(guesser);
    if (waitMs > 0) {
      const message = "too many wrong passwords from this address; try again later";
      return c.json({ code: "rate_limited", message }, 429, retryAfter(waitMs));
    }
    const caller = await whoAsks(ports, settings, c);
    if (caller === null) {
      if (guesser !== null) guesses.take(guesser);
      return await onDenied(c, "credentials");
    }
    // A browser sends credentials by itself: only our own pages may change anything.
    if (!caller.isExplicit && !SAFE_METHODS.includes(c.req.method) && isForeign(settings, c)) {
      return await onDenied(c, "origin");
    }
    c.set("caller", caller.name);
    await next();
  };
}

/** For forms that need no credentials. */
export function refuseForeign(
  settings: ServerSettings,
  onDenied: (c: Context) => Response | Promise<Response>,
): MiddlewareHandler {
  return async (c, next) => isForeign(settings, c) ? await onDenied(c) : await next();
}

interface Caller {
  readonly name: string;
  /** The credential was put there by a program, not by a browser on its own. */
  readonly isExplicit: boolean;
}

async function whoAsks(ports: ServerPorts, settings: ServerSettings, c: Context): Promise<Caller | null> {
  const header = c.req.header("Authorization");
  const bearer = bearerOf(header);
  if (bearer !== null) {
    const name = await whoHolds(ports, bearer);
    return name === null ? null : { name, isExplicit: true };
  }
  switch (settings.auth.kind) {
    case "none":
      return settings.trustedHosts.includes(hostOf(c)) ? { name: LOCAL_CALLER, isExplicit: false } : null;
    case "basic":
      return isBasic(header, settings.auth) ? { name: settings.auth.username, isExplicit: false } : null;
    case "token": {
      const cookie = getCookie(c, SESSION_COOKIE);
      const name = cookie === undefined ? null : await whoHolds(ports, cookie);
      return name === null ? null : { name, isExplicit: false };
    }
    default:
      return settings.auth satisfies never;
  }
}

/** Name without port, brackets kept. A name that is not ours may be an attacker's that resolves to this machine. */
function hostOf(c: Context): string {
  return (c.req.header("Host") ?? new URL(c.req.url).host).replace(/:\d+$/, "").toLowerCase();
}

function isBasic(
  header: string | undefined,
  auth: { readonly username: string; readonly password: string },
): boolean {
  const match = /^Basic ([A-Za-z0-9+/=]+)$/.exec(header ?? "");
  if (match === null) return false;
  const utf8 = new TextEncoder();
  try {
    const given = Uint8Array.fromBase64(match[1] ?? "");
    return isEqualConstantTime(given, utf8.encode(`${auth.username}:${auth.password}`));
  } catch {
    return false;
  }
}

/** Our own hosts are the one that was asked for, and the one of our public address: a proxy may ask for us by another name. */
function isForeign({ publicUrl }: ServerSettings, c: Context): boolean {
  const site = c.req.header("Sec-Fetch-Site");
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const origin = c.req.header("Origin");
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  const own = [
    c.req.header("Host") ?? new URL(c.req.url).host,
    ...(publicUrl === "" ? [] : [new URL(publicUrl).host]),
  ];
  return !own.includes(new URL(origin).host);
}
