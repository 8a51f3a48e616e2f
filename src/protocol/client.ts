/**
 * Typed calls of the runner protocol over a given `fetch` (DESIGN 3.4): one request, one answer or one failure as a
 * value. Repeating is `resend.ts`'s; nothing here knows what a message means.
 */
import * as v from "valibot";
import type { Clock, Ids } from "../run/ports.ts";
import {
  type ArtifactComplete,
  ArtifactList,
  ArtifactReply,
  type ArtifactRequest,
  PartReply,
} from "./artifacts.ts";
import { type Boot, formatBoot } from "./boot.ts";
import {
  ChildClaimReply,
  type ChildClaimRequest,
  ChildReply,
  type ChildRequest,
  ChildView,
} from "./children.ts";
import { type CallResult, exchange, type Fetch, gzip, readBlob, readBytes, readJson } from "./exchange.ts";
import {
  ClaimReply,
  DeclineReply,
  type DeclineRequest,
  type DrainRequest,
  Empty,
  EventsReply,
  type EventsRequest,
  HEADERS,
  HeartbeatReply,
  type HeartbeatRequest,
  LogReply,
  type NewClaim,
  PROTOCOL_VERSION,
  RegisterReply,
  type RegisterRequest,
  RotateReply,
  RUNNER_BASE_PATH,
} from "./messages.ts";
import { ReattachReply, type ReattachRequest } from "./reattach.ts";
import { SecretsReply, type SecretsRequest } from "./secrets.ts";
import { StateReply, type StateRequest } from "./state.ts";

export interface ClientPorts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly ids: Ids;
}

export interface ClientOptions {
  readonly baseUrl: string;
  /** Of this process (`Dagu-Boot`). */
  readonly boot: Boot;
  /** Whether larger bodies are sent gzipped (RP-04). Pointless where `fetch` does not leave the process. */
  readonly compress: boolean;
}

/** Who calls: given once the runner is registered. */
export interface Credential {
  readonly runnerId: string;
  readonly token: string;
  /** The one before: after a fail-over or a restored backup the control plane may know no newer one (M2). */
  readonly previousToken?: string;
  /** The control plane knows only the one before: it takes `token`'s place. */
  onPrevious?(): void;
}

export interface AttemptCredential {
  readonly attemptId: string;
  readonly attemptToken: string;
}

/** The same `requestId` on every repetition makes repeating safe (RP-05). */
export interface CallOptions {
  readonly signal: AbortSignal;
  readonly requestId?: string;
}

