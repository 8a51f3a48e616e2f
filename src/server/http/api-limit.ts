/** How often one credential may call the API (7.9). Where no credential is asked for, nothing is counted. */
import type { MiddlewareHandler } from "hono";
import { LOCAL_COMMANDS } from "../access/tokens.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import type { GuardVariables } from "./guard.ts";
import { newRateLimit, retryAfter } from "./rate-limit.ts";

const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

/** Behind the guard, which says who calls. */
export function limitCalls(
  { clock }: ServerPorts,
  { auth, limits }: ServerSettings,
): MiddlewareHandler<{ Variables: GuardVariables }> {
  const calls = newRateLimit(clock, limits.api);
  const changes = newRateLimit(clock, limits.changes);
  return async (c, next) => {
    const { caller } = c.var;
    if (auth.kind !== "none" && caller !== LOCAL_COMMANDS) {
      const waitMs = calls.take(caller) || (SAFE_METHODS.includes(c.req.method) ? 0 : changes.take(caller));
      if (waitMs > 0) {
        const message = "too many calls with this credential; try again later";
        return c.json({ code: "rate_limited", message }, 429, retryAfter(waitMs));
      }
    }
    await next();
  };
}
