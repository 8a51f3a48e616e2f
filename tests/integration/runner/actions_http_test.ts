/** `http.request` against a real server (workflow-language contract 6.5). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall } from "../../support/named-call.ts";

type Given = Readonly<Record<string, unknown>>;

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Bench extends AsyncDisposable {
  readonly url: string;
  readonly seen: Seen[];
  readonly host: HostBench;
  request(given: Given, signal?: AbortSignal): Promise<Performed>;
}

async function openBench(): Promise<Bench> {
  const stack = new AsyncDisposableStack();
  const seen: Seen[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    seen.push({
      method: request.method,
      path: pathname + search,
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
    });
    return await answer(pathname, request);
  });
  stack.defer(() => server.shutdown());
  const host = stack.use(await openHostBench());
  const url = `http://127.0.0.1:${server.addr.port}`;
  return {
    url,
    seen,
    host,
    request: (given, signal) =>
      host.perform({ action: namedCall("http.request", { url, ...given }) }, signal),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The HTTP client has a clock of its own for all its connections, which outlives each of them by a second. */
function check(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

async function answer(path: string, request: Request): Promise<Response> {
  switch (path) {
    case "/json":
      return Response.json({ a: [1, "two"] }, { headers: [["x-many", "1"], ["x-many", "2"]] });
    case "/gone":
      return new Response("no such page", { status: 404 });
    case "/long":
      return new Response('{"id":9007199254740993}');
    case "/moved":
      return Response.redirect(new URL("/json", request.url));
    case "/away":
      return Response.redirect(`http://localhost:${new URL(request.url).port}/json`);
    case "/bytes":
      return new Response(new Uint8Array([0, 255, 10, 128]));
    case "/slow":
      await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
      return new Response();
    default:
      return new Response("hello\n", { headers: { "content-type": "text/plain" } });
  }
}

check("6.5 http.request prints status line, headers and body; silent the body alone", async () => {
  await using bench = await openBench();
  const loud = await bench.request({});
  assert.equal(loud.outcome.failure, null);
  assert.match(
    loud.stdout,
    /^HTTP\/1\.1 200 OK\n([A-Z][\w-]*: .*\n)*Content-Type: text\/plain\n([\w-]+: .*\n)*\nhello\n$/,
  );
  assert.equal((await bench.request({ silent: true })).stdout, "hello\n");
});

check(
  "6.5 http.request fails after printing when the status is not 2xx, also when it is silent",
  async () => {
    await using bench = await openBench();
    for (const silent of [false, true]) {
      const { stdout, outcome } = await bench.request({ url: `${bench.url}/gone`, silent });
      assert.match(stdout, /^HTTP\/1\.1 404 Not Found\n[^]*\n\nno such page$/);
      assert.equal(outcome.exitCode, 1);
      assert.equal(outcome.failure?.message, "http.request: http status code not 2xx: 404");
    }
  },
);

check("6.5 http.request in JSON mode prints an indented object, with headers as lists", async () => {
  await using bench = await openBench();
  const url = `${bench.url}/json`;
  for (const mode of [{ format: "json" }, { json: true }]) {
    const { stdout } = await bench.request({ url, ...mode });
    assert.match(stdout, /^\{\n {2}"status_code": 200,\n {2}"headers": \{/);
    const result = JSON.parse(stdout);
    assert.deepEqual(result.body, { a: [1, "two"] });
    assert.deepEqual(result.headers["X-Many"].join(","), "1,2");
    assert.deepEqual(result.headers["Content-Type"], ["application/json"]);
  }
  const silent = await bench.request({ url, json: true, silent: true });
  assert.deepEqual(JSON.parse(silent.stdout), { body: { a: [1, "two"] } });
  const long = await bench.request({ url: `${bench.url}/long`, json: true, silent: true });
  assert.match(long.stdout, /"id": 9007199254740993\n/);
  const failed = await bench.request({ url: `${bench.url}/gone`, json: true, silent: true });
  assert.deepEqual(JSON.parse(failed.stdout).status_code, 404);
  assert.equal(JSON.parse(failed.stdout).body, "no such page");
});

check(
  "6.5 http.request saves the body to output and prints its name instead; never an error page",
  async () => {
    await using bench = await openBench();
    const file = join(bench.host.workspace.workDir, "out/data.bin");
    const { stdout } = await bench.request({ url: `${bench.url}/bytes`, output: "out/data.bin", json: true });
    assert.deepEqual([JSON.parse(stdout).output, JSON.parse(stdout).body], [file, undefined]);
    assert.deepEqual(await Deno.readFile(file), new Uint8Array([0, 255, 10, 128]));
    const silent = await bench.request({ output: "out/hello", silent: true });
    assert.equal(silent.stdout, "");
    const failed = await bench.request({ url: `${bench.url}/gone`, output: "out/error", silent: true });
    assert.match(failed.stdout, /no such page$/);
    const names = (await Array.fromAsync(Deno.readDir(join(file, "..")))).map(({ name }) => name).sort();
    assert.deepEqual(names, ["data.bin", "hello"]);
  },
);

check("6.5 http.request sends method, headers, query and each kind of body", async () => {
  await using bench = await openBench();
  await Deno.writeTextFile(join(bench.host.workspace.workDir, "report.txt"), "the report");
  const cases: readonly (readonly [Given, Partial<Seen>, RegExp])[] = [
    [
      { query: { q: "a b&c", n: [1, 2] }, url: `${bench.url}/?x=1` },
      { path: "/?x=1&q=a+b%26c&n=1&n=2" },
      /^$/,
    ],
    [{ method: "put", body: "plain" }, { method: "PUT", body: "plain" }, /^$/],
    [{ method: "POST", body: { a: [1] } }, { body: '{"a":[1]}' }, /^application\/json$/],
    [{ method: "POST", body: "{}", headers: { "Content-Type": "x/y" } }, { body: "{}" }, /^x\/y$/],
    [{ method: "POST", form: { a: "1 2", b: [3, 4] } }, { body: "a=1+2&b=3&b=4" }, /x-www-form-urlencoded$/],
  ];
  for (const [given, expected, kind] of cases) {
    const { outcome } = await bench.request(given);
    assert.equal(outcome.failure, null);
    const seen = bench.seen.at(-1);
    assert.partialDeepStrictEqual(seen, expected);
    assert.match(seen?.headers["content-type"] ?? "", kind);
  }
  await bench.request({ method: "POST", form: { a: 1 }, files: { upload: "report.txt" } });
  const seen = bench.seen.at(-1);
  assert.match(seen?.headers["content-type"] ?? "", /^multipart\/form-data; boundary=/);
  assert.match(
    seen?.body ?? "",
    /name="a"\r\n\r\n1\r\n[^]*name="upload"; filename="report.txt"[^]*the report\r\n/,
  );
});

check("6.5 http.request follows redirects, without credentials to another host", async () => {
  await using bench = await openBench();
  const headers = { Authorization: "Bearer abc" };
  for (const [path, authorization] of [["/moved", "Bearer abc"], ["/away", undefined]] as const) {
    const { stdout } = await bench.request({ url: bench.url + path, headers, silent: true });
    assert.equal(stdout, '{"a":[1,"two"]}');
    assert.equal(bench.seen.at(-1)?.headers["authorization"], authorization);
  }
  const { stderr } = await bench.request({ url: bench.url.replace("//", "//me:pw@"), debug: true });
  assert.equal(bench.seen.at(-1)?.headers["authorization"], `Basic ${btoa("me:pw")}`);
  assert.match(stderr, /^> GET http:\/\/127\.0\.0\.1:\d+\/\n/);
  assert.match(stderr, /> Authorization: \*{5}\n/);
  const own = { "X-Api-Key": "k", "X-Vault-Token": "t", "X-Trace": "shown" };
  const told = await bench.request({ url: bench.url, headers: own, debug: true });
  assert.match(told.stderr, /> X-Api-Key: \*{5}\n> X-Trace: shown\n> X-Vault-Token: \*{5}\n/);
});

check("6.5 http.request stops at its timeout, and with the step", async () => {
  await using bench = await openBench();
  const url = `${bench.url}/slow?secret=1`;
  const late = await bench.request({ url, timeout: "0.2" });
  assert.match(late.outcome.failure?.message ?? "", /GET http:\S+\/slow: no answer within 0\.2 s$/);
  const stop = new AbortController();
  const stopped = bench.request({ url }, stop.signal);
  setTimeout(() => stop.abort(), 50);
  assert.equal((await stopped).outcome.failure?.code, "ACTION_FAILED");
});

check("6.5 http.request says what went wrong, without the query", async () => {
  await using bench = await openBench();
  const refused = await bench.request({ url: "http://127.0.0.1:9/x?token=abc" });
  assert.match(refused.outcome.failure?.message ?? "", /GET http:\/\/127\.0\.0\.1:9\/x: .*refused/i);
  const cases: readonly (readonly [Given, RegExp])[] = [
    [{ headers: { "a b": "c" } }, /header "a b"/],
    [{ method: "POST", files: { a: "missing" } }, /missing cannot be read/],
  ];
  for (const [given, pattern] of cases) {
    assert.match((await bench.request(given)).outcome.failure?.message ?? "", pattern);
  }
});

check("6.5 http.request with skip_tls_verify accepts a certificate that nobody vouches for", async () => {
  await using bench = await openBench();
  const { cert, key } = await selfSigned();
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", cert, key, onListen: () => {} },
    () => new Response("over TLS"),
  );
  const url = `https://localhost:${server.addr.port}`;
  const strict = await bench.request({ url });
  assert.match(strict.outcome.failure?.message ?? "", /certificate|self.signed|UnknownIssuer/i);
  assert.match(strict.outcome.failure?.remedy ?? "", /skip_tls_verify/);
  assert.equal((await bench.request({ url, skip_tls_verify: true, silent: true })).stdout, "over TLS");
});

check("6.5 http.request goes through the proxy of the step's environment", async () => {
  await using bench = await openBench();
  const proxied = await bench.host.perform({
    action: namedCall("http.request", { url: "http://example.invalid/x", silent: true }),
    scopeEnv: { HTTP_PROXY: bench.url },
  });
  const direct = await bench.host.perform({
    action: namedCall("http.request", { url: bench.url, silent: true }),
    scopeEnv: { HTTP_PROXY: "http://127.0.0.1:9", NO_PROXY: "127.0.0.1" },
  });
  assert.equal(direct.stdout, "hello\n");
  assert.equal(proxied.stdout, "hello\n");
});

async function selfSigned(): Promise<{ readonly cert: string; readonly key: string }> {
  const folder = await Deno.makeTempDir();
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const options = [
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
  ];
  const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const { code } = await new Deno.Command("openssl", {
    args: ["req", ...options, ...name, "-keyout", key, "-out", cert],
    stderr: "null",
  }).output();
  assert.equal(code, 0);
  const pair = { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
  await Deno.remove(folder, { recursive: true });
  return pair;
}
