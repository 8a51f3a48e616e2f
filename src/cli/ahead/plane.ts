/**
 * A control plane for one run that does without a database as long as it can. `dagu start` wants its first step to run now,
 * and an embedded Postgres takes longer to come up than most runs take. So the run is kept in a record of its own, and the
 * first question that only the database can answer (a sub-run, a secret, a run that waits for a person, any other command)
 * opens it: the real control plane adopts the record, and everything goes to it from then on.
 */
import * as v from "valibot";
import {
  ClaimRequest,
  type Directive,
  EventsRequest,
  HEADERS,
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
import { Uuid } from "../../run/ids.ts";
import type { AheadEntry } from "../../server/dispatch/adopt.ts";
import { FIRST_FENCE } from "../../server/dispatch/attempt-token.ts";
import { runnerToken, TOKEN_LIFE_MS } from "../../server/dispatch/runner-token.ts";
import type { Wake } from "../../server/ports.ts";
import { bearerOf, digestToken } from "../../server/secrets/token.ts";
import { LOCAL_CALLER } from "../../server/settings.ts";
import { parseJson } from "../../server/triggers/json.ts";
import type { Home } from "../home.ts";
import type { LocalPlane } from "../local-plane.ts";
import { type BeginPorts, claimAhead, readSubmission } from "./begin.ts";
import { answerRead, CHANGED } from "./read.ts";
import { createRecord, type RecordFile } from "./record.ts";
import { newRunAhead, type RunAhead } from "./run.ts";

export interface AheadOptions extends BeginPorts {
  readonly home: Home;
  readonly wake: Wake;
  /** What is known of this process's runner when it has registered before. */
  readonly runner: Pick<RegisterRequest, "name" | "version" | "os" | "arch">;
  /** The real control plane, which has adopted what this home's records hold. */
  open(): Promise<LocalPlane>;
}

/** What is told is kept in memory too, for the run's summary. */
const RECORD_MAX_BYTES = 4_194_304;
/** A database that cannot be opened is not tried again at every report. */
const RETRY_AFTER_MS = 5_000;

const API = "/api/v1/dag-runs";
/** Every refusal of a submission is one (AP-05). */
const BAD_REQUEST = 400;
/** Topics: the real control plane takes over; the run is to be stopped. */
const OPENED = "opened";
const STOPPED = "stopped";

const StopRequest = v.object({ force: v.optional(v.boolean(), false) });

interface Ahead {
  readonly run: RunAhead;
  readonly record: RecordFile;
}

export function openAhead(options: AheadOptions): LocalPlane {
  const { clock, ids, keys, patience, wake } = options;
  const over = new AbortController();
  let opening: Promise<LocalPlane> | null = null;
  let failed: { readonly at: number; readonly error: unknown } | null = null;
  /** Why the real control plane could not be opened when the run could not do without it. */
  let broken: unknown = null;
  let ahead: Ahead | null = null;
  let hasRunner = false;
  let attemptId: string | null = null;
  /** What its runner has not acknowledged (M8). */
  let directives: readonly Directive[] = [];
  /** Entries are kept one after the other. */
  let keeping: Promise<unknown> = Promise.resolve();

  const open = (): Promise<LocalPlane> => {
    if (failed !== null && clock.mono() - failed.at < RETRY_AFTER_MS) return Promise.reject(failed.error);
    opening ??= (async () => {
      await keeping;
      try {
        return await options.open();
      } catch (error) {
        failed = { at: clock.mono(), error };
        // The record goes on being kept.
        opening = null;
        throw error;
      }
    })();
    for (const topic of [CHANGED, OPENED]) wake.notify(topic);
    return opening;
  };

  const openSoon = (): void => void open().catch(() => {});

  /** `isNext`: asked when it is its turn. false: the real control plane is to hear of it. */
  const keep = async (entry: AheadEntry, isNext: () => boolean): Promise<boolean> => {
    if (ahead === null || opening !== null) return false;
    const { run, record } = ahead;
    const kept = keeping.then(async () => {
      if (!isNext()) return false;
      await record.add(entry);
      if (entry.kind === "events" || entry.kind === "log") run.tell(entry);
      if (entry.kind === "attempt") attemptId = entry.id;
      return true;
    });
    keeping = kept.catch(() => {});
    const isKept = await kept;
    wake.notify(CHANGED);
    if (record.sizeBytes > RECORD_MAX_BYTES) openSoon();
    return isKept;
  };

  // ---- what the runner tells: null is for the real control plane to answer ----------------------------------------

  const keepRunner = async (id: string, token: string, facts: RegisterRequest): Promise<boolean> => {
    const tokenDigest = await digestToken(token);
    hasRunner = await keep({ kind: "runner", at: clock.now(), id, tokenDigest, facts }, () => true);
    return hasRunner;
  };

  const register = async (body: unknown): Promise<RegisterReply | null> => {
    const facts = v.safeParse(RegisterRequest, body);
    if (!facts.success) return null;
    const id = ids.uuid();
    const token = await runnerToken({ keys }, id, 0);
    if (!await keepRunner(id, token, facts.output)) return null;
    const { labels, capacity } = facts.output;
    const tokenExpiresAt = new Date(clock.now() + TOKEN_LIFE_MS).toISOString();
    return { runnerId: id, runnerToken: token, tokenExpiresAt, labels, capacity, settings: patience.runner };
  };

  const claim = async (request: Request, body: unknown): Promise<ClaimReply | null> => {
    const read = v.safeParse(ClaimRequest, body);
    if (!read.success) return null;
    if (read.output.free > 0 && ahead !== null && attemptId === null) {
      return await begin(ahead.run, request, read.output.labels);
    }
    if (directives.length === 0) {
      const signal = AbortSignal.any([request.signal, over.signal]);
      await wake.wait([OPENED, STOPPED], read.output.waitMs, signal);
    }
    return opening === null ? { attempts: [], directives: [...directives], claimAfterMs: 0 } : null;
  };

  const begin = async (
    run: RunAhead,
    { headers }: Request,
    labels: Readonly<Record<string, string>>,
  ): Promise<ClaimReply | null> => {
    const id = headers.get(HEADERS.runner);
    const token = bearerOf(headers.get("Authorization"));
    if (!v.is(Uuid, id) || token === null) return null;
    const facts = { ...options.runner, machineId: id, labels, capacity: 1, features: [] };
    if (!hasRunner && !await keepRunner(id, token, facts)) return null;
    const claimed = await claimAhead(options, run.planned, id, labels);
    if (claimed === null || !await keep(claimed.attempt, () => attemptId === null)) return null;
    return { attempts: [claimed.grant], directives: [], claimAfterMs: 0 };
  };

  const heartbeat = (body: unknown): HeartbeatReply | null => {
    const read = v.safeParse(HeartbeatRequest, body);
    if (!read.success) return null;
    const { leaseMs, graceMs } = patience.runner;
    const { ackDirectives } = read.output;
    directives = directives.filter(({ id }) => !ackDirectives.includes(id));
    const attempts = read.output.attempts.map(({ attemptId, ackSeq }) => (
      { attemptId, status: "ok" as const, leaseMs, graceMs, ackSeq }
    ));
    return { attempts, directives: [...directives] };
  };

  const events = async (run: RunAhead, body: unknown): Promise<EventsReply | null> => {
    const read = v.safeParse(EventsRequest, body);
    if (!read.success) return null;
    const { firstSeq, events } = read.output;
    // People answer what it waits for through the database.
    if (events.some(({ type }) => type === "attempt.waiting")) return null;
    const entry = { kind: "events", at: clock.now(), request: read.output } as const;
    const isKept = await keep(entry, () => firstSeq === run.ackSeq + 1);
    return isKept ? { ackSeq: run.ackSeq, runStatus: run.state.status, directives: [] } : null;
  };

  const logs = async (run: RunAhead, request: Request, url: URL): Promise<LogReply | null> => {
    const query = v.safeParse(LogQuery, Object.fromEntries(url.searchParams));
    if (!query.success || request.headers.has("Content-Encoding")) return null;
    const { step, stream, offset, final } = query.output;
    const bytes = new Uint8Array(await request.arrayBuffer());
    const piece = { step, stream, offset, fence: FIRST_FENCE, isFinal: final === "1", bytes };
    const isKept = await keep(
      { kind: "log", at: clock.now(), piece },
      () => offset === run.log(step, stream).length,
    );
    return isKept ? { nextOffset: offset + bytes.length, limitReached: false } : null;
  };

  const runner = async (path: string, request: Request, url: URL): Promise<object | null> => {
    const body = async (): Promise<unknown> => parseJson(await request.bytes(), "replace");
    const isOver = ahead !== null && ahead.run.state.finishedAt !== null;
    switch (path) {
      case "/register":
        return await register(await body());
      case "/claim":
        return await claim(request, await body());
      case "/heartbeat":
        return heartbeat(await body());
      case "/drain":
        return isOver ? {} : null;
      case "/leave":
        return {};
    }
    if (ahead === null || attemptId === null) return null;
    if (path === `/attempts/${attemptId}/events`) return await events(ahead.run, await body());
    return path === `/attempts/${attemptId}/logs` && request.method === "POST"
      ? await logs(ahead.run, request, url)
      : null;
  };

  // ---- what people ask --------------------------------------------------------------------------------------------

  const submit = async (request: Request): Promise<Response | null> => {
    if (ahead !== null) return null;
    const submitted = await readSubmission(options, await request.bytes());
    if (submitted === null) return null;
    if (!submitted.ok) {
      const { code, message, details } = submitted;
      return Response.json({ code, message, details }, { status: BAD_REQUEST });
    }
    const { planned, kept } = submitted;
    ahead = { run: newRunAhead(planned, kept.at), record: await createRecord(options.home, kept) };
    return Response.json({ dagRunId: planned.dagRunId, dagName: planned.name });
  };

  /** As a person who waits for it would have it: at once. */
  const stop = async ({ run }: Ahead, request: Request): Promise<Response | null> => {
    const read = v.safeParse(StopRequest, parseJson(await request.bytes(), "replace"));
    if (!read.success || attemptId === null) return null;
    const { force } = read.output;
    const entry = { kind: "stop", at: clock.now(), by: LOCAL_CALLER, isForced: force } as const;
    if (!await keep(entry, () => run.state.finishedAt === null)) return null;
    const cancel = { type: "cancel", attemptId, fence: FIRST_FENCE, reason: LOCAL_CALLER, force };
    directives = [...directives, { id: ids.uuid(), ...cancel }];
    wake.notify(STOPPED);
    return Response.json({});
  };

  const api = async (request: Request, url: URL): Promise<Response | null> => {
    // Who looks for this door only wants to know that it is one.
    if (url.pathname === "/livez") return Response.json({});
    if (url.pathname === API && request.method === "POST") return await submit(request);
    if (ahead === null) return null;
    const { name, dagRunId } = ahead.run.planned;
    const own = `${API}/${encodeURIComponent(name)}/${encodeURIComponent(dagRunId)}`;
    if (url.pathname !== own && !url.pathname.startsWith(`${own}/`)) return null;
    const path = url.pathname.slice(own.length).split("/").slice(1).map(decodeURIComponent);
    if (request.method === "POST" && path.join("/") === "stop") return await stop(ahead, request);
    if (request.method !== "GET") return null;
    const ports = { clock, wake, opening: () => opening, broken: () => broken };
    return answerRead(ports, ahead.run, path, request);
  };

  /** null: it is for the real control plane. */
  const answer = async (request: Request): Promise<Response | null> => {
    if (opening !== null) return null;
    const url = new URL(request.url);
    // What is not answered here is read again there.
    const copy = request.clone();
    if (!url.pathname.startsWith(`${RUNNER_BASE_PATH}/`)) return await api(copy, url);
    const reply = await runner(url.pathname.slice(RUNNER_BASE_PATH.length), copy, url);
    return reply === null ? null : Response.json(reply);
  };

  const takeOver = async (request: Request): Promise<LocalPlane | Response> => {
    const isWaiting = opening !== null;
    try {
      return await open();
    } catch (error) {
      // It waited for what others wanted, and can do without.
      const own = isWaiting ? await answer(request) : null;
      if (own !== null) return own;
      if (new URL(request.url).pathname.startsWith(`${RUNNER_BASE_PATH}/attempts/`)) broken = error;
      wake.notify(CHANGED);
      throw error;
    }
  };

  return {
    admission: async () => await (await opening)?.admission() ?? "",
    fetch: async (request) => {
      const own = await answer(request) ?? await takeOver(request);
      return own instanceof Response ? own : await own.fetch(request);
    },
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await keeping;
      ahead?.record[Symbol.dispose]();
      await (await opening?.catch(() => null))?.[Symbol.asyncDispose]();
    },
  };
}
