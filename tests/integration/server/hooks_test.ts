import assert from "node:assert/strict";
import { listEndpoints, updateEndpoint } from "../../../src/server/store/endpoints.ts";
import { signatureOf } from "../../../src/server/triggers/signature.ts";
import { addEndpoint, addTriggered, PUSH, REPOSITORY, SPEC } from "../../support/github.ts";
import { bodyOf, onEveryServer, type TestServer } from "../../support/server.ts";

async function addWebhook(server: TestServer, name = "build"): Promise<Record<string, string>> {
  await bodyOf(await server.request("POST", "/api/v1/dags", { body: { name, spec: SPEC } }), 201);
  const { token } = await bodyOf(await server.request("POST", `/api/v1/dags/${name}/webhook`), 201);
  return { Authorization: `Bearer ${token}` };
}

async function countRuns(server: TestServer): Promise<number> {
  const { dagRuns } = await bodyOf(await server.request("GET", "/api/v1/dag-runs?limit=500"));
  assert.ok(Array.isArray(dagRuns));
  return dagRuns.length;
}

async function deliveries(server: TestServer): Promise<Record<string, unknown>[]> {
  const body = await bodyOf(await server.request("GET", "/api/v1/deliveries"));
  assert.ok(Array.isArray(body["deliveries"]));
  return body["deliveries"];
}

const REFUSED: [
  name: string,
  path: string,
  headers: Record<string, string> | null,
  body: string,
  status: number,
][] = [
  ["no credentials", "build", {}, "{}", 401],
  ["a wrong token", "build", { Authorization: "Bearer dagu_wh_nope" }, "{}", 401],
  ["an unknown workflow", "nobody", null, "{}", 401],
  ["a body that is not JSON", "build", null, "{", 400],
  ["a run id that is none", "build", null, '{"dagRunId":"a b"}', 400],
  ["a body that is too large", "build", null, `"${"x".repeat(1_048_576)}"`, 413],
];
onEveryServer("1.8 a refused delivery says why, is recorded, and starts nothing", async (server) => {
  const good = await addWebhook(server);
  for (const [name, file, headers, body, status] of REFUSED) {
    const answer = await server.request("POST", `/api/v1/webhooks/${file}`, {
      headers: headers ?? good,
      body,
    });
    assert.equal(answer.status, status, name);
    await answer.body?.cancel();
    const [latest] = await deliveries(server);
    assert.deepEqual([latest?.["outcome"], latest?.["status"]], ["refused", status], name);
  }
  const xml = { ...good, "Content-Type": "application/xml" };
  await bodyOf(await server.request("POST", "/api/v1/webhooks/build", { headers: xml, body: "<a/>" }), 415);
  const toggle = await server.request("POST", "/api/v1/dags/build/webhook/toggle", {
    body: { enabled: false },
  });
  assert.equal((await bodyOf(toggle))["enabled"], false);
  await bodyOf(await server.request("POST", "/api/v1/webhooks/build", { headers: good, body: "{}" }), 403);
  assert.equal(await countRuns(server), 0);
});

onEveryServer("1.8 a workflow that is gone is 404, an id that is taken 409", async (server) => {
  const headers = await addWebhook(server);
  const send = (body: string) => server.request("POST", "/api/v1/webhooks/build", { headers, body });
  assert.deepEqual(await bodyOf(await send('{"dagRunId":"once"}')), { dagRunId: "once", dagName: "build" });
  assert.equal((await bodyOf(await send('{"dagRunId":"once"}'), 409))["code"], "already_exists");
  assert.equal(await countRuns(server), 1);
  await bodyOf(await server.request("DELETE", "/api/v1/dags/build"), 204);
  await bodyOf(await send("{}"), 404);
});

onEveryServer("WH-53 WH-54 TX-01 sixty-four copies of one delivery at once make one run", async (server) => {
  const headers = { ...await addWebhook(server), "Idempotency-Key": "k-1" };
  const answers = await Promise.all(
    Array.from(
      { length: 64 },
      async () =>
        await bodyOf(await server.request("POST", "/api/v1/webhooks/build", { headers, body: '{"a":1}' })),
    ),
  );
  assert.equal(new Set(answers.map((answer) => answer["dagRunId"])).size, 1);
  assert.equal(answers.filter((answer) => answer["duplicate"] === true).length, 63);
  assert.equal(await countRuns(server), 1);
  await bodyOf(await server.request("POST", "/api/v1/webhooks/build", { headers, body: '{"a":2}' }), 409);
});

