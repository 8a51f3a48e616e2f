/**
 * A control plane for one run that does without a database as long as it can. `dagu start` wants its first step to run now,
 * and an embedded Postgres takes longer to come up than most runs take. So the run is kept in a record of its own, and the
 * first question that only the database can answer (a sub-run, a secret, `dagu stop`, a run that waits for a person), or time,
 * opens it: the real control plane adopts the record, and everything goes to it from then on.
 */
import * as v from "valibot";
import {
  ClaimRequest,
  EventsRequest,
  HeartbeatRequest,
  LogQuery,
  RegisterRequest,
  RUNNER_BASE_PATH,
} from "../../protocol/messages.ts";
import type {
  ClaimReply,
  EventsReply,
  HeartbeatReply,
  LogReply,
  RegisterReply,
} from "../../protocol/messages.ts";
import type { AheadAttempt, AheadReport } from "../../server/dispatch/adopt.ts";
import { runnerToken, TOKEN_LIFE_MS } from "../../server/dispatch/runner-token.ts";
import type { Wake } from "../../server/ports.ts";
import type { NewRun } from "../../server/store/runs.ts";
import { parseJson } from "../../workflow/json.ts";
import type { Home } from "../home.ts";
import type { LocalPlane } from "../local-plane.ts";
import { type BeginPorts, beginRun, FENCE, readSubmission } from "./begin.ts";
import { answerRead, CHANGED } from "./read.ts";
import { createRecord, type RecordFile } from "./record.ts";
import { newRunAhead, type RunAhead } from "./run.ts";

export interface AheadOptions extends BeginPorts {
  readonly home: Home;
  readonly wake: Wake;
  /** The real control plane, which has adopted what this home's records hold. */
  open(): Promise<LocalPlane>;
}

/** After this, other terminals are to see the run as they see every other. */
const OPEN_AFTER_MS = 2_000;
/** What is told is kept in memory too, for who follows the run. */
const RECORD_MAX_BYTES = 4_194_304;

const API = "/api/v1/dag-runs";
/** The one answer that a submission is refused with. */
const BAD_REQUEST = 400;
/** Topic: the real control plane takes over. */
const OPENED = "opened";

interface Ahead {
  readonly planned: NewRun;
  readonly run: RunAhead;
  readonly record: RecordFile;
}

