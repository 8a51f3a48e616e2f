/** `s3.*` on a real server of its protocol (workflow-language contract 6.5). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall, resultOf } from "../../support/named-call.ts";
import { openS3Server } from "../../support/s3-server.ts";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";

type Given = Readonly<Record<string, unknown>>;

/** undici keeps a timer of its own for all connections. */
function check(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

const KEYS = { access_key_id: "S3RVER", secret_access_key: "S3RVER" };

interface Bench extends AsyncDisposable {
  readonly host: HostBench;
  readonly dir: string;
  readonly requests: readonly string[];
  run(name: NamedAction, given: Given): Promise<Performed>;
  /** Of a call that succeeds. */
  result(name: NamedAction, given: Given): Promise<Given>;
}

async function openBench(): Promise<Bench> {
  const stack = new AsyncDisposableStack();
  const { endpoint, requests } = stack.use(await openS3Server());
  const s3 = { endpoint, bucket: "store", ...KEYS };
  const host = stack.use(await openHostBench({ scope: { defaults: { s3 } } }));
  const run: Bench["run"] = (name, given) => host.perform({ action: namedCall(name, given) });
  return {
    host,
    dir: host.workspace.workDir,
    requests,
    run,
    result: async (name, given) => {
      const { outcome, stdout } = await run(name, given);
      assert.equal(outcome.failure, null, outcome.failure?.message);
      return resultOf(stdout);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

check("6.5 s3: a file goes up and comes down as it was, whatever its key", async () => {
  await using bench = await openBench();
  await Deno.writeTextFile(join(bench.dir, "a.txt"), "Grüße\n");
  for (const key of ["a.txt", "deep/er/a b+c%20'(1)*!.txt", 'ä/ö&<>".txt']) {
    const up = await bench.result("s3.upload", { source: "a.txt", key });
    assert.deepEqual([up["operation"], up["bucket"], up["key"], up["size"]], ["upload", "store", key, 8]);
    const down = await bench.result("s3.download", { key, destination: "out/b.txt" });
    assert.deepEqual([down["size"], down["etag"]], [8, up["etag"]]);
    assert.equal(await Deno.readTextFile(join(bench.dir, "out/b.txt")), "Grüße\n");
  }
  await bench.result("s3.upload", { source: "a.txt", key: "folder/" });
  const down = await bench.result("s3.download", { key: "folder/a.txt", destination: "in/" });
  assert.equal(down["destination"], join(bench.dir, "in/a.txt"));
  const { objects } = await bench.result("s3.list", { prefix: "folder/" });
  assert.match(JSON.stringify(objects), /"key":"folder\/a\.txt","size":8,"last_modified":"2\d\d\d-/);
  const missed = await bench.run("s3.download", { key: "nobody", destination: "out/b.txt" });
  assert.match(missed.outcome.failure?.message ?? "", /store\/nobody: NoSuchKey/);
  assert.equal(await Deno.readTextFile(join(bench.dir, "out/b.txt")), "Grüße\n");
});

check("6.5 s3.upload: type, metadata and tags travel along", async () => {
  await using bench = await openBench();
  await Deno.writeTextFile(join(bench.dir, "a.json"), "{}");
  await bench.result("s3.upload", {
    source: "a.json",
    key: "a",
    content_type: "application/json",
    cache_control: "no-store",
    metadata: { Owner: "ops team", build: 7 },
    tags: { env: "a b&c" },
  });
  const { content_type: type } = await bench.result("s3.download", { key: "a", destination: "b" });
  assert.equal(type, "application/json");
  const bad = await bench.run("s3.upload", { source: "a.json", key: "a", metadata: { a: "ü\r\nx: y" } });
  assert.match(bad.outcome.failure?.message ?? "", /x-amz-meta-a has characters/);
});

check("6.5 s3.upload: a large file goes in parts, an empty one too", async () => {
  await using bench = await openBench();
  const bytes = new Uint8Array(11 * 1_048_576 + 17).map((_, at) => (at * 31) % 251);
  await Deno.writeFile(join(bench.dir, "big"), bytes);
  const up = await bench.result("s3.upload", { source: "big", key: "big", part_size: 5 });
  const parts = bench.requests.filter((one) => one === "PUT /store/big?partNumber&uploadId");
  assert.deepEqual([parts.length, up["size"]], [3, bytes.length]);
  await bench.result("s3.download", { key: "big", destination: "again" });
  assert.deepEqual(await Deno.readFile(join(bench.dir, "again")), bytes);
  await Deno.writeFile(join(bench.dir, "empty"), new Uint8Array());
  assert.equal((await bench.result("s3.upload", { source: "empty", key: "empty" }))["size"], 0);
});

check("6.5 s3.list and s3.delete: by prefix, page by page", async () => {
  await using bench = await openBench();
  await Deno.writeTextFile(join(bench.dir, "a"), "a");
  const keys = ["a/1", "a/2", "a/b/3", "c&d", "e", "p-1", "p-2"];
  for (const key of keys) await bench.result("s3.upload", { source: "a", key });
  const list = async (given: Given) => {
    const { objects, prefixes, is_truncated: isCut } = await bench.result("s3.list", given);
    assert.ok(Array.isArray(objects));
    return [objects.map((one) => one.key), prefixes, isCut];
  };
  assert.deepEqual(await list({}), [["c&d", "e", "p-1", "p-2"], ["a/"], false]);
  assert.deepEqual(await list({ recursive: "true" }), [keys, [], false]);
  assert.deepEqual(await list({ prefix: "a/" }), [["a/1", "a/2"], ["a/b/"], false]);
  assert.deepEqual(await list({ recursive: true, max_keys: 2 }), [["a/1", "a/2"], [], true]);
  assert.deepEqual(await list({ recursive: true, max_keys: 0 }), [keys, [], false]);
  const lines = await bench.run("s3.list", { prefix: "c", output_format: "jsonl" });
  assert.equal(JSON.parse(lines.stdout).key, "c&d");
  assert.equal((await bench.result("s3.delete", { key: "e", keys: ["c&d", "nobody"] }))["deleted"], 3);
  // This server stumbles over its folders when it deletes several keys of one at once.
  assert.deepEqual((await bench.result("s3.delete", { prefix: "p-" }))["keys"], ["p-1", "p-2"]);
  assert.deepEqual(await list({ recursive: true }), [["a/1", "a/2", "a/b/3"], [], false]);
  assert.equal((await bench.result("s3.delete", { prefix: "nobody" }))["deleted"], 0);
});

check("6.5 s3: credentials from the environment of the step, or from a profile", async () => {
  await using server = await openS3Server();
  const home = await Deno.makeTempDir();
  const s3 = { endpoint: server.endpoint.replace("http://", ""), disable_ssl: true, bucket: "store" };
  await using host = await openHostBench({ scope: { defaults: { s3 } } });
  const list = async (given: Given, env: Readonly<Record<string, string>>) => {
    const scopeEnv = { HOME: home, ...env };
    return (await host.perform({ action: namedCall("s3.list", given), scopeEnv })).outcome.failure?.message ??
      "";
  };
  await Deno.mkdir(join(home, ".aws"));
  await Deno.writeTextFile(
    join(home, ".aws/credentials"),
    "[ops]\naws_access_key_id = S3RVER\naws_secret_access_key=S3RVER\n",
  );
  await Deno.writeTextFile(join(home, ".aws/config"), "# comment\n[profile ops]\nregion = eu-west-1\n");
  const pair = { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" };
  assert.match(await list({}, {}), /there are no S3 credentials/);
  assert.match(await list({ access_key_id: "S3RVER" }, pair), /only one half/);
  assert.match(await list({ profile: "other" }, pair), /there is no profile other/);
  assert.equal(await list({}, pair), "");
  assert.equal(await list({ profile: "ops" }, {}), "");
  assert.equal(await list({}, { AWS_PROFILE: "ops" }), "");
  await Deno.remove(home, { recursive: true });
});

check("6.5 s3 says what is wrong, and no secret", async () => {
  await using bench = await openBench();
  await Deno.writeTextFile(join(bench.dir, "a"), "a");
  const secret = { secret_access_key: "n0secret" };
  const cases: readonly (readonly [NamedAction, Given, RegExp])[] = [
    ["s3.list", secret, /SignatureDoesNotMatch/],
    ["s3.list", { ...secret, access_key_id: "nobody" }, /InvalidAccessKeyId/],
    ["s3.list", { bucket: "nobody" }, /nobody: NoSuchBucket/],
    ["s3.list", { endpoint: "http://127.0.0.1:1", ...secret }, /127\.0\.0\.1:1: .*REFUSED/],
    ["s3.list", { endpoint: "ftp://u:n0secret@h" }, /s3\.endpoint is no http/],
    ["s3.list", { bucket: "" }, /s3\.bucket is missing/],
    ["s3.upload", { source: "nobody", key: "k" }, /source .*nobody is not a file/],
    ["s3.upload", { source: "a", key: "k", bucket: "nobody" }, /NoSuchBucket/],
    ["s3.download", { key: "x/..", destination: "./" }, /does not end with a name/],
  ];
  for (const [name, given, want] of cases) {
    const { outcome } = await bench.run(name, given);
    const text = `${outcome.failure?.message} ${outcome.failure?.remedy}`;
    assert.match(text, want);
    assert.doesNotMatch(text, /n0secret/);
  }
});

check("6.5 s3 ends at a stop", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const s3 = { endpoint: `http://127.0.0.1:${silent.addr.port}`, bucket: "store", ...KEYS };
  await using host = await openHostBench({ scope: { defaults: { s3 } } });
  const stop = new AbortController();
  const running = host.perform({ action: namedCall("s3.list", {}) }, stop.signal);
  setTimeout(() => stop.abort(), 200);
  assert.match((await running).outcome.failure?.message ?? "", /stopped/);
  silent.close();
});

Deno.test("A-02 s3: what is wrong with its keys is told", () => {
  const cases: readonly (readonly [NamedAction, Given, RegExp])[] = [
    ["s3.upload", { source: "a" }, /with\.key: is required/],
    ["s3.delete", {}, /key, keys or prefix is required/],
    ["s3.delete", { key: "a", prefix: "b" }, /prefix cannot be combined/],
    ["s3.delete", { prefix: "" }, /must not be empty/],
    ["s3.list", { max_keys: -1 }, /must be >= 0/],
    ["s3.upload", { source: "a", key: "k", part_size: 1 }, /must be from 5 to 1024/],
  ];
  for (const [name, given, want] of cases) assert.throws(() => namedCall(name, given), want);
});
