/**
 * Cron expressions (R-25, CR-02 to CR-05) and the moments that they mean in a time zone, summer time included (4.13): like
 * Vixie cron, a fixed time that the clock skips comes right after the gap, and one that it shows twice comes once; a
 * wildcard time follows elapsed time.
 */
import { own } from "./own.ts";

export interface Cron {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** Of day and weekday, both restricted: either is enough; else the restricted one decides (CR-03). */
  readonly isAnyDay: boolean;
  readonly isAnyWeekday: boolean;
  /** Minute and hour are plain numbers, lists or ranges. */
  readonly isFixed: boolean;
  /** `CRON_TZ=` or `TZ=`; null: the service's zone. */
  readonly zone: string | null;
  /** The minutes of an hour at which it fires, when their step does not divide the hour (CR-05, F-28); else none. */
  readonly unevenMinutes: readonly number[];
}

export type CronRead = { readonly ok: true; readonly cron: Cron } | {
  readonly ok: false;
  readonly message: string;
};

interface Unit {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly words: readonly string[];
}

const UNITS = [
  { name: "minute", least: 0, most: 59, words: [] },
  { name: "hour", least: 0, most: 23, words: [] },
  { name: "day of month", least: 1, most: 31, words: [] },
  {
    name: "month",
    least: 1,
    most: 12,
    words: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
  },
  {
    name: "day of week",
    least: 0,
    most: 6,
    words: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
  },
] as const satisfies readonly Unit[];

/** Words that other crons know. */
const NICKNAMES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

export function readCron(expression: string): CronRead {
  const [, zone = null, text = ""] = /^(?:(?:CRON_)?TZ=(\S*)(?:\s+|$))?(.*)$/s.exec(expression.trim()) ?? [];
  if (text.trim() === "") return { ok: false, message: "cron expression must not be empty" };
  const invalid = (why: string): CronRead => ({
    ok: false,
    message: `invalid cron expression "${expression}": ${why}`,
  });
  if (zone !== null && !isZone(zone)) return invalid(`"${zone}" is no time zone`);
  const parts = text.trim().split(/\s+/);
  const [first = ""] = parts;
  const written = own(NICKNAMES, first);
  if (written !== undefined) return invalid(`${first} is written "${written}"`);
  if (parts.length !== 5) {
    return invalid(`it has ${parts.length} field${parts.length === 1 ? "" : "s"}, not 5`);
  }
  const fields = UNITS.map((unit, at) => readField(parts[at] ?? "", unit));
  const bad = fields.findIndex((field) => field === null);
  if (bad !== -1) return invalid(`"${parts[bad]}" is no ${UNITS[bad]?.name}`);
  const [minutes, hours, days, months, weekdays] = fields;
  if (!minutes || !hours || !days || !months || !weekdays) return invalid("it has not 5 fields");
  return {
    ok: true,
    cron: {
      minutes,
      hours,
      days,
      months,
      weekdays,
      isAnyDay: isAny(parts[2]),
      isAnyWeekday: isAny(parts[4]),
      isFixed: !/[*?/]/.test(`${parts[0]} ${parts[1]}`),
      zone,
      unevenMinutes: hasUnevenStep(parts[0] ?? "") ? [...minutes].sort((a, b) => a - b) : [],
    },
  };
}

function isAny(field: string | undefined): boolean {
  return field === "*" || field === "?";
}

