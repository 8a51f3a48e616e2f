/** `concurrency` of a trigger: a newer run takes the place of older ones of its group (QU-22). */
import assert from "node:assert/strict";
import { addEndpoint, addTriggered, PUSH, REPOSITORY } from "../../support/github.ts";
import { asAttempt, BEAT, openHandRunner, startEvents } from "../../support/runner-client.ts";
import { bodyOf, onEveryServer, type TestServer } from "../../support/server.ts";

const onBranch = (branch: string): typeof PUSH => ({ ...PUSH, ref: `refs/heads/${branch}` });
const group = (cancel: string): string =>
  `, concurrency: {group: "b-${"$"}{event.branch}"${cancel === "" ? "" : `, cancel: ${cancel}`}}`;

/** By the order in which they were made: status, and why. */
async function runsOf(server: TestServer, name: string): Promise<[status: string, why: string][]> {
  const { dagRuns } = await bodyOf(await server.request("GET", `/api/v1/dag-runs?name=${name}`));
  const found: [string, string][] = [];
  for (const { dagRunId } of (dagRuns as { dagRunId: string }[]).toReversed()) {
    const { dagRunDetails } = await bodyOf(
      await server.request("GET", `/api/v1/dag-runs/${name}/${dagRunId}`),
    );
    const { statusLabel, failure } = dagRunDetails as {
      statusLabel: string;
      failure: { message: string } | null;
    };
    found.push([statusLabel, failure?.message ?? ""]);
  }
  return found;
}

onEveryServer(
  "QU-22 the newest of a group waits, the older ones of it and of it alone are aborted",
  async (server) => {
    const send = await addEndpoint(server);
    await addTriggered(server, "one", "{event: push}", group(""));
    await addTriggered(server, "other", "{event: push}", group("queued"));
    await addTriggered(server, "loose", "{event: push}", group("none"));
    await addTriggered(server, "empty", "{event: push}", `, concurrency: {group: "${"$"}{event.tag}"}`);
    for (const [id, branch] of [["d-1", "x"], ["d-2", "y"], ["d-3", "x"]] as const) {
      await bodyOf(await send("push", id, onBranch(branch)));
    }
    const stopped = ["aborted", 'stopped by a newer run of the group "b-x"'];
    const queued = ["queued", ""];
    for (const name of ["one", "other"]) {
      assert.deepEqual(await runsOf(server, name), [
        stopped,
        queued,
        queued,
      ]);
    }
    for (const name of ["loose", "empty"]) {
      assert.deepEqual(await runsOf(server, name), [
        queued,
        queued,
        queued,
      ]);
    }
  },
);

onEveryServer("QU-22 what has begun goes on, unless the trigger says running", async (server) => {
  const send = await addEndpoint(server);
  await addTriggered(server, "kept", "{event: push}", group("queued"));
  await addTriggered(server, "stopped", "{event: push}", group("running"));
  await bodyOf(await send("push", "d-1", onBranch("x")));
  const runner = await openHandRunner(server, { capacity: 2 });
  const grants = await runner.claim({ free: 2 });
  assert.equal(grants.length, 2);
  for (const grant of grants) {
    const begin = { fence: grant.fence, firstSeq: 1, events: startEvents() };
    await bodyOf(await runner.post(`/attempts/${grant.attemptId}/events`, begin, asAttempt(grant)));
  }
  await bodyOf(await send("push", "d-2", onBranch("x")));
  assert.deepEqual(await runsOf(server, "kept"), [["running", ""], ["queued", ""]]);
  const held = grants.map(({ attemptId, fence }) => ({ attemptId, fence, lastSeq: 2, ackSeq: 2 }));
  const { directives } = await bodyOf(await runner.post("/heartbeat", { ...BEAT, attempts: held }));
  const [cancel, ...others] = directives as { type: string; attemptId: string; reason: string }[];
  const wanted = grants.find(({ run }) => run.name === "stopped");
  assert.deepEqual(
    [cancel?.type, cancel?.attemptId, cancel?.reason, others],
    ["cancel", wanted?.attemptId, 'a newer run of the group "b-x"', []],
  );
});

onEveryServer(
  "QU-22 FK-02 a pull request's older commit is not asked approval for any more",
  async (server) => {
    const send = await addEndpoint(server);
    await addTriggered(
      server,
      "pr",
      "{event: pull_request}",
      `, concurrency: {group: "${"$"}{event.prNumber}"}`,
    );
    const side = (sha: string, id: number) => ({ ref: "x", sha, repo: { id, full_name: `r/${id}` } });
    for (const [action, sha] of [["opened", "b"], ["synchronize", "c"]] as const) {
      const head = side(sha.repeat(40), 8);
      const pull = { number: 1, title: "t", head, base: side("a".repeat(40), 7) };
      await bodyOf(
        await send("pull_request", action, { action, repository: REPOSITORY, pull_request: pull }),
      );
    }
    assert.deepEqual((await runsOf(server, "pr")).map(([status]) => status), ["aborted", "waiting"]);
  },
);

onEveryServer("QU-22 of many at once one is left", async (server) => {
  const send = await addEndpoint(server);
  await addTriggered(server, "build", "{event: push}", group("running"));
  const ids = Array.from({ length: 12 }, (_, at) => `d-${at}`);
  await Promise.all(ids.map(async (id) => await bodyOf(await send("push", id, onBranch("x")))));
  const statuses = (await runsOf(server, "build")).map(([status]) => status);
  assert.deepEqual(statuses.toSorted(), [...ids.slice(1).map(() => "aborted"), "queued"]);
});

onEveryServer(
  "QU-22 a group that no index can hold is told at the delivery, and starts nothing",
  async (server) => {
    const send = await addEndpoint(server);
    await addTriggered(server, "build", "{event: push}", `, concurrency: {group: "${"$"}{event.message}"}`);
    const long = { ...PUSH, head_commit: { message: "x".repeat(256) } };
    const { deliveryId } = await bodyOf(await send("push", "d-1", long));
    const { decisions } = await bodyOf(await server.request("GET", `/api/v1/deliveries/${deliveryId}`));
    const [decision] = decisions as { condition: string; detail: string }[];
    assert.deepEqual([decision?.condition, decision?.detail], [
      "start",
      "the concurrency group is longer than 255 characters",
    ]);
  },
);
