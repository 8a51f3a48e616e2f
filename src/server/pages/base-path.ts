/**
 * Pages below a path of a host that others share (`DAGU_BASE_PATH`). They are written as if all of it were theirs; the path is put
 * in front where a page leaves: of its own links, and of where it sends people. Texts that are shown have no bare quotes.
 */
import type { MiddlewareHandler } from "hono";

const OWN_LINK = / (href|action|src|data-live)="\/(?!\/)/g;

export function belowBasePath(basePath: string): MiddlewareHandler {
  return async (c, next) => {
    await next();
    if (basePath === "") return;
    const { headers } = c.res;
    const location = headers.get("Location");
    if (location?.startsWith("/")) headers.set("Location", basePath + location);
    if (!(headers.get("Content-Type") ?? "").startsWith("text/html")) return;
    const text = await c.res.text();
    c.res = new Response(text.replaceAll(OWN_LINK, ` $1="${basePath}/`), c.res);
  };
}

/** As it is below the base path; a proxy may have taken it off already. */
export function ownPath(path: string, basePath: string): string {
  if (basePath === "" || !`${path}/`.startsWith(`${basePath}/`)) return path;
  return path.slice(basePath.length) || "/";
}
