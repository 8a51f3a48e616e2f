import assert from "node:assert/strict";
import {
  deadlineAfter,
  pause,
  settlesWithin,
  untilStopped,
} from "../../../../src/runner/containers/waiting.ts";

const FOREVER = Number.POSITIVE_INFINITY;

Deno.test("waiting ends with the work, with the time or with the signal, and leaves no timer", async () => {
  assert.equal(await settlesWithin(Promise.resolve(1), FOREVER), true);
  assert.equal(await settlesWithin(Promise.reject(new Error("x")), 60_000), true);
  assert.equal(await settlesWithin(new Promise(() => {}), 1), false);
  const stop = new AbortController();
  const waiting = settlesWithin(new Promise(() => {}), FOREVER, stop.signal);
  stop.abort();
  assert.equal(await waiting, false);
  await pause(60_000, stop.signal);
});

Deno.test("what a timer cannot hold, a month of it, is no time that is over at once", async () => {
  const monthMs = 30 * 86_400_000;
  const stop = new AbortController();
  const waiting = settlesWithin(new Promise(() => {}), monthMs, stop.signal);
  const deadline = deadlineAfter(monthMs);
  assert.equal(await settlesWithin(waiting, 20), false);
  assert.equal(deadline.aborted, false);
  stop.abort();
  assert.equal(await waiting, false);
});

Deno.test("work that is stopped still gives its result", async () => {
  const stop = new AbortController();
  const work = Promise.withResolvers<string>();
  const result = untilStopped(
    work.promise,
    stop.signal,
    () => {
      work.resolve("killed");
      return Promise.resolve();
    },
    () => assert.fail("it ended in time"),
  );
  stop.abort();
  assert.equal(await result, "killed");
});

Deno.test("work that ends by itself is not stopped", async () => {
  const signal = new AbortController().signal;
  const never = (): never => assert.fail("not to be stopped");
  assert.equal(await untilStopped(Promise.resolve(7), signal, never, never), 7);
});
