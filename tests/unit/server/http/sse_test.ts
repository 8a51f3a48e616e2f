import assert from "node:assert/strict";
import { sse } from "../../../../src/server/http/sse.ts";
import { newFakeClock } from "../../../support/fake-clock.ts";

const log = { info: () => {}, warn: () => {}, error: (): never => assert.fail("nothing broke") };

Deno.test("SE-10 a stream is produced for nobody when its reader has left before", async () => {
  const { clock } = newFakeClock();
  const told = Promise.withResolvers<boolean>();
  const answer = sse(AbortSignal.abort(), { clock, log }, (_writer, signal) => {
    told.resolve(signal.aborted);
    return Promise.resolve();
  });
  assert.equal(await told.promise, true);
  assert.equal(await answer.text(), "");
});

Deno.test("SE-10 a reader who leaves in the middle ends what is produced", async () => {
  const { clock } = newFakeClock();
  const request = new AbortController();
  const over = Promise.withResolvers<void>();
  const answer = sse(request.signal, { clock, log }, async (writer, signal) => {
    await writer.send("run", "1", "7");
    await clock.sleep(1_000_000, signal);
    over.resolve();
  });
  const reader = answer.body?.getReader();
  assert.equal(new TextDecoder().decode((await reader?.read())?.value), "event: run\nid: 7\ndata: 1\n\n");
  request.abort();
  await over.promise;
  assert.equal((await reader?.read())?.done, true);
});
