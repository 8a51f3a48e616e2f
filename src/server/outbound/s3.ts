/**
 * A bucket of an S3-compatible server as an object store: signed requests (Signature Version 4) over `fetch`, so that it works
 * on every host of the control plane.
 */
import { AwsV4Signer } from "aws4fetch";
import { sha256 } from "../../workflow/digest.ts";
import type { Clock } from "../../run/ports.ts";
import type { ObjectStore } from "../ports.ts";

export interface Bucket {
  /** Where its objects are, without trailing slash. */
  readonly address: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** How `DAGU_BLOB_STORE_URL` may look, for people. */
export const BUCKET_FORM = "must be s3://BUCKET[/PREFIX][?region=REGION][&endpoint=URL]";

/** `s3://bucket/prefix?region=eu-central-1&endpoint=https://minio.example`. null: it is not of that form. */
export function readBucket(
  text: string,
  login: Pick<Bucket, "accessKeyId" | "secretAccessKey" | "sessionToken">,
): Bucket | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== "s3:" || url.hostname === "" || url.username !== "") return null;
  const region = url.searchParams.get("region") ?? "us-east-1";
  const endpoint = url.searchParams.get("endpoint");
  if (endpoint !== null && !/^https?:\/\/[^/?#]+\/?$/.test(endpoint)) return null;
  const isOurs = [...url.searchParams.keys()].every((key) => key === "region" || key === "endpoint");
  if (!isOurs || !/^[\w-]+$/.test(region)) return null;
  const origin = endpoint === null
    ? `https://${url.hostname}.s3.${region}.amazonaws.com`
    : `${endpoint.replace(/\/$/, "")}/${url.hostname}`;
  return { address: `${origin}${url.pathname.replace(/\/+$/, "")}`, region, ...login };
}

/** The server did not do what it was asked. What we were doing may be tried again. */
export class ObjectStoreError extends Error {}

const TIMEOUT_MS = 25_000;

export interface S3Ports {
  readonly fetch: (request: Request) => Promise<Response>;
  readonly clock: Clock;
}

interface Answer {
  readonly isThere: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function openS3Store(ports: S3Ports, bucket: Bucket): ObjectStore {
  const send = async (method: string, key: string, body?: Uint8Array<ArrayBuffer>): Promise<Answer> => {
    const request = await sign(ports.clock.now(), bucket, method, key, body);
    const over = new AbortController();
    const patience = new AbortController();
    void ports.clock.sleep(TIMEOUT_MS, over.signal).then(() => patience.abort());
    try {
      const answer = await ports.fetch(new Request(request, { signal: patience.signal }));
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (answer.ok || answer.status === 404) return { isThere: answer.ok, bytes };
      throw new ObjectStoreError(`${method} ${key}: status ${answer.status} ${codeOf(bytes)}`);
    } catch (error) {
      if (error instanceof ObjectStoreError) throw error;
      throw new ObjectStoreError(
        `${method} ${key}: ${patience.signal.aborted ? "no answer" : String(error)}`,
        {
          cause: error,
        },
      );
    } finally {
      over.abort();
    }
  };
  return {
    put: async (key, bytes) => {
      const answer = await send("PUT", key, bytes);
      if (!answer.isThere) throw new ObjectStoreError(`PUT ${key}: there is no such bucket`);
    },
    get: async (key) => {
      const answer = await send("GET", key);
      return answer.isThere ? answer.bytes : null;
    },
    remove: async (key) => {
      await send("DELETE", key);
    },
  };
}

async function sign(
  now: number,
  { address, region, accessKeyId, secretAccessKey, sessionToken }: Bucket,
  method: string,
  key: string,
  body: Uint8Array<ArrayBuffer> | undefined,
): Promise<Request> {
  const signed = await new AwsV4Signer({
    method,
    url: `${address}/${key}`,
    headers: { "x-amz-content-sha256": await sha256(body ?? new Uint8Array()) },
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === "" ? {} : { sessionToken }),
    service: "s3",
    region,
    datetime: new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, ""),
  }).sign();
  return new Request(signed.url, {
    method,
    headers: signed.headers,
    ...(body === undefined ? {} : { body }),
  });
}

/** `AccessDenied` and the like, out of the server's XML. */
function codeOf(bytes: Uint8Array): string {
  return /<Code>(\w{1,64})<\/Code>/.exec(new TextDecoder().decode(bytes))?.[1] ?? "";
}