/** null: it is not one of this unit. */
function readField(field: string, unit: Unit): Set<number> | null {
  const values = new Set<number>();
  for (const item of field.split(",")) {
    const match = /^(\*|\?|[A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?(?:\/(\d{1,2}))?$/.exec(item);
    if (match === null) return null;
    const [, first = "", last, step] = match;
    if (isAny(first) && last !== undefined) return null;
    const from = isAny(first) ? unit.least : valueOf(first, unit);
    // `5/15` means from 5 on.
    const to = last !== undefined
      ? valueOf(last, unit)
      : isAny(first) || step !== undefined
      ? unit.most
      : from;
    const by = Number(step ?? 1);
    if (!(from >= unit.least && to <= unit.most && from <= to && by >= 1)) return null;
    for (let value = from; value <= to; value += by) values.add(value);
  }
  return values;
}

function valueOf(word: string, { words, least }: Unit): number {
  const named = words.indexOf(word.toUpperCase());
  if (named !== -1) return named + least;
  return /^\d{1,2}$/.test(word) ? Number(word) : Number.NaN;
}

function hasUnevenStep(minutes: string): boolean {
  return [...minutes.matchAll(/[*?]\/(\d+)/g)].some(([, step]) => 60 % Number(step) !== 0);
}

export function isZone(name: string): boolean {
  try {
    formatterOf(name);
    return name !== "";
  } catch {
    return false;
  }
}

// ---- slots ------------------------------------------------------------------------------------------------------

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** The 29th of February may be eight years away, around 2100. */
const HORIZON_DAYS = 8 * 366;

/** The first slot after `after`, epoch ms; null: there is none within eight years. `zone` counts where the expression names none. */
export function nextSlot(cron: Cron, after: number, zone: string): number | null {
  const place = cron.zone ?? zone;
  const today = civilDay(after, place);
  for (let ahead = -1; ahead <= HORIZON_DAYS; ahead++) {
    const slot = slotsOfDay(cron, today + ahead * DAY_MS, place).find((one) => one > after);
    if (slot !== undefined) return slot;
  }
  return null;
}

/** The last slot before `before`. */
export function previousSlot(cron: Cron, before: number, zone: string): number | null {
  const place = cron.zone ?? zone;
  const today = civilDay(before, place);
  for (let back = -1; back <= HORIZON_DAYS; back++) {
    const slot = slotsOfDay(cron, today - back * DAY_MS, place).findLast((one) => one < before);
    if (slot !== undefined) return slot;
  }
  return null;
}

/** Slots after `after`, up to and with `until`; the newest `max` of them, oldest first. */
export function slotsBetween(cron: Cron, after: number, until: number, zone: string, max: number): number[] {
  const slots: number[] = [];
  for (
    let slot = previousSlot(cron, until + 1, zone);
    slot !== null && slot > after && slots.length < max;
    slot = previousSlot(cron, slot, zone)
  ) slots.push(slot);
  return slots.reverse();
}

/** `day` is the civil day's midnight as if it were UTC. */
function slotsOfDay(cron: Cron, day: number, zone: string): number[] {
  if (!isDayOf(cron, new Date(day))) return [];
  const offsets = offsetsAround(day, zone);
  const slots = new Set<number>();
  for (const hour of cron.hours) {
    for (const minute of cron.minutes) {
      const wall = day + hour * HOUR_MS + minute * MINUTE_MS;
      for (const slot of momentsOf(wall, offsets, cron.isFixed, zone)) slots.add(slot);
    }
  }
  return [...slots].sort((a, b) => a - b);
}

function isDayOf(cron: Cron, date: Date): boolean {
  if (!cron.months.has(date.getUTCMonth() + 1)) return false;
  const isDay = cron.days.has(date.getUTCDate());
  const isWeekday = cron.weekdays.has(date.getUTCDay());
  if (cron.isAnyDay || cron.isAnyWeekday) return isDay && isWeekday;
  return isDay || isWeekday;
}

/** Offsets of the zone before and after the day: most days have one, that of a clock change has two. */
function offsetsAround(day: number, zone: string): readonly number[] {
  return [...new Set([offsetAt(day - DAY_MS, zone), offsetAt(day + 2 * DAY_MS, zone)])];
}

/** When the clocks of the zone show that time. */
function momentsOf(wall: number, offsets: readonly number[], isFixed: boolean, zone: string): number[] {
  const [only] = offsets;
  if (offsets.length === 1 && only !== undefined) return [wall - only];
  const moments = offsets.map((offset) => wall - offset)
    .filter((moment) => moment + offsetAt(moment, zone) === wall).sort((a, b) => a - b);
  if (!isFixed) return moments;
  return moments.length > 0 ? moments.slice(0, 1) : [afterGap(wall, zone)];
}

/** The minute at which the clocks jumped over that time. */
function afterGap(wall: number, zone: string): number {
  let [before, after] = [wall - DAY_MS, wall + DAY_MS];
  const old = offsetAt(before, zone);
  while (after - before > MINUTE_MS) {
    const middle = before + Math.floor((after - before) / 2 / MINUTE_MS) * MINUTE_MS;
    if (offsetAt(middle, zone) === old) before = middle;
    else after = middle;
  }
  return after;
}

function civilDay(moment: number, zone: string): number {
  return Math.floor((moment + offsetAt(moment, zone)) / DAY_MS) * DAY_MS;
}

// ---- zones ------------------------------------------------------------------------------------------------------

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  formatters.set(zone, formatter);
  return formatter;
}

/** Milliseconds that the zone's clocks are ahead of UTC then. */
function offsetAt(moment: number, zone: string): number {
  if (zone === "UTC") return 0;
  const minute = Math.floor(moment / MINUTE_MS) * MINUTE_MS;
  const parts = new Map(
    formatterOf(zone).formatToParts(minute).map(({ type, value }) => [type, Number(value)]),
  );
  const get = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  const wall = Date.UTC(get("year"), get("month") - 1, get("day"), get("hour"), get("minute"));
  return wall - minute;
}
