/** The run's own log on the machine (`DAG_RUN_LOG_FILE`): one line for each thing that happened, secrets masked. */
import type { RunEventBody } from "../run/event.ts";
import type { Clock, Journal } from "../run/ports.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { newLog } from "./log.ts";

export interface RunLog extends Disposable {
  /** The same journal, whose events are told in the log too. */
  journal(told: Journal): Journal;
}

/** A log that cannot be written, as on a full disk, costs no run: the events themselves are in the spool. */
export function openRunLog(disk: Disk, path: string, clock: Clock): RunLog {
  const file = openOrNot(disk, path);
  const log = newLog("text", clock, (line) => {
    try {
      file?.writeSync(new TextEncoder().encode(line + "\n"));
    } catch {
      // See above.
    }
  });
  return {
    journal: (told) => ({
      event: (body) => {
        const { level, facts } = entryOf(body);
        log[level](body.type, facts);
        return told.event(body);
      },
      log: (step, stream, bytes) => told.log(step, stream, bytes),
    }),
    [Symbol.dispose]: () => file?.close(),
  };
}

function openOrNot(disk: Disk, path: string): DiskFile | null {
  try {
    return disk.openAppend(path);
  } catch {
    return null;
  }
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