onEveryServer("WH-24 a webhook with HMAC takes what is signed and nothing else", async (server) => {
  const token = await addWebhook(server);
  const enable = { authMode: "token_and_hmac" };
  const { hmacSecret } = await bodyOf(
    await server.request("POST", "/api/v1/dags/build/webhook/hmac/enable", { body: enable }),
  );
  const signature = await signatureOf(String(hmacSecret), new TextEncoder().encode("{}"));
  const send = (headers: Record<string, string>, body = "{}") =>
    server.request("POST", "/api/v1/webhooks/build", { headers, body });
  await bodyOf(await send({ ...token, "X-Dagu-Signature": signature }));
  await bodyOf(await send({ ...token, "X-Dagu-Signature": signature }, "{ }"), 401);
  await bodyOf(await send(token), 401);
  await bodyOf(await send({ "X-Dagu-Signature": signature }), 401);
  await server.request("POST", "/api/v1/dags/build/webhook/hmac/configure", {
    body: { authMode: "token_and_hmac", enforcementMode: "observe" },
  }).then((answer) => bodyOf(answer));
  await bodyOf(await send(token));
});

// ---- GitHub -----------------------------------------------------------------------------------------------------

onEveryServer(
  "FG-07 a push starts what matches, says why the rest does not, and starts nothing twice",
  async (server) => {
    const send = await addEndpoint(server);
    await addTriggered(server, "main-only", "{event: push, branch: main}");
    await addTriggered(server, "tags-only", "{event: tag}");
    await addTriggered(server, "docs-only", "{event: push, branch: docs}");
    const first = await bodyOf(await send("push", "d-1", PUSH));
    assert.deepEqual((first["runs"] as { dagName: string }[]).map((run) => run.dagName), ["main-only"]);
    assert.deepEqual(await bodyOf(await send("push", "d-1", PUSH)), { ...first, duplicate: true });
    assert.equal(await countRuns(server), 1);
    const { decisions } = await bodyOf(
      await server.request("GET", `/api/v1/deliveries/${first["deliveryId"]}`),
    );
    assert.deepEqual(
      (decisions as Record<string, unknown>[]).map((
        one,
      ) => [one["workflow"], one["matched"], one["condition"]]),
      [["docs-only", false, "branch"], ["main-only", true, ""], ["tags-only", false, "event"]],
    );
    // A person finds the run from the delivery, and the delivery from the run.
    const [run] = first["runs"] as { dagName: string; dagRunId: string }[];
    const [fromDelivery, fromRun] = [
      `/deliveries/${first["deliveryId"]}`,
      `/runs/${run?.dagName}/${run?.dagRunId}`,
    ];
    const read = async (path: string) => await (await server.request("GET", path)).text();
    assert.ok((await read(fromDelivery)).includes(`href="${fromRun}"`));
    assert.ok((await read(fromRun)).includes(`href="${fromDelivery}"`));
  },
);

onEveryServer(
  "FG-10 a wrong signature is 401, a ping is answered, an unknown event is ignored",
  async (server) => {
    const send = await addEndpoint(server, { repos: ["o/*"] });
    await addTriggered(server, "any", "{event: push}");
    await bodyOf(await send("push", "d-1", PUSH, "another secret"), 401);
    assert.equal(
      (await bodyOf(await send("ping", "d-2", { zen: "", hook_id: 5, repository: REPOSITORY })))["hookId"],
      5,
    );
    assert.equal(
      (await bodyOf(await send("star", "d-3", { repository: REPOSITORY })))["ignored"],
      "unknown_event",
    );
    const foreign = { ...PUSH, repository: { ...REPOSITORY, full_name: "x/y" } };
    assert.equal((await bodyOf(await send("push", "d-4", foreign)))["ignored"], "repo_not_allowed");
    assert.equal(await countRuns(server), 0);
  },
);

