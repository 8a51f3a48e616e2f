import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** A page as an answer. Pages are synchronous components, so their text is there at once. */
export function render(
  c: Context,
  page: { toString(): string },
  status: ContentfulStatusCode = 200,
): Response {
  return c.body(`<!DOCTYPE html>${page.toString()}`, status, { "Content-Type": "text/html; charset=utf-8" });
}
