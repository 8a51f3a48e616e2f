/** What a runner is to be told, at once (M8): for one that does not keep a claim open, whose answers bring it as well. */
import type { Hono } from "hono";
import * as v from "valibot";
import { DirectivesQuery } from "../../protocol/messages.ts";
import { readDirectives } from "../dispatch/directives.ts";
import { waitFor } from "../dispatch/wait.ts";
import type { ServerPorts } from "../ports.ts";
import { fail, type RunnerVariables } from "./runner-call.ts";
import { sse } from "./sse.ts";

/** Whoever streams shows its token again after so long: it may have been revoked. */
const STREAM_MS = 60_000;

export function directiveRoutes(app: Hono<{ Variables: RunnerVariables }>, ports: ServerPorts): void {
  app.get("/directives", async (c) => {
    const query = v.safeParse(DirectivesQuery, c.req.query());
    if (!query.success) return fail("invalid", "directives are asked for by after, an id, and waitMs");
    const { id } = c.var.runner;
    const topics = [`runner:${id}`];
    const next = async (after: string) => {
      const later = (await readDirectives(ports.db, id)).filter((directive) => directive.id > after);
      return later.length === 0 ? null : later;
    };
    const { after = c.req.header("Last-Event-ID") ?? "", waitMs } = query.output;
    if (c.req.header("Accept")?.includes("text/event-stream") !== true) {
      const { signal } = c.req.raw;
      return c.json({
        directives: await waitFor(ports, { topics, waitMs, signal }, () => next(after)) ?? [],
      });
    }
    return sse(c.req.raw.signal, ports, async (writer, signal) => {
      const until = ports.clock.mono() + STREAM_MS;
      for (let last = after; !signal.aborted;) {
        const leftMs = until - ports.clock.mono();
        if (leftMs <= 0) return;
        const found = await waitFor(ports, { topics, waitMs: leftMs, signal }, () => next(last)) ?? [];
        for (const directive of found) {
          await writer.send("directive", JSON.stringify(directive), directive.id);
          last = directive.id;
        }
      }
    });
  });
}
