/** The runner protocol in memory, for one attempt at a time, over a network that loses, repeats and delays as its seed says. */
import type { Resources } from "../../src/protocol/resources.ts";
import type { Fetch } from "../../src/protocol/exchange.ts";
import {
  ClaimRequest,
  DeclineRequest,
  DEFAULT_SETTINGS,
  type Directive,
  EventsRequest,
  HeartbeatRequest,
  LogQuery,
  type WireEvent,
} from "../../src/protocol/messages.ts";
import { ReattachRequest } from "../../src/protocol/reattach.ts";
import type { Grant } from "../../src/protocol/grant.ts";
import * as v from "valibot";

export interface FakeControlPlane {
  readonly fetch: Fetch;
  readonly events: WireEvent[];
  /** Whole bytes by `step/stream`. */
  readonly logs: Map<string, Uint8Array>;
  /** `step/stream` whose length was stated. */
  readonly finals: Map<string, number>;
  fence: number;
  /** As which the runner is registered. */
  runnerId: string;
  /** Handed out, one claim each. */
  readonly grants: Grant[];
  /** Those that were handed out. */
  readonly granted: Grant[];
  /** How often the runner asked for work. */
  claims: number;
  /** What it said that it has left, at its latest claim. */
  left: Resources;
  /** In every claim's and heartbeat's answer, until acknowledged. */
  readonly directives: Directive[];
  readonly blobs: Map<string, Uint8Array>;
  readonly declined: DeclineRequest[];
  readonly registered: unknown[];
  readonly beats: HeartbeatRequest[];
  heartbeatMs: number;
  /** From then on bytes are not stored. */
  logStreamMax: number;
  /** Called before each request is handled; may answer in place of the control plane. */
  before: (path: string) => Response | null;
}

export interface Weather {
  /** Uniform in [0, 1). */
  random(): number;
  /** How likely a request is lost, its answer is lost, or it is delivered twice. */
  readonly lossRate: number;
}

export function newFakeControlPlane(weather: Weather): FakeControlPlane {
  const plane: FakeControlPlane = {
    events: [],
    logs: new Map(),
    finals: new Map(),
    fence: 1,
    runnerId: FAKE_RUNNER_ID,
    grants: [],
    claims: 0,
    left: {},
    granted: [],
    directives: [],
    blobs: new Map(),
    declined: [],
    registered: [],
    beats: [],
    heartbeatMs: 50,
    logStreamMax: Number.POSITIVE_INFINITY,
    before: () => null,
    fetch: async (request) => {
      const body = new Uint8Array(await request.arrayBuffer());
      const isBad = (): boolean => weather.random() < weather.lossRate;
      await delay(weather);
      if (isBad()) throw new Error("request lost");
      if (isBad()) handle(plane, request.url, body);
      await delay(weather);
      const answer = plane.before(new URL(request.url).pathname) ?? handle(plane, request.url, body);
      await delay(weather);
      if (isBad()) throw new Error("answer lost");
      if (isBad()) return new Response("<html>bad gateway</html>", { status: 502 });
      return answer;
    },
  };
  return plane;
}

/** A few turns of the event loop, so that concurrent calls overtake each other. */
async function delay(weather: Weather): Promise<void> {
  for (let turns = Math.floor(weather.random() * 4); turns > 0; turns--) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

function handle(plane: FakeControlPlane, url: string, body: Uint8Array): Response {
  const { pathname, searchParams } = new URL(url);
  const json = (): unknown => JSON.parse(new TextDecoder().decode(body));
  if (pathname.endsWith("/register")) return takeRegistration(plane, json());
  if (pathname.endsWith("/claim")) return takeClaim(plane, json());
  if (pathname.endsWith("/heartbeat")) return takeHeartbeat(plane, json());
  if (pathname.endsWith("/decline")) {
    plane.declined.push(v.parse(DeclineRequest, json()));
    return Response.json({ outcome: "failed" });
  }
  if (pathname.includes("/blobs/")) {
    const blob = plane.blobs.get(decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1)));
    return blob === undefined ? refuse(404, "not_found") : new Response(new Uint8Array(blob));
  }
  if (pathname.endsWith("/reattach")) return takeReattach(plane, json());
  if (pathname.endsWith("/drain") || pathname.endsWith("/leave")) return Response.json({});
  if (pathname.endsWith("/events")) return takeEvents(plane, JSON.parse(new TextDecoder().decode(body)));
  if (pathname.endsWith("/logs")) return takeLog(plane, Object.fromEntries(searchParams), body);
  return refuse(404, "not_found");
}

