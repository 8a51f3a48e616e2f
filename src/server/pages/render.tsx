import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import type { Child } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { SESSION_COOKIE } from "../http/guard.ts";
import { Visitor } from "./visitor.ts";

/**
 * A page as an answer. Pages are synchronous components, so their text is there at once. Nobody keeps it: who signs out, and
 * whoever sits there next, finds it no more.
 */
export function render(c: Context, page: Child, status: ContentfulStatusCode = 200): Response {
  // The guard's, on pages that are behind it.
  const caller: unknown = c.get("caller");
  const isSignedIn = typeof caller === "string" && getCookie(c, SESSION_COOKIE) !== undefined;
  const text = <Visitor.Provider value={isSignedIn ? caller : null}>{page}</Visitor.Provider>;
  return c.body(`<!DOCTYPE html>${text.toString()}`, status, {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
  });
}
