/** Starts, stops and restarts what its schedule says (CR-08 to CR-13). */
import { sha256 } from "../../workflow/digest.ts";
import { nextDue, type Schedule } from "../../workflow/schedule.ts";
import { type Definition, parseDefinition, PRIORITY } from "../dispatch/plan.ts";
import { planRun } from "../dispatch/start.ts";
import { stopRun } from "../dispatch/cancel.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { getText } from "../store/blobs.ts";
import { activeRuns, getRun, insertRun, type NewRun, type RunRow, statusOf } from "../store/runs.ts";
import {
  doneOneOffs,
  type DueSchedule,
  dueSchedules,
  insertSlots,
  lockSchedule,
  pruneSlots,
  type SlotRow,
  updateSchedule,
} from "../store/schedules.ts";
import { oneByOne } from "./one-by-one.ts";
import { decideSlots, type Slot, type SlotDecision } from "./slots.ts";

const MINUTE_MS = 60_000;
const AT_ONCE = 500;
/** How long the history tells what became of a slot. */
const KEPT_MS = 30 * 86_400_000;

/** Idempotent, safe to run concurrently: each workflow is a transaction of its own that looks whether it was the first. */
export async function tickSchedules(ports: ServerPorts, settings: ServerSettings): Promise<void> {
  const now = Math.floor(ports.clock.now() / MINUTE_MS) * MINUTE_MS;
  const due = await dueSchedules(ports.db, new Date(ports.clock.now()), AT_ONCE);
  await oneByOne(
    ports,
    due,
    (one) => tickWorkflow(ports, settings, one, now),
    ({ workflow: { fileName } }) => ({ workflow: fileName }),
  );
}

async function tickWorkflow(
  ports: ServerPorts,
  settings: ServerSettings,
  due: DueSchedule,
  now: number,
): Promise<void> {
  const definition = await definitionOf(ports, due);
  if (definition === null) {
    // Nothing to start until the definition is saved again.
    await updateSchedule(ports.db, due.schedule.workflowId, { dueAt: null, nextStartAt: null });
    return;
  }
  const { name } = due.workflow;
  const active = await activeRuns(ports.db, name);
  const decision = await decide(ports, settings, due, definition, active.length > 0, now);
  const chosen = decision.restart ?? decision.start;
  const run = chosen === null ? null : await planSlot(ports, due, definition, chosen);
  if (!await keep(ports, settings, due, definition, decision, run, now)) return;
  if (decision.stop || decision.restart !== null) await stopActive(ports, settings, active);
  if (run !== null) {
    ports.log.info("started by schedule", { workflow: name, run: run.dagRunId });
    ports.wake.notify("ready");
  }
}

async function definitionOf(ports: ServerPorts, { workflow }: DueSchedule): Promise<Definition | null> {
  const text = await getText(ports.db, workflow.digest);
  const read = text === null ? null : parseDefinition(ports.base, text, workflow.name, workflow.fileName);
  return read?.ok === true ? read.definition : null;
}

async function decide(
  ports: ServerPorts,
  settings: ServerSettings,
  { schedule, workflow }: DueSchedule,
  definition: Definition,
  isBusy: boolean,
  now: number,
): Promise<SlotDecision> {
  const latest = await getRun(ports.db, workflow.name, "latest");
  return decideSlots(definition.workflow.schedule, definition.workflow.scheduleRules, {
    now,
    zone: settings.timeZone,
    since: schedule.since.getTime(),
    tickedUntil: schedule.tickedUntil.getTime(),
    replayedUntil: schedule.replayedUntil.getTime(),
    doneOneOffs: await doneOneOffs(ports.db, schedule.workflowId),
    isBusy,
    lastSuccess: latest === null || !hasSucceeded(latest) ? null : momentOf(latest),
    lastSlot: latest?.scheduleTime?.getTime() ?? null,
  });
}

function hasSucceeded(run: RunRow): boolean {
  return ["succeeded", "partially_succeeded"].includes(statusOf(run.status));
}

