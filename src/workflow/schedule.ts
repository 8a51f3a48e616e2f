/** When a workflow starts, stops and starts anew by itself (5.7 to 5.9). */
import { type Cron, nextSlot } from "./cron.ts";

export interface CronEntry {
  readonly kind: "cron";
  /** As written. */
  readonly expression: string;
  readonly cron: Cron;
}

/** Once. */
export interface AtEntry {
  readonly kind: "at";
  /** Epoch ms, a whole minute. */
  readonly at: number;
}

export type ScheduleEntry = CronEntry | AtEntry;

export interface Schedule {
  readonly start: readonly ScheduleEntry[];
  /** Of `cron` entries only. */
  readonly stop: readonly ScheduleEntry[];
  readonly restart: readonly ScheduleEntry[];
}

/** How the starts of a schedule get along with what else runs. */
export interface ScheduleRules {
  readonly skipIfSuccessful: boolean;
  /** Missed starts of this many ms are made up for; null: none. */
  readonly catchupMs: number | null;
  /** What becomes of a missed start while the workflow is busy. */
  readonly overlap: "skip" | "all" | "latest";
}

export const NO_SCHEDULE: Schedule = { start: [], stop: [], restart: [] };

export function hasEntries({ start, stop, restart }: Schedule): boolean {
  return start.length + stop.length + restart.length > 0;
}

/** Names an entry by what it means: another time is another entry (CR-06). No entry has a profile in this version. */
export function fingerprintOf(entry: ScheduleEntry): string {
  const when = entry.kind === "at" ? `at:${new Date(entry.at).toISOString()}` : `cron:${entry.expression}`;
  return `${when}|profile:`;
}

/** The first moment after `after` at which one of the entries is due; null: never. */
export function nextDue(entries: readonly ScheduleEntry[], after: number, zone: string): number | null {
  const dues = entries.flatMap((entry) => {
    const due = entry.kind === "cron"
      ? nextSlot(entry.cron, after, zone)
      : entry.at > after
      ? entry.at
      : null;
    return due ?? [];
  });
  return dues.length === 0 ? null : Math.min(...dues);
}
