/** Artifacts in an object store (M10): on a real server of the S3 protocol. */
import assert from "node:assert/strict";
import { sha256 } from "../../../src/workflow/digest.ts";
import { ARTIFACT_PART_BYTES } from "../../../src/protocol/artifacts.ts";
import { systemClock } from "../../../src/runner/clock.ts";
import { readArtifactPart } from "../../../src/server/dispatch/artifact-parts.ts";
import { removeRun } from "../../../src/server/dispatch/remove.ts";
import { openS3Store, readBucket } from "../../../src/server/outbound/s3.ts";
import type { ObjectStore } from "../../../src/server/ports.ts";
import { findArtifact, readPart } from "../../../src/server/store/artifacts.ts";
import { sweepUploads } from "../../../src/server/tick/artifacts.ts";
import { etagsOf, openArtifactSender } from "../../support/artifact-sender.ts";
import { type DispatchBench, onEveryDatabase, SUCCEEDED, tell } from "../../support/dispatch.ts";
import { openS3Server } from "../../support/s3-server.ts";

const LOGIN = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER", sessionToken: "" };
const HOUR_MS = 3_600_000;

interface Stored extends AsyncDisposable {
  readonly bench: DispatchBench;
  readonly objects: ObjectStore;
  readonly requests: readonly string[];
}

