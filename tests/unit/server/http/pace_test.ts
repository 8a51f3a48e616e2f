import assert from "node:assert/strict";
import { newPace } from "../../../../src/server/http/pace.ts";
import { newFakeClock } from "../../../support/fake-clock.ts";

Deno.test("SE-10 what takes long to show is shown as much more seldom, the rest forty times a second at most", async () => {
  const time = newFakeClock();
  const pace = newPace(time.clock);
  const lookFor = (ms: number) =>
    pace.show(async () => {
      await time.advance(ms);
      return ms;
    });
  const leftMs = () => pace.waitMs(true, "running");
  assert.equal(leftMs(), 0);
  assert.equal(await lookFor(1), 1);
  assert.equal(leftMs(), 25);
  await time.advance(25);
  assert.equal(leftMs(), 0);
  await lookFor(100);
  assert.equal(leftMs(), 1_900);
  assert.equal(pace.waitMs(true, "failed"), 0, "what became of it is shown at once");
  assert.ok(pace.waitMs(false, "failed") > 0, "and once");
  await time.advance(1_899);
  assert.equal(leftMs(), 1);
  await time.advance(500);
  assert.equal(leftMs(), 0);
});
