import assert from "node:assert/strict";
import {
  acceptDelivery,
  type DeliveryRow,
  findDelivery,
  getDelivery,
  listDeliveries,
  type NewDelivery,
  pruneRefused,
  recordDelivery,
} from "../../../src/server/store/deliveries.ts";
import { deliveries, deliveryDecisions } from "../../../src/server/store/schema.ts";
import { sweepDeliveries } from "../../../src/server/tick/deliveries.ts";
import { getWorkflow, saveRevision } from "../../../src/server/store/workflows.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import type { Problem } from "../../../src/workflow/problem.ts";
import { newBlob } from "../../../src/server/store/blob.ts";
import { type DispatchBench, onEveryDatabase } from "../../support/dispatch.ts";

function newDelivery(
  { ports, time }: DispatchBench,
  outcome: DeliveryRow["outcome"],
): NewDelivery & { id: string } {
  return {
    id: ports.ids.uuid(),
    source: "unknown",
    sourceName: "(unknown endpoint)",
    kind: "github",
    receivedAt: new Date(time.clock.now()),
    bodyBytes: 0,
    outcome,
    reason: "",
    httpStatus: 401,
    answer: {},
  };
}

async function record(bench: DispatchBench, outcome: "refused" | "ignored"): Promise<string> {
  const delivery = newDelivery(bench, outcome);
  await recordDelivery(bench.ports.db, delivery);
  await bench.time.advance(1_000);
  return delivery.id;
}

/** The answer 409 of a sender who is known: the run id was taken. */
async function refuseTaken(bench: DispatchBench, dedupeKey: string | null): Promise<string> {
  const { id, ...rest } = newDelivery(bench, "refused");
  const decision = {
    workflow: "build",
    block: "webhook",
    matched: false,
    condition: "dagRunId",
    detail: "",
    run: null,
  };
  const answer = { code: "already_exists" };
  const end = { outcome: "refused", reason: "", httpStatus: 409, answer } as const;
  await acceptDelivery(
    bench.ports.db,
    { id, ...rest, dedupeKey },
    [decision],
    () => Promise.resolve(true),
    () => end,
  );
  await bench.time.advance(1_000);
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

onEveryDatabase("WH-54 a refusal that a repeat of its key would be answered with is kept", async (bench) => {
  const { db } = bench.ports;
  const keyed = await refuseTaken(bench, "k-1");
  for (let count = 0; count < 3; count++) await record(bench, "refused");
  assert.equal(await pruneRefused(db, 1), 2);
  assert.equal((await findDelivery(db, "unknown", "k-1"))?.id, keyed);
  assert.equal((await getDelivery(db, keyed))?.decisions.length, 1);
});

onEveryDatabase("1.10 the decisions of a refusal go with it", async (bench) => {
  const { db } = bench.ports;
  await refuseTaken(bench, null);
  const kept = await refuseTaken(bench, null);
  assert.equal(await pruneRefused(db, 1), 1);
  assert.deepEqual((await db.select().from(deliveryDecisions)).map((row) => row.deliveryId), [kept]);
});

onEveryDatabase("1.10 one tick is enough for a flood of refusals", async (bench) => {
  const { db } = bench.ports;
  const flood = Array.from({ length: 4_200 }, () => newDelivery(bench, "refused"));
  for (let from = 0; from < flood.length; from += 700) {
    await db.insert(deliveries).values(flood.slice(from, from + 700));
  }
  await sweepDeliveries(bench.ports);
  assert.equal(await db.$count(deliveries), 1_000);
});

onEveryDatabase(
  "AP-26 a text that is read differently now shows what is wrong with it now",
  async ({ ports }) => {
    const first = new Date(1_000);
    const revision = {
      fileName: "a",
      name: "a",
      blob: await newBlob(new TextEncoder().encode("steps: []")),
      group: "",
      labels: [],
      hasTriggers: false,
      scheduleKey: null,
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