async function withBucket(given: DispatchBench): Promise<Stored> {
  const server = await openS3Server();
  const bucket = readBucket(`s3://store/a/b?endpoint=${encodeURIComponent(server.endpoint)}`, LOGIN);
  assert.ok(bucket);
  const objects = openS3Store({ fetch, clock: systemClock() }, bucket);
  const bench = { ...given, ports: { ...given.ports, objects } };
  return {
    bench,
    objects,
    requests: server.requests,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const noise = (length: number, seed: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(length).map((_, at) => (at * seed) % 251);

const puts = (requests: readonly string[]): number =>
  requests.filter((request) => request.startsWith("PUT ")).length;

onEveryDatabase("M10 a large artifact is in the object store, a small one in the database", async (given) => {
  await using stored = await withBucket(given);
  const { bench, requests } = stored;
  const { run, begin, whole, part, complete } = await openArtifactSender(bench);
  const small = noise(1_000, 3);
  assert.ok((await whole(await begin("small", small), small)).ok);
  assert.equal(puts(requests), 0);

  const parts = [noise(ARTIFACT_PART_BYTES, 3), noise(10, 7)];
  const bytes = new Uint8Array([...parts[0] ?? [], ...parts[1] ?? []]);
  const id = await begin("big", bytes);
  for (const [at, one] of [...parts.entries()].reverse()) assert.ok((await part(id, at + 1, one)).ok);
  assert.equal(await findArtifact(bench.ports.db, run.id, "big"), null, "INV-24 not before it is whole");
  assert.ok((await complete(id, await etagsOf(parts))).ok);
  assert.ok((await complete(id, await etagsOf(parts))).ok, "RP-05 said again it is the same");
  const row = await findArtifact(bench.ports.db, run.id, "big");
  assert.equal(row?.store, "objects");
  assert.equal((await readPart(bench.ports.db, id, 1))?.length, 0, "the database holds none of its bytes");
  for (const [at, one] of parts.entries()) {
    assert.deepEqual(new Uint8Array(await readArtifactPart(bench.ports, row, at + 1) ?? []), one);
  }
  assert.ok(requests.every((request) => /^\w+ \/store\/a\/b\/artifacts\/[\w/-]+\?$/.test(request)), "prefix");
});

onEveryDatabase(
  "M10 parts that do not make up the file, or are of no upload, come to nothing",
  async (given) => {
    await using stored = await withBucket(given);
    const { bench, objects, requests } = stored;
    const { run, begin, part, whole, complete } = await openArtifactSender(bench);
    const parts = [noise(ARTIFACT_PART_BYTES, 3), noise(10, 7)];
    const id = await begin("big", new Uint8Array([...parts[0] ?? [], ...parts[1] ?? []]));
    const other = noise(10, 11);
    await part(id, 1, parts[0] ?? new Uint8Array());
    await part(id, 2, other);
    const wrong = await complete(id, await etagsOf([parts[0] ?? new Uint8Array(), other]));
    assert.equal(!wrong.ok && wrong.code, "conflict");
    assert.equal(await findArtifact(bench.ports.db, run.id, "big"), null);
    const before = puts(requests);
    const unknown = await whole(bench.ports.ids.uuid(), noise(300_000, 3));
    assert.equal(!unknown.ok && unknown.code, "gone");
    assert.equal(puts(requests), before, "bytes of no upload are written nowhere");
    await part(id, 2, parts[1] ?? new Uint8Array());
    assert.ok((await complete(id, await etagsOf(parts))).ok);
    await bench.time.advance(2 * HOUR_MS);
    await sweepUploads(bench.ports);
    const key = (n: number, digest: string): string => `artifacts/${id}/${n}-${digest}`;
    assert.equal(await objects.get(key(2, await sha256(other))), null, "what was replaced is gone");
    assert.ok(await objects.get(key(2, await sha256(parts[1] ?? new Uint8Array()))));
  },
);

onEveryDatabase("M10 objects go with their run, and with uploads that nobody finished", async (given) => {
  await using stored = await withBucket(given);
  const { bench, requests } = stored;
  const { run, begin, whole, part, runner, grant } = await openArtifactSender(bench);
  const kept = noise(300_000, 3);
  assert.ok((await whole(await begin("kept", kept), kept)).ok);
  const big = noise(ARTIFACT_PART_BYTES + 1, 5);
  await part(await begin("given-up", big), 1, big.slice(0, ARTIFACT_PART_BYTES));
  await bench.time.advance(25 * HOUR_MS);
  const removed = (): number => requests.filter((request) => request.startsWith("DELETE ")).length;
  await sweepUploads(bench.ports);
  assert.equal(removed(), 1);
  await tell(bench, runner, grant, 2, [SUCCEEDED]);
  assert.ok((await removeRun(bench.ports, run.name, run.dagRunId)).ok);
  await sweepUploads(bench.ports);
  await sweepUploads(bench.ports);
  assert.equal(removed(), 2, "each once");
});

onEveryDatabase(
  "M10 a store that is away loses nothing: what failed is done when it is asked again",
  async (given) => {
    await using stored = await withBucket(given);
    let isAway = true;
    const reach = async <T>(work: () => Promise<T>): Promise<T> => {
      if (isAway) throw new Error("away");
      return await work();
    };
    const { objects } = stored;
    const away: ObjectStore = {
      put: (key, bytes) => reach(() => objects.put(key, bytes)),
      get: (key) => reach(() => objects.get(key)),
      remove: (key) => reach(() => objects.remove(key)),
    };
    const bench = { ...stored.bench, ports: { ...stored.bench.ports, objects: away } };
    const { run, begin, whole, runner, grant } = await openArtifactSender(bench);
    const bytes = noise(300_000, 3);
    const id = await begin("a", bytes);
    await assert.rejects(whole(id, bytes), /away/);
    isAway = false;
    assert.ok((await whole(id, bytes)).ok);
    await tell(bench, runner, grant, 2, [SUCCEEDED]);
    await removeRun(bench.ports, run.name, run.dagRunId);
    isAway = true;
    await sweepUploads(bench.ports);
    isAway = false;
    await sweepUploads(bench.ports);
    assert.equal(stored.requests.filter((request) => request.startsWith("DELETE ")).length, 1);
  },
);

onEveryDatabase("M10 a part that is sent again beside the end of its upload stays", async (given) => {
  await using stored = await withBucket(given);
  const { bench, objects } = stored;
  const { run, begin, whole } = await openArtifactSender(bench);
  const bytes = noise(300_000, 3);
  const id = await begin("a", bytes);
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => whole(id, bytes)));
  assert.ok(outcomes.every(({ ok }) => ok));
  await bench.time.advance(2 * HOUR_MS);
  await sweepUploads(bench.ports);
  assert.ok(await findArtifact(bench.ports.db, run.id, "a"));
  assert.deepEqual(await objects.get(`artifacts/${id}/1-${await sha256(bytes)}`), bytes);
});

const URLS: readonly [text: string, address: string | null][] = [
  ["s3://bucket", "https://bucket.s3.us-east-1.amazonaws.com"],
  ["s3://bucket/pre/fix/?region=eu-central-1", "https://bucket.s3.eu-central-1.amazonaws.com/pre/fix"],
  ["s3://bucket?endpoint=http://127.0.0.1:9000/", "http://127.0.0.1:9000/bucket"],
  ["s3://bucket/p?endpoint=https://minio.example", "https://minio.example/bucket/p"],
  ["https://bucket", null],
  ["s3://key:secret@bucket", null],
  ["s3://bucket?endpoint=file:///etc", null],
  ["s3://bucket?zone=1", null],
  ["s3://", null],
  ["bucket", null],
];
for (const [text, address] of URLS) {
  Deno.test(`DAGU_BLOB_STORE_URL: ${text}`, () => {
    assert.equal(readBucket(text, LOGIN)?.address ?? null, address);
  });
}

Deno.test("an object store that refuses says why, in the server's word", async () => {
  await using server = await openS3Server();
  const bucket = readBucket(`s3://store?endpoint=${encodeURIComponent(server.endpoint)}`, {
    ...LOGIN,
    secretAccessKey: "wrong",
  });
  assert.ok(bucket);
  const store = openS3Store({ fetch, clock: systemClock() }, bucket);
  await assert.rejects(store.get("a"), /GET a: status 403 SignatureDoesNotMatch/);
});
