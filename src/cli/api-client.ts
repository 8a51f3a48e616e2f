/** The CLI's own calls to the API: of a server over the network, or of this process's control plane in memory. */
import * as v from "valibot";
import { reasonOf } from "../protocol/reason.ts";
import { newLineCutter } from "../run/lines.ts";
import type { Problem } from "../workflow/problem.ts";
import { UserError } from "./command.ts";

export interface Api {
  get(path: string): Promise<unknown>;
  post(path: string, body: unknown): Promise<unknown>;
  put(path: string, body: unknown): Promise<unknown>;
  patch(path: string, body: unknown): Promise<unknown>;
  delete(path: string): Promise<unknown>;
  /** What is no JSON, as it comes. */
  download(path: string): Promise<ReadableStream<Uint8Array>>;
  /** The events of a stream, until it ends or the signal aborts. */
  events(path: string, signal: AbortSignal): AsyncIterable<ServerEvent>;
  /** Where people look. */
  readonly url: string;
}

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string;
}

export interface ApiOptions {
  readonly url: string;
  readonly token: string | null;
  readonly fetch: (request: Request) => Promise<Response>;
}

/** An answer that says no. `status` is HTTP's; `problems`: those of a definition that it is about. */
export class ApiError extends UserError {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly problems: readonly Problem[] = [],
  ) {
    super(message);
  }
}

const Refusal = v.object({
  code: v.optional(v.string(), ""),
  message: v.string(),
  details: v.optional(v.unknown()),
});

const AboutDefinition = v.object({
  problems: v.array(v.object({
    code: v.picklist(["YAML_INVALID", "SPEC_INVALID", "MOUNT_INVALID", "IMAGE_REFERENCE_INVALID"]),
    severity: v.picklist(["error", "warning"]),
    path: v.string(),
    position: v.nullable(v.object({ line: v.number(), column: v.number() })),
    message: v.string(),
    remedy: v.string(),
  })),
});

const TRIES_MAX = 20;

/** Exit code when the server cannot be reached. */
const UNREACHABLE = 69;

/** Whether it is the address of somebody who may be asked. */
export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

export function newApi(options: ApiOptions): Api {
  const headers = (): Headers => {
    const all = new Headers({ Accept: "application/json" });
    if (options.token !== null) all.set("Authorization", `Bearer ${options.token}`);
    return all;
  };
  const ask = async (method: string, path: string, body?: unknown): Promise<Response> => {
    refuseDots(path);
    const all = headers();
    if (body !== undefined) all.set("Content-Type", "application/json");
    const send = async (): Promise<Response> =>
      await reach(
        options,
        new Request(`${options.url}/api/v1${path}`, {
          method,
          headers: all,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      );
    let response = await send();
    // Nothing was done: the call may be made again when the server says so.
    for (let tries = 1; response.status === 429 && tries < TRIES_MAX; tries++) {
      await response.body?.cancel();
      const seconds = Number(response.headers.get("Retry-After") ?? "1");
      await new Promise((resolve) => setTimeout(resolve, Math.min(60, Math.max(1, seconds || 1)) * 1_000));
      response = await send();
    }
    if (response.ok) return response;
    const text = await response.text();
    throw toError(response, parse(text), text);
  };
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> =>
    parse(await (await ask(method, path, body)).text());
  return {
    url: options.url,
    get: (path) => call("GET", path),
    post: (path, body) => call("POST", path, body),
    put: (path, body) => call("PUT", path, body),
    patch: (path, body) => call("PATCH", path, body),
    delete: (path) => call("DELETE", path),
    download: async (path) => (await ask("GET", path)).body ?? new Blob().stream(),
    events: (path, signal) => follow(options, headers(), path, signal),
  };
}

/** Of a log: that it cannot be had says nothing about how the run went. */
export function nullIfMissing(error: unknown): null {
  if (error instanceof ApiError && error.status === 404) return null;
  throw error;
}

/** `.` and `..` go up and down a path, however they are written: no address has one as a name. */
function refuseDots(path: string): void {
  const dots = path.split("?", 1)[0]?.split("/").find((part) => part === "." || part === "..");
  if (dots !== undefined) {
    throw new ApiError(404, "not_found", `nothing that is called "${dots}" can be asked for`);
  }
}

async function reach(options: ApiOptions, request: Request): Promise<Response> {
  try {
    return await options.fetch(request);
  } catch (error) {
    if (request.signal.aborted || error instanceof UserError) throw error;
    throw new UserError(`no answer from ${options.url}: ${reasonOf(error)}`, UNREACHABLE);
  }
}

function toError(response: Response, json: unknown, text: string): ApiError {
  const refusal = v.safeParse(Refusal, json);
  if (!refusal.success) {
    return new ApiError(response.status, "", `the server answered ${response.status}: ${text.slice(0, 200)}`);
  }
  const { code, message, details } = refusal.output;
  const about = v.safeParse(AboutDefinition, details);
  const next = response.status === 401 ? "; on the server, dagu token create; here, DAGU_API_KEY" : "";
  return new ApiError(response.status, code, `${message}${next}`, about.success ? about.output.problems : []);
}

const RECONNECT_MS = 500;
/** For half a minute, as long as a server may take to come back. */
const RECONNECTS_MAX = 60;
/** Of a server that has too much to do, or of a proxy whose server, or of a server whose database, is away. */
const AWAY: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Reconnects where the last event left off, as browsers do, while the signal allows. */
async function* follow(
  options: ApiOptions,
  headers: Headers,
  path: string,
  signal: AbortSignal,
): AsyncIterable<ServerEvent> {
  refuseDots(path);
  let last = "";
  for (let failures = 0; !signal.aborted;) {
    if (last !== "") headers.set("Last-Event-ID", last);
    try {
      const request = new Request(`${options.url}/api/v1${path}`, { headers, signal });
      const response = await options.fetch(request);
      if (!response.ok || response.body === null) {
        const text = await response.text();
        const error = toError(response, parse(text), text);
        throw AWAY.has(response.status) ? new Error(error.message) : error;
      }
      for await (const event of readEvents(response.body)) {
        failures = 0;
        if (event.id !== "") last = event.id;
        yield event;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof UserError) throw error;
      if (++failures === RECONNECTS_MAX) {
        throw new UserError(`no answer from ${options.url}: ${reasonOf(error)}`, UNREACHABLE);
      }
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  }
}

/** An empty line ends an event. */
async function* readEvents(body: ReadableStream<Uint8Array>): AsyncIterable<ServerEvent> {
  const decoder = new TextDecoder();
  const cutter = newLineCutter();
  const fields = new Map<string, string>();
  for await (const bytes of body) {
    for (const line of cutter.add(decoder.decode(bytes, { stream: true }))) {
      if (line !== "") {
        const colon = line.indexOf(":");
        fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ""));
        continue;
      }
      const event = fields.get("event");
      if (event !== undefined) yield { event, data: fields.get("data") ?? "", id: fields.get("id") ?? "" };
      fields.clear();
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
