/** Runs below a run, by the run above (AP-58, AP-63, AP-79), and what a start may not choose. */
import assert from "node:assert/strict";
import { createApiToken } from "../../../src/server/access/tokens.ts";
import { addRunner, claimNow, STARTED, tell } from "../../support/dispatch.ts";
import { newFakeClock } from "../../support/fake-clock.ts";
import { bodyOf, onEveryServer, type TestServer } from "../../support/server.ts";

const RUNS = "/api/v1/dag-runs";

async function start(server: TestServer, name: string, more: Record<string, unknown> = {}): Promise<void> {
  const spec = `name: ${name}\nsteps: [{name: say it, run: "true"}]`;
  const body = { spec, dagRunId: `${name}1`, ...more };
  await bodyOf(await server.request("POST", RUNS, { body }));
}

onEveryServer(
  "AP-63 AP-79 what is asked of a run can be asked of one below it, by both names",
  async (server) => {
    await start(server, "top");
    await start(server, "kid", { parent: { name: "top", dagRunId: "top1" } });
    await start(server, "low", {
      parent: { name: "kid", dagRunId: "kid1" },
      root: { name: "top", dagRunId: "top1" },
    });
    const subs = async (query: string): Promise<unknown> => {
      const body = await bodyOf(await server.request("GET", `${RUNS}/top/top1/sub-dag-runs${query}`));
      assert.ok(Array.isArray(body["subRuns"]));
      return body["subRuns"].map(({ dagName, dagRunId, statusLabel }) => [dagName, dagRunId, statusLabel]);
    };
    assert.deepEqual(await subs(""), [["kid", "kid1", "queued"]]);
    assert.deepEqual(await subs("?parentSubDAGRunId=kid1"), [["low", "low1", "queued"]]);
    const below = `${RUNS}/top/top1/sub-dag-runs/low1`;
    const { dagRunDetails } = await bodyOf(await server.request("GET", below));
    const { name, parentDAGRunId, rootDAGRunName, triggerType } = Object(dagRunDetails);
    assert.deepEqual([name, parentDAGRunId, rootDAGRunName, triggerType], ["low", "kid1", "top", "manual"]);
    const { spec } = await bodyOf(await server.request("GET", `${below}/spec`));
    assert.match(String(spec), /name: low/);
    const log = await bodyOf(await server.request("GET", `${below}/steps/say%20it/log?tail=5`));
    assert.equal(log["totalLines"], 0);
    const stream = await server.request("GET", `${below}/stream`);
    assert.equal(stream.headers.get("Content-Type"), "text/event-stream");
    await stream.body?.cancel();
    const back = await server.request("POST", `${below}/steps/say%20it/push-back`, { body: {} });
    assert.match(String((await bodyOf(back, 400))["message"]), /asks for no approval/);
    for (
      const [method, path] of [
        ["POST", `${below}/stop`],
        ["GET", `${below}/spec/../../../..`],
        ["GET", `${RUNS}/top/top1/sub-dag-runs/nope/spec`],
        ["GET", `${RUNS}/low/low1/sub-dag-runs/kid1`],
      ] as const
    ) await bodyOf(await server.request(method, path), 404);
    await bodyOf(await server.request("DELETE", below), 405);
  },
);

onEveryServer("AP-58 a step of a run below is tried again when both have ended", async (server) => {
  await start(server, "top");
  await start(server, "kid", { parent: { name: "top", dagRunId: "top1" } });
  const retry = async (body: Record<string, unknown>, status: number): Promise<string> => {
    const answer = await server.request("POST", `${RUNS}/top/top1/retry`, { body });
    const { message, dagName } = await bodyOf(answer, status);
    return String(message ?? dagName);
  };
  assert.match(await retry({ subDAGRunId: "kid1" }, 400), /subDAGRunId needs stepName/);
  const wanted = { subDAGRunId: "kid1", stepName: "say it" };
  assert.match(await retry(wanted, 409), /run top:top1 is queued/);
  const bench = { ...server, time: newFakeClock() };
  const runner = await addRunner(bench);
  const [top, kid] = (await claimNow(bench, runner, { free: 2 })).attempts;
  assert.ok(top && kid);
  const failed = { type: "attempt.finished", data: { status: "failed" } } as const;
  await tell(bench, runner, top, 1, [STARTED, failed]);
  assert.match(await retry(wanted, 409), /run kid:kid1 is not_started/);
  await tell(bench, runner, kid, 1, [STARTED, failed]);
  assert.match(await retry({ ...wanted, stepName: "no" }, 400), /run kid:kid1 has no step "no"/);
  assert.equal(await retry(wanted, 200), "kid");
});

onEveryServer("AU-01 the guard looks at what is asked of a run below too", async (server) => {
  await bodyOf(await server.request("GET", `${RUNS}/top/top1/sub-dag-runs/kid1/spec`), 401);
  const { token } = await createApiToken(server.ports, "me", null);
  const headers = { Authorization: `Bearer ${token}` };
  const spec = 'steps: [{id: a, run: "true"}]';
  for (const [name, parent] of [["top", null], ["kid", "top"]] as const) {
    const above = parent === null ? {} : { parent: { name: parent, dagRunId: `${parent}1` } };
    const body = { spec, name, dagRunId: `${name}1`, ...above };
    await bodyOf(await server.request("POST", RUNS, { body, headers }));
  }
  const path = `${RUNS}/top/top1/sub-dag-runs/kid1/spec`;
  await bodyOf(await server.request("GET", path), 401);
  assert.equal((await bodyOf(await server.request("GET", path, { headers })))["spec"], spec);
}, { auth: { kind: "token" } });

onEveryServer("11 AP-37 AP-118 profiles are refused wherever one is chosen", async (server) => {
  const says = /profiles are not supported/;
  for (
    const [method, path] of [
      ["GET", "/profiles"],
      ["PUT", "/profiles/prod/variables/A"],
      ["GET", "/dags/one/settings"],
      ["PUT", "/dags/one/webhook/profile-selection"],
    ] as const
  ) {
    const body = method === "PUT" ? { body: {} } : {};
    const answer = await server.request(method, `/api/v1${path}`, body);
    assert.match(String((await bodyOf(answer, 501))["message"]), says, path);
  }
  const body = { spec: 'steps: [{id: a, run: "true"}]', name: "one", dagRunId: "one1" };
  const chosen = await server.request("POST", RUNS, { body: { ...body, profile: "prod" } });
  assert.match(String((await bodyOf(chosen, 400))["message"]), says);
  await bodyOf(await server.request("POST", RUNS, { body: { ...body, profile: "" } }));
  const again = await server.request("POST", `${RUNS}/one/one1/reschedule`, { body: { profile: "prod" } });
  assert.match(String((await bodyOf(again, 400))["message"]), says);
});

onEveryServer("V-21 P-15 long integers in a body keep their digits", async (server) => {
  const body = '{"spec":"steps: [{id: a, run: x}]","name":"long","dagRunId":"long1",' +
    '"params":{"N":9007199254740993,"T":"\\ud83d"}}';
  await bodyOf(await server.request("POST", RUNS, { body, headers: { "Content-Type": "application/json" } }));
  const { dagRunDetails } = await bodyOf(await server.request("GET", `${RUNS}/long/long1`));
  assert.equal(Object(dagRunDetails).params, '{"N":9007199254740993,"T":"\uFFFD"}');
});
