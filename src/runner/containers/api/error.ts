/** What can go wrong between us and an engine, as one value; `diagnose.ts` says what it means for people. */

export type EngineErrorKind =
  /** It answered, with a status that is not success. */
  | "answered"
  /** No connection came to be. */
  | "unreachable"
  /** Connected, and no answer within the time for one (F12). */
  | "silent"
  /** The connection ended in the middle. */
  | "broken"
  /** Whatever answers there is not an engine of ours (F07). */
  | "foreign"
  /** An engine, but none of our API version (F08). */
  | "version"
  /** The address cannot be used at all, for example for want of its certificates. */
  | "config"
  /** We were told to stop. */
  | "aborted";

export interface EngineError {
  readonly kind: EngineErrorKind;
  /** What we asked for: "container create". */
  readonly operation: string;
  readonly status: number | null;
  /** Podman's `cause`, an operating system's code, or "". */
  readonly cause: string;
  readonly message: string;
  /** Of a unix address that could not be connected to. */
  readonly file: SocketFile | null;
}

/** What is at the path of a socket; `mode` "" when even that could not be seen. */
export interface SocketFile {
  readonly state: "socket" | "other" | "missing" | "hidden";
  /** `0660 0:117`: mode, owner and group. */
  readonly mode: string;
}

export type Reply<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: EngineError };

/** A stream that ended with an error, thrown out of its iteration. */
export class StreamError extends Error {
  override readonly name = "StreamError";

  constructor(readonly error: EngineError) {
    super(error.message);
  }
}

export function engineError(
  kind: EngineErrorKind,
  operation: string,
  message: string,
  more: Partial<EngineError> = {},
): EngineError {
  return { kind, operation, status: null, cause: "", file: null, ...more, message };
}

/** Gone, or never there. Podman says so with a 500, too (3.8.2). */
export function isMissing(error: EngineError): boolean {
  return error.kind === "answered" &&
    (error.status === 404 ||
      /no such (?:container|exec)|no container with/i.test(error.cause + error.message));
}

/** Nobody can say what became of the call; asking again later may tell. */
export function isLost(error: EngineError): boolean {
  return error.kind === "unreachable" || error.kind === "broken" || error.kind === "silent";
}

const UNREACHABLE: ReadonlySet<string> = new Set([
  "ENOENT",
  "ECONNREFUSED",
  "EACCES",
  "EPERM",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ETIMEDOUT",
  "EADDRNOTAVAIL",
  "ENOTSOCK",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** From what undici or the sockets below it throw. */
export function thrownError(thrown: unknown, operation: string, signal: AbortSignal | null): EngineError {
  if (signal?.aborted) return engineError("aborted", operation, `${operation} was stopped`);
  if (thrown instanceof StreamError) return thrown.error;
  const code = codeOf(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (code.startsWith("HPE_") || (thrown instanceof Error && thrown.name === "HTTPParserError")) {
    return engineError("foreign", operation, `no HTTP answer (${code === "" ? message : code})`, {
      cause: code,
    });
  }
  const kind = UNREACHABLE.has(code) || /CERT|TLS|SSL/.test(code) ? "unreachable" : "broken";
  return engineError(kind, operation, message, { cause: code });
}

/** A code may sit on the error, on its cause, or on the first of several tries. */
function codeOf(thrown: unknown): string {
  if (typeof thrown !== "object" || thrown === null) return "";
  if ("code" in thrown && typeof thrown.code === "string") return thrown.code;
  if ("errors" in thrown && Array.isArray(thrown.errors)) return codeOf(thrown.errors[0]);
  return "cause" in thrown ? codeOf(thrown.cause) : "";
}
