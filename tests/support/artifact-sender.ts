/** A runner's calls about artifacts of its attempt, through the dispatch room without HTTP. */
import assert from "node:assert/strict";
import type { Grant } from "../../src/protocol/grant.ts";
import {
  announceArtifact,
  completeArtifact,
  storePart,
  storeWhole,
} from "../../src/server/dispatch/artifacts.ts";
import type { RunnerRow } from "../../src/server/store/runners.ts";
import { sha256 } from "../../src/workflow/digest.ts";
import { addRunner, callerOf, claimOne, type DispatchBench, queueRun, STARTED, tell } from "./dispatch.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** One attempt of a run that has begun, and its calls. */
export async function openArtifactSender(bench: DispatchBench) {
  const run = await queueRun(bench);
  const runner = await addRunner(bench);
  const grant = await claimOne(bench, runner);
  await tell(bench, runner, grant, 1, [STARTED]);
  return { run, runner, grant, ...await artifactCalls(bench, runner, grant) };
}

export async function artifactCalls({ ports, settings }: DispatchBench, runner: RunnerRow, grant: Grant) {
  const caller = await callerOf(runner, grant);
  const { fence } = grant;
  const announce = async (path: string, bytes: Bytes) =>
    await announceArtifact(ports, settings, caller, {
      fence,
      path,
      size: bytes.length,
      sha256: await sha256(bytes),
    });
  return {
    announce,
    /** The id of the upload. */
    begin: async (path: string, bytes: Bytes): Promise<string> => {
      const announced = await announce(path, bytes);
      assert.ok(announced.ok && announced.reply.mode !== "exists");
      const url = announced.reply.mode === "inline" ? announced.reply.url : announced.reply.urls[0] ?? "";
      return /\/artifacts\/([^/?]+)/.exec(url)?.[1] ?? "";
    },
    whole: (id: string, bytes: Bytes) => storeWhole(ports, settings, caller, { id, fence }, bytes),
    part: (id: string, n: number, bytes: Bytes) =>
      storePart(ports, settings, caller, { id, fence, n }, bytes),
    complete: (id: string, parts: { n: number; etag: string }[]) =>
      completeArtifact(ports, settings, caller, id, { fence, parts }),
  };
}

/** What is told of the parts when the upload is whole. */
export async function etagsOf(parts: readonly Bytes[]): Promise<{ n: number; etag: string }[]> {
  return await Promise.all(parts.map(async (part, at) => ({ n: at + 1, etag: await sha256(part) })));
}
