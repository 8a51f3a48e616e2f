/**
 * One loop for all attempts of the runner (M5): renews their leases, brings directives, tells which attempts may not act
 * any more. It also watches the leases themselves, so that an attempt ends in time when nobody answers (LO-03).
 */
import type { RunnerClient } from "../protocol/client.ts";
import { isRefused } from "../protocol/exchange.ts";
import type { Directive, EngineFacts, HeartbeatReply } from "../protocol/messages.ts";
import type { Clock, Log } from "../run/ports.ts";
import type { Attempt } from "./control.ts";
import { instant } from "./lease.ts";

export interface HeartbeatPorts {
  readonly client: RunnerClient;
  readonly clock: Clock;
  readonly log: Log;
  random(): number;
}

export interface HeartbeatView {
  readonly attempts: Iterable<Attempt>;
  readonly isDraining: boolean;
  readonly free: number;
  readonly spoolBytes: number;
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: number;
  /** null: not known yet. */
  readonly engine: EngineFacts | null;
}

export interface HeartbeatOptions {
  readonly intervalMs: number;
  view(): HeartbeatView;
  /** Somebody answers again after a silence. */
  onContact(): void;
  /** A newer process speaks for this runner: nothing that this one does counts any more. */
  onSuperseded(): void;
  onDirectives(directives: readonly Directive[]): void;
}

export interface Heartbeat {
  /** The directive was acted upon, or is not for us: the next beat says so (M8). */
  acknowledge(directiveId: string): void;
  run(signal: AbortSignal): Promise<void>;
}

/** Well below the margin of a lease. */
const WATCH_MS = 2_000;

export function newHeartbeat(ports: HeartbeatPorts, options: HeartbeatOptions): Heartbeat {
  const acknowledged = new Set<string>();
  let wasReachable = true;
  let answered = 0;

  async function beat(signal: AbortSignal): Promise<void> {
    const { attempts, ...view } = options.view();
    const held = [...attempts];
    const sentAt = instant(ports.clock);
    const acks = [...acknowledged];
    const result = await ports.client.heartbeat({
      state: view.isDraining ? "draining" : "active",
      free: view.free,
      spoolBytes: view.spoolBytes,
      version: view.version,
      labels: view.labels,
      capacity: view.capacity,
      ...(view.engine === null ? {} : { engine: view.engine }),
      attempts: held.map(({ attemptId, fence, lastSeq, ackSeq }) => ({ attemptId, fence, lastSeq, ackSeq })),
      ackDirectives: acks,
      beat: answered + 1,
    }, { signal });
    if (!result.ok) {
      if (result.failure.kind === "aborted") return;
      if (isRefused(result.failure, "fenced")) {
        ports.log.error("another process speaks for this runner", { reason: result.failure.message });
        options.onSuperseded();
        return;
      }
      if (wasReachable) ports.log.warn("control plane not reached", { reason: result.failure.message });
      wasReachable = false;
      return;
    }
    if (!wasReachable) {
      ports.log.info("control plane reached again");
      options.onContact();
    }
    wasReachable = true;
    answered++;
    for (const id of acks) acknowledged.delete(id);
    for (const attempt of held) applyStatus(attempt, result.value, sentAt);
    options.onDirectives(result.value.directives);
  }

  async function beats(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await ports.clock.sleep(options.intervalMs * (0.9 + ports.random() * 0.2), signal);
      if (!signal.aborted) await beat(signal);
    }
  }

  /** Beside the beats: a beat that hangs must not keep a lease from ending. */
  async function watch(signal: AbortSignal): Promise<void> {
    const told = new WeakSet<Attempt>();
    while (!signal.aborted) {
      await ports.clock.sleep(WATCH_MS, signal);
      for (const attempt of options.view().attempts) {
        if (attempt.lease.remainingMs() > 0 || told.has(attempt)) continue;
        told.add(attempt);
        ports.log.error("lease lost", { attempt: attempt.attemptId });
        attempt.loseLease();
      }
    }
  }

  return {
    acknowledge: (id) => {
      acknowledged.add(id);
    },
    run: async (signal) => {
      await Promise.all([beats(signal), watch(signal)]);
    },
  };
}

function applyStatus(attempt: Attempt, reply: HeartbeatReply, sentAt: ReturnType<typeof instant>): void {
  const answer = reply.attempts.find((other) => other.attemptId === attempt.attemptId);
  if (answer === undefined) return;
  if (answer.status === "ok") attempt.lease.renew(sentAt, answer.leaseMs, answer.graceMs);
  // `finished` with everything told is the normal end; before that, somebody else has ended it.
  else if (answer.status !== "finished" || attempt.ackSeq < attempt.lastSeq) attempt.fenceOff();
}
