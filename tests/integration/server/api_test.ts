import assert from "node:assert/strict";
import { languageSchema } from "../../../src/workflow/language-schema.ts";
import * as v from "valibot";
import { createApiToken } from "../../../src/server/access/tokens.ts";
import { reportLog } from "../../../src/server/dispatch/logs.ts";
import { addRunner, callerOf, claimOne, tell } from "../../support/dispatch.ts";
import { STARTED, SUCCEEDED } from "../../support/dispatch.ts";
import { newFakeClock } from "../../support/fake-clock.ts";
import { bodyOf, onEveryServer, type TestServer } from "../../support/server.ts";

const SPEC = 'steps: [{id: a, run: "true"}]';

/** A finished run `one:r1` whose step wrote `text`, in pieces of `size` bytes. */
async function addFinishedRun(server: TestServer, text: string, size: number): Promise<string> {
  const bench = { ...server, time: newFakeClock() };
  await bodyOf(
    await server.request("POST", "/api/v1/dag-runs", { body: { spec: SPEC, name: "one", dagRunId: "r1" } }),
  );
  const runner = await addRunner(bench);
  const grant = await claimOne(bench, runner);
  const caller = await callerOf(runner, grant);
  const bytes = new TextEncoder().encode(text);
  for (let offset = 0; offset < bytes.length; offset += size) {
    const piece = { step: "a", stream: "stdout", offset, fence: 1, isFinal: false } as const;
    const told = await reportLog(server.ports, server.settings, caller, {
      ...piece,
      bytes: bytes.slice(offset, offset + size),
    });
    assert.ok(told.ok);
  }
  assert.ok((await tell(bench, runner, grant, 1, [STARTED, SUCCEEDED])).ok);
  return "/api/v1/dag-runs/one/r1";
}

onEveryServer("AP-66 lines of a log, wherever its pieces were cut", async (server) => {
  const path = `${await addFinishedRun(server, "one\ntwö\nthree\n", 2)}/steps/a/log`;
  const cases: [query: string, content: string, hasMore: boolean][] = [
    ["", "one\ntwö\nthree", false],
    ["?limit=1", "one", true],
    ["?offset=2&limit=1", "twö", true],
    ["?offset=3", "three", false],
    ["?tail=2", "twö\nthree", false],
    ["?stream=stderr", "", false],
  ];
  for (const [query, content, hasMore] of cases) {
    const body = await bodyOf(await server.request("GET", path + query));
    assert.deepEqual([body["content"], body["hasMore"]], [content, hasMore], query);
  }
  const download = await server.request("GET", `${path}/download`);
  assert.equal(await download.text(), "one\ntwö\nthree\n");
});

onEveryServer("AP-66 of lines that are longer than an answer, the last one is cut", async (server) => {
  const max = 8_388_608;
  const text = `one\n${"x".repeat(max)}\nthree\nfour`;
  const path = `${await addFinishedRun(server, text, 1_048_576)}/steps/a/log`;
  const looks: [query: string, lengths: number[], hasMore: boolean][] = [
    ["", [3, max - 3], true],
    ["?offset=2", [max], true],
    ["?offset=3", [5, 4], false],
    ["?limit=1", [3], true],
  ];
  for (const [query, lengths, hasMore] of looks) {
    const body = await bodyOf(await server.request("GET", path + query));
    assert.deepEqual(String(body["content"]).split("\n").map((line) => line.length), lengths, query);
    const { lineCount, totalLines } = body;
    assert.deepEqual([lineCount, totalLines, body["hasMore"]], [lengths.length, 4, hasMore], query);
  }
});

onEveryServer("AP-68 a followed log goes on where the reader was", async (server) => {
  const path = `${await addFinishedRun(server, "abcdef", 4)}/steps/a/log/stream`;
  const text = await (await server.request("GET", path, { headers: { "Last-Event-ID": "2" } })).text();
  const chunks = [...text.matchAll(/event: chunk\nid: (\d+)\ndata: (\S+)/g)].map((
    match,
  ) => [match[1], match[2]]);
  assert.equal(chunks.map(([, data]) => atob(data ?? "")).join(""), "cdef");
  assert.equal(chunks.at(-1)?.[0], "6");
  assert.match(text, /event: end\nid: 6\n/);
});

