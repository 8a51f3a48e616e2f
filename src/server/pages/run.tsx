import type { FC } from "hono/jsx";
import type { NodeShape } from "../http/node-shape.ts";
import type { RunDetails } from "../http/shapes.ts";
import { Layout } from "./layout.tsx";
import { CommitStatus } from "./parts/commit-status.tsx";
import { Container } from "./parts/container.tsx";
import { Graph } from "./parts/graph.tsx";
import { sizeText } from "../http/size-text.ts";
import { Status } from "./parts/status.tsx";
import { Task } from "./parts/task.tsx";
import { Moment, Took } from "./parts/time.tsx";
import { Why } from "./parts/why.tsx";
import { deliveryPath, runPath } from "../place.ts";
import type { CommitStatusRow } from "../store/commit-statuses.ts";
import { apiPath, triggerOf } from "./runs.tsx";
import { handlersOf, logPath, Steps } from "./steps.tsx";
import type { SubRuns } from "./sub-runs.ts";
import { workflowPath } from "./workflows.tsx";

/** `/runs/{name}/{id}`: graph, steps, and why something failed; follows the run while it goes on. */
export const RunPage: FC<{
  run: RunDetails;
  isFinal: boolean;
  needsApproval: boolean;
  /** Name of the runner that has it; null: none has, or it is gone. */
  runner: string | null;
  /** What came in and started it; null: something else did. */
  deliveryId: string | null;
  commitStatuses: readonly CommitStatusRow[];
  /** Why it is still queued. */
  waits: readonly string[];
  /** By step. */
  subRuns: ReadonlyMap<string, SubRuns>;
  artifacts: readonly { readonly path: string; readonly size: number }[];
  /** Why what a person sent for a step was not taken. */
  problem?: { readonly step: string; readonly message: string };
}> = (
  { run, isFinal, runner, deliveryId, commitStatuses, waits, needsApproval, subRuns, artifacts, problem },
) => {
  const live = `${apiPath(run)}/stream`;
  const handlers = handlersOf(run);
  const culprit = [...run.nodes, ...handlers].find((node) => isWhy(run, node)) ?? null;
  return (
    <Layout title={`${run.name} ${run.dagRunId}`} section="runs" {...(isFinal ? {} : { live })}>
      <p class="crumbs">
        <a href="/runs">Runs</a> / {run.parentDAGRunName === undefined ? null : <Above run={run} />}
        {run.sourceFileName === "" ? run.name : <a href={workflowPath(run.sourceFileName)}>{run.name}</a>}
      </p>
      <h1>
        {run.name} <small>{run.dagRunId}</small>
      </h1>
      <dl class="facts">
        <dt>Status</dt>
        <dd>
          <Status status={run.statusLabel} />
          {run.cancelRequested && !isFinal ? " (stopping)" : ""}
          {waits.length === 0 ? "" : `: ${waits.join("; ")}`}
        </dd>
        <dt>Steps</dt>
        <dd>{countsOf(run.nodes)}</dd>
        <dt>Trigger</dt>
        <dd>
          {triggerOf(run)}
          {deliveryId === null ? null : <a href={deliveryPath(deliveryId)} class="beside">its delivery</a>}
        </dd>
        {commitStatuses.length === 0 ? null : (
          <>
            <dt>Commit</dt>
            <dd>{commitStatuses.map((one) => <CommitStatus status={one} />)}</dd>
          </>
        )}
        {run.params === "" || run.params === "{}" ? null : (
          <>
            <dt>Parameters</dt>
            <dd>
              <code>{run.params}</code>
            </dd>
          </>
        )}
        {runner === null ? null : (
          <>
            <dt>Runner</dt>
            <dd>{runner}</dd>
          </>
        )}
        <dt>{run.startedAt === "" ? "Queued" : "Started"}</dt>
        <dd>
          <Moment at={run.startedAt || run.queuedAt} />
        </dd>
        {run.startedAt === "" ? null : (
          <>
            <dt>Took</dt>
            <dd>
              <Took from={run.startedAt} to={run.finishedAt} />
            </dd>
          </>
        )}
        {run.container === null ? null : (
          <>
            <dt>Container</dt>
            <dd>
              <Container facts={run.container} />
            </dd>
          </>
        )}
      </dl>
      {run.failure === null ? null : (
        <Why failure={run.failure}>
          {culprit === null ? null : (
            <>
              Step <a href={logPath(run, culprit)}>{culprit.step.name}</a>:{" "}
            </>
          )}
        </Why>
      )}
      {needsApproval
        ? (
          <form method="post" action={`${runPath(run)}/approval`} class="task">
            <p>This run comes from a fork and waits for a person.</p>
            <div class="actions">
              <button type="submit" name="decision" value="approve" class="main">Approve this commit</button>
              <button type="submit" name="decision" value="reject" class="grave">Reject</button>
            </div>
          </form>
        )
        : null}
      {run.nodes.filter((node) => asksPerson(node)).map((node) => (
        <Task
          node={node}
          action={`${runPath(run)}/steps/${encodeURIComponent(node.step.name)}/task`}
          log={logPath(run, node)}
          problem={problem?.step === node.step.name ? problem.message : null}
        />
      ))}
      <div class="actions">
        {isFinal
          ? (
            <>
              {run.statusLabel === "succeeded" ? null : (
                <form method="post" action={`${runPath(run)}/retry`}>
                  <button type="submit" class="main">Retry what did not succeed</button>
                </form>
              )}
              {run.parentDAGRunName === undefined
                ? (
                  <form method="post" action={`${runPath(run)}/again`}>
                    <button type="submit" title="A new run of the same definition with the same parameters">
                      Run it again
                    </button>
                  </form>
                )
                : null}
            </>
          )
          : (
            <form method="post" action={`${runPath(run)}/stop`}>
              <button type="submit" class="grave">Stop the run</button>
            </form>
          )}
      </div>
      <Graph nodes={run.nodes} pathOf={(node) => logPath(run, node)} />
      <h2>Steps</h2>
      <Steps run={run} nodes={run.nodes} subRuns={subRuns} culprit={culprit} />
      {handlers.length === 0 ? null : (
        <>
          <h2>Handlers</h2>
          <Steps run={run} nodes={handlers} subRuns={subRuns} culprit={culprit} />
        </>
      )}
      {artifacts.length === 0 ? null : (
        <>
          <h2>Artifacts</h2>
          <ul>
            {artifacts.map(({ path, size }) => (
              <li>
                <a href={artifactPath(run, path)}>{path}</a> <span class="muted">{sizeText(size)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {run.notes.length === 0 ? null : (
        <>
          <h2>Notes</h2>
          <ul>{run.notes.map((note) => <li>{note}</li>)}</ul>
        </>
      )}
    </Layout>
  );
};

/** The run that a step of started this one. */
const Above: FC<{ run: RunDetails }> = (
  { run: { parentDAGRunName: name = "", parentDAGRunId: dagRunId = "" } },
) => (
  <>
    <a href={runPath({ name, dagRunId })}>{`${name} ${dagRunId}`}</a> {"/ "}
  </>
);

/** Whether the run failed because of this step: it has taken over what the step says. */
function isWhy({ failure }: RunDetails, node: NodeShape): boolean {
  return failure !== null && node.failure?.code === failure.code && node.failure.message === failure.message;
}

/** `1 failed, 3 of 4 succeeded`. */
function countsOf(nodes: readonly NodeShape[]): string {
  const counts = new Map<string, number>();
  for (const { statusLabel } of nodes) counts.set(statusLabel, (counts.get(statusLabel) ?? 0) + 1);
  const done = counts.get("succeeded") ?? 0;
  counts.delete("succeeded");
  return [
    `${done} of ${nodes.length} succeeded`,
    ...[...counts].map(([status, count]) => `${count} ${status.replaceAll("_", " ")}`),
  ].join(", ");
}

function artifactPath(run: RunDetails, path: string): string {
  return `${apiPath(run)}/artifacts/download?${new URLSearchParams({ path })}`;
}

/** A step that waits for sub-runs asks nobody: they do. */
function asksPerson({ statusLabel, prompt, waitingFor }: NodeShape): boolean {
  return statusLabel === "waiting" && prompt !== null && waitingFor !== "sub_run";
}
