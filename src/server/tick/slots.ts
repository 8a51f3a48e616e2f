/** Which slots of a schedule are due, and which of them makes a run (4.12, 4.14). Pure: what it needs to know is given. */
import { previousSlot, slotsBetween } from "../../workflow/cron.ts";
import {
  type CronEntry,
  fingerprintOf,
  type Schedule,
  type ScheduleEntry,
  type ScheduleRules,
} from "../../workflow/schedule.ts";

/** How far back a tick that comes late looks without catch-up (CR-12). */
const LATE_MS = 5 * 60_000;
const MOST_REPLAYED = 1_000;

export interface SlotFacts {
  /** The whole minute of this tick; all moments are epoch ms. */
  readonly now: number;
  readonly zone: string;
  readonly since: number;
  readonly tickedUntil: number;
  readonly replayedUntil: number;
  readonly doneOneOffs: ReadonlySet<string>;
  /** A run of the workflow is running or queued. */
  readonly isBusy: boolean;
  /** The latest run, if it succeeded: its slot, or when it was started. */
  readonly lastSuccess: number | null;
  /** Slot of the latest run; null: it has none. */
  readonly lastSlot: number | null;
}

export interface Slot {
  readonly at: number;
  readonly fingerprint: string;
  readonly kind: "cron" | "at" | "catchup";
}

export interface SlotDecision {
  readonly start: Slot | null;
  readonly stop: boolean;
  /** Slot of a restart. */
  readonly restart: Slot | null;
  readonly skipped: readonly (Slot & { readonly reason: string })[];
  readonly replayedUntil: number;
  /** Something due is left for the next minute. */
  readonly isWaiting: boolean;
}

export function decideSlots(schedule: Schedule, rules: ScheduleRules, facts: SlotFacts): SlotDecision {
  const restart = liveSlots(schedule.restart, facts)[0] ?? null;
  const stop = restart === null && liveSlots(schedule.stop, facts).length > 0;
  const backlog = rules.catchupMs === null ? [] : backlogOf(schedule.start, rules.catchupMs, facts);
  const around = { stop, restart };
  if (backlog.length > 0) return { ...around, ...replay(backlog, rules, facts), isWaiting: true };
  const isBusy = facts.isBusy || restart !== null;
  const oneOffs = dueOneOffs(schedule.start, facts);
  return {
    ...around,
    ...startLive(schedule, rules, { ...facts, isBusy }, oneOffs),
    replayedUntil: facts.now,
    isWaiting: isBusy && oneOffs.length > 0,
  };
}

// ---- live slots -------------------------------------------------------------------------------------------------

function liveSlots(entries: readonly ScheduleEntry[], facts: SlotFacts): Slot[] {
  return cronSlots(entries, Math.max(facts.tickedUntil, facts.now - LATE_MS), facts, "cron");
}

function startLive(
  schedule: Schedule,
  rules: ScheduleRules,
  facts: SlotFacts,
  oneOffs: readonly Slot[],
): Pick<SlotDecision, "start" | "skipped"> {
  // A one-off comes first on a tie, and waits while the workflow is busy (CR-09, R-29).
  const live = liveSlots(schedule.start, facts);
  const due = [...(facts.isBusy ? [] : oneOffs), ...live].sort((a, b) => a.at - b.at);
  const [first, ...others] = due;
  if (first === undefined) return { start: null, skipped: [] };
  if (facts.isBusy) return { start: null, skipped: due.map((slot) => skip(slot, "a run is active")) };
  const reason = first.kind === "at" ? null : reasonToSkip(schedule, rules, first, facts);
  const rest = others.map((slot) => skip(slot, "another start was due"));
  return reason === null
    ? { start: first, skipped: rest }
    : { start: null, skipped: [skip(first, reason), ...rest.filter((slot) => slot.kind === "cron")] };
}

function dueOneOffs(entries: readonly ScheduleEntry[], facts: SlotFacts): Slot[] {
  return entries.flatMap((entry): Slot[] => {
    if (entry.kind !== "at" || entry.at > facts.now || entry.at <= facts.since) return [];
    const fingerprint = fingerprintOf(entry);
    return facts.doneOneOffs.has(fingerprint) ? [] : [{ at: entry.at, fingerprint, kind: "at" }];
  }).sort((a, b) => a.at - b.at);
}

function reasonToSkip(
  schedule: Schedule,
  rules: ScheduleRules,
  slot: Slot,
  facts: SlotFacts,
): string | null {
  if (facts.lastSlot !== null && facts.lastSlot >= slot.at) return "the latest run has this slot";
  if (!rules.skipIfSuccessful || facts.lastSuccess === null || facts.lastSuccess <= facts.since) return null;
  const entry = schedule.start.find((one) => fingerprintOf(one) === slot.fingerprint);
  const previous = entry?.kind === "cron" ? previousSlot(entry.cron, slot.at, facts.zone) : null;
  const isCovered = facts.lastSuccess > (previous ?? 0) && facts.lastSuccess <= slot.at;
  return isCovered ? "it succeeded since the slot before" : null;
}

// ---- catch-up ---------------------------------------------------------------------------------------------------

/** Oldest first. */
function backlogOf(entries: readonly ScheduleEntry[], catchupMs: number, facts: SlotFacts): Slot[] {
  const from = Math.max(facts.replayedUntil, facts.now - catchupMs);
  return cronSlots(entries, from, facts, "catchup").filter((slot) => slot.at < facts.now)
    .slice(-MOST_REPLAYED);
}

/** One at a time, before live slots, which are part of the backlog until it is gone (CU-02, CU-03). */
function replay(
  backlog: readonly Slot[],
  rules: ScheduleRules,
  facts: SlotFacts,
): Pick<SlotDecision, "start" | "skipped" | "replayedUntil"> {
  const [oldest] = backlog;
  const newest = backlog.at(-1);
  if (oldest === undefined || newest === undefined) {
    return { start: null, skipped: [], replayedUntil: facts.now };
  }
  const older = backlog.slice(0, -1).map((slot) => skip(slot, "a later one was missed too"));
  if (!facts.isBusy) {
    return rules.overlap === "latest"
      ? { start: newest, skipped: older, replayedUntil: newest.at }
      : { start: oldest, skipped: [], replayedUntil: oldest.at };
  }
  switch (rules.overlap) {
    case "all":
      return { start: null, skipped: [], replayedUntil: facts.replayedUntil };
    case "latest":
      return { start: null, skipped: older, replayedUntil: Math.max(facts.replayedUntil, newest.at - 1) };
    case "skip":
      return { start: null, skipped: [skip(oldest, "a run is active")], replayedUntil: oldest.at };
    default:
      return rules.overlap satisfies never;
  }
}

// ---- both -------------------------------------------------------------------------------------------------------

/** After `from`, up to now, each moment once, oldest first. */
function cronSlots(
  entries: readonly ScheduleEntry[],
  from: number,
  { now, zone }: SlotFacts,
  kind: "cron" | "catchup",
): Slot[] {
  const isCron = (entry: ScheduleEntry): entry is CronEntry => entry.kind === "cron";
  const slots = entries.filter(isCron).flatMap((entry) =>
    slotsBetween(entry.cron, from, now, zone, MOST_REPLAYED).map((at): Slot => ({
      at,
      fingerprint: fingerprintOf(entry),
      kind,
    }))
  ).sort((a, b) => a.at - b.at);
  return slots.filter((slot, index) => slots[index - 1]?.at !== slot.at);
}

function skip(slot: Slot, reason: string): SlotDecision["skipped"][number] {
  return { ...slot, reason };
}