onEveryServer("AP-66 AP-68 an earlier attempt keeps its log, and it is over", async (server) => {
  const run = await addFinishedRun(server, "first\n", 10);
  const bench = { ...server, time: newFakeClock() };
  await bodyOf(await server.request("POST", `${run}/retry`, { body: {} }));
  const runner = await addRunner(bench);
  const grant = await claimOne(bench, runner);
  const piece = { step: "a", stream: "stdout", offset: 0, fence: grant.fence, isFinal: false } as const;
  const bytes = new TextEncoder().encode("second\n");
  const caller = await callerOf(runner, grant);
  assert.ok((await reportLog(server.ports, server.settings, caller, { ...piece, bytes })).ok);
  const contentOf = async (query: string): Promise<unknown> =>
    (await bodyOf(await server.request("GET", `${run}/steps/a/log${query}`)))["content"];
  assert.deepEqual(await Promise.all(["", "?attempt=1", "?attempt=2", "?attempt=3"].map(contentOf)), [
    "second",
    "first",
    "second",
    "",
  ]);
  const download = await server.request("GET", `${run}/steps/a/log/download?attempt=1`);
  assert.equal(await download.text(), "first\n");
  const stream = await server.request("GET", `${run}/steps/a/log/stream?attempt=1`);
  assert.match(await stream.text(), new RegExp(`data: ${btoa("first\n")}[^]*event: end`));
  assert.equal((await server.request("GET", `${run}/steps/a/log?attempt=x`)).status, 400);
});

onEveryServer("AP-50 runs page by page, each once, newest first", async (server) => {
  for (let n = 0; n < 7; n++) {
    const body = { spec: SPEC, name: "many", dagRunId: `r${n}` };
    await bodyOf(await server.request("POST", "/api/v1/dag-runs", { body }));
  }
  const seen: string[] = [];
  let cursor = "";
  do {
    const page = await bodyOf(await server.request("GET", `/api/v1/dag-runs?limit=3${cursor}`));
    seen.push(...(page["dagRuns"] as { dagRunId: string }[]).map((run) => run.dagRunId));
    cursor = page["nextCursor"] === undefined ? "" : `&cursor=${page["nextCursor"]}`;
  } while (cursor !== "");
  assert.equal(seen.length, 7);
  assert.equal(new Set(seen).size, 7);
});

onEveryServer(
  "AP-26 TX-11 a wrong definition is answered with its problems and changes nothing",
  async (server) => {
    await bodyOf(await server.request("POST", "/api/v1/dags", { body: { name: "d", spec: SPEC } }), 201);
    const wrong = await server.request("PUT", "/api/v1/dags/d/spec", {
      body: { spec: "steps: [{colour: red}]" },
    });
    const { errors } = await bodyOf(wrong);
    assert.ok(Array.isArray(errors) && errors.length > 0);
    assert.equal((await bodyOf(await server.request("GET", "/api/v1/dags/d/spec")))["spec"], SPEC);
  },
);

onEveryServer("7.1 a token opens the API until it ends or is revoked", async (server) => {
  const ask = (token: string, method = "GET", path = "/api/v1/dags") =>
    server.request(method, path, { headers: { Authorization: `Bearer ${token}` } });
  await bodyOf(await server.request("GET", "/api/v1/dags"), 401);
  await bodyOf(await ask("dagu_x"), 401);
  await bodyOf(await ask((await createApiToken(server.ports, "over", -1)).token), 401);
  const { id, token } = await createApiToken(server.ports, "good", null);
  await bodyOf(await ask(token));
  await bodyOf(await ask(token, "DELETE", `/api/v1/api-tokens/${id}`), 204);
  await bodyOf(await ask(token), 401);
}, { auth: { kind: "token" } });

onEveryServer("7.3 another site's page cannot change anything", async (server) => {
  const foreign = { headers: { Origin: "https://evil.example" }, body: { spec: SPEC } };
  await bodyOf(await server.request("POST", "/api/v1/dag-runs", foreign), 403);
  const rebound = { headers: { Host: "evil.example" } };
  await bodyOf(await server.request("GET", "/api/v1/dags", rebound), 401);
});

const BODIES = [
  "",
  "{",
  "[]",
  "null",
  '"\\u0000"',
  '{"spec":1}',
  '{"spec":"a: b: c"}',
  '{"name":"x","ttlHours":1e300}',
];
const PATHS = [
  "POST /api/v1/dags",
  "POST /api/v1/dags/validate",
  "PUT /api/v1/dags/x/spec",
  "POST /api/v1/dags/x/start",
  "POST /api/v1/dag-runs",
  "POST /api/v1/dag-runs/x/y/stop",
  "POST /api/v1/api-tokens",
  "POST /api/v1/runners/registration-tokens",
  "POST /api/v1/endpoints",
  "POST /api/v1/webhooks/x",
  "POST /hooks/v1/github/x",
  "POST /runner/v1/register",
  "POST /runner/v1/claim",
];
const READS = [
  "/api/v1/dags/%00",
  "/api/v1/dag-runs/a/%00",
  "/api/v1/dag-runs?name=%00",
  "/api/v1/dag-runs?limit=x",
  "/api/v1/dag-runs?status=77",
  "/api/v1/dag-runs?cursor=1",
  "/api/v1/dag-runs?fromDate=99999999999",
  "/api/v1/deliveries/x",
  "/api/v1/dags/%E0%A4%A",
  "/runs/%00/%00",
  "/deliveries/%00",
];
onEveryServer("AP-05 no input makes an internal error", async (server) => {
  const failed: string[] = [];
  const ask = async (method: string, path: string, body?: string): Promise<void> => {
    const answer = await server.request(method, path, body === undefined ? {} : { body });
    await answer.body?.cancel();
    if (answer.status >= 500) failed.push(`${answer.status} ${method} ${path} ${body ?? ""}`);
  };
  for (const route of PATHS) {
    const [method = "", path = ""] = route.split(" ");
    for (const body of BODIES) await ask(method, path, body);
  }
  for (const path of READS) await ask("GET", path);
  await ask("POST", "/api/v1/webhooks/%00", "{}");
  await ask(
    "POST",
    "/api/v1/dag-runs",
    JSON.stringify({ spec: SPEC, name: "q", queue: crypto.getRandomValues(new Uint8Array(9_000)).toHex() }),
  );
  assert.deepEqual(failed, []);
});

