/** Faults as they strike, and how everybody is made well again. */
import type { Ready } from "./truth.ts";
import type { Cast } from "./cast.ts";
import type { Fault } from "./faults-plan.ts";
import { CALM } from "./network.ts";
import type { Worker } from "./worker.ts";

export function strike(cast: Cast, fault: Fault): void {
  cast.note("fault", JSON.stringify(fault));
  disturb(cast);
  const worker = "worker" in fault ? cast.workers[fault.worker] : undefined;
  if ("worker" in fault && worker === undefined) throw new Error(`there is no worker ${fault.worker}`);
  if (worker === undefined) strikeServer(cast, fault);
  else strikeWorker(cast, fault, worker);
}

function strikeServer(cast: Cast, fault: Fault): void {
  const { plane, truth, serverClock } = cast;
  switch (fault.kind) {
    case "server_crash":
      plane.crash();
      later(cast, fault.forMs, () => plane.start(1));
      return;
    case "server_jump":
      serverClock.aheadMs += fault.byMs;
      truth.forgivenMs += Math.abs(fault.byMs);
      return;
    case "database_away":
      plane.isDatabaseAway = true;
      later(cast, fault.forMs, () => plane.isDatabaseAway = false);
      return;
  }
}

function strikeWorker(cast: Cast, fault: Fault, worker: Worker): void {
  const { line, platter } = worker;
  switch (fault.kind) {
    case "cut":
      line.isCut = true;
      later(cast, fault.forMs, () => line.isCut = false);
      return;
    case "cut_at_claim":
      line.onArrival = ({ url }, { body }) => {
        if (!url.endsWith("/claim") || !new TextDecoder().decode(body).includes('"attemptToken"')) return;
        disturb(cast);
        line.onArrival = () => {};
        line.isCut = true;
        later(cast, fault.forMs, () => line.isCut = false);
      };
      return;
    case "weather":
      line.weather = fault.weather;
      later(cast, fault.forMs, () => line.weather = CALM);
      return;
    case "full_disk":
      platter.isFull = true;
      later(cast, fault.forMs, () => platter.isFull = false);
      return;
    case "jump":
      worker.clock.aheadMs += fault.byMs;
      return;
    case "crash":
      worker.crash(fault.how);
      later(cast, fault.forMs, worker.start);
      return;
    case "crash_soon":
      worker.crashSoon(fault.operations);
      later(cast, fault.forMs, worker.start);
      return;
    case "drain":
      worker.drain();
      later(cast, fault.forMs, worker.start);
      return;
  }
}

function later(cast: Cast, ms: number, act: () => void): void {
  cast.timeline.after(ms, () => {
    disturb(cast);
    act();
  });
}

function disturb({ truth, timeline }: Cast): void {
  truth.disturbedAt = timeline.now();
}

/** Everybody is well again, and who has gone comes back. */
export function heal(cast: Cast): void {
  const { plane, workers, plan } = cast;
  disturb(cast);
  plane.isDatabaseAway = false;
  if (!plane.isUp) plane.start(plan.processes);
  for (const worker of workers) {
    worker.line.isCut = false;
    worker.line.onArrival = () => {};
    worker.line.weather = CALM;
    worker.platter.isFull = false;
    worker.crashSoon(Number.POSITIVE_INFINITY);
    worker.start();
  }
}

/** By id: who could take work now, and since when. */
export function readyWorkers(
  workers: readonly Worker[],
  identities: ReadonlyMap<string, string>,
): Map<string, Ready> {
  const ready = new Map<string, Ready>();
  for (const { name, line, platter, readySince, capacity, cpu } of workers) {
    if (readySince === null || line.isCut || line.weather !== CALM || platter.isFull) continue;
    ready.set(identities.get(name) ?? "", { since: readySince, capacity, cpu });
  }
  return ready;
}
