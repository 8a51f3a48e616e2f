/** One simulated world: a control plane, its database, machines with runners, people with wishes, and bad luck. */
import { EventsReply, HeartbeatReply } from "../../src/protocol/messages.ts";
import type { Log } from "../../src/run/ports.ts";
import { createRegistrationToken } from "../../src/server/dispatch/register.ts";
import { tick } from "../../src/server/tick/tick.ts";
import { TEST_SETTINGS } from "../support/server.ts";
import * as v from "valibot";
import { isFinal, newChecker, statusOf, type Truth, Violation } from "./checker.ts";
import { type ControlPlane, newControlPlane } from "./control-plane.ts";
import { dbOf, emptyTables, type Store } from "./database.ts";
import { checkHistory } from "./history.ts";
import type { Gate } from "./gate.ts";
import { type Answer, CALM, type Message, newLine } from "./network.ts";
import { look, type Seen } from "./observed.ts";
import { endOfStorm, type Fault, newPlan, type Plan, type PlannedRun, type Wish } from "./plan.ts";
import type { Stage } from "./plays.ts";
import { newRandom, type Random } from "./random.ts";
import { EPOCH, type MachineClock, newTimeline, type Timeline } from "./timeline.ts";
import { newWorker, type Worker } from "./worker.ts";

export interface Simulated {
  /** null: every invariant held, and everything came to an end. */
  readonly violation: Violation | null;
  readonly trace: readonly string[];
  readonly seen: Seen;
}

export interface SimulationOptions {
  readonly seed: number;
  readonly store: Store;
  readonly gate: Gate;
  /** A way to make the product wrong, to see that it is noticed. */
  readonly mutate?: (store: Store) => Store;
}

/** What is left when the storm is over must end within this. */
const AFTERMATH_MS = 5_400_000;
/** Long enough for those who find each other again to find each other again. */
const STEPS_MAX = 400_000;

export async function simulate(options: SimulationOptions): Promise<Simulated> {
  await emptyTables(options.store);
  const world = newWorld(options);
  try {
    await world.play();
    return { violation: null, trace: world.trace, seen: await look(options.store) };
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    world.note("violation", error.message);
    return { violation: error, trace: world.trace, seen: await look(options.store) };
  } finally {
    world.end();
    await options.gate.settle();
  }
}

interface World {
  readonly trace: string[];
  note(who: string, what: string): void;
  play(): Promise<void>;
  end(): void;
}

