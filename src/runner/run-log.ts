/** The run's own log on the machine (`DAG_RUN_LOG_FILE`): one line for each thing that happened, secrets masked. */
import type { RunEventBody } from "../run/event.ts";
import type { Clock, Journal } from "../run/ports.ts";
import type { DiskFile } from "./disk.ts";
import { newLog } from "./log.ts";

/** A log that cannot be written, as on a full disk, costs no run: the events themselves are in the spool. */
export function loggingJournal(journal: Journal, file: DiskFile, clock: Clock): Journal {
  const log = newLog("text", clock, (line) => {
    try {
      file.writeSync(new TextEncoder().encode(line + "\n"));
    } catch {
      // See above.
    }
  });
  return {
    event: (body) => {
      const { level, facts } = entryOf(body);
      log[level](body.type, facts);
      return journal.event(body);
    },
    log: (step, stream, bytes) => journal.log(step, stream, bytes),
  };
}

interface Entry {
  readonly level: "info" | "warn";
  readonly facts: Readonly<Record<string, unknown>>;
}

function entryOf(body: RunEventBody): Entry {
  const step = "step" in body && body.step !== undefined ? { step: body.step } : {};
  if (body.type === "note") return { level: body.data.level, facts: { ...step, message: body.data.message } };
  // Values are told by their names: a run's log is no place for what its steps hand on.
  if (body.type === "step.output") return { level: "info", facts: { ...step, name: body.data.name } };
  if (body.type === "step.waiting") return { level: "info", facts: { ...step, prompt: body.data.prompt } };
  if ("error" in body.data && body.data.error !== undefined) {
    const { error, ...rest } = body.data;
    return { level: "warn", facts: { ...step, ...rest, error: `${error.code}: ${error.message}` } };
  }
  return { level: "info", facts: { ...step, ...body.data } };
}