export function openAhead(options: AheadOptions): LocalPlane {
  const { clock, ids, keys, patience, wake } = options;
  const over = new AbortController();
  let opened: Promise<LocalPlane> | null = null;
  /** Why the real control plane could not be opened when the run could not do without it. */
  let broken: unknown = null;
  let facts: RegisterRequest | null = null;
  let ahead: Ahead | null = null;
  let attemptId: string | null = null;
  /** Reports are kept one after the other. */
  let keeping: Promise<unknown> = Promise.resolve();

  const open = (): Promise<LocalPlane> => {
    if (opened === null) {
      opened = keeping.catch(() => {}).then(() => options.open());
      // Whoever asks next tries again; the record goes on being kept.
      opened.catch(() => opened = null);
      for (const topic of [CHANGED, OPENED]) wake.notify(topic);
    }
    return opened;
  };

  /** When it would survive a loss of power. false: the real control plane is to hear it. */
  const keep = async (record: RecordFile, line: AheadAttempt | AheadReport): Promise<boolean> => {
    if (opened !== null) return false;
    const kept = keeping.catch(() => {}).then(() => record.add(line));
    keeping = kept;
    await kept;
    if (record.sizeBytes > RECORD_MAX_BYTES) void open().catch(() => {});
    return true;
  };

  const tell = async ({ run, record }: Ahead, report: AheadReport): Promise<boolean> => {
    const isKept = await keep(record, report);
    if (!isKept) return false;
    run.tell(report);
    wake.notify(CHANGED);
    return true;
  };

  // ---- what the runner tells: null is for the real control plane to answer ----------------------------------------

  const register = async (body: unknown): Promise<RegisterReply | null> => {
    const request = v.safeParse(RegisterRequest, body);
    if (!request.success) return null;
    facts = request.output;
    const { labels, capacity } = facts;
    const runnerId = ids.uuid();
    const tokenExpiresAt = new Date(clock.now() + TOKEN_LIFE_MS).toISOString();
    const token = await runnerToken({ keys }, runnerId, 0);
    return { runnerId, runnerToken: token, tokenExpiresAt, labels, capacity, settings: patience.runner };
  };

  const claim = async (request: Request, body: unknown): Promise<ClaimReply | null> => {
    const read = v.safeParse(ClaimRequest, body);
    if (!read.success) return null;
    if (read.output.free > 0 && ahead !== null && attemptId === null) {
      const first = await beginRun(options, ahead.planned, request, read.output.labels, facts);
      if (first === null || !await keep(ahead.record, first.attempt)) return null;
      attemptId = first.attempt.id;
      void openLater(ahead.run);
      return { attempts: [first.grant], directives: [], claimAfterMs: 0 };
    }
    await wake.wait([OPENED], read.output.waitMs, AbortSignal.any([request.signal, over.signal]));
    return opened === null ? { attempts: [], directives: [], claimAfterMs: 0 } : null;
  };

  const openLater = async (run: RunAhead): Promise<void> => {
    await clock.sleep(OPEN_AFTER_MS, over.signal);
    if (!over.signal.aborted && run.state.finishedAt === null) await open().catch(() => {});
  };

  const heartbeat = (body: unknown): HeartbeatReply | null => {
    const read = v.safeParse(HeartbeatRequest, body);
    if (!read.success) return null;
    const { leaseMs, graceMs } = patience.runner;
    const attempts = read.output.attempts.map(({ attemptId, ackSeq }) => (
      { attemptId, status: "ok" as const, leaseMs, graceMs, ackSeq }
    ));
    return { attempts, directives: [] };
  };

  const events = async (mine: Ahead, body: unknown): Promise<EventsReply | null> => {
    const { run } = mine;
    const read = v.safeParse(EventsRequest, body);
    if (!read.success || read.output.firstSeq !== run.ackSeq + 1) return null;
    // People answer what it waits for through the database.
    if (read.output.events.some(({ type }) => type === "attempt.waiting")) return null;
    const isKept = await tell(mine, { kind: "events", at: clock.now(), request: read.output });
    return isKept ? { ackSeq: run.ackSeq, runStatus: run.state.status, directives: [] } : null;
  };

  const logs = async (mine: Ahead, request: Request, url: URL): Promise<LogReply | null> => {
    const query = v.safeParse(LogQuery, Object.fromEntries(url.searchParams));
    if (!query.success || request.headers.has("Content-Encoding")) return null;
    const { step, stream, offset, final } = query.output;
    if (offset !== mine.run.log(step, stream).length) return null;
    const bytes = new Uint8Array(await request.arrayBuffer());
    const piece = { step, stream, offset, fence: FENCE, isFinal: final === "1", bytes };
    const isKept = await tell(mine, { kind: "log", at: clock.now(), piece });
    return isKept ? { nextOffset: offset + bytes.length, limitReached: false } : null;
  };

  const runner = async (path: string, request: Request, url: URL): Promise<object | null> => {
    const body = async (): Promise<unknown> => parseJson(await request.text());
    switch (path) {
      case "/register":
        return await register(await body());
      case "/claim":
        return await claim(request, await body());
      case "/heartbeat":
        return heartbeat(await body());
      case "/leave":
        return {};
    }
    if (ahead === null || attemptId === null) return null;
    if (path === `/attempts/${attemptId}/events`) return await events(ahead, await body());
    return path === `/attempts/${attemptId}/logs` && request.method === "POST"
      ? await logs(ahead, request, url)
      : null;
  };

  // ---- what people ask --------------------------------------------------------------------------------------------

  const submit = async (request: Request): Promise<Response | null> => {
    if (ahead !== null) return null;
    const submitted = await readSubmission(options, await request.text());
    if (submitted === null) return null;
    if (!submitted.ok) {
      return Response.json({ code: submitted.code, message: submitted.message }, { status: BAD_REQUEST });
    }
    const { planned, kept } = submitted;
    ahead = { planned, run: newRunAhead(planned, kept.at), record: await createRecord(options.home, kept) };
    return Response.json({ dagRunId: planned.dagRunId, dagName: planned.name });
  };

  const api = async (request: Request, url: URL): Promise<Response | null> => {
    if (url.pathname === API && request.method === "POST") return await submit(request);
    if (ahead === null || request.method !== "GET") return null;
    const { name, dagRunId } = ahead.planned;
    const own = `${API}/${encodeURIComponent(name)}/${encodeURIComponent(dagRunId)}`;
    if (url.pathname !== own && !url.pathname.startsWith(`${own}/`)) return null;
    const path = url.pathname.slice(own.length).split("/").slice(1).map(decodeURIComponent);
    return answerRead({ wake, opened: () => opened, broken: () => broken }, ahead.run, path, request);
  };

  const answer = async (request: Request): Promise<Response | null> => {
    const url = new URL(request.url);
    if (!url.pathname.startsWith(`${RUNNER_BASE_PATH}/`)) return await api(request, url);
    const reply = await runner(url.pathname.slice(RUNNER_BASE_PATH.length), request, url);
    return reply === null ? null : Response.json(reply);
  };

  const passOn = async (request: Request): Promise<Response> => {
    try {
      return await (await open()).fetch(request);
    } catch (error) {
      broken = error;
      wake.notify(CHANGED);
      throw error;
    }
  };

  return {
    admission: async () => opened === null ? "" : await (await opened).admission(),
    fetch: async (request) => {
      // What is not answered here is read again there.
      const own = opened === null ? await answer(request.clone()) : null;
      return own ?? await passOn(request);
    },
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await keeping.catch(() => {});
      ahead?.record[Symbol.dispose]();
      await (await opened?.catch(() => null))?.[Symbol.asyncDispose]();
    },
  };
}
