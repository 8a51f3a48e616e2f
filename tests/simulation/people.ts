/** People and their machines: they start, stop, retry and answer, and ask again until they are answered. */
import { parseDefinition, PRIORITY } from "../../src/server/dispatch/plan.ts";
import { startRun } from "../../src/server/dispatch/start.ts";
import { tick } from "../../src/server/tick/tick.ts";
import * as v from "valibot";
import type { Cast } from "./cast.ts";
import { QUEUES, SECRET_REF } from "./definitions.ts";
import type { Answer, Message } from "./network.ts";
import type { Seen, SeenRun } from "./observed.ts";
import type { PlannedDelivery, PlannedRun, Wish } from "./plan.ts";
import { statusOf } from "./violation.ts";

const RETRIES_OF_LOST = 2;
const NOTICED_MS = 5_000;
const PATIENCE_MS = 30_000;
const ASK_AGAIN_MS = 3_000;

export interface People {
  /** Stores what the world begins with. */
  prepare(): Promise<void>;
  start(run: PlannedRun): Promise<void>;
  ask(wish: Wish): Promise<void>;
  deliver(delivery: PlannedDelivery): void;
  /** What they do about what they see: a lost run is tried again, a question is answered. */
  onSeen(seen: Seen): void;
  /** Nothing new is begun, and nothing kept from going on. */
  rest(): Promise<void>;
}

