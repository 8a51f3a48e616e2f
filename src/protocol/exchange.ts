/** One HTTP exchange as a value: what was sent is answered, refused, unanswered or aborted; nothing is thrown. */
import { sha256 } from "../workflow/digest.ts";
import * as v from "valibot";
import type { Clock } from "../run/ports.ts";
import { parseJson } from "../workflow/json.ts";
import { ErrorReply, type ProtocolErrorCode } from "./messages.ts";
import { reasonOf } from "./reason.ts";

export type Fetch = (request: Request) => Promise<Response>;

export interface ExchangePorts {
  readonly fetch: Fetch;
  readonly clock: Clock;
}

export type CallFailure =
  /** The server said no, in the protocol's words (RP-06). */
  | {
    readonly kind: "refused";
    readonly code: ProtocolErrorCode;
    readonly message: string;
    readonly retryable: boolean;
    readonly retryAfterMs: number | null;
    readonly details: NonNullable<ErrorReply["details"]>;
  }
  /** Nothing came, or something that is not the protocol's: a proxy's page counts as nothing, whatever its status (RP-07). */
  | {
    readonly kind: "no_answer";
    readonly message: string;
    /** Absent: nothing came. */
    readonly status?: number;
    readonly retryAfterMs: number | null;
  }
  | { readonly kind: "aborted" };

export type CallResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: CallFailure };

type Refused = Extract<CallFailure, { kind: "refused" }>;

export function isRefused(failure: CallFailure, code: ProtocolErrorCode): failure is Refused {
  return failure.kind === "refused" && failure.code === code;
}

/**
 * One request under a time limit. An in-memory `fetch` may ignore the signal, so the answer also races against it; an
 * answer that comes too late is cancelled.
 */
export async function exchange(
  ports: ExchangePorts,
  timeoutMs: number,
  outer: AbortSignal,
  build: (signal: AbortSignal) => Request,
): Promise<CallResult<Response>> {
  if (outer.aborted) return { ok: false, failure: { kind: "aborted" } };
  const done = new AbortController();
  const stop = new AbortController();
  const follow = (): void => stop.abort();
  outer.addEventListener("abort", follow, { once: true });
  void ports.clock.sleep(timeoutMs, done.signal).then(follow);
  const stopped = Promise.withResolvers<null>();
  stop.signal.addEventListener("abort", () => stopped.resolve(null), { once: true });
  try {
    const answer = ports.fetch(build(stop.signal));
    const first = await Promise.race([answer, stopped.promise]);
    if (first !== null) return { ok: true, value: await buffered(first, stopped.promise) };
    void answer.then((late) => late.body?.cancel(), () => {});
    return failedBy(outer, `no answer within ${timeoutMs} ms`);
  } catch (error) {
    return failedBy(outer, reasonOf(error));
  } finally {
    outer.removeEventListener("abort", follow);
    done.abort();
  }
}

/** The body is read under the same limit, so that a stalled answer cannot hold the caller. */
async function buffered(response: Response, stopped: Promise<null>): Promise<Response> {
  const reading = response.arrayBuffer();
  const bytes = await Promise.race([reading, stopped]);
  if (bytes === null) {
    void reading.catch(() => {});
    throw new Error("the answer did not end in time");
  }
  return new Response(bytes.byteLength === 0 ? null : bytes, {
    status: response.status,
    headers: response.headers,
  });
}

function failedBy(outer: AbortSignal, message: string): CallResult<never> {
  return outer.aborted
    ? { ok: false, failure: { kind: "aborted" } }
    : { ok: false, failure: { kind: "no_answer", message, retryAfterMs: null } };
}

export async function readJson<S extends v.GenericSchema>(
  schema: S,
  response: Response,
): Promise<CallResult<v.InferOutput<S>>> {
  const json = parseJson(await response.text());
  if (!response.ok) return refusal(response, json);
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return { ok: true, value: parsed.output };
  return noAnswer(response, "an answer that is not of the runner protocol");
}

export async function readBytes(response: Response): Promise<CallResult<Uint8Array<ArrayBuffer>>> {
  if (!response.ok) return refusal(response, parseJson(await response.text()));
  return { ok: true, value: new Uint8Array(await response.arrayBuffer()) };
}

export async function readBlob(digest: string, response: Response): Promise<CallResult<Uint8Array>> {
  const read = await readBytes(response);
  if (!read.ok) return read;
  const bytes = read.value;
  if (digest === `sha256:${await sha256(bytes)}`) return read;
  return noAnswer(response, `${bytes.byteLength} bytes that are not ${digest}`);
}

function refusal(response: Response, json: unknown): CallResult<never> {
  const parsed = v.safeParse(ErrorReply, json);
  if (!parsed.success) return noAnswer(response, "an answer that is not of the runner protocol");
  const { code, message, retryable, details } = parsed.output;
  return {
    ok: false,
    failure: {
      kind: "refused",
      code,
      message,
      retryable,
      retryAfterMs: retryAfterMs(response),
      details: details ?? {},
    },
  };
}

function noAnswer(response: Response, what: string): CallResult<never> {
  const message = `${what} (status ${response.status})`;
  const { status } = response;
  return { ok: false, failure: { kind: "no_answer", message, status, retryAfterMs: retryAfterMs(response) } };
}

/** Only the form in seconds: the other needs a clock that both sides share. */
function retryAfterMs(response: Response): number | null {
  const text = response.headers.get("Retry-After");
  return text !== null && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : null;
}

export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}
