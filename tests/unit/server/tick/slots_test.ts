import assert from "node:assert/strict";
import { decideSlots, type SlotDecision, type SlotFacts } from "../../../../src/server/tick/slots.ts";
import { fingerprintOf } from "../../../../src/workflow/schedule.ts";
import { workflowOf } from "../../../support/scripted-run.ts";

const at = (time: string): number => Date.parse(`2026-04-02T${time}Z`);
const BEFORE = at("08:00:00");

interface Case {
  readonly yaml: string;
  readonly now?: string;
  /** Slots were looked at up to then; absent: up to the minute before. */
  readonly ticked?: string;
  readonly replayed?: string;
  readonly facts?: Partial<SlotFacts>;
  readonly start?: string | null;
  readonly skipped?: readonly string[];
  readonly stop?: boolean;
  readonly restart?: string;
  readonly replayedUntil?: string;
  readonly isWaiting?: boolean;
}

function decide({ yaml, now = "09:00:00", ticked, replayed, facts }: Case): SlotDecision {
  const workflow = workflowOf(`${yaml}\nsteps: [{id: a, run: x}]`);
  const moment = at(now);
  return decideSlots(workflow.schedule, workflow.scheduleRules, {
    now: moment,
    zone: "UTC",
    since: BEFORE,
    tickedUntil: ticked === undefined ? moment - 60_000 : at(ticked),
    replayedUntil: replayed === undefined ? moment - 60_000 : at(replayed),
    doneOneOffs: new Set(),
    isBusy: false,
    lastSuccess: null,
    lastSlot: null,
    ...facts,
  });
}

const time = (moment: number): string => new Date(moment).toISOString().slice(11, 16);
const HOURLY = 'schedule: "0 * * * *"';
const ONCE = 'schedule: [{at: "2026-04-02T09:00:00Z"}, "0 9 * * *"]';
const QUARTERLY = 'schedule: "*/15 * * * *"\ncatchup_window: 12h';

