/**
 * How long an attempt may still act without hearing from the control plane (LO-03): lease + grace, less a margin, since
 * the last renewal was *sent*, so that this side's view always ends first.
 */
import type { Clock } from "../run/ports.ts";

export interface Instant {
  readonly mono: number;
  readonly now: number;
}

export interface Lease {
  /** A renewal that was sent at `sentAt` was granted for so long. An older one than the last changes nothing. */
  renew(sentAt: Instant, leaseMs: number, graceMs: number): void;
  /** Not above zero: nothing of the attempt may run any more. */
  remainingMs(): number;
}

const MARGIN_MS = 10_000;
/** Above this, 1 % of the grace absorbs clocks that run at different rates (RP-26). */
const LARGE_GRACE_MS = 900_000;
const JUMP_MS = 10_000;

export function instant(clock: Clock): Instant {
  return { mono: clock.mono(), now: clock.now() };
}

export function newLease(clock: Clock, sentAt: Instant, leaseMs: number, graceMs: number): Lease {
  let renewedAt = sentAt;
  let lengthMs = patience(leaseMs, graceMs);
  return {
    renew: (at, newLeaseMs, newGraceMs) => {
      if (at.mono < renewedAt.mono) return;
      renewedAt = at;
      lengthMs = patience(newLeaseMs, newGraceMs);
    },
    remainingMs: () => lengthMs - elapsedMs(renewedAt, instant(clock)),
  };
}

function patience(leaseMs: number, graceMs: number): number {
  const margin = graceMs > LARGE_GRACE_MS ? graceMs / 100 : MARGIN_MS;
  return leaseMs + graceMs - margin;
}

/** A monotonic clock may stand still during suspend: a wall clock that jumped ahead of it counts (RP-27). */
function elapsedMs(from: Instant, to: Instant): number {
  const mono = to.mono - from.mono;
  const wall = to.now - from.now;
  return wall - mono > JUMP_MS ? wall : mono;
}