export const FAKE_RUNNER_ID = "0199bbbb-0000-7000-8000-000000000001";

function takeRegistration(plane: FakeControlPlane, json: unknown): Response {
  plane.registered.push(json);
  return Response.json({
    runnerId: plane.runnerId,
    runnerToken: "dagu_rnr_fake",
    tokenExpiresAt: "2030-01-01T00:00:00Z",
    labels: {},
    capacity: 1,
    settings: {
      ...DEFAULT_SETTINGS,
      claimWaitMs: 0,
      heartbeatMs: plane.heartbeatMs,
      eventFlushMs: 20,
      logFlushMs: 20,
    },
  });
}

function takeClaim(plane: FakeControlPlane, json: unknown): Response {
  const { free, resources } = v.parse(ClaimRequest, json);
  plane.left = resources;
  plane.claims++;
  const attempts = plane.grants.splice(0, free);
  plane.granted.push(...attempts);
  return Response.json({ attempts, directives: plane.directives, claimAfterMs: 20 });
}

function takeReattach(plane: FakeControlPlane, json: unknown): Response {
  const request = v.parse(ReattachRequest, json);
  const logs = [...plane.logs].map(([key, bytes]) => {
    const [step = "", stream = ""] = key.split("/");
    return { step, stream, nextOffset: bytes.length, isFinal: plane.finals.has(key) };
  });
  const attempts = request.attempts.map(({ attemptId, fence }) => {
    const grant = plane.granted.find((one) => one.attemptId === attemptId);
    if (fence !== plane.fence) return { attemptId, verdict: "discard" };
    return grant === undefined
      ? { attemptId, verdict: "finish", status: "failed" }
      : { attemptId, verdict: "continue", grant, logs };
  });
  return Response.json({ attempts });
}

function takeHeartbeat(plane: FakeControlPlane, json: unknown): Response {
  const request = v.parse(HeartbeatRequest, json);
  plane.beats.push(request);
  for (const id of request.ackDirectives) {
    const index = plane.directives.findIndex((directive) => directive.id === id);
    if (index !== -1) plane.directives.splice(index, 1);
  }
  const attempts = request.attempts.map(({ attemptId, fence }) => ({
    attemptId,
    status: fence === plane.fence ? "ok" : "fenced",
    leaseMs: 60_000,
    graceMs: 240_000,
    ackSeq: plane.events.length,
  }));
  return Response.json({ attempts, directives: plane.directives });
}

function takeEvents(plane: FakeControlPlane, json: unknown): Response {
  const request = v.parse(EventsRequest, json);
  if (request.fence !== plane.fence) return refuse(409, "fenced");
  if (request.firstSeq > plane.events.length + 1) {
    return refuse(409, "seq_gap", { expectedSeq: plane.events.length + 1 });
  }
  for (const event of request.events) {
    if (event.seq <= plane.events.length) continue;
    if (event.type === "step.finished") {
      for (const stream of ["stdout", "stderr"]) {
        const key = `${event.step}/${stream}`;
        const isCut = (plane.logs.get(key)?.length ?? 0) >= plane.logStreamMax;
        if (plane.logs.has(key) && !plane.finals.has(key) && !isCut) {
          throw new Error(`${key} is not whole at step.finished`);
        }
      }
    }
    plane.events.push(event);
  }
  return Response.json({ ackSeq: plane.events.length, runStatus: "running", directives: [] });
}

function takeLog(plane: FakeControlPlane, rawQuery: unknown, body: Uint8Array): Response {
  const query = v.parse(LogQuery, rawQuery);
  if (query.fence !== plane.fence) return refuse(409, "fenced");
  const key = `${query.step}/${query.stream}`;
  const known = plane.logs.get(key) ?? new Uint8Array();
  if (query.offset > known.length) return refuse(409, "offset_gap", { expectedOffset: known.length });
  const fresh = body.subarray(Math.min(body.length, known.length - query.offset));
  const room = Math.max(0, plane.logStreamMax - known.length);
  const kept = fresh.subarray(0, room);
  const all = new Uint8Array(known.length + kept.length);
  all.set(known);
  all.set(kept, known.length);
  plane.logs.set(key, all);
  if (query.final === "1") plane.finals.set(key, query.offset + body.length);
  return Response.json({ nextOffset: all.length, limitReached: kept.length < fresh.length });
}

function refuse(status: number, code: string, details?: Record<string, number>): Response {
  return Response.json({ code, message: code, retryable: false, ...(details && { details }) }, { status });
}
