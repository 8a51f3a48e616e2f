/** How an attempt is held by its runner, from outside and from inside. */
import type { Needs } from "../protocol/resources.ts";
import type { Failure } from "../run/failure.ts";
import type { StopReason } from "../run/ports.ts";
import type { RunState } from "../run/state.ts";
import type { Lease } from "./lease.ts";
import type { Spool } from "./spool.ts";
import type { Uplink } from "./uplink.ts";

export interface Attempt {
  readonly attemptId: string;
  readonly fence: number;
  /**
   * Whether it is work of its own. What only is told to its end does not count, nor a sub-workflow, whose parent counts; nor
   * what waits for a sub-workflow that somebody else is to execute: that may need the very place, here or in a circle.
   */
  readonly takesSlot: boolean;
  /** What it takes of what the runner offers, as long as it takes a slot. */
  readonly needs: Needs;
  readonly lease: Lease;
  readonly lastSeq: number;
  readonly ackSeq: number;
  /** Asks for a stop; with `isForced` without grace and handlers, also after a stop that was not (CN-03, CN-06). */
  cancel(by: string, isForced: boolean): void;
  /** The run has had the time that it may have, and was not stopped by its own clock (TO-02). */
  timeOut(limitMs: number): void;
  /** As `cancel`, because the runner has to go (RS-02). */
  shutDown(isForced: boolean): void;
  /** The control plane has given the run away: stop at once, tell nothing. */
  fenceOff(): void;
  /** Nobody answered for so long that somebody else may be given the run: stop at once, tell it when possible (LO-03). */
  loseLease(): void;
  /** Everything is over, told and cleaned up. Never rejects. */
  readonly done: Promise<void>;
  /** How the run stood at the end; null: it was not executed to an end of its own. */
  result(): RunState | null;
}

/** The strings by which an attempt is held. */
export interface Control {
  readonly stop: AbortController;
  readonly kill: AbortController;
  /** Ends the sending too. */
  readonly silence: AbortController;
  isFenced: boolean;
  /** Why the attempt was ended from outside without the core's own terminal event. */
  lost: Failure | null;
  spool: Spool | null;
  uplink: Uplink | null;
  result: RunState | null;
  /** Sub-workflows that it waits for and does not execute. */
  awaited: number;
  endAtOnce(): void;
}

export function newControl(): Control {
  const stop = new AbortController();
  const kill = new AbortController();
  const silence = new AbortController();
  return {
    stop,
    kill,
    silence,
    isFenced: false,
    lost: null,
    spool: null,
    uplink: null,
    result: null,
    awaited: 0,
    endAtOnce(): void {
      const reason: StopReason = { kind: "fenced", isLeaseLost: !this.isFenced };
      kill.abort(reason);
      stop.abort(reason);
      if (this.isFenced) silence.abort();
    },
  };
}

/** What of an attempt is known when it is taken on. */
export interface Held {
  readonly attemptId: string;
  readonly fence: number;
  readonly takesSlot: boolean;
  readonly needs: Needs;
  readonly lease: Lease;
}

export function holdAttempt(
  { attemptId, fence, takesSlot, needs, lease }: Held,
  control: Control,
  done: Promise<void>,
): Attempt {
  const stop = (reason: StopReason): void => {
    if (reason.kind === "cancelled" && reason.force) control.kill.abort(reason);
    control.stop.abort(reason);
  };
  return {
    attemptId,
    fence,
    get takesSlot(): boolean {
      return takesSlot && control.awaited === 0;
    },
    needs,
    lease: {
      remainingMs: lease.remainingMs,
      renew: (sentAt, leaseMs, graceMs) => {
        lease.renew(sentAt, leaseMs, graceMs);
        control.spool?.recovery.renewed({ renewedAt: sentAt.now, leaseMs, graceMs });
      },
    },
    get lastSeq(): number {
      return control.spool?.lastSeq ?? 0;
    },
    get ackSeq(): number {
      return control.uplink?.ackSeq ?? 0;
    },
    cancel: (by, force) => stop({ kind: "cancelled", by, force }),
    timeOut: (limitMs) => stop({ kind: "timeout", scope: "run", limitMs }),
    shutDown: (force) => stop({ kind: "cancelled", by: "the runner's shutdown", force, isShutdown: true }),
    fenceOff: () => {
      control.isFenced = true;
      control.endAtOnce();
    },
    loseLease: () => {
      control.lost ??= {
        code: "LEASE_LOST",
        message: "the runner had no contact with the control plane for longer than the lease allows",
        remedy: "check the network between runner and control plane; start the run again",
      };
      control.endAtOnce();
    },
    done,
    result: () => control.result,
  };
}
