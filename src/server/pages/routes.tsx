/** Pages: read, render; forms: one call, back to the page. */
import { ownPath } from "./base-path.ts";
import { isFinal } from "../../run/status.ts";
import { type Context, Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { deleteCookie, setCookie } from "hono/cookie";
import * as v from "valibot";
import { whoHolds } from "../access/tokens.ts";
import { stopRun } from "../dispatch/cancel.ts";
import { decideForkRun } from "../dispatch/fork-approval.ts";
import { answerError, refused, unwrap } from "../http/answer.ts";
import { readForm } from "../http/form.ts";
import { guard, type GuardVariables, refuseForeign, SESSION_COOKIE } from "../http/guard.ts";
import { findRun, readDetails } from "../http/runs-read.ts";
import { statusesOf, toSummary } from "../http/shapes.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { getDelivery, listDeliveries } from "../store/deliveries.ts";
import { readLog, viewLog } from "../store/logs.ts";
import { listRuns, statusOf } from "../store/runs.ts";
import { rescheduleRun } from "../dispatch/reschedule.ts";
import { retryRun } from "../dispatch/retry.ts";
import { DeliveriesPage, DeliveryPage } from "./deliveries.tsx";
import { DeniedPage } from "./denied.tsx";
import { LIVE_SCRIPT } from "./islands/live.ts";
import { LogPage } from "./log.tsx";
import { LoginPage } from "./login.tsx";
import { machinePages } from "./machines-page.tsx";
import { render } from "./render.tsx";
import { decideTask, showRun } from "./run-page.tsx";
import { runPath } from "../place.ts";
import { RunsPage } from "./runs.tsx";
import { handlersOf } from "./steps.tsx";
import { STYLE } from "./style.ts";
import { workflowPages } from "./workflow-page.tsx";

const PAGE_SIZE = 50;
const TAIL_BYTES = 262_144;
const Cursor = v.pipe(v.string(), v.uuid());

export function pageRoutes(
  ports: ServerPorts,
  settings: ServerSettings,
): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();
  app.onError((error, c) => answerPerson(ports, c, error));

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
  // Nobody is signed in, or out, by another site: who follows its link would work under a stranger's name.
  const ownForms = refuseForeign(settings, (c) => deny(settings, c, "origin"));
  app.post("/login", ownForms, (c) => signIn(ports, settings, c));
  app.post("/logout", ownForms, (c) => {
    deleteCookie(c, SESSION_COOKIE, { path: cookiePath(settings) });
    return c.redirect("/login", 303);
  });

  app.use(guard(ports, settings, (c, why) => deny(settings, c, why)));

  app.get("/", (c) => c.redirect("/runs"));

  app.get("/runs", async (c) => {
    const { name = "", status = "", sub = "", cursor } = c.req.query();
    const isOlder = v.is(Cursor, cursor);
    const rows = await listRuns(ports.db, {
      limit: PAGE_SIZE + 1,
      ...(name === "" ? {} : { nameContains: name }),
      statuses: statusesOf(status === "" ? [] : [status]) ?? [],
      isRoot: sub !== "yes",
      ...(isOlder ? { before: cursor } : {}),
    });
    const next = rows.length > PAGE_SIZE ? rows[PAGE_SIZE - 1]?.id ?? null : null;
    const runs = rows.slice(0, PAGE_SIZE).map(toSummary);
    return render(c, <RunsPage runs={runs} query={{ name, status, sub }} isFirst={!isOlder} next={next} />);
  });

  app.get("/runs/:name/:dagRunId", (c) => showRun(ports, c, c.req.param()));

  // The address of an answer that told a mistake: who looks again sees the run.
  app.get("/runs/:name/:dagRunId/steps/:step/task", (c) => c.redirect(runPath(c.req.param()), 303));

  app.post("/runs/:name/:dagRunId/steps/:step/task", async (c) => {
    const { step, ...run } = c.req.param();
    const done = await decideTask(
      ports,
      { ...run, step, choice: { selector: {} }, actor: c.var.caller },
      await readForm(c),
    );
    return done.ok
      ? c.redirect(runPath(run), 303)
      : await showRun(ports, c, run, { step, message: done.message });
  });

  app.post("/runs/:name/:dagRunId/stop", async (c) => {
    unwrap(await stopRun(ports, settings, c.req.param(), c.var.caller, false));
    return c.redirect(runPath(c.req.param()), 303);
  });

  app.post("/runs/:name/:dagRunId/retry", async (c) => {
    const run = c.req.param();
    unwrap(await retryRun(ports, { ...run, scope: { kind: "failed" }, choice: { selector: {} }, root: run }));
    return c.redirect(runPath(run), 303);
  });

  app.post("/runs/:name/:dagRunId/again", async (c) => {
    const wanted = {
      ...c.req.param(),
      newRunId: null,
      actor: c.var.caller,
      choice: { selector: {} },
      changes: {},
    };
    return c.redirect(runPath(unwrap(await rescheduleRun(ports, wanted))), 303);
  });

  app.post("/runs/:name/:dagRunId/approval", async (c) => {
    const decision = (await readForm(c)).get("decision") === "approve" ? "approve" : "reject";
    unwrap(await decideForkRun(ports, c.req.param(), decision, c.var.caller));
    return c.redirect(runPath(c.req.param()), 303);
  });

  app.get("/runs/:name/:dagRunId/steps/:step/log", async (c) => {
    const run = await findRun(ports, c.req.param("name"), c.req.param("dagRunId"));
    const details = await readDetails(ports, run);
    const nodes = [...details.nodes, ...handlersOf(details)];
    const node = nodes.find((one) => one.step.name === c.req.param("step"));
    if (node === undefined) {
      throw refused("not_found", `the run has no step "${c.req.param("step")}"`);
    }
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
    if (found === null) throw refused("not_found", `there is no delivery ${id}`);
    return render(c, <DeliveryPage {...found} />);
  });

  app.route("/workflows", workflowPages(ports));
  app.route("/", machinePages(ports));
  app.all("*", (c) => {
    throw refused("not_found", `there is nothing at ${c.req.method} ${c.req.path}`);
  });

  return app;
}

