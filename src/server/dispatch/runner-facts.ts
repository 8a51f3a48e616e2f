/** What is known of a runner beside its attempts: written when it changes, which is seldom. */
import type { HeartbeatRequest } from "../../protocol/messages.ts";
import { isSame } from "../../workflow/template-value.ts";
import type { ServerPorts } from "../ports.ts";
import { type RunnerRow, updateRunner } from "../store/runners.ts";
import { labelsOf } from "./claim.ts";
import { offsetOf } from "./runner-clock.ts";

export interface RunnerFacts extends Pick<HeartbeatRequest, "version" | "labels" | "capacity" | "engine"> {
  /** `Dagu-Sent-At`. */
  readonly sentAt: string | undefined;
}

export async function noteFacts(
  ports: ServerPorts,
  runner: RunnerRow,
  { version, labels, capacity, engine, sentAt }: RunnerFacts,
): Promise<void> {
  const told = {
    version,
    ...(labels === undefined ? {} : { labels: labelsOf(runner, labels) }),
    ...(capacity === undefined ? {} : { capacity }),
    ...(engine === undefined ? {} : { engine }),
    clockOffsetMs: offsetOf(runner.clockOffsetMs, ports.clock.now() - Date.parse(sentAt ?? "")),
  };
  const keys = Object.keys(told) as (keyof typeof told)[];
  if (!keys.every((key) => isSame(told[key], runner[key]))) await updateRunner(ports.db, runner.id, told);
}
