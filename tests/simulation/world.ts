/** One simulated world: a control plane, its database, machines with runners, people with wishes, and bad luck. */
import { EventsReply, HeartbeatReply } from "../../src/protocol/messages.ts";
import { SecretsReply } from "../../src/protocol/secrets.ts";
import type { Log } from "../../src/run/ports.ts";
import { createRegistrationToken } from "../../src/server/dispatch/register.ts";
import { TEST_SETTINGS } from "../support/server.ts";
import * as v from "valibot";
import type { Cast } from "./cast.ts";
import { newChecker } from "./checker.ts";
import { newControlPlane } from "./control-plane.ts";
import { dbOf, emptyTables, type Store } from "./database.ts";
import { heal, readyWorkers, strike } from "./faults.ts";
import type { Gate } from "./gate.ts";
import { checkHistory } from "./history.ts";
import { type Answer, type Message, newLine } from "./network.ts";
import { newObserver, type Seen } from "./observed.ts";
import { newPeople, type People } from "./people.ts";
import { clockDebtMs, endOfStorm, newPlan, type Plan, type Size } from "./plan.ts";
import type { Stage } from "./plays.ts";
import { newRandom } from "./random.ts";
import { EPOCH, type MachineClock, newTimeline } from "./timeline.ts";
import type { Truth } from "./truth.ts";
import { isFinal, statusOf, Violation } from "./violation.ts";
import { newWorker } from "./worker.ts";

export interface Simulated {
  /** null: every invariant held, and everything came to an end. */
  readonly violation: Violation | null;
  readonly trace: readonly string[];
  readonly minutes: number;
  /** Everything that is stored of runs and attempts in the end. */
  readonly left: readonly unknown[];
}

export interface SimulationOptions {
  readonly seed: number;
  readonly store: Store;
  readonly gate: Gate;
  readonly size: Size | null;
  readonly mutate: (store: Store) => Store;
}

/** What is left when the storm is over must end within this. */
const AFTERMATH_MS = 5_400_000;
/** So often a world is looked at in which nothing is written. */
const LOOK_MS = 60_000;
/** In one virtual minute: more means that the world spins. */
const STEPS_MAX = 5_000;
const MINUTE_MS = 60_000;

export async function simulate(options: SimulationOptions): Promise<Simulated> {
  await emptyTables(options.store);
  const world = newWorld(options);
  let violation: Violation | null = null;
  try {
    await world.play();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    world.note("violation", error.message);
    violation = error;
  } finally {
    world.end();
    await options.gate.settle();
  }
  return { violation, trace: world.trace, minutes: world.minutes(), left: await world.left() };
}

interface World {
  readonly trace: string[];
  note(who: string, what: string): void;
  minutes(): number;
  left(): Promise<readonly unknown[]>;
  play(): Promise<void>;
  end(): void;
}

function newWorld({ seed, store, gate, size, mutate }: SimulationOptions): World {
  const random = newRandom(seed);
  const plan = newPlan(random, size);
  const timeline = newTimeline(gate);
  const trace: string[] = [];
  const note = (who: string, what: string): void => {
    trace.push(`${(timeline.now() / 1000).toFixed(3).padStart(9)} ${who.padEnd(8)} ${what}`);
  };
  const serverClock: MachineClock = { aheadMs: 0, rate: 1 };
  const truth = newTruth(plan);
  const checker = newChecker(truth);
  const observer = newObserver(store);
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
  const settings = { ...TEST_SETTINGS, runner: { ...TEST_SETTINGS.runner, ...plan.timing } };
  const plane = newControlPlane({
    timeline,
    random,
    store: mutate(store),
    clock: serverClock,
    settings,
    slowness: plan.slowness,
    pace: plan.pace,
    hasSchedule: plan.timed !== null,
    log: logTo(note, "control", (message, facts) => {
      if (message.startsWith("leases extended")) {
        truth.forgivenMs += Number(facts["gapMs"]) + plan.timing.leaseMs;
      }
    }),
    onMessage: (message) => hear(truth, message),
    onCommit: () => {
      isChanged = true;
    },
    onAnswer: (message, answer) => remember(truth, message, answer, timeline.now()),
  });
  /** By name of the runner: the id that it has just called itself by. */
  const identities = new Map<string, string>();
  const admission = Promise.withResolvers<string>();
  const workers = plan.workers.map((planned, n) =>
    newWorker({
      name: `runner-${n}`,
      timeline,
      random,
      clock: { aheadMs: planned.aheadMs, rate: planned.rate },
      line: newLine(timeline, random, async (message, signal) => {
        identities.set(`runner-${n}`, message.headers.get("Dagu-Runner") ?? "");
        const answer = await plane.listen(message, signal);
        const path = new URL(message.url).pathname.replace("/runner/v1", "");
        note(`runner-${n}`, `${message.method} ${path}: ${answer?.status ?? "nobody"}`);
        return answer;
      }),
      stage,
      capacity: planned.capacity,
      cpu: planned.cpu,
      labels: planned.isSpecial ? { kind: "special", "accept-untrusted": "true" } : { kind: "plain" },
      log: logTo(note, `runner-${n}`, (message, facts) => {
        if (DROPPED.test(message)) truth.dropped.add(String(facts["attempt"]));
      }),
      registrationToken: () => admission.promise,
    })
  );
  const cast: Cast = { plan, timeline, random, plane, workers, settings, serverClock, truth, note };
  const people = newPeople(cast);

  const look = async (): Promise<Seen> => {
    isChanged = false;
    truth.nowMs = timeline.now();
    truth.wallMs = EPOCH + serverClock.aheadMs + timeline.now();
    truth.ready = plane.isUp && !plane.isDatabaseAway ? readyWorkers(workers, identities) : new Map();
    const seen = await observer.look();
    checker.check(seen);
    people.onSeen(seen);
    return seen;
  };

  const runUntil = async (until: number, isEnough: (seen: Seen) => boolean): Promise<void> => {
    let steps = 0;
    for (let lookedAt = timeline.now(); timeline.now() < until;) {
      await timeline.step(Math.min(until, lookedAt + LOOK_MS));
      if (++steps > STEPS_MAX * (1 + timeline.now() / MINUTE_MS)) {
        throw new Violation("liveness", "the world spins without getting anywhere");
      }
      if (broken !== null) throw broken;
      if (!isChanged && timeline.now() < lookedAt + LOOK_MS) continue;
      lookedAt = timeline.now();
      if (isEnough(await look())) return;
    }
  };

  const prepare = async (): Promise<void> => {
    let isReady = false;
    plane.start(plan.processes);
    const made = createRegistrationToken({ ...plane.ports(), db: dbOf(store) }, {
      lifeMs: 3_600_000,
      uses: 99,
      labels: {},
    });
    void made.then(({ token }) => admission.resolve(token));
    void people.prepare().then(() => isReady = true);
    while (!isReady) await timeline.step(MINUTE_MS);
  };

  const play = async (): Promise<void> => {
    await prepare();
    for (const worker of workers) timeline.after(random.between(0, 5_000), worker.start);
    schedule(cast, people);
    const stormMs = timeline.now() + endOfStorm(plan);
    await runUntil(stormMs, () => false);
    note("weather", "the storm is over");
    heal(cast);
    void people.rest();
    await runUntil(stormMs + aftermathOf(plan), (seen) => isOver(plan, truth, seen));
    checkEnd(plan, truth, await look());
    await checkHistory(store, stage);
  };

  return {
    trace,
    note,
    minutes: () => timeline.now() / MINUTE_MS,
    left: async () => {
      const { runs, attempts } = await observer.look();
      return [...runs.values(), ...attempts.values()];
    },
    play,
    end: () => {
      plane.crashAll();
      for (const worker of workers) worker.crash("process");
    },
  };
}

