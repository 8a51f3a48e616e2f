/** What a queued run waits for (QU-20), found when somebody looks. */
import * as v from "valibot";
import { beside, isEnough, type Needs } from "../../protocol/resources.ts";
import { lackingLabels, readSelector, unselectedLabels } from "../dispatch/selector.ts";
import type { ServerPorts } from "../ports.ts";
import { availableFrom, listQueues, type QueueFacts } from "../store/queue-settings.ts";
import { type ListedRunner, listRunners } from "../store/runners.ts";
import { type RunRow, statusOf } from "../store/runs.ts";
import { takesRuns } from "./api/access.ts";
import { resourcesOf } from "./runner-resources.ts";
import { sizeText } from "./size-text.ts";

export interface Condition {
  /** `Runnable` sums the others up. */
  readonly type: "QueueReady" | "ConcurrencyReady" | "WorkerReady" | "WorkerAssignmentReady" | "Runnable";
  readonly status: "True" | "False" | "Unknown";
  readonly reason: Reason;
  readonly message: string;
  readonly checkedAt: string;
}

type Reason =
  | "Ready"
  | "QueueStateUnavailable"
  | "MaxConcurrencyReached"
  | "NoMatchingWorker"
  | "NoAvailableWorker"
  | "AssignmentPending"
  | "AssignmentUnavailable";

type Fact = Omit<Condition, "checkedAt">;

/** Of those of the runs that are queued, by id. */
export async function readConditions(
  ports: ServerPorts,
  runs: readonly RunRow[],
): Promise<ReadonlyMap<string, readonly Condition[]>> {
  const queued = runs.filter((run) => statusOf(run.status) === "queued");
  if (queued.length === 0) return new Map();
  const names = new Set(queued.filter((run) => run.needsSlot).map((run) => run.queue));
  const [runners, available, ...queues] = await Promise.all([
    listRunners(ports.db, ports.clock.now()),
    availableFrom(ports.db, queued.map((run) => run.id)),
    ...[...names].map((name) => listQueues(ports.db, name)),
  ]);
  const byName = new Map(queues.flat().map((queue) => [queue.name, queue]));
  const now = ports.clock.now();
  const there = runners.filter((runner) => takesRuns(runner, now));
  const checkedAt = new Date(now).toISOString();
  return new Map(queued.map((run) => {
    const facts = factsOf(run, {
      queue: run.needsSlot ? byName.get(run.queue) ?? null : null,
      there,
      waitsUntil: available.get(run.id) ?? null,
      now,
    });
    return [run.id, facts.map((fact) => ({ ...fact, checkedAt }))];
  }));
}

interface Surroundings {
  /** null: it needs no slot, or nothing is known of its queue. */
  readonly queue: QueueFacts | null;
  /** Runners that take runs. */
  readonly there: readonly ListedRunner[];
  readonly waitsUntil: Date | null;
  readonly now: number;
}

function factsOf(run: RunRow, { queue, there, waitsUntil, now }: Surroundings): readonly Fact[] {
  const facts = [...(queue === null ? [] : queueFacts(queue)), workerFact(run, there)];
  const blocker = facts.find(({ status }) => status === "False");
  const assignment = assignmentFact(
    waitsUntil !== null && waitsUntil.getTime() > now ? waitsUntil : null,
    blocker,
  );
  const first = blocker ?? (assignment.status === "False" ? assignment : undefined);
  const sum: Fact = first === undefined
    ? { type: "Runnable", status: "True", reason: "Ready", message: "its turn comes" }
    : { ...first, type: "Runnable" };
  return [...facts, assignment, sum];
}

function queueFacts({ name, paused, running, maxConcurrency }: QueueFacts): readonly Fact[] {
  const isFull = maxConcurrency !== null && running >= maxConcurrency;
  return [
    paused
      ? {
        type: "QueueReady",
        status: "False",
        reason: "QueueStateUnavailable",
        message: `queue ${name} is paused`,
      }
      : { type: "QueueReady", status: "True", reason: "Ready", message: `queue ${name} is open` },
    isFull
      ? {
        type: "ConcurrencyReady",
        status: "False",
        reason: "MaxConcurrencyReached",
        message: `${running} of ${maxConcurrency} runs of queue ${name} are running`,
      }
      : { type: "ConcurrencyReady", status: "True", reason: "Ready", message: `queue ${name} has a slot` },
  ];
}

function workerFact(run: RunRow, there: readonly ListedRunner[]): Fact {
  const type = "WorkerReady";
  const selector = readSelector(run);
  const wanted = run.trust === "trusted" ? selector : { ...selector, "accept-untrusted": "true" };
  const matching = there.filter((runner) => {
    const labels = labelsOf(runner);
    return lackingLabels(wanted, labels).length === 0 && unselectedLabels(selector, labels).length === 0;
  });
  if (there.length === 0) {
    const message = "no runner is connected that takes runs";
    return { type, status: "False", reason: "NoAvailableWorker", message };
  }
  if (matching.length === 0) {
    const asked = Object.entries(wanted).map(([key, value]) => `${key}=${value}`).join(", ");
    const message = asked === ""
      ? "every runner is for runs that select it"
      : `it wants a runner with ${asked}`;
    return { type, status: "False", reason: "NoMatchingWorker", message };
  }
  const big = needsOf(run);
  if (!matching.some((runner) => isEnough(beside(resourcesOf(runner), big)))) {
    const needs = [
      ...(big.cpu === 0 ? [] : [`${big.cpu} cores`]),
      ...(big.memoryBytes === 0 ? [] : [`${sizeText(big.memoryBytes)} of memory`]),
    ].join(" and ");
    const message = `it needs ${needs}, more than any runner that matches has left of what it offers`;
    return { type, status: "False", reason: "NoAvailableWorker", message };
  }
  if (matching.every(({ free }) => free === 0)) {
    const message = "every runner that matches is busy";
    return { type, status: "False", reason: "NoAvailableWorker", message };
  }
  return { type, status: "True", reason: "Ready", message: `${matching.length} runners match` };
}

function needsOf({ needsCpu, needsMemory }: RunRow): Needs {
  return { cpu: needsCpu, memoryBytes: needsMemory };
}

function labelsOf({ labels }: ListedRunner): Record<string, string> {
  return v.is(v.record(v.string(), v.string()), labels) ? labels : {};
}

function assignmentFact(waitsUntil: Date | null, blocker: Fact | undefined): Fact {
  const type = "WorkerAssignmentReady";
  if (waitsUntil !== null) {
    const message = `it is not to begin before ${waitsUntil.toISOString()}`;
    return { type, status: "False", reason: "AssignmentPending", message };
  }
  return blocker === undefined
    ? { type, status: "Unknown", reason: "AssignmentPending", message: "the next runner that asks takes it" }
    : { type, status: "Unknown", reason: "AssignmentUnavailable", message: blocker.message };
}
