/** `schedule` and its neighbours (5.7 to 5.9, CR-01 to CR-07): in whatever form they are written, one list for each purpose. */
import * as v from "valibot";
import { readCron } from "../cron.ts";
import { readInstant } from "../instant.ts";
import { isMapping } from "../json.ts";
import { UNSUPPORTED_PROFILES } from "../unsupported.ts";
import type { Schedule, ScheduleEntry } from "../schedule.ts";
import { complain, isScalarValue, issuePath, kindOf, string } from "./fields.ts";

interface Wrong {
  readonly problem: string;
  readonly remedy: string;
}

type ItemRead = { readonly entry: ScheduleEntry } | Wrong;

const CRON_EXAMPLE = 'for example "0 3 * * *"';

export const schedule = v.pipe(
  v.unknown(),
  v.rawTransform(({ dataset, addIssue, NEVER }): Schedule => {
    const { schedule, faults } = readSchedule(dataset.value);
    for (const { at, problem, remedy } of faults) {
      addIssue({ message: complain(problem, remedy), ...issuePath(at) });
    }
    return faults.length === 0 ? schedule : NEVER;
  }),
);

/** What is wrong, and where below the field (F-16, F-29). */
interface Fault extends Wrong {
  readonly at: readonly (string | number)[];
}

interface ScheduleRead {
  readonly schedule: Schedule;
  readonly faults: readonly Fault[];
}

const PURPOSES = ["start", "stop", "restart"] as const;

function readSchedule(value: unknown): ScheduleRead {
  const schedule = {
    start: [] as ScheduleEntry[],
    stop: [] as ScheduleEntry[],
    restart: [] as ScheduleEntry[],
  };
  const faults: Fault[] = [];
  const readList = (purpose: typeof PURPOSES[number], given: unknown, at: Fault["at"]): void => {
    const items: readonly unknown[] = Array.isArray(given) ? given : given === null ? [] : [given];
    items.forEach((item, index) => {
      const place = Array.isArray(given) ? [...at, index] : at;
      const read = readItem(item);
      if ("problem" in read) faults.push({ at: place, ...read });
      else if (read.entry.kind === "at" && purpose !== "start") {
        const problem = "one-off schedules are only supported for start schedules";
        faults.push({ at: place, problem, remedy: CRON_EXAMPLE });
      } else schedule[purpose].push(read.entry);
    });
  };
  const isPurposes = isMapping(value) && !("expression" in value || "at" in value || "kind" in value);
  if (!isPurposes) readList("start", value, []);
  else {
    for (const [key, given] of Object.entries(value)) {
      const purpose = PURPOSES.find((one) => one === key);
      if (purpose === undefined) {
        faults.push({ at: [key], ...unknownKey(key, PURPOSES) });
      } else readList(purpose, given, [key]);
    }
  }
  return { schedule, faults };
}

function unknownKey(key: string, known: readonly string[]): Wrong {
  return { problem: `invalid schedule: unknown key "${key}"`, remedy: `keys: ${known.join(", ")}` };
}

const ITEM_KEYS = ["expression", "at", "kind", "profile"];

function readItem(item: unknown): ItemRead {
  if (isScalarValue(item)) return readExpression(String(item));
  if (!isMapping(item)) return { problem: `invalid schedule: ${kindOf(item)}`, remedy: CRON_EXAMPLE };
  const unknown = Object.keys(item).find((key) => !ITEM_KEYS.includes(key));
  if (unknown !== undefined) return unknownKey(unknown, ITEM_KEYS);
  const { expression, at, kind, profile = null } = item;
  if (expression !== undefined && at !== undefined) {
    return { problem: "schedule must not include both expression and at", remedy: "keep one of them" };
  }
  if (expression === undefined && at === undefined) {
    return { problem: "schedule must include either expression or at", remedy: CRON_EXAMPLE };
  }
  if (kind !== undefined && kind !== (at === undefined ? "cron" : "at")) {
    return { problem: "invalid schedule: kind does not fit", remedy: "cron for expression, at for at" };
  }
  if (profile !== null && (typeof profile !== "string" || !/^[\w.-]{1,64}$/.test(profile))) {
    return { problem: "invalid profile name", remedy: "letters, digits, _, . and -" };
  }
  // An entry that never starts would look like one that does.
  if (profile !== null) {
    return {
      problem: `profile "${profile}" of a schedule: ${UNSUPPORTED_PROFILES}`,
      remedy: "remove profile",
    };
  }
  return expression === undefined ? readAt(String(at)) : readExpression(String(expression));
}

function readExpression(expression: string): ItemRead {
  const read = readCron(expression);
  return read.ok
    ? { entry: { kind: "cron", expression: expression.trim(), cron: read.cron } }
    : { problem: read.message, remedy: CRON_EXAMPLE };
}

/** Date and minute, seconds that are none, offset. */
const WHOLE_MINUTE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::00)?(Z|[+-]\d\d:\d\d)$/;

function readAt(text: string): ItemRead {
  const [, minute, offset] = WHOLE_MINUTE.exec(text) ?? [];
  const at = minute === undefined ? null : readInstant(`${minute}:00${offset}`);
  if (at !== null) return { entry: { kind: "at", at } };
  return {
    problem: "schedule at must be RFC 3339 with an explicit offset and minute precision",
    remedy: "for example 2026-08-01T09:00:00+02:00",
  };
}

/** `1d12h`: units in falling order, each at most once. */
const WINDOW = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/;
const UNIT_MS = [86_400_000, 3_600_000, 60_000, 1_000];

export const catchupWindow = v.pipe(
  string,
  v.rawTransform(({ dataset, addIssue, NEVER }): number => {
    const [all, ...counts] = WINDOW.exec(dataset.value) ?? [""];
    const ms = counts.reduce((sum, count, unit) => sum + Number(count ?? 0) * (UNIT_MS[unit] ?? 0), 0);
    if (all !== "" && ms > 0) return ms;
    addIssue({ message: complain("catchup_window must be a positive duration", "for example 1d12h") });
    return NEVER;
  }),
);