function newTruth(plan: Plan): Truth {
  return {
    wallMs: EPOCH,
    nowMs: 0,
    ...plan.timing,
    sweepsMs: 2 * plan.pace.sweepMs + 20_000,
    forgivenMs: 0,
    disturbedAt: 0,
    acknowledged: new Map(),
    renewedAt: new Map(),
    dropped: new Set(),
    promised: new Set(),
    asked: new Map(),
    given: new Set(),
    ready: new Map(),
  };
}

function schedule({ plan, timeline, ...cast }: Cast, people: People): void {
  const whole = { plan, timeline, ...cast };
  for (const run of plan.runs) timeline.after(run.at, () => void people.start(run));
  for (const delivery of plan.deliveries) timeline.after(delivery.at, () => people.deliver(delivery));
  for (const wish of plan.wishes) timeline.after(wish.at, () => void people.ask(wish));
  for (const fault of plan.faults) timeline.after(fault.at, () => strike(whole, fault));
}

/** Everything that was asked for is there, and has come to an end. */
function isOver(plan: Plan, truth: Truth, { runs }: Seen): boolean {
  const ids = new Set([...runs.values()].map((run) => run.dag_run_id));
  return plan.runs.every((run) => ids.has(run.dagRunId)) &&
    truth.promised.size >= plan.runs.length + plan.deliveries.length && [...runs.values()].every(isFinal);
}

function aftermathOf(plan: Plan): number {
  return AFTERMATH_MS + clockDebtMs(plan);
}

function checkEnd(plan: Plan, truth: Truth, seen: Seen): void {
  if (isOver(plan, truth, seen)) return;
  const open = [...seen.runs.values()].filter((run) => !isFinal(run))
    .map((run) => `${run.dag_run_id} is ${statusOf(run)}`);
  if (open.length === 0) throw new Violation("INV-10", "a run was never accepted");
  const minutes = Math.round(aftermathOf(plan) / MINUTE_MS);
  throw new Violation("INV-11", `${minutes} minutes after the last fault, ${open.join(", ")}`);
}

const Asked = v.object({ claimId: v.string(), free: v.number() });

/** What a runner asks for, whether or not it ever hears the answer. */
function hear(truth: Truth, { url, body }: Message): void {
  if (!url.endsWith("/claim")) return;
  const asked = v.safeParse(Asked, JSON.parse(new TextDecoder().decode(body)));
  if (asked.success) truth.asked.set(asked.output.claimId, asked.output.free);
}

/** What the control plane says, somebody may rely on from now on. */
function remember(truth: Truth, message: Message, answer: Answer, now: number): void {
  if (answer.status !== 200 || !message.url.includes("/runner/v1/")) return;
  const { pathname } = new URL(message.url);
  const [, attempt, what] = /\/attempts\/([^/]+)\/(events|secrets)$/.exec(pathname) ?? [];
  if (attempt === undefined && !pathname.endsWith("/heartbeat")) return;
  const json: unknown = JSON.parse(new TextDecoder().decode(answer.body));
  if (attempt === undefined) {
    for (const told of v.parse(HeartbeatReply, json).attempts) {
      if (told.status === "ok") truth.renewedAt.set(told.attemptId, now);
    }
  } else if (what === "events") {
    const { ackSeq } = v.parse(EventsReply, json);
    truth.acknowledged.set(attempt, Math.max(ackSeq, truth.acknowledged.get(attempt) ?? 0));
  } else if (v.parse(SecretsReply, json).values.length > 0) truth.given.add(attempt);
}

/** What a runner says when it lets an attempt go: its disk was full or had too little left of it, or its lease was over. */
const DROPPED = /attempt broke|spool removed|lease lost/;

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
