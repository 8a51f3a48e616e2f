/**
 * After a crash (RS-01): attempts whose spool is still here. Those that were over are told to their end. Of the others the
 * control plane says what becomes of them (M16); what is still this runner's goes on from where it was (B03).
 */
import { join } from "node:path";
import * as v from "valibot";
import type { ReattachAnswer } from "../protocol/reattach.ts";
import { resend } from "../protocol/resend.ts";
import { RunEventBody } from "../run/event.ts";
import { foldProgress, isAmongSteps, type Progress } from "../run/progress.ts";
import { resumedRunState } from "../run/state.ts";
import { stopReason } from "../run/stop.ts";
import type { Grant } from "../protocol/grant.ts";
import type { Workflow } from "../workflow/workflow.ts";
import { type AttemptHost, carryOut } from "./attempt.ts";
import { tellToTheEnd } from "./tell.ts";
import { type Attempt, type Control, holdAttempt, newControl } from "./control.ts";
import { refusalOf, unsigned } from "./decline.ts";
import { readDefinition } from "./definition.ts";
import { type Lease, newLease } from "./lease.ts";
import { reopenSpool, type Spool } from "./spool.ts";

/** What nobody took for so long is not kept for ever (SP-04). */
const SPOOL_LIFE_MS = 7 * 24 * 3_600_000;

/** `goesOn`: whether this process is there to execute what it finds. */
export async function resumeLeftovers(
  host: AttemptHost,
  abandon: AbortSignal,
  goesOn: boolean,
): Promise<Attempt[]> {
  const folder = join(host.stateDir, "spool");
  const attempts: Attempt[] = [];
  for (const name of await host.disk.folders(folder)) {
    const spool = await readSpool(host, join(folder, name), name);
    if (spool === null) continue;
    attempts.push(await resume(host, spool, abandon, goesOn));
  }
  return attempts;
}

async function readSpool(host: AttemptHost, folder: string, name: string): Promise<Spool | null> {
  const spool = await reopenSpool(folder, host, host.budget);
  if (spool === null) {
    host.log.warn("unreadable spool removed", { attempt: name });
    await host.disk.remove(folder);
    return null;
  }
  const heardAt = Math.max(spool.peek(spool.lastSeq)?.at ?? 0, spool.recovery.lease?.renewedAt ?? 0);
  if (heardAt === 0 || host.clock.now() - heardAt <= SPOOL_LIFE_MS) return spool;
  host.log.warn("spool removed that nobody took for 7 days", { attempt: name });
  await spool.remove();
  return null;
}

async function resume(
  host: AttemptHost,
  spool: Spool,
  abandon: AbortSignal,
  goesOn: boolean,
): Promise<Attempt> {
  const { attemptId, fence, name, dagRunId, takesSlot, needs } = spool.header;
  host.log.info("attempt of an earlier process resumed", {
    attempt: attemptId,
    run: dagRunId,
    workflow: name,
  });
  await host.machine.killLeftovers(attemptId);
  const control = newControl();
  control.spool = spool;
  const isOver = spool.isComplete;
  const done = (async () => {
    await using kept = spool;
    if (isOver) await tellOnly(host, kept, control, abandon, goesOn);
    else if (goesOn) await reattach(host, kept, control, abandon);
    else await end(host, kept, control, abandon, "failed");
  })().catch((error: unknown) => {
    host.log.error("resumed attempt broke", { attempt: attemptId, error: String(error) });
  });
  const held = { attemptId, fence, needs, takesSlot: takesSlot && !isOver && goesOn };
  return holdAttempt({ ...held, lease: isOver || !goesOn ? ENDLESS : leaseOf(host, spool) }, control, done);
}

async function tellOnly(
  host: AttemptHost,
  spool: Spool,
  control: Control,
  abandon: AbortSignal,
  goesOn: boolean,
): Promise<void> {
  if (goesOn) await host.reap(spool.header.attemptId);
  await tellToTheEnd(host, spool, control, abandon, () => Promise.resolve());
}

/** Nothing of it runs any more: there is nothing that a lease would have to end. */
const ENDLESS: Lease = { renew: () => {}, remainingMs: () => Number.POSITIVE_INFINITY };

/** It went on counting while nobody was there. Without a record it counts from now. */
function leaseOf(host: AttemptHost, spool: Spool): Lease {
  const { clock, settings } = host;
  const record = spool.recovery.lease ??
    { renewedAt: clock.now(), leaseMs: settings.leaseMs, graceMs: settings.graceMs };
  const elapsedMs = Math.max(0, clock.now() - record.renewedAt);
  const sentAt = { mono: clock.mono() - elapsedMs, now: clock.now() - elapsedMs };
  return newLease(clock, sentAt, record.leaseMs, record.graceMs);
}

