/** Who is let through to a database that does not come up. */
import assert from "node:assert/strict";
import { newOutage } from "../../../../src/server/store/outage.ts";

function fail(code: string): Promise<never> {
  return Promise.reject(Object.assign(new Error(code), { code }));
}

Deno.test("RS-03 while no connection comes up one caller in half a second is let through", async () => {
  let now = 0;
  const outage = newOutage({ mono: () => now });
  assert.equal(outage.refusal(), null);
  outage.watch(fail("ECONNREFUSED"));
  await Promise.resolve();
  assert.match(String(outage.refusal()), /ECONNREFUSED/);
  now = 499;
  assert.match(String(outage.refusal()), /ECONNREFUSED/);
  now = 500;
  assert.deepEqual([outage.refusal(), outage.refusal() === null], [null, false]);
  // It is still away: the next look is half a second after the last.
  outage.watch(fail("57P03"));
  await Promise.resolve();
  now = 999;
  assert.match(String(outage.refusal()), /57P03/);
  now = 1_000;
  assert.equal(outage.refusal(), null);
  outage.watch(Promise.resolve());
  await Promise.resolve();
  assert.deepEqual([outage.refusal(), outage.refusal()], [null, null]);
});

for (const code of ["CONNECTION_CLOSED", "ECONNRESET", "57P01", "53300", "40001", "23505"]) {
  Deno.test(`RS-03 ${code} of one caller says nothing of the others`, async () => {
    const outage = newOutage({ mono: () => 0 });
    outage.watch(fail(code));
    await Promise.resolve();
    assert.equal(outage.refusal(), null);
  });
}
