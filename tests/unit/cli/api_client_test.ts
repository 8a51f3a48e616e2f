import assert from "node:assert/strict";
import { UserError } from "../../../src/cli/command.ts";
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

/** Pauses that are over at once. */
function withoutPauses(): Disposable {
  const real = globalThis.setTimeout;
  Object.assign(globalThis, { setTimeout: (over: () => void): number => (queueMicrotask(over), 0) });
  return { [Symbol.dispose]: () => void Object.assign(globalThis, { setTimeout: real }) };
}

const NEVER = new AbortController().signal;

Deno.test("C-01 who follows a run goes on where it was when the server, or its database, was away", async () => {
  using _pauses = withoutPauses();
  const answers = [
    () => Response.json({ code: "unavailable", message: "the database does not answer" }, { status: 503 }),
    () => broken("event: run\nid: 1\ndata: one\n\n: heartbeat\n\nevent: ru"),
    () => new Response("<html>", { status: 502 }),
    () => new Response("event: run\nid: 2\ndata: two\n\n"),
  ];
  const from: (string | null)[] = [];
  const api = newApi({
    url: "http://server",
    token: null,
    fetch: (request) => {
      from.push(request.headers.get("Last-Event-ID"));
      return Promise.resolve(answers.shift()?.() ?? Response.error());
    },
  });
  const told: string[] = [];
  for await (const { data } of api.events("/x", NEVER)) told.push(data);
  assert.deepEqual(told, ["one", "two"]);
  assert.deepEqual(from, [null, null, "1", "1"]);
});

/** An answer whose connection breaks at its end. */
function broken(text: string): Response {
  const cut = new TransformStream({ flush: (to) => to.error(new Error("connection reset")) });
  return new Response(new Blob([text]).stream().pipeThrough(cut));
}

Deno.test("C-01 a server that stays away while a run is followed is told, and its run is not taken for over", async () => {
  using _pauses = withoutPauses();
  let asked = 0;
  const api = newApi({
    url: "http://server",
    token: null,
    fetch: () => {
      asked++;
      return Promise.reject(new TypeError("connection refused"));
    },
  });
  await assert.rejects(Array.fromAsync(api.events("/x", NEVER)), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^no answer from http:\/\/server: .*connection refused/);
    assert.equal(error.exitCode, 69);
    return true;
  });
  assert.equal(asked, 60);
});
