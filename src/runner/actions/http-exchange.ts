/** One HTTP request on the wire: redirects followed, proxies of the step's environment used, stopped with the step. */
import { STATUS_CODES } from "node:http";
import { Buffer } from "node:buffer";
import { basename } from "node:path";
import { Agent, type Dispatcher, EnvHttpProxyAgent, FormData, interceptors, request } from "undici";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError } from "./deed.ts";
import { type Environment, hostEnvironment } from "./environment.ts";
import { joinDir, stepDir } from "./host.ts";
import { type Limit, startLimit } from "./limit.ts";
import { readPlain } from "./plain-file.ts";
import type { Work } from "./work.ts";

type Request = With<"http.request">;

export interface HttpAnswer extends AsyncDisposable {
  readonly status: number;
  readonly reason: string;
  /** Names as `Content-Type`. */
  readonly headers: readonly (readonly [string, readonly string[]])[];
  /** To be read once. */
  body(): AsyncIterable<Uint8Array>;
}

const REDIRECTS_MAX = 10;

export async function openHttp(given: Request, work: Work): Promise<HttpAnswer> {
  const target = readTarget(given);
  const headers = headersOf(given, target);
  const body = await bodyOf(given, headers, work);
  if (given.debug) await tellRequest(given, target.url, headers, work);
  const agent = newAgent(given, hostEnvironment(work.attempt.hostEnv, work.call));
  const stack = new AsyncDisposableStack();
  stack.defer(() => agent.destroy());
  const limit = stack.use(startLimit(given.timeout, work));
  try {
    const answer = await request(target.url, {
      dispatcher: agent.compose(interceptors.redirect({ maxRedirections: REDIRECTS_MAX })),
      // undici's type lists the common methods; it sends any.
      method: given.method as Dispatcher.HttpMethod,
      headers: Object.fromEntries(headers),
      body,
      signal: limit.signal,
      ...(given.timeout > 0
        ? { headersTimeout: given.timeout * 1000, bodyTimeout: given.timeout * 1000 }
        : {}),
    });
    return {
      status: answer.statusCode,
      reason: STATUS_CODES[answer.statusCode] ?? "",
      headers: Object.entries(answer.headers).flatMap(([name, value]) =>
        value === undefined ? [] : [[titleCase(name), Array.isArray(value) ? value : [value]] as const]
      ),
      body: () => explainErrors(answer.body, given, target.url, limit),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw explained(error, given, target.url, limit);
  }
}

// ---- what is sent -----------------------------------------------------------------------------------------------

interface Target {
  readonly url: URL;
  /** User and password of the URL, which must not travel in it. */
  readonly authorization: string | null;
}

function readTarget(given: Request): Target {
  const url = URL.canParse(given.url) ? new URL(given.url) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new ActionError("url is not an absolute http or https address", "write url: https://HOST/PATH");
  }
  for (const [name, values] of Object.entries(given.query)) {
    for (const value of values) url.searchParams.append(name, value);
  }
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = "";
  url.password = "";
  url.hash = "";
  return { url, authorization: user === ":" ? null : `Basic ${Buffer.from(user).toString("base64")}` };
}

function headersOf(given: Request, target: Target): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given.headers)) {
    try {
      headers.set(name, value);
    } catch {
      throw new ActionError(
        `header "${name}" or its value has characters that HTTP does not allow`,
        "correct it",
      );
    }
  }
  if (target.authorization !== null && !headers.has("authorization")) {
    headers.set("authorization", target.authorization);
  }
  if (!headers.has("user-agent")) headers.set("user-agent", "dagu-edge");
  return headers;
}

/** Text as it is; anything else as JSON. Says its kind in `headers` unless the author did. */
async function bodyOf(given: Request, headers: Headers, work: Work): Promise<string | FormData | null> {
  if (given.files !== undefined) {
    headers.delete("content-type");
    return await multipart(given, given.files, work);
  }
  if (given.form !== undefined) {
    const pairs = Object.entries(given.form).flatMap(([name, values]) =>
      values.map((value) => [name, value])
    );
    setKind(headers, "application/x-www-form-urlencoded");
    return new URLSearchParams(pairs).toString();
  }
  if (given.body === undefined) return null;
  if (typeof given.body === "string") return given.body;
  setKind(headers, "application/json");
  return JSON.stringify(given.body);
}

function setKind(headers: Headers, kind: string): void {
  if (!headers.has("content-type")) headers.set("content-type", kind);
}

async function multipart(
  given: Request,
  files: Readonly<Record<string, string>>,
  work: Work,
): Promise<FormData> {
  const form = new FormData();
  for (const [name, values] of Object.entries(given.form ?? {})) {
    for (const value of values) form.append(name, value);
  }
  for (const [name, file] of Object.entries(files)) {
    const path = joinDir(stepDir(work), file);
    const bytes = await readPlain(path).catch((error: Error) => {
      throw new ActionError(`file ${path} cannot be read: ${error.message}`, "correct files");
    });
    form.append(name, new Blob([bytes]), basename(path));
  }
  return form;
}

const SECRET_HEADER = /^(authorization|cookie|proxy-authorization)$|token|secret|key|password/i;

async function tellRequest(given: Request, url: URL, headers: Headers, work: Work): Promise<void> {
  const lines = [...headers].map(([name, value]) =>
    `> ${titleCase(name)}: ${SECRET_HEADER.test(name) ? "*****" : value}`
  );
  const text = [`> ${given.method} ${url.origin}${url.pathname}`, ...lines, ""].join("\n");
  await work.sink.write("stderr", new TextEncoder().encode(text));
}

// ---- the way there ----------------------------------------------------------------------------------------------

function newAgent(given: Request, env: Environment): Dispatcher {
  const tls = { rejectUnauthorized: !given.skip_tls_verify };
  const variable = (name: string): string => env[name.toLowerCase()] ?? env[name] ?? "";
  const [httpProxy, httpsProxy] = [variable("HTTP_PROXY"), variable("HTTPS_PROXY")];
  if (httpProxy === "" && httpsProxy === "") return new Agent({ connect: tls });
  // Empty texts, and not nothing: undici would look into the environment of the runner.
  return new EnvHttpProxyAgent({
    httpProxy,
    httpsProxy,
    noProxy: variable("NO_PROXY"),
    connect: tls,
    requestTls: tls,
  });
}

// ---- what goes wrong --------------------------------------------------------------------------------------------

async function* explainErrors(
  body: AsyncIterable<Uint8Array>,
  given: Request,
  url: URL,
  limit: Limit,
): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw explained(error, given, url, limit);
  }
}

/** Without the query, which may hold a secret. */
function explained(error: unknown, given: Request, url: URL, limit: Limit): Error {
  const place = `${given.method} ${url.origin}${url.pathname}`;
  if (limit.isOver()) {
    return new ActionError(
      `${place}: no answer within ${given.timeout} s`,
      "raise timeout, or look at the server",
    );
  }
  const why = reasonOf(error);
  const isTls = /certificate|CERT|self.signed|UnknownIssuer/i.test(why);
  return new ActionError(
    `${place}: ${why}`,
    isTls ? "install the server's authority, or set skip_tls_verify: true for a test server" : "",
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== "") return error.message;
  const inner = error instanceof AggregateError ? error.errors : [error.cause];
  const known = inner.find((one): one is Error => one instanceof Error);
  return known === undefined ? error.name : reasonOf(known);
}

function titleCase(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
