import assert from "node:assert/strict";
import * as v from "valibot";
import { RunId } from "../../../src/run/ids.ts";
import type { RunEventBody } from "../../../src/run/event.ts";
import { heardJournal } from "../../../src/runner/listener.ts";

Deno.test("who listens in the runner's process hears output before it is on disk, and where a try ends", async () => {
  const told: string[] = [];
  const heard: string[] = [];
  const run = { name: "w", dagRunId: v.parse(RunId, "r"), root: null };
  const journal = heardJournal(
    {
      event: async (body) => void await told.push(body.type),
      log: async (step, stream, bytes) => void await told.push(`${step} ${stream} ${bytes.length}`),
    },
    {
      output: ({ name, dagRunId }, step, stream, bytes) =>
        heard.push(`${name}:${dagRunId} ${step} ${stream} ${new TextDecoder().decode(bytes)}`),
      end: (_run, step) => heard.push(`${step} over`),
    },
    run,
  );
  await journal.event({ type: "attempt.started", data: {} } as unknown as RunEventBody);
  await journal.log("a", "stderr", new TextEncoder().encode("half a li"));
  for (const type of ["step.retrying", "step.waiting", "step.finished"]) {
    await journal.event({ type, step: "a", data: {} } as unknown as RunEventBody);
  }
  assert.deepEqual(heard, ["w:r a stderr half a li", "a over", "a over", "a over"]);
  assert.deepEqual(told, ["attempt.started", "a stderr 9", "step.retrying", "step.waiting", "step.finished"]);
});
