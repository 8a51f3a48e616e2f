/** The token by which commands of the server's own machine are let in (7.5). */
import assert from "node:assert/strict";
import { freePort, spawnDagu } from "../support/dagu.ts";

async function tokenOf(home: string): Promise<string> {
  return JSON.parse(await Deno.readTextFile(`${home}/server.json`)).token;
}

Deno.test("AU-40 a server's own token is over with the server, however that ends", async () => {
  const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  const tokens: string[] = [];
  for (const signal of ["SIGTERM", "SIGKILL", "SIGTERM"] as const) {
    const port = freePort();
    await using server = spawnDagu({
      args: ["server", "--port", String(port)],
      env: { DAGU_HOME: home, DAGU_AUTH_MODE: "token" },
    });
    await server.said("dagu server on");
    tokens.push(await tokenOf(home));
    const answers = await Promise.all(tokens.map(async (token) => {
      const headers = { Authorization: `Bearer ${token}` };
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/dags`, { headers });
      await response.body?.cancel();
      return response.status;
    }));
    assert.deepEqual(answers, tokens.map((_, n) => n === tokens.length - 1 ? 200 : 401));
    server.kill(signal);
    await server.status;
  }
  await Deno.remove(home, { recursive: true });
});