onEveryServer("AP-20 each workflow is listed with its newest run", async (server) => {
  for (const name of ["a", "b"]) {
    await bodyOf(await server.request("POST", "/api/v1/dags", { body: { name, spec: SPEC } }), 201);
  }
  await bodyOf(await server.request("POST", "/api/v1/dags/a/start", { body: {} }));
  const { dagRunId } = await bodyOf(await server.request("POST", "/api/v1/dags/a/start", { body: {} }));
  const { dags } = await bodyOf(await server.request("GET", "/api/v1/dags"));
  const Listed = v.array(v.object({
    fileName: v.string(),
    latestDAGRun: v.nullish(v.object({ dagRunId: v.string() })),
  }));
  const latest = v.parse(Listed, dags).map((dag) => [dag.fileName, dag.latestDAGRun?.dagRunId]);
  assert.deepEqual(latest, [["a", dagRunId], ["b", undefined]]);
});

onEveryServer(
  "AP-14 the language's JSON Schema is there for editors, who have no credentials",
  async (server) => {
    const schema = await bodyOf(await server.request("GET", "/api/v1/schemas/dag"));
    assert.deepEqual(schema, JSON.parse(JSON.stringify(languageSchema())));
  },
  { auth: { kind: "token" } },
);

onEveryServer("AP-05 another method of a path is told with those that it knows", async (server) => {
  const cases: [method: string, path: string, allow: string][] = [
    ["DELETE", "/livez", "GET, HEAD"],
    ["PUT", "/runs", "GET, HEAD"],
    ["GET", "/api/v1/webhooks/none", "POST"],
    ["PATCH", "/api/v1/dags", "GET, HEAD, POST"],
    ["OPTIONS", "/runs/a/b/stop", "POST"],
  ];
  for (const [method, path, allow] of cases) {
    const answer = await server.request(method, path);
    assert.deepEqual([answer.status, answer.headers.get("Allow")], [405, allow], `${method} ${path}`);
    assert.equal((await bodyOf(answer, 405))["code"], "method_not_allowed");
  }
  const page = await server.request("GET", "/runs/a/b/stop", { headers: { Accept: "text/html" } });
  assert.deepEqual([page.status, page.headers.get("Allow")], [405, "POST"]);
  const head = await server.request("HEAD", "/api/v1/dags");
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  assert.match(await page.text(), /there is nothing at GET/);
  const nothing = await server.request("PUT", "/nothing");
  assert.deepEqual([nothing.status, nothing.headers.get("Allow")], [404, null]);
});

onEveryServer("AP-05 a body that is a list is no object without keys", async (server) => {
  const answer = await server.request("POST", "/api/v1/dag-runs", { body: [] });
  assert.match(String((await bodyOf(answer, 400))["message"]), /a list, where an object is expected/);
});

onEveryServer("AP-20 SN-03 the group of a workflow is listed, and changes with its text", async (server) => {
  const specOf = (group: string): string => `${group}steps: [{id: a, run: "true"}]\n`;
  const body = { name: "grouped", spec: specOf("group: Nightly\n") };
  await bodyOf(await server.request("POST", "/api/v1/dags", { body }), 201);
  const Dags = v.object({ dags: v.array(v.object({ dag: v.object({ group: v.optional(v.string()) }) })) });
  const groups = async (): Promise<unknown[]> =>
    v.parse(Dags, await bodyOf(await server.request("GET", "/api/v1/dags"))).dags.map(({ dag }) => dag.group);
  assert.deepEqual(await groups(), ["Nightly"]);
  for (const path of ["/workflows", "/workflows/grouped"]) {
    assert.match(await (await server.request("GET", path)).text(), /> ?Nightly</, path);
  }
  const changed = { body: { spec: specOf("") } };
  await bodyOf(await server.request("PUT", "/api/v1/dags/grouped/spec", changed));
  assert.deepEqual(await groups(), [undefined]);
});
