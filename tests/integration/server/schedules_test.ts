/** Schedules through the API and the tick, on both databases and a clock of the test's own. */
import assert from "node:assert/strict";
import { tick } from "../../../src/server/tick/tick.ts";
import { newFakeClock } from "../../support/fake-clock.ts";
import { DATABASE_KINDS, openTestDatabase } from "../../support/database.ts";
import { openHandRunner } from "../../support/runner-client.ts";
import { bodyOf, newTestPorts, newTestServer, type TestServer } from "../../support/server.ts";

interface Bench extends AsyncDisposable {
  readonly server: TestServer;
  /** Runs of the workflow `w`, oldest first: id and status. */
  runs(): Promise<string[]>;
  save(yaml: string): Promise<void>;
  /** One tick at that time of the day. */
  tickAt(time: string): Promise<void>;
  nextRun(): Promise<unknown>;
}

const DAY = "2026-04-02";

function onEveryDatabase(name: string, test: (bench: Bench) => Promise<void>): void {
  for (const kind of DATABASE_KINDS) {
    Deno.test(`${name} (${kind})`, async () => {
      await using database = await openTestDatabase(kind);
      const { clock } = newFakeClock();
      let now = Date.parse(`${DAY}T08:30:00Z`);
      const ports = newTestPorts(database.db, { ...clock, now: () => now });
      const server = newTestServer(database.db, {}, ports);
      await test({
        server,
        runs: async () => {
          const { dagRuns } = await bodyOf(
            await server.request("GET", "/api/v1/dag-runs?name=w&perPage=100"),
          );
          assert.ok(Array.isArray(dagRuns));
          return dagRuns.map((run) => `${run.dagRunId} ${run.statusLabel}`).reverse();
        },
        save: async (yaml) => {
          const spec = `${yaml}\nsteps: [{id: a, run: "true"}]`;
          await bodyOf(await server.request("PUT", "/api/v1/dags/w/spec", { body: { spec } }));
        },
        tickAt: async (time) => {
          now = Date.parse(`${DAY}T${time}Z`);
          await tick(ports, server.settings);
        },
        nextRun: async () => (await bodyOf(await server.request("GET", "/api/v1/dags/w")))["nextRun"],
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    });
  }
}

const HOURLY = 'schedule: "0 * * * *"';

onEveryDatabase(
  "QU-16 what a schedule queued is dropped when its workflow is suspended, and nothing else",
  async (bench) => {
    await bench.save(HOURLY);
    await bench.tickAt("08:31:00");
    await bench.tickAt("09:00:07");
    const [scheduled = ""] = await bench.runs();
    assert.match(scheduled, /^sched-\S+ queued$/);
    await bodyOf(
      await bench.server.request("POST", "/api/v1/dags/w/enqueue", { body: { dagRunId: "mine" } }),
    );
    await bodyOf(await bench.server.request("POST", "/api/v1/dags/w/suspend", { body: { suspend: true } }));
    assert.deepEqual(await bench.runs(), [scheduled.replace("queued", "aborted"), "mine queued"]);
  },
);

onEveryDatabase(
  "R-27 CR-11 QU-03 TX-10 a slot makes one run, however many ticks look at it",
  async (bench) => {
    await bench.save(HOURLY);
    await bench.tickAt("08:31:00");
    assert.deepEqual([await bench.runs(), await bench.nextRun()], [[], `${DAY}T09:00:00.000Z`]);
    await bench.tickAt("08:59:59");
    assert.deepEqual(await bench.runs(), []);
    await bench.tickAt("09:00:07");
    const [run = "", ...others] = await bench.runs();
    assert.match(run, /^sched-[0-9a-f]{12}-20260402T090000 queued$/);
    assert.deepEqual(others, []);
    await Promise.all([bench.tickAt("09:00:20"), bench.tickAt("09:00:20"), bench.tickAt("09:01:00")]);
    assert.equal((await bench.runs()).length, 1);
    assert.equal(await bench.nextRun(), `${DAY}T10:00:00.000Z`);
  },
);

onEveryDatabase("R-05 X-02 the run knows its slot and who started it", async (bench) => {
  await bench.save(HOURLY);
  await bench.tickAt("08:31:00");
  await bench.tickAt("09:00:07");
  const { dagRunDetails } = await bodyOf(await bench.server.request("GET", "/api/v1/dag-runs/w/latest"));
  assert.ok(typeof dagRunDetails === "object" && dagRunDetails !== null);
  const { triggerType, scheduleTime } = { triggerType: "", scheduleTime: "", ...dagRunDetails };
  assert.deepEqual([triggerType, new Date(scheduleTime).toISOString()], [
    "scheduler",
    `${DAY}T09:00:00.000Z`,
  ]);
});

onEveryDatabase("CU-08 a slot of a busy workflow is skipped, and says why", async (bench) => {
  await bench.save(HOURLY);
  await bench.tickAt("08:31:00");
  await bench.tickAt("09:00:00");
  await bench.tickAt("10:00:00");
  assert.equal((await bench.runs()).length, 1);
  const { skippedSlots } = await bodyOf(await bench.server.request("GET", "/api/v1/dags/w"));
  assert.deepEqual(skippedSlots, [{ slot: `${DAY}T10:00:00.000Z`, reason: "a run is active" }]);
});

onEveryDatabase("R-29 a one-off fires once, also when it was saved again", async (bench) => {
  const yaml = `schedule: [{at: "${DAY}T09:00:00Z"}]`;
  await bench.save(yaml);
  await bench.tickAt("08:31:00");
  await bench.tickAt("12:00:00");
  const once = await bench.runs();
  assert.match(once[0] ?? "", /^oneoff-[0-9a-f]{12}-20260402T090000 queued$/);
  await bench.save(`${yaml}\ndescription: another text`);
  await bench.tickAt("12:01:00");
  await bench.tickAt("12:02:00");
  assert.deepEqual(await bench.runs(), once);
  assert.equal(await bench.nextRun(), undefined);
});

onEveryDatabase("R-30 AP-28 a suspended workflow misses its slots for good", async (bench) => {
  await bench.save(`${HOURLY}\ncatchup_window: 12h`);
  await bench.tickAt("08:31:00");
  const suspend = async (yes: boolean): Promise<void> => {
    await bodyOf(await bench.server.request("POST", "/api/v1/dags/w/suspend", { body: { suspend: yes } }));
  };
  await suspend(true);
  assert.equal(await bench.nextRun(), undefined);
  await bench.tickAt("09:00:00");
  await bench.tickAt("10:30:00");
  await suspend(false);
  await bench.tickAt("10:31:00");
  assert.deepEqual(await bench.runs(), []);
  assert.equal(await bench.nextRun(), `${DAY}T11:00:00.000Z`);
  const missing = await bench.server.request("POST", "/api/v1/dags/nobody/suspend", {
    body: { suspend: true },
  });
  assert.equal(missing.status, 404);
});

onEveryDatabase("R-33 R-35 CU-02 missed slots are made up for one by one", async (bench) => {
  await bench.save('schedule: "0,30 * * * *"\ncatchup_window: 12h\noverlap_policy: all');
  await bench.tickAt("08:31:00");
  await bench.tickAt("10:10:00");
  const [first = ""] = await bench.runs();
  assert.match(first, /^catchup-[0-9a-f]{12}-20260402T090000 queued$/);
  await bench.tickAt("10:11:00");
  assert.equal((await bench.runs()).length, 1, "the next waits for the end of the first");
  await bodyOf(await bench.server.request("POST", "/api/v1/dag-runs/w/latest/stop", { body: {} }));
  await bench.tickAt("10:12:00");
  assert.match((await bench.runs())[1] ?? "", /^catchup-[0-9a-f]{12}-20260402T093000 queued$/);
});

onEveryDatabase("CU-06 a new schedule, and an edited one, does not catch up on the past", async (bench) => {
  await bench.save('schedule: "0 * * * *"\ncatchup_window: 12h');
  await bench.tickAt("08:31:00");
  await bench.tickAt("10:20:00");
  await bodyOf(await bench.server.request("POST", "/api/v1/dag-runs/w/latest/stop", { body: {} }));
  await bench.save('schedule: "15 * * * *"\ncatchup_window: 12h');
  await bench.tickAt("10:21:00");
  assert.equal((await bench.runs()).length, 1);
  assert.equal(await bench.nextRun(), `${DAY}T11:15:00.000Z`);
});

onEveryDatabase(
  "5.7 a definition without its schedule, a broken and a deleted one start nothing",
  async (bench) => {
    await bench.save(HOURLY);
    await bench.tickAt("08:31:00");
    await bench.save("description: no schedule");
    await bench.tickAt("09:00:00");
    assert.equal(await bench.nextRun(), undefined);
    await bench.save(HOURLY);
    assert.equal((await bench.server.request("DELETE", "/api/v1/dags/w")).status, 204);
    await bench.tickAt("10:00:00");
    assert.deepEqual(await bench.runs(), []);
  },
);

onEveryDatabase("5.7 a schedule that cannot be followed does not keep the others waiting", async (bench) => {
  const spec =
    `schedule: {restart: "* * * * *"}\nrestart_wait_sec: 9007199254740991\nsteps: [{id: a, run: x}]`;
  await bodyOf(await bench.server.request("PUT", "/api/v1/dags/far/spec", { body: { spec } }));
  await bench.save(HOURLY);
  await bench.tickAt("08:31:00");
  await bench.tickAt("09:00:00");
  assert.equal((await bench.runs()).length, 1);
});

onEveryDatabase("TO-04 CR-10 what a restart schedule starts waits for restart_wait_sec", async (bench) => {
  await bench.save('schedule: {restart: "0 9 * * *"}\nrestart_wait_sec: 45');
  await bench.tickAt("09:00:00");
  const [run = "", ...others] = await bench.runs();
  assert.deepEqual([run.split(" ")[1], others], ["queued", []]);
  const runner = await openHandRunner(bench.server);
  await bench.tickAt("09:00:44");
  assert.deepEqual(await runner.claim(), []);
  await bench.tickAt("09:00:45");
  assert.deepEqual((await runner.claim()).map((grant) => `${grant.run.dagRunId} queued`), [run]);
});
