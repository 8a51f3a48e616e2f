/** Texts and payloads by digest: kept as long as something uses them (RN-05). */
import assert from "node:assert/strict";
import { removeRun } from "../../../src/server/dispatch/remove.ts";
import { getBlob, putBlob } from "../../../src/server/store/blobs.ts";
import { newBlob } from "../../../src/server/store/blob.ts";
import { sweepBlobs } from "../../../src/server/tick/blobs.ts";
import { type DispatchBench, onEveryDatabase, queueRun } from "../../support/dispatch.ts";
import { stopRun } from "../../../src/server/dispatch/cancel.ts";

const HOUR_MS = 3_600_000;

async function digestOf(text: string): Promise<string> {
  return (await newBlob(new TextEncoder().encode(text))).digest;
}

async function isThere({ ports }: DispatchBench, digest: string): Promise<boolean> {
  return await getBlob(ports.db, digest) !== null;
}

const text = (word: string): string => `steps: [{id: a, run: "echo ${word}"}]\n`;
const payload = { name: "WEBHOOK_PAYLOAD", bytes: new TextEncoder().encode('{"a":1}') };

onEveryDatabase(
  "RN-05 what a deleted run used goes after two days; what another run uses stays",
  async (bench) => {
    const { ports, settings, time } = bench;
    const [gone, kept] = [text("gone"), text("kept")];
    const run = await queueRun(bench, { definition: { text: gone, name: "one" }, inputs: [payload] });
    await queueRun(bench, { definition: { text: kept, name: "two" } });
    const named = { name: "one", dagRunId: run.dagRunId };
    assert.ok((await stopRun(ports, settings, named, "ann", false)).ok);
    await time.advance(60 * HOUR_MS);
    await sweepBlobs(ports);
    const digests = await Promise.all([gone, '{"a":1}', kept].map(digestOf));
    const left = (): Promise<boolean[]> => Promise.all(digests.map((digest) => isThere(bench, digest)));
    assert.deepEqual(await left(), [true, true, true], "its run is there");
    assert.ok((await removeRun(ports, "one", run.dagRunId)).ok);
    await sweepBlobs(ports);
    assert.deepEqual(await left(), [true, true, true], "marked a moment ago");
    await time.advance(60 * HOUR_MS);
    await sweepBlobs(ports);
    assert.deepEqual(await left(), [false, false, true]);
  },
);

onEveryDatabase("RN-05 a text that is used anew while it is looked at is there afterwards", async (bench) => {
  const { ports, time } = bench;
  for (let round = 0; round < 10; round++) {
    const blob = await newBlob(new TextEncoder().encode(`round ${round}`));
    await ports.db.transaction((tx) => putBlob(tx, blob, new Date(ports.clock.now())));
    await time.advance(60 * HOUR_MS);
    const definition = { text: text(`round ${round}`), name: "again" };
    const digest = await digestOf(definition.text);
    const old = await newBlob(new TextEncoder().encode(definition.text));
    await ports.db.transaction((tx) => putBlob(tx, old, new Date(0)));
    // Whoever waits for the other's row for too long is in the way, and comes again.
    await Promise.all([queueRun(bench, { definition }), sweepBlobs(ports).catch(() => {})]);
    assert.ok(await isThere(bench, digest), `round ${round}`);
    await sweepBlobs(ports);
    assert.ok(!await isThere(bench, blob.digest), "nothing uses it");
  }
});
