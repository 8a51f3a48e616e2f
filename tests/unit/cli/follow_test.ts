import assert from "node:assert/strict";
import * as v from "valibot";
import type { Api } from "../../../src/cli/api-client.ts";
import { followRun } from "../../../src/cli/follow.ts";
import { RunDetails } from "../../../src/cli/run-json.ts";
import type { StepOutput } from "../../../src/cli/step-output.ts";

const RUN = { name: "many", dagRunId: "one" };

const node = (name: string, facts: Readonly<Record<string, unknown>>) => ({
  step: { name, commands: [] },
  statusLabel: "succeeded",
  startedAt: "2026-01-01T00:00:00.000Z",
  finishedAt: "2026-01-01T00:00:01.000Z",
  exitCode: 0,
  reason: "",
  failure: null,
  logSizes: { stdout: 0, stderr: 0 },
  ...facts,
});

const details = (statusLabel: string, nodes: readonly unknown[]) => ({
  ...RUN,
  status: 1,
  statusLabel,
  queuedAt: "",
  startedAt: "",
  finishedAt: "",
  failure: null,
  notes: [],
  nodes,
});

/** Tells the runs one after the other, and which logs it was asked for. */
function openApi(told: readonly unknown[]): { readonly api: Api; readonly asked: string[] } {
  const asked: string[] = [];
  const never = () => Promise.reject(new Error("nothing but streams is asked for"));
  async function* events(path: string) {
    const log = /\/steps\/(.+)\/log\/stream\?stream=(.+)$/.exec(path);
    if (log !== null) asked.push(`${log[1]} ${log[2]}`);
    else for (const run of told) yield { event: "run", data: JSON.stringify(run), id: "" };
  }
  const api = {
    url: "",
    events,
    get: never,
    post: never,
    put: never,
    patch: never,
    delete: never,
    download: never,
  };
  return { api, asked };
}

const follow = async (
  told: readonly unknown[],
  takes: StepOutput["takes"] = () => true,
  before?: RunDetails,
): Promise<string[]> => {
  const { api, asked } = openApi(told);
  const output = { takes, bytes: () => {}, end: () => {} };
  const { signal } = new AbortController();
  await followRun(api, RUN, { output, signal, ...(before === undefined ? {} : { before }) });
  return asked.sort();
};

Deno.test("logs of a step are asked for once: both while it runs, and of one that is over those with bytes", async () => {
  const running = { statusLabel: "running", finishedAt: "-", exitCode: null };
  const asked = await follow([
    details("running", [node("slow", running), node("next", { statusLabel: "not_started", startedAt: "-" })]),
    details("succeeded", [
      node("slow", {}),
      node("next", {}),
      node("loud", { logSizes: { stdout: 3, stderr: 0 } }),
      node("failing", { statusLabel: "failed", exitCode: 2, logSizes: { stdout: 0, stderr: 9 } }),
    ]),
  ]);
  assert.deepEqual(asked, ["failing stderr", "loud stdout", "slow stderr", "slow stdout"]);
});

Deno.test("of a step whose runner could not tell of its end nobody knows how long its logs are", async () => {
  const lost = node("lost", { statusLabel: "failed", exitCode: null });
  assert.deepEqual(await follow([details("failed", [lost])]), ["lost stderr", "lost stdout"]);
});

Deno.test("logs that are not wanted are not asked for", async () => {
  const loud = details("succeeded", [
    node("a", { logSizes: { stdout: 1, stderr: 1 } }),
    node("b", { logSizes: { stdout: 1, stderr: 1 } }),
  ]);
  assert.deepEqual(await follow([loud], (step, stream) => step === "b" && stream === "stdout"), ["b stdout"]);
});

Deno.test("8.4 of a run that is tried again, what steps said that did not run again is not shown again", async () => {
  const kept = node("kept", { logSizes: { stdout: 1, stderr: 0 } });
  const failed = node("again", { statusLabel: "failed", exitCode: 1, logSizes: { stdout: 1, stderr: 0 } });
  const again = node("again", { startedAt: "2026-01-02T00:00:00.000Z", logSizes: { stdout: 2, stderr: 0 } });
  const before = v.parse(RunDetails, details("failed", [kept, failed]));
  // A runner may have taken it before the first look at it.
  for (const first of ["queued", "running"]) {
    const told = [details(first, [kept, failed]), details("succeeded", [kept, again])];
    assert.deepEqual(await follow(told, () => true, before), ["again stdout"], first);
  }
  assert.deepEqual(await follow([details("queued", [kept]), details("succeeded", [kept])]), ["kept stdout"]);
});
