/** Everything periodic, as functions of now (DESIGN 3.7): called by a loop on Deno, by cron on the edge, by an HTTP call. */
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { describeError, isAway, isBusy, reasonOf } from "../store/failure.ts";
import { sweepUploads } from "./artifacts.ts";
import { sweepAwaiting } from "./awaiting.ts";
import { sweepBlobs } from "./blobs.ts";
import { sendStatuses } from "./commit-statuses.ts";
import { sweepDeliveries } from "./deliveries.ts";
import { sweepLeases } from "./leases.ts";
import { sweepOvertime, sweepQueue } from "./overdue.ts";
import { sweepRunners } from "./runners.ts";
import { tickSchedules } from "./schedules.ts";

export const JOBS = {
  leases: sweepLeases,
  queue: sweepQueue,
  overtime: sweepOvertime,
  awaiting: sweepAwaiting,
  deliveries: sweepDeliveries,
  artifacts: sweepUploads,
  runners: sweepRunners,
  blobs: sweepBlobs,
  schedule: tickSchedules,
  statuses: sendStatuses,
} as const;
export type JobName = keyof typeof JOBS;

export function isJobName(name: string): name is JobName {
  return Object.hasOwn(JOBS, name);
}

/** Runs every job once; one that fails does not keep the others from running. */
export async function tick(ports: ServerPorts, settings: ServerSettings): Promise<void> {
  for (const [name, job] of Object.entries(JOBS)) {
    try {
      await job(ports, settings);
    } catch (error) {
      // An outage is nobody's mistake, and each job would tell of it again at every tick.
      if (isAway(error) || isBusy(error)) {
        ports.log.warn("the database does not answer", { job: name, reason: reasonOf(error) });
      } else ports.log.error("job failed", { job: name, error: describeError(error) });
    }
  }
}