/** What a refusal or a bug tells, as a page for who asks for pages. */
async function answerPerson(ports: ServerPorts, c: Context, error: unknown): Promise<Response> {
  const answer = answerError(ports, error);
  if (!(c.req.header("Accept") ?? "").includes("text/html")) return answer;
  const { message } = v.parse(v.object({ message: v.string() }), await answer.json());
  const title = answer.status === 404
    ? "Not found"
    : answer.status < 500
    ? "Not done"
    : "Something went wrong";
  // Its statuses are those of refusals, all of which have a body.
  return render(c, <DeniedPage title={title} message={message} />, answer.status as ContentfulStatusCode);
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

/** A token and a path: anybody may send it. */
const SIGN_IN_MAX_BYTES = 16_384;

async function signIn(ports: ServerPorts, settings: ServerSettings, c: Context): Promise<Response> {
  const form = await readForm(c, SIGN_IN_MAX_BYTES);
  const token = form.get("token");
  const next = localPath(String(form.get("next") ?? ""));
  const name = typeof token === "string" && token !== "" ? await whoHolds(ports, token.trim()) : null;
  if (name === null || typeof token !== "string") {
    return render(c, <LoginPage isWrong next={next} />, 401);
  }
  setCookie(c, SESSION_COOKIE, token.trim(), {
    httpOnly: true,
    sameSite: "Lax",
    path: cookiePath(settings),
    // TLS may end at a proxy, which asks us without it.
    secure: [settings.publicUrl, c.req.url].some((url) => url.startsWith("https://")),
  });
  return c.redirect(next, 303);
}

/** Others on the same host are not handed the token of this one. */
function cookiePath({ basePath }: ServerSettings): string {
  return basePath === "" ? "/" : basePath;
}

/**
 * Only a path of this site; anything else would send people away after signing in. As a browser reads it, which takes tabs
 * and line breaks out of an address and a backslash for a slash.
 */
function localPath(next: string | undefined): string {
  const here = "http://here";
  const url = next?.startsWith("/") && URL.canParse(next, here) ? new URL(next, here) : null;
  return url?.origin === here && !url.pathname.startsWith("//") ? url.pathname + url.search : "/runs";
}

function deny(
  settings: ServerSettings,
  c: Context,
  why: "credentials" | "origin",
): Response | Promise<Response> {
  if (why === "origin") {
    return render(c, <DeniedPage title="Not allowed" message="This request came from another site." />, 403);
  }
  switch (settings.auth.kind) {
    case "token":
      return c.redirect(
        `/login?next=${encodeURIComponent(ownPath(new URL(c.req.url).pathname, settings.basePath))}`,
        303,
      );
    case "basic":
      return c.text("credentials are needed", 401, { "WWW-Authenticate": 'Basic realm="dagu-edge"' });
    case "none":
      return render(
        c,
        <DeniedPage
          title="Not allowed"
          message="Without credentials this server only answers under a loopback name."
        />,
        401,
      );
    default:
      return settings.auth satisfies never;
  }
}
