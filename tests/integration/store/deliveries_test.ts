import assert from "node:assert/strict";
import { listDeliveries, pruneRefused, recordDelivery } from "../../../src/server/store/deliveries.ts";
import { getWorkflow, saveRevision } from "../../../src/server/store/workflows.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import type { Problem } from "../../../src/workflow/problem.ts";
import { newBlob } from "../../../src/server/store/blobs.ts";
import { type DispatchBench, onEveryDatabase } from "../../support/dispatch.ts";

async function record({ ports, time }: DispatchBench, outcome: "refused" | "ignored"): Promise<string> {
  const id = ports.ids.uuid();
  await recordDelivery(ports.db, {
    id,
    source: "unknown",
    sourceName: "(unknown endpoint)",
    kind: "github",
    receivedAt: new Date(time.clock.now()),
    bodyBytes: 0,
    outcome,
    reason: "",
    httpStatus: 401,
    answer: {},
  });
  await time.advance(1_000);
  return id;
}

onEveryDatabase("1.10 only the newest refusals are kept, and all that was not refused", async (bench) => {
  const { db } = bench.ports;
  const ignored = await record(bench, "ignored");
  const refused: string[] = [];
  for (let count = 0; count < 5; count++) refused.push(await record(bench, "refused"));
  assert.equal(await pruneRefused(db, 2), 3);
  assert.equal(await pruneRefused(db, 2), 0);
  const left = (await listDeliveries(db, { limit: 10 })).map((row) => row.id);
  assert.deepEqual(left.toSorted(), [ignored, ...refused.slice(3)].toSorted());
});

onEveryDatabase(
  "AP-26 a text that is read differently now shows what is wrong with it now",
  async ({ ports }) => {
    const first = new Date(1_000);
    const revision = {
      fileName: "a",
      name: "a",
      blob: await newBlob(new TextEncoder().encode("steps: []")),
      labels: [],
      hasTriggers: false,
      author: "test",
    };
    const [problem] = parseWorkflow("nonsense: 1", "load").problems;
    assert.ok(problem);
    const save = async (problems: readonly Problem[], at: Date): Promise<boolean> =>
      await saveRevision(ports.db, { ...revision, problems }, ports.ids.uuid(), at);
    assert.equal(await save([problem], first), true);
    assert.equal(await save([], new Date(2_000)), false);
    const row = await getWorkflow(ports.db, "a");
    assert.deepEqual([row?.problems, row?.updatedAt], [[], first]);
  },
);
