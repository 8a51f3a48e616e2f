/** Requests to an S3 server: signed, stopped with the step, with mistakes told in the server's words. */
import { createHash } from "node:crypto";
import { AwsV4Signer } from "aws4fetch";
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from "undici";
import { ActionError } from "./deed.ts";
import { hostEnvironment } from "./environment.ts";
import { type Bucket, encodeKey } from "./s3-login.ts";
import { elementText } from "./s3-xml.ts";
import type { Work } from "./work.ts";
import { own } from "../../workflow/own.ts";

export interface S3Request {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Empty: the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface S3Answer {
  header(name: string): string;
  /** To be read once. */
  readonly body: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
}

export interface S3Client extends AsyncDisposable {
  readonly bucket: Bucket;
  send(request: S3Request): Promise<S3Answer>;
}

export function openS3(bucket: Bucket, work: Work): S3Client {
  const agent = newAgent(work);
  return {
    bucket,
    send: (one) => send(one, bucket, agent, work.signal),
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

/**
 * The proxies of the step's environment; empty texts, and not nothing: undici would look into that of the
 * runner.
 */
function newAgent(work: Work): Dispatcher {
  const env = hostEnvironment(work.attempt.hostEnv, work.call);
  const variable = (name: string): string => env[name.toLowerCase()] ?? env[name] ?? "";
  const [httpProxy, httpsProxy] = [variable("HTTP_PROXY"), variable("HTTPS_PROXY")];
  if (httpProxy === "" && httpsProxy === "") return new Agent();
  return new EnvHttpProxyAgent({ httpProxy, httpsProxy, noProxy: variable("NO_PROXY") });
}

async function send(
  one: S3Request,
  bucket: Bucket,
  agent: Dispatcher,
  signal: AbortSignal,
): Promise<S3Answer> {
  const signed = await sign(one, bucket);
  try {
    const answer = await request(signed.url, {
      dispatcher: agent,
      method: one.method,
      headers: Object.fromEntries(signed.headers),
      body: one.body ?? null,
      signal,
    });
    if (answer.statusCode >= 300) throw refused(answer.statusCode, await answer.body.text(), one, bucket);
    return {
      header: (name) => String(answer.headers[name] ?? ""),
      body: answer.body,
      text: () => answer.body.text(),
    };
  } catch (error) {
    throw explained(error, signed.url, signal);
  }
}

async function sign(one: S3Request, bucket: Bucket): Promise<{ url: URL; headers: Headers }> {
  const url = new URL(one.key === "" ? bucket.address : `${bucket.address}/${encodeKey(one.key)}`);
  for (const [name, value] of Object.entries(one.query ?? {})) url.searchParams.set(name, value);
  const { accessKeyId, secretAccessKey, sessionToken } = bucket.login;
  const { headers } = await new AwsV4Signer({
    method: one.method,
    url: url.href,
    headers: {
      ...one.headers,
      "x-amz-content-sha256": createHash("sha256").update(one.body ?? "").digest("hex"),
    },
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === "" ? {} : { sessionToken }),
    service: "s3",
    region: bucket.region,
    // Also what says how an object is kept and found is signed.
    allHeaders: true,
  }).sign();
  return { url, headers };
}

const REMEDIES: Readonly<Record<string, string>> = {
  AccessDenied: "the key pair may not do that: look at its rights",
  InvalidAccessKeyId: "correct access_key_id",
  SignatureDoesNotMatch: "correct secret_access_key",
  NoSuchBucket: "correct bucket",
  NoSuchKey: "correct key",
  PermanentRedirect: "the bucket is in another region: correct region",
  AuthorizationHeaderMalformed: "correct region",
};

function refused(status: number, xml: string, one: S3Request, bucket: Bucket): ActionError {
  const code = elementText(xml, "Code");
  const message = elementText(xml, "Message");
  const what = one.key === "" ? bucket.name : `${bucket.name}/${one.key}`;
  const why = code === "" ? `status ${status}` : `${code}${message === "" ? "" : `: ${message}`}`;
  return new ActionError(`${what}: ${why}`, own(REMEDIES, code) ?? "");
}

/** Without the query, which says nothing to people. */
function explained(error: unknown, url: URL, signal: AbortSignal): Error {
  if (error instanceof ActionError) return error;
  if (signal.aborted) return new ActionError("stopped");
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  const why = inner instanceof Error ? inner.message : String(inner);
  return new ActionError(`${url.origin}: ${why}`, "check endpoint, region and disable_ssl");
}
