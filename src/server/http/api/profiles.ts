/** Where profiles would be (AP-37, AP-118, WH-41): who asks for them is told that there are none. */
import { Hono } from "hono";
import { UNSUPPORTED_PROFILES } from "../../../workflow/unsupported.ts";
import { refused } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";

const PATHS = [
  "/profiles",
  "/profiles/*",
  "/dags/:fileName/settings",
  "/dags/:fileName/webhook/profile-selection",
];

export function profileRoutes(): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();
  for (const path of PATHS) {
    app.all(path, () => {
      throw refused("not_configured", UNSUPPORTED_PROFILES);
    });
  }
  return app;
}