onEveryServer(
  "TR-04 a run id that is taken does not keep the other workflows from starting",
  async (server) => {
    const send = await addEndpoint(server);
    await addTriggered(server, "a-once", "{event: push}", ", dagRunId: same");
    await addTriggered(server, "b-always", "{event: push}");
    await bodyOf(await send("push", "d-1", PUSH));
    const second = await bodyOf(await send("push", "d-2", PUSH));
    assert.deepEqual((second["runs"] as { dagName: string }[]).map((run) => run.dagName), ["b-always"]);
    assert.equal(await countRuns(server), 3);
  },
);

onEveryServer("FK-02 a pull request from a fork waits and runs when approved", async (server) => {
  const send = await addEndpoint(server);
  await addTriggered(server, "pr", "{event: pull_request}");
  const side = (id: number) => ({ ref: "x", sha: "b".repeat(40), repo: { id, full_name: `r/${id}` } });
  const body = (head: number) => ({
    action: "opened",
    repository: REPOSITORY,
    pull_request: { number: 1, title: "t", head: side(head), base: side(7) },
  });
  await bodyOf(await send("pull_request", "own", body(7)));
  const foreign = await bodyOf(await send("pull_request", "fork", body(8)));
  const [run] = foreign["runs"] as { dagRunId: string }[];
  const path = `/api/v1/dag-runs/pr/${run?.dagRunId}`;
  const waiting = await bodyOf(await server.request("GET", path));
  assert.equal((waiting["dagRunDetails"] as { statusLabel: string }).statusLabel, "waiting");
  const approve = { body: { decision: "approve" } };
  assert.equal(
    (await bodyOf(await server.request("POST", `${path}/fork-approval`, approve)))["status"],
    "queued",
  );
  await bodyOf(await server.request("POST", `${path}/fork-approval`, approve), 409);
});

/** Random, because an index holds a long text that compresses well. */
const LONG_KEY = crypto.getRandomValues(new Uint8Array(9_000)).toHex();

onEveryServer(
  "2.2 text that Postgres cannot hold, and keys without bound, are no internal error",
  async (server) => {
    const send = await addEndpoint(server);
    await addTriggered(server, "any", "{event: push}");
    const withMessage = (message: string) => ({ ...PUSH, head_commit: { message } });
    assert.equal((await send("push", "d-1", withMessage("half a pair: \ud83d"))).status, 200);
    assert.equal((await send("push", "d-2", withMessage("NUL: \u0000"))).status, 400);
    assert.equal((await send("push", "d-3", withMessage("spelled out: \\u0000"))).status, 200);
    assert.equal((await send("push", LONG_KEY, PUSH)).status, 400);
    const headers = { ...await addWebhook(server), "Idempotency-Key": LONG_KEY };
    assert.equal(
      (await server.request("POST", "/api/v1/webhooks/build", { headers, body: "{}" })).status,
      400,
    );
  },
);

onEveryServer("1.10 a body of just the largest size is taken", async (server) => {
  const headers = await addWebhook(server);
  const send = async (size: number): Promise<number> => {
    const body = JSON.stringify("x".repeat(size - 2));
    const sent = await server.request("POST", "/api/v1/webhooks/build", { headers, body });
    await sent.text();
    return sent.status;
  };
  const max = server.settings.webhookMaxPayloadBytes;
  assert.deepEqual([await send(max), await send(max + 1)], [200, 413]);
});

onEveryServer(
  "FG-10 an endpoint that is disabled starts nothing, and tells only who has its secret",
  async (server) => {
    const deliver = await addEndpoint(server);
    await addTriggered(server, "build", "{event: push}");
    const [endpoint] = await listEndpoints(server.ports.db);
    await updateEndpoint(server.ports.db, endpoint?.id ?? "", { enabled: false });
    await bodyOf(await deliver("push", "d-1", PUSH), 403);
    await bodyOf(await deliver("push", "d-2", PUSH, "another secret"), 401);
    assert.equal(await countRuns(server), 0);
  },
);
