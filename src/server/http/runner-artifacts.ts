/** Artifacts of an attempt's run, sent and fetched by its runner (M10). */
import type { Hono } from "hono";
import * as v from "valibot";
import {
  ARTIFACT_PART_BYTES,
  ArtifactComplete,
  ArtifactRequest,
  FenceQuery,
} from "../../protocol/artifacts.ts";
import { announceArtifact, completeArtifact, storePart, storeWhole } from "../dispatch/artifacts.ts";
import { attemptOf, type ReportRefusal } from "../dispatch/caller.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { readArtifactPart } from "../dispatch/artifact-parts.ts";
import { findArtifact, listArtifacts } from "../store/artifacts.ts";
import { type AttemptRow, isLive } from "../store/attempts.ts";
import { readInflatedBody } from "./body.ts";
import {
  bodyError,
  caller,
  fail,
  read,
  type RunnerContext,
  type RunnerVariables,
  uuidOr,
} from "./runner-call.ts";

const PartQuery = v.object({
  path: v.string(),
  part: v.pipe(v.string(), v.regex(/^\d{1,6}$/), v.transform(Number)),
});

/** A message may name every part of a large file. */
const COMPLETE_MAX_BYTES = 4_194_304;

export function artifactRoutes(
  app: Hono<{ Variables: RunnerVariables }>,
  ports: ServerPorts,
  settings: ServerSettings,
): void {
  const answer = <T>(c: RunnerContext, outcome: { ok: true; reply: T } | ReportRefusal): Response =>
    outcome.ok ? c.json(outcome.reply ?? {}) : fail(outcome.code, outcome.message);

  app.post("/attempts/:attemptId/artifacts", async (c) => {
    const body = await read(c, ArtifactRequest);
    if (body instanceof Response) return body;
    return answer(c, await announceArtifact(ports, settings, await caller(c), body));
  });

  app.put("/attempts/:attemptId/artifacts/:uploadId", async (c) => {
    const put = await readPut(c);
    if (put instanceof Response) return put;
    return answer(c, await storeWhole(ports, settings, await caller(c), put, put.bytes));
  });

  app.put("/attempts/:attemptId/artifacts/:uploadId/parts/:n{[0-9]{1,6}}", async (c) => {
    const put = await readPut(c);
    if (put instanceof Response) return put;
    const n = Number(c.req.param("n"));
    return answer(c, await storePart(ports, settings, await caller(c), { ...put, n }, put.bytes));
  });

  app.post("/attempts/:attemptId/artifacts/:uploadId/complete", async (c) => {
    const body = await read(c, ArtifactComplete, COMPLETE_MAX_BYTES);
    if (body instanceof Response) return body;
    const uploadId = uuidOr(c.req.param("uploadId"));
    return answer(c, await completeArtifact(ports, settings, await caller(c), uploadId, body));
  });

  app.get("/attempts/:attemptId/artifacts", async (c) => {
    const attempt = await liveAttempt(ports, c);
    if (attempt === null) return fail("not_found", "there is no such live attempt of this runner");
    const path = c.req.query("path");
    if (path === undefined) {
      const rows = await listArtifacts(ports.db, attempt.runId);
      return c.json({ artifacts: rows.map(({ path, size, sha256 }) => ({ path, size, sha256 })) });
    }
    const query = v.safeParse(PartQuery, c.req.query());
    if (!query.success) return fail("invalid", "a part is asked for by path and part, from 1");
    const row = await findArtifact(ports.db, attempt.runId, query.output.path);
    const data = row === null ? null : await readArtifactPart(ports, row, query.output.part);
    if (data === null) return fail("not_found", `the run has no such part of ${path}`);
    return c.body(new Uint8Array(data), 200, { "Content-Type": "application/octet-stream" });
  });
}

async function readPut(
  c: RunnerContext,
): Promise<
  { readonly id: string; readonly fence: number; readonly bytes: Uint8Array<ArrayBuffer> } | Response
> {
  const query = v.safeParse(FenceQuery, c.req.query());
  if (!query.success) return fail("invalid", "the fence is missing in the query");
  const body = await readInflatedBody(c.req.raw, ARTIFACT_PART_BYTES);
  if (!body.ok) return bodyError(body.reason, ARTIFACT_PART_BYTES);
  return { id: uuidOr(c.req.param("uploadId")), fence: query.output.fence, bytes: body.bytes };
}

async function liveAttempt(ports: ServerPorts, c: RunnerContext): Promise<AttemptRow | null> {
  const attempt = await attemptOf(ports.db, await caller(c));
  return attempt !== null && isLive(attempt) ? attempt : null;
}
