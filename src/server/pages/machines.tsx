import type { FC } from "hono/jsx";
import type { EngineFacts } from "../../protocol/messages.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { RunSummary } from "../http/shapes.ts";
import { sizeText } from "../http/size-text.ts";
import type { QueueFacts } from "../store/queue-settings.ts";
import { Layout } from "./layout.tsx";
import { Table } from "./parts/table.tsx";
import { Moment } from "./parts/time.tsx";
import { runPath } from "../place.ts";

export interface ShownQueue extends QueueFacts {
  readonly holding: readonly RunSummary[];
  /** The next ones first, not all of them. */
  readonly waiting: readonly RunSummary[];
}

/** `/queues`: what runs, what waits, and for what. */
export const QueuesPage: FC<{ queues: readonly ShownQueue[] }> = ({ queues }) => (
  <Layout title="Queues" section="queues" isFresh>
    <h1>Queues</h1>
    {queues.length === 0
      ? (
        <p class="empty">
          Nothing waits or runs in a queue. <code>dagu enqueue NAME</code> puts a run into one.
        </p>
      )
      : (
        <Table
          columns={["Queue", "Running", "Waiting", "Longest since", "Change"]}
          rows={queues.map((queue) => [
            <>
              {queue.name}
              {queue.paused ? <span class="status waiting beside">‖ paused</span> : null}
            </>,
            <>
              {queue.running} of {queue.maxConcurrency ?? "any number"}
              <Runs runs={queue.holding} more={0} />
            </>,
            <>
              {queue.queued}
              <Runs runs={queue.waiting} more={queue.queued - queue.waiting.length} />
            </>,
            <Moment at={queue.oldestAt?.toISOString() ?? ""} />,
            <form method="post" action={`/queues/${encodeURIComponent(queue.name)}`}>
              <button type="submit" name="paused" value={queue.paused ? "no" : "yes"}>
                {queue.paused ? `Resume ${queue.name}` : `Pause ${queue.name}`}
              </button>
            </form>,
          ])}
        />
      )}
  </Layout>
);

const Runs: FC<{ runs: readonly RunSummary[]; more: number }> = ({ runs, more }) =>
  runs.length === 0 ? null : (
    <ul>
      {runs.map((run) => (
        <li>
          <a href={runPath(run)}>{`${run.name} ${run.dagRunId}`}</a>
        </li>
      ))}
      {more > 0 ? <li class="muted">{`and ${more} more`}</li> : null}
    </ul>
  );

export interface ShownRunner {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly health: "healthy" | "warning" | "unhealthy";
  readonly held: boolean;
  readonly labels: readonly string[];
  readonly version: string;
  readonly busy: number;
  readonly capacity: number;
  readonly left: Resources;
  readonly lastSeenAt: string;
  /** null: it has told none. */
  readonly engine: EngineFacts | null;
}

const HEALTH = {
  healthy: ["succeeded", "✓ connected"],
  warning: ["waiting", "‖ late"],
  unhealthy: ["failed", "✗ not heard of"],
} as const;

/** `/runners`: who executes, on what, and whether it is still there. */
export const RunnersPage: FC<{ runners: readonly ShownRunner[] }> = ({ runners }) => (
  <Layout title="Runners" section="runners" isFresh>
    <h1>Runners</h1>
    {runners.length === 0 ? <p class="empty">No runner has registered, so that runs stay queued.</p> : (
      <Table
        columns={["Runner", "Health", "Busy", "Labels", "Engine", "Last heard", "Change"]}
        rows={runners.map((runner) => [
          <>
            {runner.name} <span class="muted">{runner.version}</span>
          </>,
          <>
            {runner.state === "away" ? <span class="muted">has left</span> : <Health runner={runner} />}
            {runner.held ? <span class="status waiting beside">· takes no runs</span> : null}
          </>,
          <>
            <span class="number">{runner.busy} of {runner.capacity}</span>
            <Left resources={runner.left} />
          </>,
          runner.labels.join(", "),
          <Engine facts={runner.engine} />,
          <Moment at={runner.lastSeenAt} />,
          runner.state === "active"
            ? (
              <form method="post" action={`/runners/${runner.id}`}>
                <button type="submit" name="held" value={runner.held ? "no" : "yes"}>
                  {runner.held ? `Resume ${runner.name}` : `Drain ${runner.name}`}
                </button>
              </form>
            )
            : null,
        ])}
      />
    )}
    <p class="muted">
      Another one: <code>dagu token runner</code> here, and with what that prints{" "}
      <code>DAGU_RUNNER_REGISTRATION_TOKEN=... dagu worker --url URL</code> on its machine.
    </p>
  </Layout>
);

const Left: FC<{ resources: Resources }> = ({ resources: { cpu, memoryBytes } }) => {
  const left = [
    ...(cpu === undefined ? [] : [`${cpu} cores`]),
    ...(memoryBytes === undefined ? [] : [sizeText(memoryBytes)]),
  ];
  return left.length === 0 ? null : <span class="muted beside">{`· ${left.join(", ")} left`}</span>;
};

const Health: FC<{ runner: ShownRunner }> = ({ runner: { health, state } }) => {
  const [status, text] = HEALTH[health];
  return (
    <>
      <span class={`status ${status}`}>{text}</span>
      {state === "active" ? null : <span class="status waiting">{` · ${state}`}</span>}
    </>
  );
};

const Engine: FC<{ facts: EngineFacts | null }> = ({ facts }) => {
  if (facts === null) return <span class="muted">none</span>;
  const { engine, engineVersion = "", rootless = false, address, problem } = facts;
  return (
    <>
      {[engine, engineVersion, rootless ? "rootless" : ""].filter((part) => part !== "").join(" ")}
      <p class="muted">{address}</p>
      {problem === undefined
        ? null
        : <p class="failure">{`${problem.code}: ${problem.message}. ${problem.remedy}`}</p>}
    </>
  );
};
