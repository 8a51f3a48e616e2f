/** The bundle in real workerd on real Postgres: a signed webhook comes in, a runner outside finishes the run. */
import assert from "node:assert/strict";
import { Miniflare } from "miniflare";
import { bundleEdge } from "../../../infra/edge/bundle.ts";
import { createApiToken } from "../../../src/server/access/tokens.ts";
import { createRegistrationToken } from "../../../src/server/dispatch/register.ts";
import { openTestDatabase } from "../../support/database.ts";
import { spawnDagu } from "../../support/dagu.ts";
import { newTestPorts, TEST_SETTINGS } from "../../support/server.ts";

Deno.test({
  name: "edge: a signed webhook is accepted in workerd and a runner claims and finishes its run",
  // miniflare keeps sockets of its own process manager open until the test process ends.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    await using database = await openTestDatabase("postgres");
    const ports = newTestPorts(database.db);
    const { token } = await createApiToken(ports, "test", null);
    const registration = await createRegistrationToken(ports, { lifeMs: 600_000, uses: 1, labels: {} });
    const plane = new Miniflare({
      modules: true,
      script: await bundleEdge(),
      compatibilityDate: "2026-01-01",
      compatibilityFlags: ["nodejs_compat"],
      bindings: {
        DATABASE_URL: database.url ?? "",
        DAGU_ENCRYPTION_KEYS: TEST_SETTINGS.keys[0].bytes.toBase64(),
      },
    });
    try {
      const url = (await plane.ready).href.replace(/\/$/, "");
      const api = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
        const response = await fetch(`${url}/api/v1${path}`, {
          method,
          headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
        return JSON.parse(text);
      };
      assert.equal(
        (await fetch(`${url}/api/v1/dags`).then(async (r) => (await r.body?.cancel(), r))).status,
        401,
      );
      await api("POST", "/dags", {
        name: "edge",
        spec: 'steps: [{id: a, run: "echo from $WEBHOOK_PAYLOAD"}]',
      });
      const made = await api("POST", "/dags/edge/webhook", {});
      const hmac = await api("POST", "/dags/edge/webhook/hmac/enable", { authMode: "token_and_hmac" });
      const body = '{"where":"edge"}';
      const { signatureOf } = await import("../../../src/server/triggers/signature.ts");
      const accepted = await fetch(`${url}/api/v1/webhooks/edge`, {
        method: "POST",
        headers: {
          Authorization: `Bearer ${made["token"]}`,
          "X-Dagu-Signature": await signatureOf(String(hmac["hmacSecret"]), new TextEncoder().encode(body)),
          "Content-Type": "application/json",
        },
        body,
      });
      assert.equal(accepted.status, 200, await accepted.clone().text());
      const { dagRunId } = await accepted.json();

      const home = await Deno.makeTempDir();
      await using worker = spawnDagu({
        args: ["worker", "--url", url],
        env: { DAGU_HOME: home, DAGU_RUNNER_REGISTRATION_TOKEN: registration.token },
      });
      await worker.said("attempt ended");
      const { dagRunDetails } = await api("GET", `/dag-runs/edge/${dagRunId}`) as {
        dagRunDetails: { statusLabel: string };
      };
      assert.equal(dagRunDetails.statusLabel, "succeeded");
      const log = await api("GET", `/dag-runs/edge/${dagRunId}/steps/a/log`);
      assert.equal(log["content"], `from ${body}`);
      await Deno.remove(home, { recursive: true });
    } finally {
      await plane.dispose();
    }
  },
});
