import { sha256 } from "../../../src/workflow/digest.ts";
import assert from "node:assert/strict";
import { ARTIFACT_PART_BYTES } from "../../../src/protocol/artifacts.ts";
import { announceArtifact } from "../../../src/server/dispatch/artifacts.ts";
import { removeRun } from "../../../src/server/dispatch/remove.ts";
import { findArtifact, listArtifacts, readPart } from "../../../src/server/store/artifacts.ts";
import { sweepUploads } from "../../../src/server/tick/artifacts.ts";
import { artifactCalls, etagsOf, openArtifactSender } from "../../support/artifact-sender.ts";
import { callerOf, type DispatchBench, onEveryDatabase, SUCCEEDED, tell } from "../../support/dispatch.ts";

const utf8 = new TextEncoder();

async function listed(bench: DispatchBench, runId: string): Promise<string[]> {
  return (await listArtifacts(bench.ports.db, runId)).map(({ path, size }) => `${path} ${size}`);
}

onEveryDatabase(
  "M10 INV-24 an artifact is listed once it is whole, and a repeat changes nothing",
  async (bench) => {
    const { run, ...sender } = await openArtifactSender(bench);
    const bytes = utf8.encode("hello");
    const id = await sender.begin("out/a.txt", bytes);
    assert.deepEqual(await listed(bench, run.id), []);
    const wrong = await sender.whole(id, utf8.encode("hullo"));
    assert.deepEqual([wrong.ok, !wrong.ok && wrong.code], [false, "conflict"]);
    assert.deepEqual(await listed(bench, run.id), []);
    for (let time = 0; time < 2; time++) {
      assert.deepEqual(await sender.whole(id, bytes), { ok: true, reply: { etag: await sha256(bytes) } });
    }
    assert.deepEqual(await listed(bench, run.id), ["out/a.txt 5"]);
    assert.deepEqual(await sender.announce("out/a.txt", bytes), { ok: true, reply: { mode: "exists" } });
  },
);

onEveryDatabase("M10 an empty file is an artifact too", async (bench) => {
  const { run, ...sender } = await openArtifactSender(bench);
  const none = new Uint8Array();
  assert.ok((await sender.whole(await sender.begin("empty", none), none)).ok);
  assert.deepEqual(await listed(bench, run.id), ["empty 0"]);
});

onEveryDatabase("M10 a large file comes in parts, in any order, and is checked as a whole", async (bench) => {
  const { run, ...sender } = await openArtifactSender(bench);
  const bytes = new Uint8Array(ARTIFACT_PART_BYTES + 10).map((_, at) => at % 251);
  const parts = [bytes.slice(0, ARTIFACT_PART_BYTES), bytes.slice(ARTIFACT_PART_BYTES)];
  const [first = new Uint8Array(), second = new Uint8Array()] = parts;
  const etags = await etagsOf(parts);
  const id = await sender.begin("big.bin", bytes);
  const codes = async (...tries: Promise<{ ok: boolean; code?: string }>[]): Promise<unknown[]> =>
    (await Promise.all(tries)).map((outcome) => outcome.code ?? "ok");
  assert.deepEqual(await codes(sender.part(id, 2, second)), ["ok"]);
  // Not all there, too short, and a part that there is not.
  assert.deepEqual(
    await codes(sender.complete(id, etags), sender.part(id, 1, second), sender.part(id, 3, second)),
    ["conflict", "conflict", "conflict"],
  );
  // Every part is as it was sent, and yet they are not the file that was announced.
  const other = first.slice();
  other[0] = 99;
  await sender.part(id, 1, other);
  const others = [{ n: 1, etag: await sha256(other) }, ...etags.slice(1)];
  assert.deepEqual(await codes(sender.complete(id, others)), ["conflict"]);
  await sender.part(id, 1, first);
  assert.deepEqual(await codes(sender.complete(id, etags), sender.complete(id, etags)), ["ok", "ok"]);
  assert.deepEqual(await listed(bench, run.id), [`big.bin ${bytes.length}`]);
  const row = await findArtifact(bench.ports.db, run.id, "big.bin");
  const stored = await readPart(bench.ports.db, row?.id ?? "", 2);
  assert.deepEqual(new Uint8Array(stored ?? []), second);
});

onEveryDatabase(
  "S-65 a file that is sent again takes the place of the first, once it is whole",
  async (bench) => {
    const { run, ...sender } = await openArtifactSender(bench);
    const [one, three] = [utf8.encode("1"), utf8.encode("333")];
    await sender.whole(await sender.begin("a", one), one);
    const id = await sender.begin("a", three);
    assert.deepEqual(await listed(bench, run.id), ["a 1"]);
    await sender.whole(id, three);
    assert.deepEqual(await listed(bench, run.id), ["a 3"]);
  },
);

onEveryDatabase(
  "INV-04 M10 who may send: the attempt itself, and for a while after its end",
  async (bench) => {
    const { run, runner, grant, ...sender } = await openArtifactSender(bench);
    const bytes = utf8.encode("x");
    const stranger = await artifactCalls(bench, { ...runner, id: bench.ports.ids.uuid() }, grant);
    const refused = await stranger.announce("a", bytes);
    assert.deepEqual(!refused.ok && refused.code, "forbidden");
    const stale = await artifactCalls(bench, runner, { ...grant, fence: grant.fence + 1 });
    const fenced = await stale.announce("a", bytes);
    assert.deepEqual(!fenced.ok && fenced.code, "fenced");
    await tell(bench, runner, grant, 2, [SUCCEEDED]);
    assert.ok((await sender.whole(await sender.begin("tail", bytes), bytes)).ok);
    await bench.time.advance(bench.settings.runner.tailWindowMs + 1);
    const late = await sender.announce("late", bytes);
    assert.deepEqual(!late.ok && late.code, "fenced");
    assert.deepEqual(await listed(bench, run.id), ["tail 1"]);
  },
);

onEveryDatabase("M10 what is too large is refused by its announcement", async (bench) => {
  const caller = await openArtifactSender(bench);
  const { ports, settings } = bench;
  const request = { fence: 1, path: "a", size: settings.runner.artifactMax + 1, sha256: "0".repeat(64) };
  const attempt = await callerOf(caller.runner, caller.grant);
  const outcome = await announceArtifact(ports, settings, attempt, request);
  assert.deepEqual(!outcome.ok && outcome.code, "policy");
});

onEveryDatabase(
  "M10 nothing stays of uploads that nobody finished, nor of runs that are removed",
  async (bench) => {
    const { run, runner, grant, ...sender } = await openArtifactSender(bench);
    const bytes = utf8.encode("x");
    await sender.whole(await sender.begin("kept", bytes), bytes);
    const id = await sender.begin("given-up", bytes);
    await bench.time.advance(25 * 3_600_000);
    await sweepUploads(bench.ports);
    const gone = await sender.whole(id, bytes);
    assert.equal(gone.ok, false);
    assert.deepEqual(await listed(bench, run.id), ["kept 1"]);
    const kept = await findArtifact(bench.ports.db, run.id, "kept");
    await tell(bench, runner, grant, 2, [SUCCEEDED]);
    assert.ok((await removeRun(bench.ports, run.name, run.dagRunId)).ok);
    assert.equal(await readPart(bench.ports.db, kept?.id ?? "", 1), null);
  },
);
