/** What is known of a runner beside its attempts: written when it changes, which is seldom. */
import type { HeartbeatRequest } from "../../protocol/messages.ts";
import type { ServerPorts } from "../ports.ts";
import { type RunnerRow, updateRunner } from "../store/runners.ts";
import { isSameLabels, labelsOf } from "./claim.ts";
import { offsetOf } from "./runner-clock.ts";

export interface RunnerFacts extends Pick<HeartbeatRequest, "version" | "labels" | "capacity"> {
  /** `Dagu-Sent-At`. */
  readonly sentAt: string | undefined;
}

export async function noteFacts(
  ports: ServerPorts,
  runner: RunnerRow,
  { version, labels, capacity = runner.capacity, sentAt }: RunnerFacts,
): Promise<void> {
  const told = labels === undefined ? null : labelsOf(runner, labels);
  const clockOffsetMs = offsetOf(runner.clockOffsetMs, ports.clock.now() - Date.parse(sentAt ?? ""));
  const isSame = version === runner.version && capacity === runner.capacity &&
    clockOffsetMs === runner.clockOffsetMs && (told === null || isSameLabels(told, runner.labels));
  if (isSame) return;
  const changed = { version, capacity, clockOffsetMs, ...(told === null ? {} : { labels: told }) };
  await updateRunner(ports.db, runner.id, changed);
}
