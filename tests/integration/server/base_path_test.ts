/** Below a path of a host that others share (AP-01, `DAGU_BASE_PATH`). */
import assert from "node:assert/strict";
import { Hono } from "hono";
import { belowBasePath } from "../../../src/server/pages/base-path.ts";
import { createApiToken } from "../../../src/server/access/tokens.ts";
import { readSettings } from "../../../src/cli/server-settings.ts";
import { keyOf } from "../../../src/server/secrets/keyring.ts";
import { bodyOf, onEveryServer } from "../../support/server.ts";

// A proxy takes the path off, or leaves it.
for (const before of ["", "/dagu"]) {
  onEveryServer(`AP-01 pages and API below a path, asked with "${before}" in front`, async (server) => {
    const { token } = await createApiToken(server.ports, "ann", null);
    const spec = 'steps: [{id: a, run: "true"}]';
    const bearer = { Authorization: `Bearer ${token}` };
    const path = (own: string): string => before + own;
    const made = { headers: bearer, body: { name: "build", spec } };
    await bodyOf(await server.request("POST", path("/api/v1/dags"), made), 201);
    const start = { headers: bearer, body: {} };
    const { dagRunId } = await bodyOf(await server.request("POST", path("/api/v1/dags/build/start"), start));

    const stranger = await server.request("GET", path("/runs?name=a"), {});
    assert.equal(stranger.headers.get("Location"), "/dagu/login?next=%2Fruns");
    const form = "application/x-www-form-urlencoded";
    const signedIn = await server.request("POST", path("/login"), {
      headers: { "Content-Type": form },
      body: `token=${token}&next=%2Fruns`,
    });
    assert.equal(signedIn.headers.get("Location"), "/dagu/runs");
    assert.match(
      signedIn.headers.get("Set-Cookie") ?? "",
      /; Path=\/dagu;/,
      "others of the host get no token",
    );
    const signedOut = await server.request("POST", path("/logout"), {});
    assert.match(signedOut.headers.get("Set-Cookie") ?? "", /Max-Age=0; Path=\/dagu$/);
    const headers = { Cookie: signedIn.headers.get("Set-Cookie")?.split(";", 1)[0] ?? "" };
    for (
      const own of ["/runs", `/runs/build/${dagRunId}`, "/workflows/build", "/queues", "/runners", "/nowhere"]
    ) {
      const page = await (await server.request("GET", path(own), { headers })).text();
      const links = [...page.matchAll(/ (?:href|action|src|data-live)="([^"]*)"/g)].map(([, link = ""]) =>
        link
      );
      const wrong = links.filter((link) => link.startsWith("/") && !link.startsWith("/dagu/"));
      assert.deepEqual(wrong, [], own);
    }
    const live = await (await server.request("GET", path(`/runs/build/${dagRunId}`), { headers })).text();
    assert.match(live, new RegExp(`data-live="/dagu/api/v1/dag-runs/build/${dagRunId}/stream"`));
  }, { auth: { kind: "token" }, basePath: "/dagu" });
}

const KEYS = [keyOf(new Uint8Array(32))] as const;
const basePathOf = (env: Record<string, string>): string =>
  readSettings({ env, auth: { kind: "none" } }, [...KEYS]).basePath;

Deno.test("AP-01 the path is that of DAGU_BASE_PATH, else of the public address", () => {
  assert.equal(basePathOf({}), "");
  assert.equal(basePathOf({ DAGU_PUBLIC_URL: "https://example.com" }), "");
  assert.equal(basePathOf({ DAGU_PUBLIC_URL: "https://example.com/dagu/" }), "/dagu");
  assert.equal(basePathOf({ DAGU_PUBLIC_URL: "https://example.com/a", DAGU_BASE_PATH: "/b/c/" }), "/b/c");
  for (const wrong of ["dagu", "//evil.example", "/a/../b", '/"', "/a?b"]) {
    assert.throws(() => basePathOf({ DAGU_BASE_PATH: wrong }), /DAGU_BASE_PATH is/, wrong);
  }
});

Deno.test("AP-01 only links of our own get the path in front", async () => {
  const app = new Hono();
  app.use(belowBasePath("/dagu"));
  const links = '<a href="/runs"></a> <a href="//other.example/x"></a> <a title="/y" href="https://a/b"></a>';
  app.get("/", (c) => c.html(links));
  const told = await (await app.request("/")).text();
  assert.equal(told, links.replace('"/runs"', '"/dagu/runs"'));
});

Deno.test("5.6 a runner renews a lease at least three times before it ends", () => {
  const beats = ["30s", "60s", "600s"].map((lease) =>
    readSettings({ env: { DAGU_RUNS_LEASE: lease }, auth: { kind: "none" } }, [...KEYS]).runner
  );
  for (const { leaseMs, heartbeatMs } of beats) assert.ok(3 * heartbeatMs <= leaseMs);
  assert.deepEqual(beats.map(({ leaseMs }) => leaseMs), [30_000, 60_000, 600_000]);
});
