/**
 * A file into a bucket: a small one as it is, a larger one in parts that become an object when all are
 * there.
 */
import { ActionError } from "./deed.ts";
import type { S3Client } from "./s3-client.ts";
import { elementText, escapeXml } from "./s3-xml.ts";

export interface Upload {
  readonly path: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly partSize: number;
}

export interface Uploaded {
  readonly size: number;
  readonly etag: string;
}

/** What S3 knows at most. */
const PARTS_MAX = 10_000;

export async function upload(client: S3Client, task: Upload): Promise<Uploaded> {
  using file = await Deno.open(task.path);
  const { size } = await file.stat();
  if (size > task.partSize) return await inParts(client, task, file, size);
  const answer = await client.send({
    method: "PUT",
    key: task.key,
    headers: task.headers,
    body: await readPart(file, size, task.path),
  });
  await answer.text();
  return { size, etag: bare(answer.header("etag")) };
}

async function inParts(client: S3Client, task: Upload, file: Deno.FsFile, size: number): Promise<Uploaded> {
  const { key, headers, path } = task;
  const partSize = Math.max(task.partSize, Math.ceil(size / PARTS_MAX));
  const opened = await client.send({ method: "POST", key, query: { uploads: "" }, headers });
  const uploadId = elementText(await opened.text(), "UploadId");
  try {
    const parts: string[] = [];
    for (let at = 0; at < size; at += partSize) {
      const body = await readPart(file, Math.min(partSize, size - at), path);
      const query = { partNumber: String(parts.length + 1), uploadId };
      const answer = await client.send({ method: "PUT", key, query, body });
      await answer.text();
      parts.push(answer.header("etag"));
    }
    return { size, etag: await finish(client, key, uploadId, parts) };
  } catch (error) {
    await forget(client, key, uploadId);
    throw error;
  }
}

async function finish(
  client: S3Client,
  key: string,
  uploadId: string,
  parts: readonly string[],
): Promise<string> {
  const lines = parts.map((etag, at) =>
    `<Part><PartNumber>${at + 1}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`
  );
  const answer = await client.send({
    method: "POST",
    key,
    query: { uploadId },
    headers: { "content-type": "application/xml" },
    body: new TextEncoder().encode(
      `<CompleteMultipartUpload>${lines.join("")}</CompleteMultipartUpload>`,
    ),
  });
  // A server that needed long for it tells a mistake under a good status.
  const xml = await answer.text();
  const code = elementText(xml, "Code");
  if (code !== "") throw new ActionError(`${key}: ${code}: ${elementText(xml, "Message")}`);
  return bare(elementText(xml, "ETag"));
}

/**
 * Parts that become nothing are paid for until they are taken away. When the step was stopped, the server
 * keeps them.
 */
async function forget(client: S3Client, key: string, uploadId: string): Promise<void> {
  await client.send({ method: "DELETE", key, query: { uploadId } }).then((answer) => answer.text()).catch(
    () => {},
  );
}

async function readPart(file: Deno.FsFile, size: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size;) {
    const read = await file.read(bytes.subarray(done));
    if (read === null) throw new ActionError(`${path} became shorter while it was read`, "upload it again");
    done += read;
  }
  return bytes;
}

function bare(etag: string): string {
  return etag.replace(/^"|"$/g, "");
}
