import type { Failure } from "../run/failure.ts";
import type { Journal } from "../run/ports.ts";
import { spoolFailure } from "./broken.ts";
import type { Spool } from "./spool.ts";
import type { Uplink } from "./uplink.ts";

/** What of an attempt's control the journal looks at and pulls. */
interface Ending {
  readonly isFenced: boolean;
  lost: Failure | null;
  readonly stop: AbortController;
  readonly uplink: Pick<Uplink, "begun"> | null;
  endAtOnce(): void;
}

/** Ends the attempt when its events cannot reach the disk any more (SP-03); a full disk must not look like success. */
export function guardedJournal(spool: Spool, control: Ending): Journal {
  return {
    event: async (body) => {
      // A stop without contact is told by one terminal event only; the core's own story is over.
      if (control.lost !== null) return;
      await spool.event(body);
      // Until it knows of the beginning, the control plane may give the run to somebody else (LO-06).
      if (body.type === "attempt.started") await control.uplink?.begun(control.stop.signal);
      if (spool.brokenBy === null || spool.isComplete) return;
      control.lost = spoolFailure(`the run's events: ${spool.brokenBy}`);
      control.endAtOnce();
    },
    log: (step, stream, bytes) => control.isFenced ? Promise.resolve() : spool.log(step, stream, bytes),
  };
}