function newWorld({ seed, store, gate, mutate }: SimulationOptions): World {
  const random = newRandom(seed);
  const plan = newPlan(random);
  const timeline = newTimeline(gate);
  const trace: string[] = [];
  const note = (who: string, what: string): void => {
    trace.push(`${(timeline.now() / 1000).toFixed(3).padStart(9)} ${who.padEnd(8)} ${what}`);
  };
  const serverClock: MachineClock = { aheadMs: 0, rate: 1 };
  const truth: Truth = {
    wallMs: EPOCH,
    nowMs: 0,
    ...plan.timing,
    forgivenMs: 0,
    acknowledged: new Map(),
    renewedAt: new Map(),
    promised: new Set(),
  };
  const checker = newChecker(truth);
  let isChanged = false;
  let broken: Violation | null = null;

  const stage: Stage = {
    plays: plan.plays,
    alive: new Set(),
    printed: new Map(),
    onBegin: (deed) => {
      note(deed.machine, `begins work of ${deed.run}, attempt ${deed.attempt}`);
      try {
        checker.onBegin(deed, stage.alive);
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        broken ??= error;
      }
    },
  };
  const settings = {
    ...TEST_SETTINGS,
    runner: { ...TEST_SETTINGS.runner, ...plan.timing },
  };
  const plane = newControlPlane({
    timeline,
    random,
    store: mutate?.(store) ?? store,
    clock: serverClock,
    settings,
    slowness: plan.slowness,
    log: logTo(note, "control", (message, facts) => {
      if (message.startsWith("leases extended")) {
        truth.forgivenMs += Number(facts["gapMs"]) + plan.timing.leaseMs;
      }
    }),
    onCommit: () => {
      isChanged = true;
    },
    onAnswer: (message, answer) => remember(truth, message, answer, timeline.now()),
  });
  const admission = Promise.withResolvers<string>();
  const workers = plan.workers.map((planned, n) =>
    newWorker({
      name: `runner-${n}`,
      timeline,
      random,
      clock: { aheadMs: planned.aheadMs, rate: planned.rate },
      line: newLine(timeline, random, async (message, signal) => {
        const answer = await plane.listen(message, signal);
        const path = new URL(message.url).pathname.replace("/runner/v1", "");
        note(`runner-${n}`, `${message.method} ${path}: ${answer?.status ?? "nobody"}`);
        return answer;
      }),
      stage,
      capacity: planned.capacity,
      labels: { kind: planned.isSpecial ? "special" : "plain" },
      log: logTo(note, `runner-${n}`),
      registrationToken: () => admission.promise,
    })
  );

  const cast: Cast = {
    plan,
    timeline,
    random,
    plane,
    workers,
    settings,
    serverClock,
    truth,
    note,
    retried: new Map(),
  };
  const runUntil = async (until: number, isEnough: (seen: Seen) => boolean): Promise<void> => {
    for (let steps = 0; timeline.now() < until; steps++) {
      if (steps > STEPS_MAX) throw new Violation("liveness", "the world spins without getting anywhere");
      await timeline.step(until);
      if (broken !== null) throw broken;
      if (!isChanged) continue;
      isChanged = false;
      truth.nowMs = timeline.now();
      truth.wallMs = EPOCH + serverClock.aheadMs + timeline.now();
      const seen = await look(store);
      checker.check(seen);
      retryLost(cast, seen);
      if (isEnough(seen)) return;
    }
  };

  const play = async (): Promise<void> => {
    plane.start(plan.processes);
    const ports = { ...plane.ports(), db: dbOf(store) };
    const made = createRegistrationToken(ports, { lifeMs: 3_600_000, uses: 99, labels: {} });
    void made.then(({ token }) => admission.resolve(token));
    await gate.settle();
    for (const worker of workers) timeline.after(random.between(0, 5_000), worker.start);
    schedule(cast);
    const stormMs = endOfStorm(plan);
    await runUntil(stormMs, () => false);
    note("weather", "the storm is over");
    heal(plane, workers, plan);
    const isOver = ({ runs }: Seen): boolean => runs.length === plan.runs.length && runs.every(isFinal);
    if (!isOver(await look(store))) await runUntil(stormMs + AFTERMATH_MS, isOver);
    const { runs } = await look(store);
    const open = runs.filter((run) => !isFinal(run)).map((run) => `${run.dag_run_id} is ${statusOf(run)}`);
    if (open.length > 0) {
      throw new Violation(
        "INV-11",
        `${AFTERMATH_MS / 60_000} minutes after the last fault, ${open.join(", ")}`,
      );
    }
    if (runs.length < plan.runs.length) throw new Violation("INV-10", "a run was never accepted");
    await checkHistory(store, stage);
  };

  return {
    trace,
    note,
    play,
    end: () => {
      plane.crashAll();
      for (const worker of workers) worker.crash("process");
    },
  };
}

/** What the control plane says, somebody may rely on from now on. */
function remember(truth: Truth, message: Message, answer: Answer, now: number): void {
  if (answer.status !== 200) return;
  const json: unknown = JSON.parse(new TextDecoder().decode(answer.body));
  const [, attempt] = /\/attempts\/([^/]+)\/events$/.exec(new URL(message.url).pathname) ?? [];
  if (attempt !== undefined) {
    const { ackSeq } = v.parse(EventsReply, json);
    truth.acknowledged.set(attempt, Math.max(ackSeq, truth.acknowledged.get(attempt) ?? 0));
  } else if (message.url.endsWith("/heartbeat")) {
    for (const told of v.parse(HeartbeatReply, json).attempts) {
      if (told.status === "ok") truth.renewedAt.set(told.attemptId, now);
    }
  }
}

interface Cast {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly plane: ControlPlane;
  readonly workers: readonly Worker[];
  readonly settings: typeof TEST_SETTINGS;
  readonly serverClock: MachineClock;
  readonly truth: Truth;
  /** How often people tried a run again that had lost its runner. */
  readonly retried: Map<string, number>;
  note(who: string, what: string): void;
}

function schedule(cast: Cast): void {
  const { plan, timeline } = cast;
  for (const run of plan.runs) timeline.after(run.at, () => void start(cast, run));
  for (const wish of plan.wishes) timeline.after(wish.at, () => void ask(cast, wish));
  for (const fault of plan.faults) timeline.after(fault.at, () => strike(cast, fault));
}

const RETRIES_OF_LOST = 2;
const NOTICED_MS = 5_000;

/** Whoever sees that a runner is lost wants the run on another one at once: the moment for two of them (INV-02). */
function retryLost(cast: Cast, seen: Seen): void {
  for (const { dag_run_id: id, reason } of seen.runs) {
    const run = cast.plan.runs.findIndex((planned) => planned.dagRunId === id);
    const times = cast.retried.get(id) ?? 0;
    if (reason !== "runner_lost" || run === -1 || times >= RETRIES_OF_LOST) continue;
    cast.retried.set(id, times + 1);
    const wish: Wish = { kind: "retry", run };
    cast.timeline.after(cast.random.between(0, NOTICED_MS), () => void ask(cast, wish));
  }
}

