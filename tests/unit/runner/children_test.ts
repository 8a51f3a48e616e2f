import assert from "node:assert/strict";
import type { ChildView } from "../../../src/protocol/children.ts";
import { newRunnerClient } from "../../../src/protocol/client.ts";
import { newChildren } from "../../../src/runner/children.ts";
import { systemClock, systemIds } from "../../../src/runner/clock.ts";
import { OPEN_POLICY } from "../../../src/runner/policy.ts";

Deno.test("a parent keeps no place of its runner while it waits for a sub-run elsewhere, and has it again then", async () => {
  const clock = systemClock();
  const ids = systemIds();
  const control = { awaited: 0 };
  const places: number[] = [];
  const child = (status: ChildView["status"]): ChildView => ({
    name: "kid",
    dagRunId: "kid-1" as ChildView["dagRunId"],
    status,
    queue: "kid",
    failure: null,
    outputs: {},
  });
  const fetch = (request: Request): Promise<Response> => {
    places.push(control.awaited);
    const answer = request.method === "POST"
      ? { child: child("queued"), alreadyExists: false, grant: null }
      : child("succeeded");
    return Promise.resolve(Response.json(answer));
  };
  const client = newRunnerClient({ fetch, clock, ids }, {
    baseUrl: "http://test",
    boot: { number: 1, id: ids.uuid() },
    compress: false,
  });
  client.setCredential({ runnerId: ids.uuid(), token: "dagu_rnr_x" });
  let rooms = 0;
  const children = newChildren({
    client,
    clock,
    ids,
    random: () => 0,
    adopt: () => assert.fail("nothing is executed here"),
    onRoom: () => void rooms++,
    workflowNamed: () => Promise.resolve(null),
  }, {
    attempt: { attemptId: ids.uuid(), attemptToken: "dagu_att_x", fence: 1 },
    locals: new Set(["kid"]),
    folders: [],
    policy: OPEN_POLICY.forRun({ name: "one", trust: "trusted" }, { own: [], secret: [] }),
    control,
  });
  const result = await children.run(
    {
      step: "a",
      key: "a",
      index: 0,
      dag: "kid",
      params: { kind: "none" },
      queue: null,
      workerSelector: { zone: "far" },
    },
    () => Promise.resolve(),
    new AbortController().signal,
  );
  assert.equal("status" in result ? result.status : result.message, "succeeded");
  assert.deepEqual(places, [0, 1]);
  assert.deepEqual([rooms, control.awaited], [1, 0]);
});
