/** What a hostile person sends over HTTP (control-plane contract 7.3, 7.13): never believed, never a bug of ours. */
import assert from "node:assert/strict";
import { Hono } from "hono";
import { createApiToken } from "../../../src/server/access/tokens.ts";
import { createApp } from "../../../src/server/app.ts";
import { openTestDatabase } from "../../support/database.ts";
import { asAttempt, openHandRunner, startInline } from "../../support/runner-client.ts";
import { bodyOf, newTestPorts, newTestServer, TEST_SETTINGS, type TestServer } from "../../support/server.ts";

const SPEC = 'steps: [{id: a, run: "true"}]';

async function openServer(publicUrl = ""): Promise<
  AsyncDisposable & { readonly server: TestServer; readonly token: string }
> {
  const database = await openTestDatabase("pglite");
  const limits = { ...TEST_SETTINGS.limits, api: { perMinute: 0, burst: 1 }, changes: { perMinute: 0 } };
  const server = newTestServer(database.db, {
    auth: { kind: "token" },
    internalToken: "internal",
    limits,
    publicUrl,
  });
  const { token } = await createApiToken(server.ports, "ann", null);
  return { server, token, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

/** Every route that answers by itself, with something in the place of each name. */
function routesOf(server: TestServer): { method: string; path: string }[] {
  const app: Hono = createApp(newTestPorts(server.ports.db), server.settings);
  const routes = app.routes.filter(({ method, path }) => method !== "ALL" && !path.endsWith("*"));
  const all = routes.map(({ method, path }) => `${method} ${path.replaceAll(/:\w+(\{.*?\}+)?/g, "1")}`);
  return [...new Set(all)].map((route) => {
    const [method = "", path = ""] = route.split(" ");
    return { method, path };
  });
}

const PUBLIC = new Set([
  "GET /livez",
  "GET /readyz",
  "GET /api/v1/health",
  "GET /api/v1/schemas/dag",
  "GET /assets/style.css",
  "GET /assets/live.js",
  "GET /login",
  "POST /login",
  "POST /logout",
]);

Deno.test("AU-12 AU-40 AP-03 every route wants the credential of its kind, and takes no other", async () => {
  await using bench = await openServer();
  const { server, token } = bench;
  const asApi = { Authorization: `Bearer ${token}` };
  await bodyOf(
    await server.request("POST", "/api/v1/dags", { headers: asApi, body: { name: "1", spec: SPEC } }),
    201,
  );
  const webhook = await bodyOf(
    await server.request("POST", "/api/v1/dags/1/webhook", { headers: asApi }),
    201,
  );
  const admission = await bodyOf(
    await server.request("POST", "/api/v1/runners/registration-tokens", { headers: asApi, body: {} }),
    201,
  );
  const registered = await bodyOf(
    await server.request("POST", "/runner/v1/register", {
      headers: { Authorization: `Bearer ${admission["token"]}` },
      body: {
        ...{ name: "r", machineId: "m", version: "1", os: "linux", arch: "amd64", labels: {}, capacity: 1 },
        features: [],
      },
    }),
  );
  const tokens = {
    nothing: null,
    "a token that nobody made": "dagu_1111",
    "an API token": token,
    "a webhook's token": webhook["token"],
    "a registration token": admission["token"],
    "a runner's token": registered["runnerToken"],
    "the internal token": "internal",
  };
  const routes = routesOf(server);
  assert.ok(routes.length > 120, `${routes.length} routes`);
  for (const { method, path } of routes) {
    if (PUBLIC.has(`${method} ${path}`)) continue;
    const own = path.startsWith("/runner/v1/register")
      ? "a registration token"
      : path.startsWith("/runner/")
      ? "a runner's token"
      : path.startsWith("/internal/")
      ? "the internal token"
      : path.startsWith("/api/v1/webhooks/")
      ? "a webhook's token"
      : "an API token";
    for (const [name, value] of Object.entries(tokens)) {
      if (name === own) continue;
      const headers = value === null ? {} : { Authorization: `Bearer ${value}` };
      const response = await server.request(method, path, {
        headers,
        ...(method === "GET" ? {} : { body: registered }),
      });
      await response.body?.cancel();
      const isLogin = response.status === 303 &&
        response.headers.get("Location")?.startsWith("/login?") === true;
      // What the registration is lacking is told before its token is looked up.
      const isNot = response.status === 401 || isLogin || path === "/runner/v1/register";
      assert.ok(isNot && response.status >= 300, `${method} ${path} answers ${response.status} to ${name}`);
    }
  }
});

const FORM = "application/x-www-form-urlencoded";
const forms: [name: string, type: string, body: string | Uint8Array<ArrayBuffer>][] = [
  ["no form at all", "application/json", "{}"],
  ["nothing", "", ""],
  ["a form without its boundary", "multipart/form-data", "x"],
  ["a NUL character", FORM, "spec=a%00b&paused=%00&held=%00&suspend=%00&decision=%00&input.a=%00"],
];

Deno.test("AP-04 a form that is none is its sender's mistake, and no form is larger than a definition", async () => {
  await using bench = await openServer();
  const { server, token } = bench;
  const as = { Authorization: `Bearer ${token}` };
  await bodyOf(
    await server.request("POST", "/api/v1/dags", { headers: as, body: { name: "1", spec: SPEC } }),
    201,
  );
  const pages = routesOf(server).filter(({ method, path }) =>
    method === "POST" && /^\/(?!api|runner|internal|hooks|logout|runs\/1\/1\/(stop|retry|again))/.test(path)
  );
  assert.ok(pages.length >= 7, pages.map(({ path }) => path).join(" "));
  for (const { path } of pages) {
    for (const [name, type, body] of forms) {
      const response = await server.request("POST", path, {
        headers: { ...as, "Content-Type": type, Accept: "text/html" },
        body,
      });
      const text = await response.text();
      assert.equal(response.status, 400, `${path} answers ${response.status} to ${name}: ${text}`);
    }
    const large = await server.request("POST", path, {
      headers: { ...as, "Content-Type": FORM },
      body: new Uint8Array(4_200_000).fill(97),
    });
    assert.equal((await bodyOf(large, 413))["code"], "payload_too_large", path);
  }
  const stranger = await server.request("POST", "/login", {
    headers: { "Content-Type": FORM },
    body: `token=${"a".repeat(20_000)}`,
  });
  assert.equal((await bodyOf(stranger, 413))["code"], "payload_too_large");
});

Deno.test("AU-21 nobody is signed in or out by another site's form", async () => {
  await using bench = await openServer();
  const { server, token } = bench;
  const send = (path: string, headers: Record<string, string>): Promise<Response> =>
    server.request("POST", path, { headers: { "Content-Type": FORM, ...headers }, body: `token=${token}` });
  const foreign: Record<string, string>[] = [
    { Origin: "https://evil.example" },
    { Origin: "null" },
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site", Origin: "http://localhost" },
  ];
  for (const headers of foreign) {
    for (const path of ["/login", "/logout"]) {
      const response = await send(path, headers);
      await response.body?.cancel();
      assert.equal(response.status, 403, `${path} ${JSON.stringify(headers)}`);
      assert.equal(response.headers.get("Set-Cookie"), null);
    }
  }
  const own = await send("/login", { Origin: "http://localhost", "Sec-Fetch-Site": "same-origin" });
  await own.body?.cancel();
  assert.equal(own.status, 303);
  const cookie = own.headers.get("Set-Cookie") ?? "";
  assert.match(cookie, /; HttpOnly; SameSite=Lax$/);
  const out = await send("/logout", { "Sec-Fetch-Site": "same-origin", Cookie: cookie.split(";")[0] ?? "" });
  await out.body?.cancel();
  assert.match(out.headers.get("Set-Cookie") ?? "", /^dagu_session=; Max-Age=0/);
});

Deno.test("AU-21 behind a proxy that asks by another name our public address is our own", async () => {
  await using bench = await openServer("https://dagu.example.com");
  const { server, token } = bench;
  const statusOf = async (origin: string): Promise<number> => {
    const headers = { "Content-Type": FORM, Origin: origin, Host: "10.0.0.7:8080" };
    const response = await server.request("POST", "/login", { headers, body: `token=${token}` });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await statusOf("https://dagu.example.com"), 303);
  assert.equal(await statusOf("https://dagu.example.com.evil.example"), 403);
  assert.equal(await statusOf("https://evil.example"), 403);
});

const places: [next: string, want: string][] = [
  ["/runs/a/1?sub=yes", "/runs/a/1?sub=yes"],
  ["//evil.example", "/runs"],
  ["/\\evil.example", "/runs"],
  ["/\t/evil.example", "/runs"],
  ["/\n/evil.example", "/runs"],
  ["/.//evil.example", "/runs"],
  ["/a/..//evil.example", "/runs"],
  ["https://evil.example", "/runs"],
  ["javascript:alert(1)", "/runs"],
  ["\u0001//evil.example", "/runs"],
  [" //evil.example", "/runs"],
  ["", "/runs"],
];

Deno.test("AU-24 who has signed in is sent to a place of ours only", async () => {
  await using bench = await openServer();
  const { server, token } = bench;
  for (const [next, want] of places) {
    const response = await server.request("POST", "/login", {
      headers: { "Content-Type": FORM },
      body: new URLSearchParams({ token, next }).toString(),
    });
    await response.body?.cancel();
    assert.equal(response.headers.get("Location"), want, JSON.stringify(next));
  }
});

Deno.test("AU-26 pages run no script but ours, stand in no frame and are kept by nobody", async () => {
  await using bench = await openServer();
  const { server, token } = bench;
  const as = { Authorization: `Bearer ${token}` };
  for (const path of ["/login", "/runs", "/workflows", "/queues", "/runners", "/deliveries", "/nothing"]) {
    const { headers, body } = await server.request("GET", path, { headers: { ...as, Accept: "text/html" } });
    await body?.cancel();
    const policy = headers.get("Content-Security-Policy") ?? "";
    for (
      const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    ) {
      assert.ok(policy.split("; ").includes(part), `${path}: ${policy}`);
    }
    assert.equal(headers.get("X-Frame-Options"), "DENY");
    assert.equal(headers.get("Cache-Control"), "no-store", path);
  }
  for (
    const path of ["/api/v1/dags", "/api/v1/nothing", "/hooks/v1/gitlab/1", "/runner/v1/claim", "/livez"]
  ) {
    const { headers, body } = await server.request("GET", path, { headers: as });
    await body?.cancel();
    assert.equal(headers.get("X-Content-Type-Options"), "nosniff", path);
  }
});

Deno.test("AP-04 an address that is not UTF-8, or holds NUL, is told so; a forge that we do not know is not there", async () => {
  await using bench = await openServer();
  const { server, token } = bench;
  const as = { Authorization: `Bearer ${token}` };
  for (const name of ["%ff", "%c0%af", "%ed%a0%80", "a%00b", "%E0%A4%A"]) {
    for (
      const path of [`/api/v1/dags/${name}`, `/workflows/${name}`, `/api/v1/dag-runs/a/b/steps/${name}/log`]
    ) {
      const body = await bodyOf(await server.request("GET", path, { headers: as }), 400);
      assert.match(String(body["message"]), /^the address /, path);
    }
  }
  const unknown = await server.request("POST", "/hooks/v1/gitlab/1", { body: {} });
  assert.equal((await bodyOf(unknown, 404))["code"], "not_found");
});

Deno.test("1.10 who has no endpoint's address cannot send as much as a forge", async () => {
  await using bench = await openServer();
  const { server } = bench;
  const body = new Uint8Array(server.settings.webhookMaxPayloadBytes + 1);
  await bodyOf(await server.request("POST", `/hooks/v1/github/${"0".repeat(32)}`, { body }), 413);
});

const kept: [path: string, contentType: string, want: string][] = [
  ["page.html", "text/html", "text/html"],
  ["page.html", "application/octet-stream", "text/html; charset=utf-8"],
  ["drawing.svg", "image/svg+xml", "image/svg+xml"],
  ["code.js", "text/javascript", "text/plain; charset=utf-8"],
  ["code.js", "application/octet-stream", "text/plain; charset=utf-8"],
  ["code.txt", "application/x-ecmascript", "text/plain; charset=utf-8"],
  ["code.txt", "text/jscript", "text/plain; charset=utf-8"],
  ["look.css", "text/css", "text/plain; charset=utf-8"],
  ["code.wasm", "application/wasm", "text/plain; charset=utf-8"],
  ["data.json", "application/json", "application/json"],
];

Deno.test("AU-26 what a run made is downloaded as nobody's page: no script, no style, no frame of ours", async () => {
  await using database = await openTestDatabase("pglite");
  const server = newTestServer(database.db);
  const runner = await openHandRunner(server);
  const dagRunId = await startInline(server);
  const [grant] = await runner.claim();
  assert.ok(grant);
  const bytes = new TextEncoder().encode("alert(1)");
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  for (const [i, [name, contentType, want]] of kept.entries()) {
    const path = `${i}/${name}`;
    const announced = await bodyOf(
      await runner.post(`/attempts/${grant.attemptId}/artifacts`, {
        fence: grant.fence,
        ...{ path, size: bytes.length, sha256, contentType },
      }, asAttempt(grant)),
    );
    await bodyOf(
      await server.request("PUT", `/runner/v1${announced["url"]}`, {
        headers: { ...runner.headers, ...asAttempt(grant), "Content-Type": "application/octet-stream" },
        body: bytes,
      }),
    );
    const download = await server.request(
      "GET",
      `/api/v1/dag-runs/one/${dagRunId}/artifacts/download?path=${encodeURIComponent(path)}`,
    );
    await download.body?.cancel();
    const { headers } = download;
    assert.equal(headers.get("Content-Type"), want, `${name} as ${contentType}`);
    assert.match(headers.get("Content-Disposition") ?? "", /^attachment;/);
    assert.equal(headers.get("Content-Security-Policy"), "sandbox; default-src 'none'");
    assert.equal(headers.get("X-Content-Type-Options"), "nosniff");
  }
});

Deno.test("AU-20 the cookie of who signed in is for TLS only where the service is reached by it", async () => {
  await using bench = await openServer();
  for (
    const [publicUrl, isSecure] of [["https://dagu.example", true], ["http://dagu.example", false]] as const
  ) {
    const settings = { ...bench.server.settings, publicUrl };
    const server = newTestServer(bench.server.ports.db, settings, bench.server.ports);
    const answer = await server.request("POST", "/login", {
      headers: { "Content-Type": FORM },
      body: `token=${bench.token}`,
    });
    await answer.body?.cancel();
    const cookie = answer.headers.get("Set-Cookie") ?? "";
    assert.equal(cookie.split("; ").includes("Secure"), isSecure, cookie);
  }
});
