/** What ended an attempt that nobody meant to end: a disk that is full, or a mistake of ours. */
import type { Failure } from "../run/failure.ts";
import type { Ids, Log } from "../run/ports.ts";
import { SpoolError } from "./spool.ts";

export function brokenBy(
  { ids, log }: { readonly ids: Ids; readonly log: Log },
  attempt: string,
  error: unknown,
): Failure {
  if (error instanceof SpoolError) return spoolFailure(`the logs of a step: ${error.message}`);
  const id = ids.uuid();
  log.error("run core broke", { id, attempt, error: describe(error) });
  const message = `internal error ${id} of the runner`;
  return { code: "INTERNAL", message, remedy: "the runner's log has the cause under this id" };
}

export function spoolFailure(what: string): Failure {
  return {
    code: "SPOOL_FAILED",
    message: `the runner cannot write ${what}`,
    remedy: "make room on the runner's state folder",
  };
}

export function describe(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
