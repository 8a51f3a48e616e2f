import assert from "node:assert/strict";
import type { Context } from "../../../src/cli/command.ts";
import type { Connection } from "../../../src/cli/connect.ts";
import { runAndFollow } from "../../../src/cli/own-runner.ts";

Deno.test("R-19: an interrupt that comes before the run is made ready leaves none behind", async () => {
  const first = AbortSignal.abort();
  const context: Pick<Context, "env" | "interrupts"> = {
    env: {},
    interrupts: { first, second: new AbortController().signal, [Symbol.dispose]: () => {} },
  };
  const plane: Pick<NonNullable<Connection["plane"]>, "fetch"> = {
    fetch: () => Promise.reject(new Error("nothing is asked of the control plane")),
  };
  let isSubmitted = false;
  const following = runAndFollow(context as Context, { plane } as Connection, () => {
    isSubmitted = true;
    return Promise.reject(new Error("submitted"));
  }, true);
  await assert.rejects(following, /interrupted; nothing was started/);
  assert.equal(isSubmitted, false);
});
