import { NO_NEEDS } from "../../../src/protocol/resources.ts";
import assert from "node:assert/strict";
import type { ChildView } from "../../../src/protocol/children.ts";
import { newRunnerClient } from "../../../src/protocol/client.ts";
import type { Grant } from "../../../src/protocol/grant.ts";
import { newRunState } from "../../../src/run/state.ts";
import { newChildren } from "../../../src/runner/children.ts";
import { systemClock, systemIds } from "../../../src/runner/clock.ts";
import type { Attempt } from "../../../src/runner/control.ts";
import { OPEN_POLICY } from "../../../src/runner/policy.ts";
import { newGrant } from "../../support/runner-bench.ts";

interface Run {
  /** What became of the step. */
  readonly status: string;
  /** For each call: what it was, and how many sub-runs the parent waited for. */
  readonly calls: readonly string[];
  readonly awaited: number;
  readonly rooms: number;
}

function viewOf(status: ChildView["status"]): ChildView {
  const dagRunId = "kid-1" as ChildView["dagRunId"];
  return { name: "kid", dagRunId, status, queue: "kid", failure: null, outputs: {} };
}

/** One step that calls a sub-workflow for another runner. */
async function runOne(
  answer: (path: string) => unknown,
  isClosed: boolean,
  { adopted = ENDED, signal = new AbortController().signal }: {
    readonly adopted?: Attempt;
    readonly signal?: AbortSignal;
  } = {},
): Promise<Run> {
  const clock = systemClock();
  const ids = systemIds();
  const control = { awaited: 0 };
  const calls: string[] = [];
  const attemptId = ids.uuid();
  const fetch = (request: Request): Promise<Response> => {
    const path = new URL(request.url).pathname.replace(`/runner/v1/attempts/${attemptId}`, "");
    calls.push(`${request.method} ${path} ${control.awaited}`);
    return Promise.resolve(Response.json(answer(path)));
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
    adopt: () => adopted,
    onRoom: () => void rooms++,
    workflowNamed: () => Promise.resolve(null),
    labels: { zone: "far" },
    isClosed: () => isClosed,
  }, {
    attempt: { attemptId, attemptToken: "dagu_att_x", fence: 1 },
    locals: new Set(["kid"]),
    folders: [],
    policy: OPEN_POLICY.forRun({ name: "one", trust: "trusted" }, { own: [], secret: [] }),
    control,
    silence: new AbortController().signal,
  });
  const params = { kind: "none" } as const;
  const result = await children.run(
    { step: "a", key: "a", index: 0, dag: "kid", params, queue: null, workerSelector: { zone: "far" } },
    () => Promise.resolve(),
    signal,
  );
  const status = "status" in result ? result.status : result.message;
  return { status, calls, awaited: control.awaited, rooms };
}

const ENDED: Attempt = {
  attemptId: "",
  fence: 1,
  takesSlot: false,
  needs: NO_NEEDS,
  lease: { remainingMs: () => 0, renew: () => {} },
  lastSeq: 0,
  ackSeq: 0,
  cancel: () => {},
  timeOut: () => {},
  shutDown: () => {},
  fenceOff: () => {},
  loseLease: () => {},
  done: Promise.resolve(),
  result: () => ({ ...newRunState({ steps: [], handlers: {} }), status: "partially_succeeded" }),
};

const QUEUED = { child: viewOf("queued"), alreadyExists: false, grant: null };

Deno.test("a parent keeps no place of its runner while it waits for a sub-run elsewhere, and has it again then", async () => {
  const run = await runOne((path) => path === "/children" ? QUEUED : viewOf("succeeded"), false);
  assert.deepEqual(run, {
    status: "succeeded",
    calls: ["POST /children 0", "GET /children/kid-1 1"],
    awaited: 0,
    rooms: 1,
  });
});

Deno.test("M9 RS-02 who claims nothing any more asks for the sub-run that it waits for, until somebody has it", async () => {
  const grants: (Grant | null)[] = [null, await newGrant("steps: [{id: a, run: x}]")];
  const run = await runOne((path) => {
    if (path === "/children") return QUEUED;
    return path.endsWith("/claim") ? { grant: grants.shift() ?? null } : viewOf("queued");
  }, true);
  assert.deepEqual([run.status, run.awaited], ["partially_succeeded", 0]);
  const [view, claim] = ["GET /children/kid-1 1", "POST /children/kid-1/claim 1"];
  assert.deepEqual(run.calls, ["POST /children 0", view, claim, view, claim]);
});

for (
  const [name, isLeaseLost, told] of [
    ["has lost its lease has lost it too, and tells that", true, "loseLease"],
    ["was given away is given away too", false, "fenceOff"],
  ] as const
) {
  Deno.test(`LO-03 INV-20 a sub-run whose parent ${name}`, async () => {
    const calls: string[] = [];
    const over = Promise.withResolvers<void>();
    const end = (call: string) => (): void => {
      calls.push(call);
      over.resolve();
    };
    const adopted = {
      ...ENDED,
      fenceOff: end("fenceOff"),
      loseLease: end("loseLease"),
      cancel: end("cancel"),
      done: over.promise,
    };
    const grant = await newGrant("steps: [{id: a, run: x}]");
    const stop = new AbortController();
    setTimeout(() => stop.abort({ kind: "fenced", isLeaseLost }), 20);
    await runOne(() => ({ ...QUEUED, grant }), false, { adopted, signal: stop.signal });
    assert.deepEqual(calls, [told]);
  });
}
