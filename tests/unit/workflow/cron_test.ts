import assert from "node:assert/strict";
import { nextSlot, previousSlot, readCron, slotsBetween } from "../../../src/workflow/cron.ts";

function cron(expression: string): Extract<ReturnType<typeof readCron>, { ok: true }>["cron"] {
  const read = readCron(expression);
  assert.ok(read.ok, read.ok ? "" : read.message);
  return read.cron;
}

const minute = (at: number): string => new Date(at).toISOString().slice(0, 16);

/** 4.13: expression, zone, after and until (UTC), slots (UTC). */
const SLOTS: readonly [string, string, string, string, readonly string[]][] = [
  ["30 2 * * *", "America/New_York", "2026-03-07T05:00", "2026-03-10T03:59", [
    "2026-03-07T07:30",
    "2026-03-08T07:00",
    "2026-03-09T06:30",
  ]],
  ["30 1 * * *", "America/New_York", "2026-10-31T04:00", "2026-11-03T04:59", [
    "2026-10-31T05:30",
    "2026-11-01T05:30",
    "2026-11-02T06:30",
  ]],
  ["0 * * * *", "America/New_York", "2026-11-01T03:59", "2026-11-01T08:00", [
    "2026-11-01T04:00",
    "2026-11-01T05:00",
    "2026-11-01T06:00",
    "2026-11-01T07:00",
    "2026-11-01T08:00",
  ]],
  ["*/30 * * * *", "Europe/Berlin", "2026-03-29T00:15", "2026-03-29T01:30", [
    "2026-03-29T00:30",
    "2026-03-29T01:00",
    "2026-03-29T01:30",
  ]],
  ["15 2 * * *", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T21:59", ["2026-03-29T01:00"]],
  ["15 2 * * *", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T22:59", ["2026-10-25T00:15"]],
  ["0,30 2 * * *", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T21:59", ["2026-03-29T01:00"]],
  ["0 0 29 2 *", "UTC", "2026-01-01T00:00", "2029-12-31T00:00", ["2028-02-29T00:00"]],
  ["0 12 13 * 5", "UTC", "2026-02-01T00:00", "2026-02-28T23:59", [
    "2026-02-06T12:00",
    "2026-02-13T12:00",
    "2026-02-20T12:00",
    "2026-02-27T12:00",
  ]],
  ["0 0 31 * *", "UTC", "2026-01-01T00:00", "2026-05-31T23:59", [
    "2026-01-31T00:00",
    "2026-03-31T00:00",
    "2026-05-31T00:00",
  ]],
  ["45 1 * * *", "Australia/Lord_Howe", "2026-04-04T13:00", "2026-04-05T12:00", ["2026-04-04T14:45"]],
  ["CRON_TZ=Asia/Tokyo 0 9 * * MON-FRI", "UTC", "2026-01-02T00:00", "2026-01-06T00:00", [
    "2026-01-05T00:00",
    "2026-01-06T00:00",
  ]],
  ["TZ=Asia/Kolkata 5/20 9 1 JAN ?", "UTC", "2025-12-31T00:00", "2026-12-31T00:00", [
    "2026-01-01T03:35",
    "2026-01-01T03:55",
    "2026-01-01T04:15",
  ]],
];

for (const [expression, zone, after, until, want] of SLOTS) {
  Deno.test(`cron: 4.13 DS-01 DS-02 CR-03 CR-04 ${expression} in ${zone} from ${after}`, () => {
    const given = cron(expression);
    const [from, to] = [Date.parse(`${after}Z`), Date.parse(`${until}Z`)];
    assert.deepEqual(slotsBetween(given, from, to, zone, 1_000).map(minute), want);
    // The same one by one, forwards.
    const forwards: number[] = [];
    for (
      let slot = nextSlot(given, from, zone);
      slot !== null && slot <= to;
      slot = nextSlot(given, slot, zone)
    ) {
      forwards.push(slot);
    }
    assert.deepEqual(forwards.map(minute), want);
  });
}

Deno.test("cron: CU-01 of many slots the newest count", () => {
  const slots = slotsBetween(cron("* * * * *"), 0, Date.parse("2026-01-01T00:00Z"), "UTC", 3);
  assert.deepEqual(slots.map(minute), ["2025-12-31T23:58", "2025-12-31T23:59", "2026-01-01T00:00"]);
});

Deno.test("cron: a slot that never comes is none", () => {
  assert.equal(nextSlot(cron("0 0 31 2 *"), 0, "UTC"), null);
  assert.equal(previousSlot(cron("0 0 30 2 *"), Date.parse("2026-01-01T00:00Z"), "UTC"), null);
});

const REFUSED: readonly [string, RegExp][] = [
  ["", /^cron expression must not be empty$/],
  ["  ", /^cron expression must not be empty$/],
  ["TZ=UTC  ", /^cron expression must not be empty$/],
  ["* * * *", /^invalid cron expression .*4 fields/],
  ["0 * * * * *", /^invalid cron expression .*6 fields/],
  ["@daily", /^invalid cron expression/],
  ["60 * * * *", /"60" is no minute/],
  ["* 24 * * *", /"24" is no hour/],
  ["* * 0 * *", /"0" is no day of month/],
  ["* * * 13 *", /"13" is no month/],
  ["* * * * 7", /"7" is no day of week/],
  ["* * * * 1#2", /^invalid cron expression/],
  ["* * L * *", /^invalid cron expression/],
  ["*/0 * * * *", /^invalid cron expression/],
  ["5-1 * * * *", /^invalid cron expression/],
  ["CRON_TZ=Mars/Olympus * * * * *", /"Mars\/Olympus" is no time zone/],
];
for (const [expression, message] of REFUSED) {
  Deno.test(`cron: R-25 R-26 CR-02 refused: ${JSON.stringify(expression)}`, () => {
    const read = readCron(expression);
    assert.ok(!read.ok);
    assert.match(read.message, message);
  });
}

Deno.test("cron: CR-05 F-28 a step of minutes that does not divide the hour tells its minutes", () => {
  assert.deepEqual(cron("*/25 */5 * * *").unevenMinutes, [0, 25, 50]);
  assert.deepEqual(cron("*/15 */5 * * *").unevenMinutes, []);
});
