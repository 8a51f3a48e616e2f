/** `s3.upload`, `s3.download`, `s3.list`, `s3.delete` (workflow-language contract 6.5). */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError, print, printResult } from "./deed.ts";
import { writeStream } from "./file-stream.ts";
import { joinDir, stepDir } from "./host.ts";
import { openS3, type S3Client } from "./s3-client.ts";
import { readBucket } from "./s3-login.ts";
import { upload } from "./s3-upload.ts";
import { elements, elementText, escapeXml } from "./s3-xml.ts";
import type { Work } from "./work.ts";

export async function s3Upload(given: With<"s3.upload">, work: Work): Promise<Outcome> {
  const path = joinDir(stepDir(work), given.source);
  const info = await Deno.stat(path).catch(() => null);
  if (info?.isFile !== true) throw new ActionError(`source ${path} is not a file`, "correct source");
  await using client = openS3(await readBucket(given, work), work);
  const key = given.key.endsWith("/") ? given.key + basename(path) : given.key;
  const uploaded = await upload(client, { path, key, headers: headersOf(given), partSize: given.part_size });
  return await printResult(work, {
    operation: "upload",
    bucket: client.bucket.name,
    key,
    source: path,
    ...uploaded,
  });
}

function headersOf(given: With<"s3.upload">): Record<string, string> {
  const wanted: readonly (readonly [string, string])[] = [
    ["content-type", given.content_type],
    ["cache-control", given.cache_control],
    ["content-disposition", given.content_disposition],
    ["content-encoding", given.content_encoding],
    ["x-amz-storage-class", given.storage_class],
    ["x-amz-server-side-encryption", given.server_side_encryption],
    ["x-amz-acl", given.acl],
    ["x-amz-tagging", new URLSearchParams(given.tags).toString()],
    ...Object.entries(given.metadata).map(([name, value]) =>
      [`x-amz-meta-${name.toLowerCase()}`, value] as const
    ),
  ];
  for (const [name, value] of wanted) {
    if (/^[\x20-\x7e]*$/.test(value) && /^[a-z0-9._-]+$/.test(name)) continue;
    throw new ActionError(`${name} has characters that S3 does not take`, "use plain ASCII");
  }
  return Object.fromEntries(wanted.filter(([, value]) => value !== ""));
}

export async function s3Download(given: With<"s3.download">, work: Work): Promise<Outcome> {
  await using client = openS3(await readBucket(given, work), work);
  const path = await placeOf(given, work);
  const answer = await client.send({ method: "GET", key: given.key });
  const counter = { size: 0 };
  await writeStream(path, counted(answer.body, counter), work);
  return await printResult(work, {
    operation: "download",
    bucket: client.bucket.name,
    key: given.key,
    destination: path,
    size: counter.size,
    etag: answer.header("etag").replace(/^"|"$/g, ""),
    content_type: answer.header("content-type"),
  });
}

/** A folder takes the object under the last part of its key. */
async function placeOf({ key, destination }: With<"s3.download">, work: Work): Promise<string> {
  const path = joinDir(stepDir(work), destination);
  const isFolder = destination.endsWith("/") ||
    (await Deno.stat(path).catch(() => null))?.isDirectory === true;
  if (!isFolder) return path;
  const name = basename(key);
  if (name !== "" && name !== "." && name !== "..") return join(path, name);
  throw new ActionError(`the key ${key} does not end with a name`, "give a file as destination");
}

async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  counter: { size: number },
): AsyncIterable<Uint8Array> {
  for await (const chunk of bytes) {
    counter.size += chunk.length;
    yield chunk;
  }
}

// ---- list
// -------------------------------------------------------------------------------------------------------

/** Of one answer of the server. */
const PAGE_MAX = 1_000;

