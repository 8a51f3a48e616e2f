/** Pages: read, render; forms: one call, back to the page. */
import { type Context, Hono } from "hono";
import { deleteCookie, setCookie } from "hono/cookie";
import * as v from "valibot";
import { whoHolds } from "../access/tokens.ts";
import { stopRun } from "../dispatch/cancel.ts";
import { decideForkRun } from "../dispatch/fork-approval.ts";
import { answerRefusal } from "../http/answer.ts";
import { guard, type GuardVariables, SESSION_COOKIE } from "../http/guard.ts";
import { findRun, isFinal, readDetails } from "../http/runs-read.ts";
import { toSummary } from "../http/shapes.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { getDelivery, listDeliveries } from "../store/deliveries.ts";
import { readLog, viewLog } from "../store/logs.ts";
import { listRuns, statusOf } from "../store/runs.ts";
import { DeliveriesPage, DeliveryPage } from "./deliveries.tsx";
import { LIVE_SCRIPT } from "./islands/live.ts";
import { LogPage } from "./log.tsx";
import { DeniedPage, LoginPage } from "./login.tsx";
import { render } from "./render.ts";
import { decideTask, showRun } from "./run-page.tsx";
import { runPath, RunsPage } from "./runs.tsx";
import { STYLE } from "./style.ts";

const PAGE_SIZE = 50;
const TAIL_BYTES = 262_144;
const Cursor = v.pipe(v.string(), v.uuid());

export function pageRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get(
    "/assets/style.css",
    (c) => c.body(STYLE, 200, { "Content-Type": "text/css; charset=utf-8", "Cache-Control": "no-cache" }),
  );
  app.get(
    "/assets/live.js",
    (c) =>
      c.body(LIVE_SCRIPT, 200, {
        "Content-Type": "text/javascript; charset=utf-8",
        "Cache-Control": "no-cache",
      }),
  );
  app.get("/login", (c) => render(c, <LoginPage isWrong={false} next={localPath(c.req.query("next"))} />));
  app.post("/login", (c) => signIn(ports, c));
  app.post("/logout", (c) => {
    deleteCookie(c, SESSION_COOKIE);
    return c.redirect("/login", 303);
  });

  app.use(guard(ports, settings, (c, why) => deny(settings, c, why)));

  app.get("/", (c) => c.redirect("/runs"));

  app.get("/runs", async (c) => {
    const cursor = c.req.query("cursor");
    const rows = await listRuns(ports.db, {
      limit: PAGE_SIZE + 1,
      ...(v.is(Cursor, cursor) ? { before: cursor } : {}),
    });
    const page = rows.slice(0, PAGE_SIZE);
    return render(
      c,
      <RunsPage runs={page.map(toSummary)} next={rows.length > PAGE_SIZE ? page.at(-1)?.id ?? null : null} />,
    );
  });

  app.get("/runs/:name/:dagRunId", (c) => showRun(ports, c, c.req.param()));

  // The address of an answer that told a mistake: who looks again sees the run.
  app.get("/runs/:name/:dagRunId/steps/:step/task", (c) => c.redirect(runPath(c.req.param()), 303));

  app.post("/runs/:name/:dagRunId/steps/:step/task", async (c) => {
    const { step, ...run } = c.req.param();
    const done = await decideTask(
      ports,
      { ...run, step, selector: {}, actor: c.var.caller },
      await c.req.formData(),
    );
    return done.ok
      ? c.redirect(runPath(run), 303)
      : await showRun(ports, c, run, { step, message: done.message });
  });

  app.post("/runs/:name/:dagRunId/stop", async (c) => {
    const stopped = await stopRun(ports, settings, c.req.param(), c.var.caller, false);
    return stopped.ok ? c.redirect(runPath(c.req.param()), 303) : answerRefusal(stopped);
  });

  app.post("/runs/:name/:dagRunId/approval", async (c) => {
    const decision = (await c.req.formData()).get("decision") === "approve" ? "approve" : "reject";
    const decided = await decideForkRun(ports, c.req.param(), decision, c.var.caller);
    return decided.ok ? c.redirect(runPath(c.req.param()), 303) : answerRefusal(decided);
  });

  app.get("/runs/:name/:dagRunId/steps/:step/log", async (c) => {
    const run = await findRun(ports, c.req.param("name"), c.req.param("dagRunId"));
    const details = await readDetails(ports, run);
    const handlers = [details.onInit, details.onSuccess, details.onFailure, details.onAbort, details.onExit];
    const node = [...details.nodes, ...handlers].find((one) => one?.step.name === c.req.param("step"));
    if (node === undefined) return await c.notFound();
    const stream = c.req.query("stream") === "stderr" ? "stderr" as const : "stdout" as const;
    const tail = await readTail(ports, run.id, node.step.name, stream);
    const isOver = isFinal(statusOf(run.status)) ||
      (node.finishedAt !== "-" && node.statusLabel !== "retrying");
    return render(c, <LogPage run={details} node={node} stream={stream} {...tail} isOver={isOver} />);
  });

  app.get("/deliveries", async (c) => {
    const cursor = c.req.query("cursor");
    const rows = await listDeliveries(ports.db, {
      limit: PAGE_SIZE + 1,
      ...(v.is(Cursor, cursor) ? { before: cursor } : {}),
    });
    const page = rows.slice(0, PAGE_SIZE);
    return render(
      c,
      <DeliveriesPage deliveries={page} next={rows.length > PAGE_SIZE ? page.at(-1)?.id ?? null : null} />,
    );
  });

  app.get("/deliveries/:id", async (c) => {
    const id = c.req.param("id");
    const found = v.is(Cursor, id) ? await getDelivery(ports.db, id) : null;
    return found === null ? await c.notFound() : render(c, <DeliveryPage {...found} />);
  });

  return app;
}

