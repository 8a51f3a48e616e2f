import assert from "node:assert/strict";
import { newApi } from "../../../src/cli/api-client.ts";

Deno.test("C-01 who is not let in by a server is told where a token comes from and where it goes", async () => {
  const message = "credentials are missing, wrong or expired";
  const api = newApi({
    url: "http://server",
    token: null,
    fetch: () => Promise.resolve(Response.json({ code: "unauthorized", message }, { status: 401 })),
  });
  await assert.rejects(
    api.get("/dags"),
    { message: `${message}; on the server, dagu token create; here, DAGU_API_KEY` },
  );
});