export async function s3List(given: With<"s3.list">, work: Work): Promise<Outcome> {
  await using client = openS3(await readBucket(given, work), work);
  const found: Listing = { objects: [], prefixes: [] };
  let next: string | null = "";
  while (next !== null) {
    const count = found.objects.length + found.prefixes.length;
    const left = given.max_keys === 0 ? PAGE_MAX : given.max_keys - count;
    if (left <= 0) break;
    next = await listPage(client, given.prefix, !given.recursive, Math.min(left, PAGE_MAX), next, found);
  }
  if (given.output_format === "jsonl") {
    await print(work, found.objects.map((object) => `${JSON.stringify(object)}\n`).join(""));
    return succeeded(null);
  }
  return await printResult(work, {
    operation: "list",
    bucket: client.bucket.name,
    prefix: given.prefix,
    count: found.objects.length,
    ...found,
    is_truncated: next !== null,
  });
}

interface Listing {
  readonly objects: S3Object[];
  /** What looks like folders, when it was not to be looked into. */
  readonly prefixes: string[];
}

interface S3Object {
  readonly key: string;
  readonly size: number;
  readonly last_modified: string;
  readonly etag: string;
  readonly storage_class: string;
}

/** Answers where the next page begins; null: there is none. */
async function listPage(
  client: S3Client,
  prefix: string,
  isFlat: boolean,
  size: number,
  token: string,
  found: Listing,
): Promise<string | null> {
  const answer = await client.send({
    method: "GET",
    key: "",
    query: {
      "list-type": "2",
      "max-keys": String(size),
      ...(prefix === "" ? {} : { prefix }),
      ...(isFlat ? { delimiter: "/" } : {}),
      ...(token === "" ? {} : { "continuation-token": token }),
    },
  });
  const xml = await answer.text();
  found.objects.push(...elements(xml, "Contents").map(readObject));
  found.prefixes.push(...elements(xml, "CommonPrefixes").map((one) => elementText(one, "Prefix")));
  const next = elementText(xml, "NextContinuationToken");
  return elementText(xml, "IsTruncated") === "true" && next !== "" ? next : null;
}

function readObject(xml: string): S3Object {
  return {
    key: elementText(xml, "Key"),
    size: Number(elementText(xml, "Size")),
    last_modified: elementText(xml, "LastModified"),
    etag: elementText(xml, "ETag").replace(/^"|"$/g, ""),
    storage_class: elementText(xml, "StorageClass"),
  };
}

// ---- delete
// -----------------------------------------------------------------------------------------------------

/** What is not there is no mistake, as in S3 itself. */
export async function s3Delete(given: With<"s3.delete">, work: Work): Promise<Outcome> {
  await using client = openS3(await readBucket(given, work), work);
  const keys = given.prefix === undefined
    ? [...(given.key === undefined ? [] : [given.key]), ...given.keys]
    : await keysBelow(client, given.prefix);
  for (let at = 0; at < keys.length; at += PAGE_MAX) await deletePage(client, keys.slice(at, at + PAGE_MAX));
  return await printResult(work, {
    operation: "delete",
    bucket: client.bucket.name,
    deleted: keys.length,
    keys,
  });
}

async function keysBelow(client: S3Client, prefix: string): Promise<string[]> {
  const found: Listing = { objects: [], prefixes: [] };
  for (let next: string | null = ""; next !== null;) {
    next = await listPage(client, prefix, false, PAGE_MAX, next, found);
  }
  return found.objects.map(({ key }) => key);
}

async function deletePage(client: S3Client, keys: readonly string[]): Promise<void> {
  const objects = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`).join("");
  const body = new TextEncoder().encode(`<Delete>${objects}<Quiet>true</Quiet></Delete>`);
  const answer = await client.send({
    method: "POST",
    key: "",
    query: { delete: "" },
    headers: {
      "content-type": "application/xml",
      "content-md5": createHash("md5").update(body).digest("base64"),
    },
    body,
  });
  const errors = elements(await answer.text(), "Error");
  const [first] = errors;
  if (first === undefined) return;
  const why = `${elementText(first, "Code")}: ${elementText(first, "Message")}`;
  throw new ActionError(
    `${errors.length} of ${keys.length} were not deleted; ${elementText(first, "Key")}: ${why}`,
    "look at the rights of the key pair",
  );
}
