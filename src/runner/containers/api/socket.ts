/**
 * One request to an engine: path with the negotiated version, deadline, validation of the few fields that are read, and
 * every way to fail as an `EngineError`. The functions beside this file know paths and bodies; this one knows transport.
 */
import type { Dispatcher } from "undici";
import * as v from "valibot";
import { parseJson } from "../../../workflow/json.ts";
import type { Runtime } from "../runtime.ts";
import { type Connection, lookAtSocket, openConnection } from "./connection.ts";
import { type EngineError, engineError, type Reply, StreamError, thrownError } from "./error.ts";
import { type Identity, pickVersion, readIdentity } from "./version.ts";

export interface Call {
  /** For people: "container create". */
  readonly operation: string;
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Without the version. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | null>>;
  readonly body?: unknown;
  /** A tar archive in place of a JSON body. */
  readonly archive?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** null: as long as it takes (pull, wait, streams). Default: the time in which every engine answers (F12). */
  readonly answerMs?: number | null;
}

export interface Socket extends AsyncDisposable {
  /** Which engine it is, and the version we speak with it; asked once. */
  identity(signal: AbortSignal): Promise<Reply<Identity>>;
  /** Reads the whole answer. 304 (it is already so) counts as success with an empty answer. */
  request<T>(call: Call, schema: v.GenericSchema<unknown, T>, signal: AbortSignal): Promise<Reply<T>>;
  /** Headers only (archive stat, ping). */
  head(call: Call, signal: AbortSignal): Promise<Reply<Readonly<Record<string, string>>>>;
  /** Answers once the headers are there. The bytes must be read to their end, or the stream disposed of. */
  stream(call: Call, signal: AbortSignal): Promise<Reply<ByteStream>>;
}

/** Throws `StreamError` when the connection ends before the answer does. */
export interface ByteStream extends AsyncIterable<Uint8Array>, Disposable {}

/** For answers of which nothing is read. */
export const Nothing = v.unknown();

const ANSWER_MS = 30_000;
const ERROR_TEXT_MAX = 4_096;