/** A manual run counts by its start. */
function momentOf(run: RunRow): number {
  return (run.scheduleTime ?? run.startedAt ?? run.createdAt).getTime();
}

/** null: the run cannot be made, which the log says. */
async function planSlot(
  ports: ServerPorts,
  { workflow }: DueSchedule,
  definition: Definition,
  slot: Slot,
): Promise<NewRun | null> {
  const planned = await planRun(ports.db, ports, {
    definition,
    params: { kind: "none" },
    dagRunId: await runIdOf(workflow.name, slot),
    triggerType: slot.kind === "catchup" ? "catchup" : "scheduler",
    triggerActor: "schedule",
    needsSlot: true,
    priority: slot.kind === "catchup" ? PRIORITY.catchup : PRIORITY.enqueue,
    scheduleTime: new Date(slot.at),
  });
  if (planned.ok) return planned.run;
  ports.log.error("scheduled run refused", { workflow: workflow.name, reason: planned.message });
  return null;
}

/** The same slot is the same run, whoever makes it (CR-11). */
async function runIdOf(name: string, slot: Slot): Promise<string> {
  const hash = (await sha256(`${name}\0${slot.fingerprint}`)).slice(0, 12);
  const prefix = { cron: "sched", at: "oneoff", catchup: "catchup" }[slot.kind];
  return `${prefix}-${hash}-${new Date(slot.at).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}`;
}

/** Answers false when somebody else was faster. The run and the memory of its slot are one transaction. */
async function keep(
  ports: ServerPorts,
  settings: ServerSettings,
  { schedule }: DueSchedule,
  definition: Definition,
  decision: SlotDecision,
  run: NewRun | null,
  now: number,
): Promise<boolean> {
  const { workflowId } = schedule;
  const created = new Date(ports.clock.now());
  const waitMs = decision.restart === null ? 0 : definition.workflow.restartWaitSec * 1_000;
  return await ports.db.transaction(async (tx) => {
    if (await lockSchedule(tx, schedule) === null) return false;
    if (run !== null) await insertRun(tx, run, created, new Date(created.getTime() + waitMs));
    await insertSlots(tx, slotRows(workflowId, decision));
    await pruneSlots(tx, workflowId, new Date(now - KEPT_MS));
    await updateSchedule(tx, workflowId, {
      tickedUntil: new Date(Math.max(now, schedule.tickedUntil.getTime())),
      replayedUntil: new Date(Math.max(decision.replayedUntil, schedule.replayedUntil.getTime())),
      ...nextTimes(definition.workflow.schedule, decision, now, settings.timeZone),
    });
    return true;
  });
}

function slotRows(workflowId: string, { start, restart, skipped }: SlotDecision): SlotRow[] {
  const row = (slot: Slot, reason: string): SlotRow => ({
    workflowId,
    fingerprint: slot.fingerprint,
    slot: new Date(slot.at),
    skipped: reason,
  });
  const made = [start, restart].flatMap((slot) => slot === null ? [] : [row(slot, "")]);
  return [...made, ...skipped.map((slot) => row(slot, slot.reason))];
}

function nextTimes(
  schedule: Schedule,
  decision: SlotDecision,
  now: number,
  zone: string,
): { dueAt: Date | null; nextStartAt: Date | null } {
  const toDate = (at: number | null): Date | null => at === null ? null : new Date(at);
  const next = nextDue([...schedule.start, ...schedule.stop, ...schedule.restart], now, zone);
  return {
    dueAt: toDate(decision.isWaiting ? now + MINUTE_MS : next),
    nextStartAt: toDate(nextDue([...schedule.start, ...schedule.restart], now, zone)),
  };
}

/** Only what runs: a queued run has not begun (CR-10). */
async function stopActive(
  ports: ServerPorts,
  settings: ServerSettings,
  active: readonly RunRow[],
): Promise<void> {
  const running = active.find((run) => statusOf(run.status) === "running");
  if (running === undefined) return;
  const stopped = await stopRun(ports, settings, running, "the schedule", false);
  if (!stopped.ok) ports.log.info("nothing to stop by schedule", { run: running.dagRunId });
}
