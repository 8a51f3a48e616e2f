/** An S3 server on loopback with one empty bucket, `store`, for the key pair `S3RVER`, `S3RVER`. */
import crypto from "node:crypto";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import S3rver from "s3rver";
import { isSigned } from "./s3-signature.ts";

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  /** `PUT /store/key?partNumber`: methods, paths and names of the query, as they came. */
  readonly requests: readonly string[];
}

/** The part of the package that is used; it has no types. */
interface Store {
  configureBuckets(): Promise<void>;
  callback(): (request: unknown, response: unknown) => void;
}

const SECRET = "S3RVER";
const UNSIGNED =
  "<Error><Code>SignatureDoesNotMatch</Code><Message>not signed with the secret</Message></Error>";

export async function openS3Server(): Promise<S3Server> {
  replaceDes();
  const directory = await Deno.makeTempDir({ prefix: "dagu-s3-" });
  const store = new (S3rver as unknown as new (options: object) => Store)({
    silent: true,
    directory,
    configureBuckets: [{ name: "store" }],
  });
  await store.configureBuckets();
  const serve = store.callback();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const { authorization, host = "" } = request.headers;
    const url = new URL(request.url ?? "", `http://${host}`);
    requests.push(`${request.method} ${url.pathname}?${[...url.searchParams.keys()].sort().join("&")}`);
    // The package checks signatures of version 2 alone.
    if (authorization?.includes(`Credential=${SECRET}/`) !== true || isSigned(request, SECRET)) {
      return serve(request, response);
    }
    request.resume();
    response.writeHead(403, { "content-type": "application/xml" }).end(UNSIGNED);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** The package hides the place of a next page with DES, which runtimes have no more. */
function replaceDes(): void {
  const { createCipheriv, createDecipheriv } = crypto;
  if (createCipheriv.name === "withoutDes") return;
  const twice = (bytes: crypto.CipherKey | crypto.BinaryLike | null): Uint8Array =>
    Uint8Array.from([0, 1].flatMap(() => [...(bytes as Uint8Array)]));
  const withoutDes = (name: string, key: Uint8Array, iv: Uint8Array) =>
    name === "des" ? createCipheriv("aes-128-cbc", twice(key), twice(iv)) : createCipheriv(name, key, iv);
  const back = (name: string, key: Uint8Array, iv: Uint8Array) =>
    name === "des" ? createDecipheriv("aes-128-cbc", twice(key), twice(iv)) : createDecipheriv(name, key, iv);
  Object.assign(crypto, { createCipheriv: withoutDes, createDecipheriv: back });
}