async function readTail(
  ports: ServerPorts,
  runId: string,
  step: string,
  name: "stdout" | "stderr",
): Promise<{ text: string; offset: number; isCut: boolean }> {
  const stream = (await viewLog(ports.db, { runId, step, stream: name }))?.stream ?? null;
  if (stream === null) return { text: "", offset: 0, isCut: false };
  const from = Math.max(0, stream.stored - TAIL_BYTES);
  const parts: Uint8Array[] = [];
  let offset = from;
  while (offset < stream.stored) {
    const piece = await readLog(ports.db, stream.id, offset, TAIL_BYTES);
    if (piece.length === 0) break;
    parts.push(piece);
    offset += piece.length;
  }
  const decoder = new TextDecoder();
  const text = parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
  return { text, offset, isCut: from > 0 };
}

// ---- signing in -------------------------------------------------------------------------------------------------

async function signIn(ports: ServerPorts, c: Context): Promise<Response> {
  const form = await c.req.formData().catch(() => new FormData());
  const token = form.get("token");
  const next = localPath(String(form.get("next") ?? ""));
  const name = typeof token === "string" && token !== "" ? await whoHolds(ports, token.trim()) : null;
  if (name === null || typeof token !== "string") {
    return render(c, <LoginPage isWrong next={next} />, 401);
  }
  setCookie(c, SESSION_COOKIE, token.trim(), {
    httpOnly: true,
    sameSite: "Lax",
    path: "/",
    secure: new URL(c.req.url).protocol === "https:",
  });
  return c.redirect(next, 303);
}

/** Only a path of this site; anything else would send people away after signing in. */
function localPath(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])/.test(next) ? next : "/runs";
}

function deny(
  settings: ServerSettings,
  c: Context,
  why: "credentials" | "origin",
): Response | Promise<Response> {
  if (why === "origin") return render(c, <DeniedPage message="This request came from another site." />, 403);
  switch (settings.auth.kind) {
    case "token":
      return c.redirect(`/login?next=${encodeURIComponent(new URL(c.req.url).pathname)}`, 303);
    case "basic":
      return c.text("credentials are needed", 401, { "WWW-Authenticate": 'Basic realm="dagu-edge"' });
    case "none":
      return render(
        c,
        <DeniedPage message="Without credentials this server only answers under a loopback name." />,
        401,
      );
    default:
      return settings.auth satisfies never;
  }
}