const PATIENCE_MS = 30_000;
const ASK_AGAIN_MS = 3_000;

/** People ask until they are answered: the same run, by its id, at most once (INV-15). */
async function start(cast: Cast, run: PlannedRun): Promise<void> {
  const { dagRunId, name, spec } = run;
  const answer = await post(cast, "/api/v1/dag-runs", { dagRunId, name, spec, enqueue: run.needsSlot });
  cast.note("person", `starts ${dagRunId}: ${answer?.status ?? "nobody"}`);
  if (answer !== null && answer.status < 500) {
    if (answer.status === 200) cast.truth.promised.add(dagRunId);
    return;
  }
  cast.timeline.after(ASK_AGAIN_MS, () => void start(cast, run));
}

async function ask(cast: Cast, wish: Wish): Promise<void> {
  if (wish.kind === "tick") {
    if (cast.plane.isUp) await tick(cast.plane.ports(), cast.settings);
    return;
  }
  const run = cast.plan.runs[wish.run];
  if (run === undefined) return;
  const body = wish.kind === "stop" ? { force: wish.isForced } : {};
  const answer = await post(cast, `/api/v1/dag-runs/${run.name}/${run.dagRunId}/${wish.kind}`, body);
  cast.note("person", `${wish.kind} ${run.dagRunId}: ${answer?.status ?? "nobody"}`);
}

async function post(cast: Cast, path: string, body: unknown): Promise<Answer | null> {
  const headers = new Headers({ "Content-Type": "application/json" });
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const message: Message = { method: "POST", url: `http://localhost${path}`, headers, body: bytes };
  // Who asked a process that is gone is not answered, and does not wait for ever.
  const patience = Promise.withResolvers<null>();
  const takeBack = cast.timeline.after(PATIENCE_MS, () => patience.resolve(null));
  const answer = await Promise.race([
    cast.plane.listen(message, new AbortController().signal),
    patience.promise,
  ]);
  takeBack();
  return answer;
}

function strike(cast: Cast, fault: Fault): void {
  const { timeline, plane, truth, serverClock } = cast;
  cast.note("fault", JSON.stringify(fault));
  const worker = "worker" in fault ? cast.workers[fault.worker] : undefined;
  switch (fault.kind) {
    case "server_crash":
      plane.crash();
      timeline.after(fault.forMs, () => plane.start(1));
      return;
    case "server_jump":
      serverClock.aheadMs += fault.byMs;
      truth.forgivenMs += Math.abs(fault.byMs);
      return;
    case "database_away":
      plane.isDatabaseAway = true;
      timeline.after(fault.forMs, () => plane.isDatabaseAway = false);
      return;
  }
  if (worker === undefined) throw new Error(`the plan names a worker that is not there: ${fault.worker}`);
  switch (fault.kind) {
    case "cut":
      worker.line.isCut = true;
      timeline.after(fault.forMs, () => worker.line.isCut = false);
      return;
    case "cut_at_claim":
      worker.line.onArrival = ({ url }, { body }) => {
        if (!url.endsWith("/claim") || !new TextDecoder().decode(body).includes('"attemptToken"')) return;
        worker.line.onArrival = () => {};
        worker.line.isCut = true;
        timeline.after(fault.forMs, () => worker.line.isCut = false);
      };
      return;
    case "weather":
      worker.line.weather = fault.weather;
      timeline.after(fault.forMs, () => worker.line.weather = CALM);
      return;
    case "full_disk":
      worker.platter.isFull = true;
      timeline.after(fault.forMs, () => worker.platter.isFull = false);
      return;
    case "jump":
      worker.clock.aheadMs += fault.byMs;
      return;
    case "crash":
      worker.crash(fault.how);
      break;
    case "crash_soon":
      worker.crashSoon(fault.operations);
      break;
    case "drain":
      worker.drain();
      break;
  }
  timeline.after(fault.forMs, worker.start);
}

/** Everybody is well again, and who has gone comes back. */
function heal(plane: ControlPlane, workers: readonly Worker[], plan: Plan): void {
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

function logTo(
  note: (who: string, what: string) => void,
  who: string,
  onInfo: (message: string, facts: Readonly<Record<string, unknown>>) => void = () => {},
): Log {
  const write = (level: string) => (message: string, facts: Readonly<Record<string, unknown>> = {}): void => {
    note(who, `${level}: ${message} ${JSON.stringify(facts)}`.slice(0, 300));
    onInfo(message, facts);
  };
  return { info: write("info"), warn: write("warn"), error: write("error") };
}