export interface LogPiece {
  readonly step: string;
  readonly stream: "stdout" | "stderr";
  readonly offset: number;
  readonly fence: number;
  readonly isFinal: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface LogReadPlace extends Pick<LogPiece, "step" | "stream" | "offset"> {
  /** Number of the attempt that wrote it. */
  readonly attempt: number;
}

export interface RunnerClient {
  /** Used by every later call; a registration answers it. */
  setCredential(credential: Credential): void;
  /** This process takes another number than it was given. */
  setBoot(boot: Boot): void;
  register(
    registrationToken: string,
    body: RegisterRequest,
    options: CallOptions,
  ): Promise<CallResult<RegisterReply>>;
  /** A new token for this runner; the old one is good for a while (M2). */
  rotate(options: CallOptions): Promise<CallResult<RotateReply>>;
  claim(body: NewClaim, options: CallOptions): Promise<CallResult<ClaimReply>>;
  heartbeat(body: HeartbeatRequest, options: CallOptions): Promise<CallResult<HeartbeatReply>>;
  reattach(body: ReattachRequest, options: CallOptions): Promise<CallResult<ReattachReply>>;
  drain(body: DrainRequest, options: CallOptions): Promise<CallResult<Empty>>;
  leave(options: CallOptions): Promise<CallResult<Empty>>;
  decline(
    attempt: AttemptCredential,
    body: DeclineRequest,
    options: CallOptions,
  ): Promise<CallResult<DeclineReply>>;
  sendEvents(
    attempt: AttemptCredential,
    body: EventsRequest,
    options: CallOptions,
  ): Promise<CallResult<EventsReply>>;
  sendLog(attempt: AttemptCredential, piece: LogPiece, options: CallOptions): Promise<CallResult<LogReply>>;
  /** Some bytes from `offset` of what an earlier attempt of the same run wrote; none at the end. */
  readLog(
    attempt: AttemptCredential,
    place: LogReadPlace,
    options: CallOptions,
  ): Promise<CallResult<Uint8Array<ArrayBuffer>>>;
  /** Starts a run for a step of the attempt, or finds it again. */
  startChild(
    attempt: AttemptCredential,
    body: ChildRequest,
    options: CallOptions,
  ): Promise<CallResult<ChildReply>>;
  /** Answers when the child is over, or after some seconds with what is known. */
  viewChild(
    attempt: AttemptCredential,
    dagRunId: string,
    options: CallOptions,
  ): Promise<CallResult<ChildView>>;
  claimChild(
    attempt: AttemptCredential,
    dagRunId: string,
    body: ChildClaimRequest,
    options: CallOptions,
  ): Promise<CallResult<ChildClaimReply>>;
  cancelChild(attempt: AttemptCredential, dagRunId: string, options: CallOptions): Promise<CallResult<Empty>>;
  state(
    attempt: AttemptCredential,
    body: StateRequest,
    options: CallOptions,
  ): Promise<CallResult<StateReply>>;
  secrets(
    attempt: AttemptCredential,
    body: SecretsRequest,
    options: CallOptions,
  ): Promise<CallResult<SecretsReply>>;
  announceArtifact(
    attempt: AttemptCredential,
    body: ArtifactRequest,
    options: CallOptions,
  ): Promise<CallResult<ArtifactReply>>;
  /** To a URL that the announcement answered. */
  putArtifact(
    attempt: AttemptCredential,
    url: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: CallOptions,
  ): Promise<CallResult<PartReply>>;
  completeArtifact(
    attempt: AttemptCredential,
    uploadId: string,
    body: ArtifactComplete,
    options: CallOptions,
  ): Promise<CallResult<Empty>>;
  /** What the run has kept so far. */
  listArtifacts(attempt: AttemptCredential, options: CallOptions): Promise<CallResult<ArtifactList>>;
  /** One part of a kept file, from 1; its size is that of the list in parts. */
  artifactPart(
    attempt: AttemptCredential,
    place: { readonly path: string; readonly n: number },
    options: CallOptions,
  ): Promise<CallResult<Uint8Array<ArrayBuffer>>>;
  /** Bytes that match `sha256:HEX`; others count as no answer. */
  blob(attempt: AttemptCredential, digest: string, options: CallOptions): Promise<CallResult<Uint8Array>>;
}

type Empty = v.InferOutput<typeof Empty>;

const CALL_TIMEOUT_MS = 30_000;
const CLAIM_MARGIN_MS = 10_000;
const GZIP_FROM_BYTES = 8_192;

export function newRunnerClient(ports: ClientPorts, options: ClientOptions): RunnerClient {
  let credential: Credential | null = null;
  let { boot } = options;
  const base = options.baseUrl.replace(/\/+$/, "") + RUNNER_BASE_PATH;

  /** A token that is refused is followed by the one before it, once (5.3). */
  async function send(call: Call, callOptions: CallOptions): Promise<CallResult<Response>> {
    const requestId = callOptions.requestId ?? ports.ids.uuid();
    const known = credential;
    const first = await sendAs(call.token ?? known?.token, call, { ...callOptions, requestId });
    const other = known?.previousToken;
    const isRefused = first.ok && first.value.status === 401;
    if (!isRefused || call.token !== undefined || known === null || other === undefined) return first;
    const second = await sendAs(other, call, { ...callOptions, requestId });
    if (!second.ok || second.value.status === 401) return first;
    if (credential === known) {
      credential = { ...known, token: other, previousToken: known.token };
      known.onPrevious?.();
    }
    return second;
  }

  async function sendAs(
    token: string | undefined,
    call: Call,
    { signal, requestId }: Required<CallOptions>,
  ): Promise<CallResult<Response>> {
    const headers = new Headers({
      [HEADERS.protocol]: String(PROTOCOL_VERSION),
      [HEADERS.boot]: formatBoot(boot),
      [HEADERS.sentAt]: new Date(ports.clock.now()).toISOString(),
      [HEADERS.request]: requestId,
      ...call.headers,
    });
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    if (credential !== null) headers.set(HEADERS.runner, credential.runnerId);
    if (call.attempt !== undefined) headers.set(HEADERS.attempt, call.attempt.attemptToken);
    let body = call.body;
    if (body !== undefined && options.compress && body.length > GZIP_FROM_BYTES) {
      headers.set("Content-Encoding", "gzip");
      headers.set(HEADERS.rawLength, String(body.length));
      body = await gzip(body);
    }
    return await exchange(
      ports,
      call.timeoutMs ?? CALL_TIMEOUT_MS,
      signal,
      (signal) =>
        new Request(base + call.path, {
          method: call.method ?? "POST",
          headers,
          signal,
          ...(body === undefined ? {} : { body }),
        }),
    );
  }

  async function callJson<S extends v.GenericSchema>(
    schema: S,
    call: Call & { readonly json?: unknown },
    callOptions: CallOptions,
  ): Promise<CallResult<v.InferOutput<S>>> {
    const withBody = call.json === undefined ? call : {
      ...call,
      body: new TextEncoder().encode(JSON.stringify(call.json)),
      headers: { "Content-Type": "application/json" },
    };
    const sent = await send(withBody, callOptions);
    return sent.ok ? await readJson(schema, sent.value) : sent;
  }

  return {
    setCredential: (given) => {
      credential = given;
    },
    setBoot: (given) => {
      boot = given;
    },
    register: (token, json, o) => callJson(RegisterReply, { path: "/register", token, json }, o),
    rotate: (o) => callJson(RotateReply, { path: "/token/rotate", json: {} }, o),
    claim: (json, o) =>
      callJson(ClaimReply, { path: "/claim", json, timeoutMs: json.waitMs + CLAIM_MARGIN_MS }, o),
    heartbeat: (json, o) => callJson(HeartbeatReply, { path: "/heartbeat", json }, o),
    reattach: (json, o) => callJson(ReattachReply, { path: "/reattach", json }, o),
    drain: (json, o) => callJson(Empty, { path: "/drain", json }, o),
    leave: (o) => callJson(Empty, { path: "/leave", json: {} }, o),
    decline: (attempt, json, o) =>
      callJson(DeclineReply, { path: attemptPath(attempt, "decline"), attempt, json }, o),
    sendEvents: (attempt, json, o) =>
      callJson(EventsReply, { path: attemptPath(attempt, "events"), attempt, json }, o),
    sendLog: (attempt, piece, o) =>
      callJson(LogReply, {
        path: `${attemptPath(attempt, "logs")}?${logQuery(piece)}`,
        attempt,
        body: piece.bytes,
        headers: { "Content-Type": "application/octet-stream" },
      }, o),
    readLog: async (attempt, { step, stream, offset, attempt: number }, o) => {
      const query = new URLSearchParams({ step, stream, offset: String(offset), attempt: String(number) });
      const sent = await send(
        { method: "GET", path: `${attemptPath(attempt, "logs")}?${query}`, attempt },
        o,
      );
      return sent.ok ? await readBytes(sent.value) : sent;
    },
    startChild: (attempt, json, o) =>
      callJson(ChildReply, { path: attemptPath(attempt, "children"), attempt, json }, o),
    viewChild: (attempt, id, o) =>
      callJson(ChildView, { method: "GET", path: childPath(attempt, id), attempt }, o),
    claimChild: (attempt, id, json, o) =>
      callJson(ChildClaimReply, { path: `${childPath(attempt, id)}/claim`, attempt, json }, o),
    cancelChild: (attempt, id, o) =>
      callJson(Empty, { path: `${childPath(attempt, id)}/cancel`, attempt, json: {} }, o),
    state: (attempt, json, o) =>
      callJson(StateReply, { path: attemptPath(attempt, "state"), attempt, json }, o),
    secrets: (attempt, json, o) =>
      callJson(SecretsReply, { path: attemptPath(attempt, "secrets"), attempt, json }, o),
    announceArtifact: (attempt, json, o) =>
      callJson(ArtifactReply, { path: attemptPath(attempt, "artifacts"), attempt, json }, o),
    putArtifact: (attempt, path, body, o) =>
      callJson(PartReply, {
        method: "PUT",
        path,
        attempt,
        body,
        headers: { "Content-Type": "application/octet-stream" },
      }, o),
    completeArtifact: (attempt, uploadId, json, o) =>
      callJson(Empty, {
        path: attemptPath(attempt, `artifacts/${encodeURIComponent(uploadId)}/complete`),
        attempt,
        json,
      }, o),
    listArtifacts: (attempt, o) =>
      callJson(ArtifactList, { method: "GET", path: attemptPath(attempt, "artifacts"), attempt }, o),
    artifactPart: async (attempt, { path, n }, o) => {
      const query = new URLSearchParams({ path, part: String(n) });
      const sent = await send({
        method: "GET",
        path: `${attemptPath(attempt, "artifacts")}?${query}`,
        attempt,
      }, o);
      return sent.ok ? await readBytes(sent.value) : sent;
    },
    blob: async (attempt, digest, o) => {
      const sent = await send({ method: "GET", path: `/blobs/${encodeURIComponent(digest)}`, attempt }, o);
      return sent.ok ? await readBlob(digest, sent.value) : sent;
    },
  };
}

interface Call {
  readonly method?: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly token?: string;
  readonly attempt?: AttemptCredential;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

function attemptPath(attempt: AttemptCredential, rest: string): string {
  return `/attempts/${encodeURIComponent(attempt.attemptId)}/${rest}`;
}

function childPath(attempt: AttemptCredential, dagRunId: string): string {
  return attemptPath(attempt, `children/${encodeURIComponent(dagRunId)}`);
}

function logQuery(piece: LogPiece): string {
  const query = new URLSearchParams({
    step: piece.step,
    stream: piece.stream,
    offset: String(piece.offset),
    fence: String(piece.fence),
  });
  if (piece.isFinal) query.set("final", "1");
  return query.toString();
}