async function reattach(
  host: AttemptHost,
  spool: Spool,
  control: Control,
  abandon: AbortSignal,
): Promise<void> {
  const answer = await ask(host, spool, control, abandon);
  const { attemptId } = spool.header;
  if (abandon.aborted) return;
  if (control.isFenced || answer?.verdict === "discard") {
    await host.reap(attemptId);
    await spool.remove();
    return;
  }
  if (answer?.verdict === "continue") {
    // Its token is as good as before; another control plane than the one that gave it could not tell it again.
    const grant = { ...answer.grant, attemptToken: spool.header.attemptToken };
    const past = await readPast(host, grant, spool);
    if (past !== null) {
      const { workflow, progress } = past;
      if (spool.header.bootId !== host.machine.bootId) await tellGaps(host, spool, answer.logs);
      await carryOut(host, grant, workflow, spool, progress, control, abandon);
      // What the killed process had asked a busy engine for may have come after this one looked.
      return await host.reap(attemptId);
    }
  }
  const isStopped = stopReason(control.stop.signal)?.kind === "cancelled";
  const status = answer?.verdict === "finish" ? answer.status : isStopped ? "aborted" : "failed";
  await end(host, spool, control, abandon, status);
}

/**
 * The machine was started anew: log bytes that were not on the disk are lost, though some of them may have been sent. What
 * comes goes on behind whatever the control plane has, and the gap is told (INV-07).
 */
async function tellGaps(
  host: AttemptHost,
  spool: Spool,
  logs: Extract<ReattachAnswer, { verdict: "continue" }>["logs"],
): Promise<void> {
  const known = Map.groupBy(logs.filter(({ isFinal }) => !isFinal), ({ step }) => step);
  for (const step of new Set([...known.keys(), ...stepsUnderWay(spool)])) {
    spool.openStep(step);
    for (const file of spool.streamsOf(step).filter(({ isEnded }) => !isEnded)) {
      const { stream } = file;
      await file.pad(known.get(step)?.find((one) => one.stream === stream)?.nextOffset ?? 0);
      const data = { stream, fromOffset: file.size, bytes: 0, reason: LOST_POWER };
      await spool.event({ type: "log.dropped", step, data });
    }
  }
  await spool.keepHeader({ ...spool.header, bootId: host.machine.bootId });
}

/** Steps that have begun and not ended. */
function stepsUnderWay(spool: Spool): Set<string> {
  const steps = new Set<string>();
  for (let seq = 1; seq <= spool.lastSeq; seq++) {
    const event = spool.peek(seq);
    if (event?.type === "step.started") steps.add(event.step ?? "");
    if (event?.type === "step.finished") steps.delete(event.step ?? "");
  }
  return steps;
}

const LOST_POWER = "the machine was started anew; what was not on its disk yet is lost";

/** null: there was no answer in time, or a control plane that does not know the question. */
async function ask(
  host: AttemptHost,
  spool: Spool,
  control: Control,
  abandon: AbortSignal,
): Promise<ReattachAnswer | null> {
  const { attemptId, fence } = spool.header;
  const body = { attempts: [{ attemptId, fence, lastSeq: spool.lastSeq }] };
  const signal = AbortSignal.any([control.stop.signal, abandon]);
  const reply = await resend(host, { signal }, (call) => host.client.reattach(body, call));
  if (reply.ok) return reply.value.attempts.find((answer) => answer.attemptId === attemptId) ?? null;
  if (reply.failure.kind === "refused") {
    host.log.warn("re-attach refused", { attempt: attemptId, reason: reply.failure.message });
  }
  return null;
}

/** null: what it did last cannot be gone on with, or may not be any more. */
async function readPast(
  host: AttemptHost,
  grant: Grant,
  spool: Spool,
): Promise<{ readonly workflow: Workflow; readonly progress: Progress | null } | null> {
  const read = await readDefinition(grant.definition, grant.run.name);
  if ("problem" in read) return null;
  const { workflow } = read;
  if (await unsigned(host, grant, workflow) !== null) return null;
  if (refusalOf(host.policy, grant.run, workflow) !== null) return null;
  if (spool.lastSeq === 0) return { workflow, progress: null };
  const told = await spool.read(1, spool.lastSeq);
  const events = told.flatMap((event) => {
    const body = v.safeParse(RunEventBody, event);
    return body.success ? [{ ...body.output, at: event.at }] : [];
  });
  const progress = foldProgress(resumedRunState(workflow, grant.resume ?? []), events, spool.logged);
  return isAmongSteps(progress) ? { workflow, progress } : null;
}

/** Nothing of it goes on: its containers go first, then it is told. */
async function end(
  host: AttemptHost,
  spool: Spool,
  control: Control,
  abandon: AbortSignal,
  status: "failed" | "aborted",
): Promise<void> {
  await host.reap(spool.header.attemptId);
  const error = control.lost ?? {
    code: "RUNNER_RESTARTED" as const,
    message: "the runner's process ended while the run was executing",
    remedy: "start the run again",
  };
  await tellToTheEnd(host, spool, control, abandon, async () => {
    await spool.event({ type: "attempt.finished", data: { status, error } });
  });
}
