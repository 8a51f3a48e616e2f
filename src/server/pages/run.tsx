import type { FC } from "hono/jsx";
import { elapsed } from "../../run/elapsed.ts";
import type { Failure } from "../../run/failure.ts";
import type { ContainerFacts } from "../../run/event.ts";
import type { NodeShape } from "../http/node-shape.ts";
import type { RunDetails } from "../http/shapes.ts";
import { Layout } from "./layout.tsx";
import { Graph } from "./parts/graph.tsx";
import { Status } from "./parts/status.tsx";
import { Task } from "./parts/task.tsx";
import { Moment } from "./parts/time.tsx";
import { apiPath, runPath } from "./runs.tsx";

/** `/runs/{name}/{id}`: graph, steps, and why something failed; follows the run while it goes on. */
export const RunPage: FC<{
  run: RunDetails;
  isFinal: boolean;
  needsApproval: boolean;
  artifacts: readonly { readonly path: string; readonly size: number }[];
  /** Why what a person sent for a step was not taken. */
  problem?: { readonly step: string; readonly message: string };
}> = (
  { run, isFinal, needsApproval, artifacts, problem },
) => {
  const live = `${apiPath(run)}/stream`;
  const handlers = [run.onInit, run.onSuccess, run.onFailure, run.onAbort, run.onExit].filter((node) =>
    node !== undefined
  );
  return (
    <Layout title={`${run.name} ${run.dagRunId}`} {...(isFinal ? {} : { live })}>
      <p class="crumbs">
        <a href="/runs">Runs</a> / {run.name}
      </p>
      <h1>
        {run.name} <small>{run.dagRunId}</small>
      </h1>
      <dl class="facts">
        <dt>Status</dt>
        <dd>
          <Status status={run.statusLabel} />
          {run.cancelRequested && !isFinal ? " (stopping)" : ""}
        </dd>
        <dt>Trigger</dt>
        <dd>{run.triggerType}{run.triggerActor === "" ? "" : ` · ${run.triggerActor}`}</dd>
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
      {isFinal ? null : (
        <form method="post" action={`${runPath(run)}/stop`}>
          <button type="submit">Stop the run</button>
        </form>
      )}
      <div class="scroll">
        <Graph nodes={run.nodes} />
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

function artifactPath(run: RunDetails, path: string): string {
  return `${apiPath(run)}/artifacts/download?${new URLSearchParams({ path })}`;
}

function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const unit = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

const Steps: FC<{ run: RunDetails; nodes: readonly NodeShape[] }> = ({ run, nodes }) => (
  <table>
    <thead>
      <tr>
        <th scope="col">Status</th>
        <th scope="col">Step</th>
        <th scope="col">Took</th>
        <th scope="col">Exit</th>
        <th scope="col">What happened</th>
      </tr>
    </thead>
    <tbody>
      {nodes.map((node) => (
        <tr>
          <td>
            <Status status={node.statusLabel} />
          </td>
          <td>
            <a href={`${runPath(run)}/steps/${encodeURIComponent(node.step.name)}/log`}>{node.step.name}</a>
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
            {node.notes.map((note) => <p class="muted">{note}</p>)}
            {node.container === null ? null : <Container facts={node.container} />}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
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