const CASES: Readonly<Record<string, Case>> = {
  "R-27 a due slot starts": { yaml: HOURLY, start: "cron 09:00" },
  "nothing is due": { yaml: HOURLY, now: "09:01:00", start: null },
  "R-27 CU-04 not while the workflow is active": {
    yaml: HOURLY,
    facts: { isBusy: true },
    start: null,
    skipped: ["09:00 a run is active"],
  },
  "CU-04 not when the latest run has the slot": {
    yaml: HOURLY,
    facts: { lastSlot: at("09:00:00") },
    start: null,
    skipped: ["09:00 the latest run has this slot"],
  },
  "CR-12 a late tick looks five minutes back": {
    yaml: HOURLY,
    now: "09:04:00",
    ticked: "08:30:00",
    start: "cron 09:00",
  },
  "CR-12 and no further": { yaml: HOURLY, now: "09:06:00", ticked: "08:30:00", start: null },
  "CR-12 a tick that comes twice starts once": {
    yaml: HOURLY,
    now: "09:04:00",
    ticked: "09:00:00",
    start: null,
  },
  "CR-09 of several due slots the earliest": {
    yaml: 'schedule: ["1 9 * * *", "0 9 * * *"]',
    now: "09:02:00",
    ticked: "08:59:00",
    start: "cron 09:00",
    skipped: ["09:01 another start was due"],
  },
  "R-28 CR-09 a one-off goes before a cron slot": {
    yaml: ONCE,
    start: "at 09:00",
    skipped: ["09:00 another start was due"],
  },
  "R-29 CR-06 a one-off fires late": { yaml: ONCE, now: "17:30:00", ticked: "08:30:00", start: "at 09:00" },
  "R-29 CR-06 and once": {
    yaml: ONCE,
    now: "17:30:00",
    facts: { doneOneOffs: new Set(["at:2026-04-02T09:00:00.000Z|profile:"]) },
    start: null,
  },
  "CU-06 a one-off that was over when it was written never fires": {
    yaml: ONCE,
    now: "17:30:00",
    facts: { since: at("10:00:00") },
    start: null,
  },
  "R-29 a one-off waits for the end of a run": {
    yaml: ONCE,
    facts: { isBusy: true },
    start: null,
    skipped: ["09:00 a run is active"],
    isWaiting: true,
  },
  "R-32 CU-05 a success since the slot before": {
    yaml: `${HOURLY}\nskip_if_successful: true`,
    facts: { lastSuccess: at("08:20:00") },
    start: null,
    skipped: ["09:00 it succeeded since the slot before"],
  },
  "R-32 the run of the slot before itself does not count": {
    yaml: `${HOURLY}\nskip_if_successful: true`,
    facts: { lastSuccess: at("08:00:00"), since: 0 },
    start: "cron 09:00",
  },
  "R-32 nor one before the schedule was edited": {
    yaml: `${HOURLY}\nskip_if_successful: true`,
    facts: { lastSuccess: at("08:20:00"), since: at("08:30:00") },
    start: "cron 09:00",
  },
  "CR-10 stop": { yaml: 'schedule: {stop: "0 9 * * *"}', start: null, stop: true },
  "CR-10 restart": {
    yaml: 'schedule: {restart: "0 9 * * *", stop: "0 9 * * *"}',
    start: null,
    restart: "09:00",
  },
  "CR-10 restart goes before start": {
    yaml: 'schedule: {restart: "0 9 * * *", start: "0 9 * * *"}',
    start: null,
    restart: "09:00",
    skipped: ["09:00 a run is active"],
  },
  "R-33 CU-02 missed slots, oldest first": {
    yaml: QUARTERLY,
    replayed: "08:15:00",
    start: "catchup 08:30",
    replayedUntil: "08:30",
    isWaiting: true,
  },
  "R-33 CU-01 no further back than the window": {
    yaml: 'schedule: "*/15 * * * *"\ncatchup_window: 30m',
    replayed: "08:00:00",
    start: "catchup 08:45",
    replayedUntil: "08:45",
    isWaiting: true,
  },
  "CU-02 with no backlog the live slot": { yaml: QUARTERLY, replayed: "08:45:00", start: "cron 09:00" },
  "R-34 CU-03 skip drops the oldest": {
    yaml: QUARTERLY,
    replayed: "08:15:00",
    facts: { isBusy: true },
    start: null,
    skipped: ["08:30 a run is active"],
    replayedUntil: "08:30",
    isWaiting: true,
  },
  "R-34 CU-03 all keeps it": {
    yaml: `${QUARTERLY}\noverlap_policy: all`,
    replayed: "08:15:00",
    facts: { isBusy: true },
    start: null,
    replayedUntil: "08:15",
    isWaiting: true,
  },
  "R-34 CU-03 latest keeps the newest": {
    yaml: `${QUARTERLY}\noverlap_policy: latest`,
    replayed: "08:15:00",
    facts: { isBusy: true },
    start: null,
    skipped: ["08:30 a later one was missed too"],
    replayedUntil: "08:44",
    isWaiting: true,
  },
  "R-34 CU-03 latest starts the newest": {
    yaml: `${QUARTERLY}\noverlap_policy: latest`,
    replayed: "08:15:00",
    start: "catchup 08:45",
    skipped: ["08:30 a later one was missed too"],
    replayedUntil: "08:45",
    isWaiting: true,
  },
};

for (const [name, one] of Object.entries(CASES)) {
  Deno.test(`slots: ${name}`, () => {
    const decision = decide(one);
    const { start, skipped, stop, restart, replayedUntil, isWaiting } = decision;
    assert.equal(start === null ? null : `${start.kind} ${time(start.at)}`, one.start ?? null);
    assert.deepEqual(skipped.map((slot) => `${time(slot.at)} ${slot.reason}`), one.skipped ?? []);
    assert.equal(stop, one.stop ?? false);
    assert.equal(restart === null ? undefined : time(restart.at), one.restart);
    assert.equal(time(replayedUntil), one.replayedUntil ?? (one.now ?? "09:00:00").slice(0, 5));
    assert.equal(isWaiting, one.isWaiting ?? false);
  });
}

Deno.test("slots: CU-01 at most the newest thousand are made up for", () => {
  const yaml = 'schedule: "* * * * *"\ncatchup_window: 30d';
  const { start } = decide({ yaml, facts: { replayedUntil: at("09:00:00") - 20 * 86_400_000 } });
  assert.equal(start?.at, at("09:00:00") - 1_000 * 60_000 + 60_000);
});

Deno.test("slots: CR-06 an entry is another when its time or expression is", () => {
  const yaml = 'schedule: [{at: "2026-04-02T09:00:00Z"}, {at: "2026-04-02T11:00:00+02:00"}, "0 9 * * *", ' +
    '{expression: "0 8 * * *"}]';
  const [first, same, ...others] = workflowOf(`${yaml}\nsteps: [{id: a, run: x}]`).schedule.start.map(
    fingerprintOf,
  );
  assert.equal(first, same, "the same moment in another zone");
  assert.equal(new Set([first, ...others]).size, 3);
});
