/** What exists, but not by the method that was asked for: 405 with `Allow`, before anybody looks for it. */
import type { Hono, MiddlewareHandler } from "hono";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** In front of all routes of `app`. A page is told to a person by whoever answers: only its status is this one's. */
export function refuseOtherMethods(app: Hono): MiddlewareHandler {
  const has = (method: string, path: string): boolean =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method);
  return async (c, next) => {
    const { path } = c.req;
    if (has(c.req.method === "HEAD" ? "GET" : c.req.method, path)) return await next();
    const methods = METHODS.filter((method) => has(method, path));
    if (methods.length === 0) return await next();
    const headers = { Allow: methods.flatMap((one) => one === "GET" ? [one, "HEAD"] : [one]).join(", ") };
    if ((c.req.header("Accept") ?? "").includes("text/html")) {
      await next();
      if (c.res.status === 404) c.res = new Response(c.res.body, { status: 405, headers: c.res.headers });
      if (c.res.status === 405) c.res.headers.set("Allow", headers.Allow);
      return;
    }
    const message = `${path} does not know ${c.req.method}; it knows ${headers.Allow}`;
    return c.json({ code: "method_not_allowed", message }, 405, headers);
  };
}