export function openSocket(runtime: Runtime, answerMs: number = ANSWER_MS): Socket {
  const connection = openConnection(runtime.address);
  let known: Promise<Reply<Identity>> | null = null;

  const identity = async (signal: AbortSignal): Promise<Reply<Identity>> => {
    const asked = known ??= ask(connection, runtime, answerMs, signal);
    const reply = await asked;
    if (reply.ok) return reply;
    if (known === asked) known = null;
    // Whoever asked first was stopped; that is not an answer for us.
    return reply.error.kind === "aborted" && !signal.aborted ? await identity(signal) : reply;
  };
  const open = async (call: Call, signal: AbortSignal): Promise<Reply<Answer>> => {
    const who = await identity(signal);
    if (!who.ok) return { ok: false, error: { ...who.error, operation: call.operation } };
    const path = `/v${who.value.apiVersion}${call.path}`;
    return await exchange(connection, { ...call, path }, signal);
  };

  return {
    identity,
    request: (call, schema, signal) =>
      inTime(call, answerMs, signal, async (inner) => {
        const reply = await open(call, inner);
        return reply.ok ? await readAnswer(reply.value, call.operation, schema, inner) : reply;
      }),
    head: (call, signal) =>
      inTime(call, answerMs, signal, async (inner) => {
        const reply = await open(call, inner);
        if (!reply.ok) return reply;
        await reply.value.body.dump();
        return { ok: true, value: textHeaders(reply.value.headers) };
      }),
    stream: async (call, signal) => {
      const reply = await open(call, signal);
      return reply.ok ? { ok: true, value: newByteStream(reply.value.body, call.operation, signal) } : reply;
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

type Answer = Dispatcher.ResponseData;

function ask(
  connection: Connection,
  runtime: Runtime,
  answerMs: number,
  signal: AbortSignal,
): Promise<Reply<Identity>> {
  const call: Call = { operation: "ping", method: "GET", path: "/_ping" };
  return inTime(call, answerMs, signal, async (inner) => {
    const reply = await exchange(connection, call, inner);
    if (!reply.ok) return reply;
    const text = await readText(reply.value, call.operation, inner);
    if (!text.ok) return text;
    const identity = readIdentity(textHeaders(reply.value.headers));
    if (identity !== null) return pickVersion(identity, runtime.apiVersion);
    const message = `the answer has no Api-Version and begins with ${quoted(text.value)}`;
    return { ok: false, error: engineError("foreign", call.operation, message) };
  });
}

/** A deadline of our own: undici's shared timers outlive the client that set them. It covers the body, too. */
async function inTime<T>(
  call: Call,
  defaultMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Reply<T>>,
): Promise<Reply<T>> {
  const answerMs = call.answerMs === undefined ? defaultMs : call.answerMs;
  if (answerMs === null) return await work(signal);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), answerMs);
  try {
    const reply = await work(AbortSignal.any([signal, late.signal]));
    if (reply.ok || reply.error.kind !== "aborted" || signal.aborted) return reply;
    const message = `no answer to ${call.method} ${call.path} within ${answerMs} ms`;
    return { ok: false, error: engineError("silent", call.operation, message) };
  } finally {
    clearTimeout(timer);
  }
}

/** A connection that the engine had already given up fails at once: what may be repeated is tried a second time. */
async function exchange(connection: Connection, call: Call, signal: AbortSignal): Promise<Reply<Answer>> {
  const first = await tryExchange(connection, call, signal);
  if (first.ok || first.error.kind !== "broken" || call.method === "POST" || call.method === "PUT") {
    return first;
  }
  return await tryExchange(connection, call, signal);
}

async function tryExchange(connection: Connection, call: Call, signal: AbortSignal): Promise<Reply<Answer>> {
  const { operation } = call;
  if (signal.aborted) return { ok: false, error: thrownError(signal.reason, operation, signal) };
  const agent = await connection.agent();
  if (!agent.ok) return agent;
  try {
    const answer = await agent.value.request({
      origin: connection.origin,
      path: call.path + queryText(call.query),
      method: call.method,
      headers: {
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...(call.archive === undefined ? {} : { "content-type": "application/x-tar" }),
        ...call.headers,
      },
      body: call.archive ?? (call.body === undefined ? null : JSON.stringify(call.body)),
      signal,
    });
    const isSuccess = answer.statusCode < 300 || answer.statusCode === 304;
    return isSuccess
      ? { ok: true, value: answer }
      : { ok: false, error: await refusal(answer, operation, signal) };
  } catch (thrown) {
    return { ok: false, error: await withFile(thrownError(thrown, operation, signal), connection) };
  }
}

async function withFile(error: EngineError, connection: Connection): Promise<EngineError> {
  if (error.kind !== "unreachable" || connection.path === null) return error;
  return { ...error, file: await lookAtSocket(connection.path) };
}

/** Docker: `{message}`; Podman: `{cause, message, response}`; unknown paths and old daemons: plain text. */
async function refusal(answer: Answer, operation: string, signal: AbortSignal): Promise<EngineError> {
  const read = await readText(answer, operation, signal);
  if (!read.ok) return read.error;
  const text = read.value.trim().slice(0, ERROR_TEXT_MAX);
  const parsed = v.safeParse(RefusalBody, text);
  const { cause, message } = parsed.success ? parsed.output : { cause: "", message: text };
  return engineError("answered", operation, message, { status: answer.statusCode, cause });
}

const RefusalBody = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ cause: v.optional(v.string(), ""), message: v.string() }),
);

async function readAnswer<T>(
  answer: Answer,
  operation: string,
  schema: v.GenericSchema<unknown, T>,
  signal: AbortSignal,
): Promise<Reply<T>> {
  const text = await readText(answer, operation, signal);
  if (!text.ok) return text;
  const json = text.value === "" ? null : parseJson(text.value);
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return { ok: true, value: parsed.output };
  const why = json === undefined ? "no JSON" : parsed.issues.map((issue) => issue.message).join("; ");
  const message = `unexpected answer (${why}): ${quoted(text.value)}`;
  return { ok: false, error: engineError("foreign", operation, message, { status: answer.statusCode }) };
}

async function readText(answer: Answer, operation: string, signal: AbortSignal): Promise<Reply<string>> {
  try {
    return { ok: true, value: await answer.body.text() };
  } catch (thrown) {
    return { ok: false, error: thrownError(thrown, operation, signal) };
  }
}

function newByteStream(body: Answer["body"], operation: string, signal: AbortSignal): ByteStream {
  return {
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of body) yield chunk;
      } catch (thrown) {
        throw new StreamError(thrownError(thrown, operation, signal));
      }
    },
    [Symbol.dispose]: () => {
      // Destroying an unread body makes it complain; nobody is left to listen.
      body.on("error", () => {});
      body.destroy();
    },
  };
}

function queryText(query: Call["query"]): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== null);
  if (pairs.length === 0) return "";
  return `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}

function textHeaders(headers: Answer["headers"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      const text = Array.isArray(value) ? value[0] : value;
      return text === undefined ? [] : [[name.toLowerCase(), text]];
    }),
  );
}

/** The first bytes of what nobody expected, safe to show. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80).replaceAll(/[^\x20-\x7e\n\t]/g, "?"));
}
