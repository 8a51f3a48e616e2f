import assert from "node:assert/strict";
import { takeTurn } from "../../../src/cli/turn.ts";

Deno.test("takeTurn: as many at a time as there are processors, and everybody in the end", async () => {
  const cache = await Deno.makeTempDir({ prefix: "dagu-turn-" });
  const most = Math.max(2, navigator.hardwareConcurrency);
  let now = 0;
  let peak = 0;
  let done = 0;
  await Promise.all(Array.from({ length: 4 * most }, async () => {
    using _turn = await takeTurn(cache);
    peak = Math.max(peak, ++now);
    await new Promise((resolve) => setTimeout(resolve, 5));
    now--;
    done++;
  }));
  assert.deepEqual([done, peak], [4 * most, most]);
  await Deno.remove(cache, { recursive: true });
});
