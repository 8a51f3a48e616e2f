/** Schedules with the real clock: minutes long, so that it stands alone. */
import assert from "node:assert/strict";
import { openCase, openService, until } from "./case.ts";

const EVERY_MINUTE = `schedule: "* * * * *"
skip_if_successful: true
steps:
  - id: s
    run: |
      echo "$DAG_RUN_ID" >> @W/starts
      while [ ! -e @W/go ]; do sleep 0.2; done
`;

Deno.test("T-90 no second run starts while the first of a schedule is active", async () => {
  await using on = await openCase(EVERY_MINUTE);
  await using service = await openService(on);
  const first = await until(
    "the schedule has started the workflow",
    async () => (await on.read("starts"))?.trim() ?? null,
  );
  assert.match(first, /^sched-[0-9a-f]{12}-\d{8}T\d{6}$/);
  const reason = await until("the next slot has come", async () => {
    const { skippedSlots } = await service.get("/dags/w");
    return Array.isArray(skippedSlots) && skippedSlots.length > 0 ? skippedSlots[0].reason : null;
  });
  assert.equal(reason, "a run is active");
  assert.deepEqual([(await on.read("starts"))?.trim(), await service.status(first)], [first, "running"]);
  await on.write("go", "");
  await until("the run has ended", async () => await service.status(first) === "succeeded" ? true : null);
});