interface Asked {
  readonly method?: "POST" | "PUT" | "PATCH";
  readonly path: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export function newPeople(cast: Cast): People {
  const { plan, timeline, random, plane, truth, note } = cast;
  /** How often people tried a run again that had lost its runner. */
  const retried = new Map<string, number>();
  const answering = new Set<string>();
  let token = "";

  const pause = (): Promise<void> => new Promise((resolve) => timeline.after(ASK_AGAIN_MS, resolve));

  /** Who asked a process that is gone is not answered, and does not wait for ever. */
  const patiently = async <T>(asked: Promise<T>): Promise<T | null> => {
    const patience = Promise.withResolvers<null>();
    const takeBack = timeline.after(PATIENCE_MS, () => patience.resolve(null));
    const answer = await Promise.race([asked, patience.promise]);
    takeBack();
    return answer;
  };

  const send = async ({ method = "POST", path, body, headers }: Asked): Promise<Answer | null> => {
    const message: Message = {
      method,
      url: `http://localhost/api/v1${path}`,
      headers: new Headers({ "Content-Type": "application/json", ...headers }),
      body: new TextEncoder().encode(JSON.stringify(body)),
    };
    const answer = await patiently(plane.listen(message, new AbortController().signal));
    note("person", `${method} ${path}: ${answer?.status ?? "nobody"}`);
    return answer;
  };

  /** Until there is an answer: the same thing, once (INV-15). */
  const insist = async (asked: Asked): Promise<Answer> => {
    for (;;) {
      const answer = await send(asked);
      if (answer !== null && answer.status < 500) return answer;
      await pause();
    }
  };

  const promise = ({ status, body }: Answer): void => {
    if (status !== 200) return;
    truth.promised.add(v.parse(Started, JSON.parse(new TextDecoder().decode(body))).dagRunId);
  };

  /** As an event of a fork would, for which there is no other way in. */
  const startUntrusted = async ({ spec, name, dagRunId }: PlannedRun): Promise<void> => {
    const read = parseDefinition(null, spec, name, null);
    if (!read.ok) throw new Error(read.message);
    for (;;) {
      const started = plane.isUp
        ? await patiently(
          startRun(plane.ports(), {
            definition: read.definition,
            params: { kind: "none" },
            dagRunId,
            triggerType: "webhook",
            triggerActor: "a fork",
            needsSlot: true,
            priority: PRIORITY.webhook,
            trust: "untrusted",
          }).catch(() => null),
        )
        : null;
      note("person", `event of a fork for ${dagRunId}: ${started?.ok ?? "nobody"}`);
      if (started?.ok === true) truth.promised.add(dagRunId);
      if (started !== null) return;
      await pause();
    }
  };

  return {
    prepare: async () => {
      await insist({ path: "/secrets", body: { ref: SECRET_REF, value: "not for everybody" } });
      for (const [name, spec] of [["hooked", plan.hooked], ["timed", plan.timed]] as const) {
        if (spec !== null) await insist({ method: "PUT", path: `/dags/${name}/spec`, body: { spec } });
      }
      const { body } = await insist({ path: "/dags/hooked/webhook", body: {} });
      token = v.parse(v.object({ token: v.string() }), JSON.parse(new TextDecoder().decode(body))).token;
    },
    start: async (run) => {
      if (run.isUntrusted) return await startUntrusted(run);
      const { dagRunId, name, spec, needsSlot } = run;
      promise(await insist({ path: "/dag-runs", body: { dagRunId, name, spec, enqueue: needsSlot } }));
    },
    ask: async (wish) => {
      switch (wish.kind) {
        case "tick":
          if (plane.isUp) await tick(plane.ports(), cast.settings);
          return;
        case "queue":
          await send({ method: "PATCH", path: `/queues/${wish.queue}`, body: wish.change });
          return;
        case "stop":
        case "retry": {
          const run = plan.runs[wish.run];
          const body = wish.kind === "stop" ? { force: wish.isForced } : {};
          if (run !== undefined) {
            await send({ path: `/dag-runs/${run.name}/${run.dagRunId}/${wish.kind}`, body });
          }
          return;
        }
        default:
          wish satisfies never;
      }
    },
    deliver: ({ key, copies }) => {
      const headers = { "Authorization": `Bearer ${token}`, "Idempotency-Key": key };
      for (let copy = 0; copy < copies; copy++) {
        void insist({ path: "/webhooks/hooked", body: { payload: { key } }, headers }).then(promise);
      }
    },
    onSeen: (seen) => {
      for (const run of seen.changedRuns) {
        retryLost(run);
        answer(run);
      }
    },
    rest: async () => {
      for (const queue of QUEUES) {
        await insist({ method: "PATCH", path: `/queues/${queue}`, body: { paused: false } });
      }
      if (plan.timed !== null) await insist({ path: "/dags/timed/suspend", body: { suspend: true } });
    },
  };

  /** Whoever sees that a runner is lost wants the run on another one at once: the moment for two of them (INV-02). */
  function retryLost({ dag_run_id: id, reason }: SeenRun): void {
    const run = plan.runs.find((planned) => planned.dagRunId === id);
    const times = retried.get(id) ?? 0;
    if (reason !== "runner_lost" || run === undefined || times >= RETRIES_OF_LOST) return;
    retried.set(id, times + 1);
    const path = `/dag-runs/${run.name}/${id}/retry`;
    timeline.after(random.between(0, NOTICED_MS), () => void send({ path, body: {} }));
  }

  function answer(run: SeenRun): void {
    if (statusOf(run) !== "waiting" || answering.has(run.id)) return;
    answering.add(run.id);
    timeline.after(random.between(0, 10 * NOTICED_MS), async () => {
      const path = `/dag-runs/${run.name}/${run.dag_run_id}`;
      for (const { step, kind } of plan.askings.get(run.name) ?? []) {
        const asked: Asked = kind === "task"
          ? { path: `${path}/human-tasks/${step}/complete`, body: {} }
          : random.chance(0.8)
          ? { path: `${path}/steps/${step}/approve`, body: {} }
          : { path: `${path}/steps/${step}/reject`, body: {} };
        // A finger that slips.
        await Promise.all(random.chance(0.3) ? [insist(asked), insist(asked)] : [insist(asked)]);
      }
      answering.delete(run.id);
    });
  }
}

const Started = v.object({ dagRunId: v.string() });
