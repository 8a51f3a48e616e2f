import type { FC } from "hono/jsx";
import { elapsed } from "../../run/elapsed.ts";
import type { Failure } from "../../run/failure.ts";
import type { ContainerFacts } from "../../run/event.ts";
import type { NodeShape } from "../http/node-shape.ts";
import type { RunDetails } from "../http/shapes.ts";
import { Layout } from "./layout.tsx";
import { Graph } from "./parts/graph.tsx";
import { Status } from "./parts/status.tsx";
import { Table } from "./parts/table.tsx";
import { Task } from "./parts/task.tsx";
import { Moment } from "./parts/time.tsx";
import { apiPath, runPath, triggerOf } from "./runs.tsx";
import { workflowPath } from "./workflows.tsx";

/** Of an output, in characters; the log has all of it. */
const OUTPUT_SHOWN = 200;

/** `/runs/{name}/{id}`: graph, steps, and why something failed; follows the run while it goes on. */
export const RunPage: FC<{
  run: RunDetails;
  isFinal: boolean;
  needsApproval: boolean;
  /** Name of the runner that has it; null: none has, or it is gone. */
  runner: string | null;
  /** Why it is still queued. */
  waits: readonly string[];
  artifacts: readonly { readonly path: string; readonly size: number }[];
  /** Why what a person sent for a step was not taken. */
  problem?: { readonly step: string; readonly message: string };
}> = (
  { run, isFinal, runner, waits, needsApproval, artifacts, problem },
) => {
  const live = `${apiPath(run)}/stream`;
  const handlers = [run.onInit, run.onSuccess, run.onFailure, run.onAbort, run.onExit].filter((node) =>
    node !== undefined
  );
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
        <dt>Trigger</dt>
        <dd>{triggerOf(run)}</dd>
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
        <dt>Started</dt>
        <dd>
          <Moment at={run.startedAt} />
        </dd>
        <dt>Finished</dt>
        <dd>
          <Moment at={run.finishedAt} /> {elapsed(run.startedAt, run.finishedAt)}
        </dd>
        {run.container === null ? null : (
          <>
            <dt>Container</dt>
            <dd>
              <Container facts={run.container} />
            </dd>
          </>
        )}
      </dl>
      {run.failure === null ? null : <Why failure={run.failure} />}
      {needsApproval
        ? (
          <form method="post" action={`${runPath(run)}/approval`} class="approval">
            <p>This run comes from a fork and waits for a person.</p>
            <button type="submit" name="decision" value="approve">Approve this commit</button>
            <button type="submit" name="decision" value="reject">Reject</button>
          </form>
        )
        : null}
      {run.nodes.filter((node) => asksPerson(node)).map((node) => (
        <Task
          node={node}
          action={`${runPath(run)}/steps/${encodeURIComponent(node.step.name)}/task`}
          problem={problem?.step === node.step.name ? problem.message : null}
        />
      ))}
      {isFinal
        ? run.statusLabel === "succeeded" ? null : (
          <form method="post" action={`${runPath(run)}/retry`}>
            <button type="submit">Retry what did not succeed</button>
          </form>
        )
        : (
          <form method="post" action={`${runPath(run)}/stop`}>
            <button type="submit">Stop the run</button>
          </form>
        )}
      <div class="scroll">
        <Graph nodes={run.nodes} pathOf={(step) => logPath(run, step)} />
      </div>
      <h2>Steps</h2>
      <Steps run={run} nodes={run.nodes} />
      {handlers.length === 0 ? null : (
        <>
          <h2>Handlers</h2>
          <Steps run={run} nodes={handlers} />
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

function logPath(run: RunDetails, step: string): string {
  return `${runPath(run)}/steps/${encodeURIComponent(step)}/log`;
}

function artifactPath(run: RunDetails, path: string): string {
  return `${apiPath(run)}/artifacts/download?${new URLSearchParams({ path })}`;
}

function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const unit = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

const Steps: FC<{ run: RunDetails; nodes: readonly NodeShape[] }> = ({ run, nodes }) => (
  <Table columns={["Status", "Step", "Took", "Exit", "What happened"]}>
    {nodes.map((node) => (
      <tr>
        <td>
          <Status status={node.statusLabel} />
        </td>
        <td>
          <a href={logPath(run, node.step.name)}>{node.step.name}</a>
          {node.retryCount > 0 ? <span class="muted">{` try ${node.retryCount + 1}`}</span> : null}
        </td>
        <td class="number">{elapsed(node.startedAt, node.finishedAt)}</td>
        <td class="number">{node.exitCode ?? ""}</td>
        <td>
          {node.reason}
          {node.failure === null ? null : <Why failure={node.failure} />}
          <Decisions node={node} />
          {node.subRuns.length === 0 ? null : (
            <ul>
              {node.subRuns.map((sub) => (
                <li>
                  <a href={runPath(sub)}>{`${sub.name} ${sub.dagRunId}`}</a>
                </li>
              ))}
            </ul>
          )}
          {Object.entries(node.outputs).map(([name, value]) => (
            <p class="muted output">
              {name} = {value.length > OUTPUT_SHOWN ? `${value.slice(0, OUTPUT_SHOWN)}…` : value}
            </p>
          ))}
          {node.notes.map((note) => <p class="muted">{note}</p>)}
          {node.container === null ? null : <Container facts={node.container} />}
        </td>
      </tr>
    ))}
  </Table>
);

/** A step that waits for sub-runs asks nobody: they do. */
function asksPerson({ statusLabel, prompt, waitingFor }: NodeShape): boolean {
  return statusLabel === "waiting" && prompt !== null && waitingFor !== "sub_run";
}

/** Who sent it back, approved or rejected it, and with which words. */
const Decisions: FC<{ node: NodeShape }> = ({ node }) => (
  <>
    {(node.pushBackHistory ?? []).map(({ iteration, by, inputs }) => (
      <p class="muted">{`pushed back (${iteration}) by ${by}${wordsOf(inputs)}`}</p>
    ))}
    {node.approvedBy === undefined
      ? null
      : <p class="muted">{`approved by ${node.approvedBy}${wordsOf(node.approvalInputs ?? {})}`}</p>}
    {node.rejectedBy === undefined ? null : <p class="muted">{`rejected by ${node.rejectedBy}`}</p>}
    {node.humanTaskCompletedBy === undefined
      ? null
      : <p class="muted">{`completed by ${node.humanTaskCompletedBy}`}</p>}
  </>
);

function wordsOf(inputs: Readonly<Record<string, string>>): string {
  const words = Object.entries(inputs).map(([name, value]) => `${name}: ${value}`);
  return words.length === 0 ? "" : `: ${words.join("; ")}`;
}

const Why: FC<{ failure: Failure }> = ({ failure }) => (
  <div class="failure">
    <p>
      <strong>{failure.code}</strong> {failure.message}
    </p>
    {failure.remedy === "" ? null : <p>What to do: {failure.remedy}</p>}
    {failure.engine === undefined
      ? null
      : <p class="muted">{[failure.engine, failure.address ?? ""].join(" ")}</p>}
    {failure.engineText === undefined ? null : <pre>{failure.engineText}</pre>}
  </div>
);

const Container: FC<{ facts: ContainerFacts }> = ({ facts }) => (
  <span class="muted" title={facts.digest}>
    {`${facts.image}${digestOf(facts)} in ${facts.id} on ${facts.engine} (${facts.address})`}
  </span>
);

/** As much as tells two images apart; the whole is in the title. */
function digestOf({ image, digest }: ContainerFacts): string {
  return digest === "" || image.includes(digest) ? "" : ` (${digest.slice(0, 19)})`;
}
