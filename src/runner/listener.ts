/** Who hears, in the runner's own process, what steps say: a person's terminal needs no control plane to show it. */
import type { Grant } from "../protocol/grant.ts";
import type { Journal, StreamName } from "../run/ports.ts";

export type HeardRun = Pick<Grant["run"], "name" | "dagRunId" | "root">;

export interface Listener {
  /** Secrets are masked in it. */
  output(run: HeardRun, step: string, stream: StreamName, bytes: Uint8Array): void;
  /** A try of the step is over: nothing follows on the last line that was heard. */
  end(run: HeardRun, step: string): void;
}

/** The same journal, of which somebody hears. */
export function heardJournal(journal: Journal, listener: Listener, run: HeardRun): Journal {
  return {
    event: (body) => {
      if (body.type === "step.finished" || body.type === "step.retrying" || body.type === "step.waiting") {
        listener.end(run, body.step);
      }
      return journal.event(body);
    },
    log: (step, stream, bytes) => {
      listener.output(run, step, stream, bytes);
      return journal.log(step, stream, bytes);
    },
  };
}
