import type { FC } from "hono/jsx";
import type { Failure } from "../../run/failure.ts";
import type { NodeShape } from "../http/node-shape.ts";
import type { RunDetails } from "../http/shapes.ts";
import { Container } from "./parts/container.tsx";
import { Status } from "./parts/status.tsx";
import { Table } from "./parts/table.tsx";
import { Moment, Took } from "./parts/time.tsx";
import { Why } from "./parts/why.tsx";
import { runPath } from "../place.ts";
import type { SubRuns } from "./sub-runs.ts";

/** Of an output, in characters; the log has all of it. */
const OUTPUT_SHOWN = 200;

/** The steps of a run, each with what became of it. `culprit`: the one whose failure is told above them. */
export const Steps: FC<{
  run: RunDetails;
  nodes: readonly NodeShape[];
  subRuns: ReadonlyMap<string, SubRuns>;
  culprit: NodeShape | null;
}> = ({ run, nodes, subRuns, culprit }) => (
  <Table
    columns={["Status", "Step", "Took", "Exit", "What happened"]}
    rows={nodes.map((node) => [
      <Status status={node.statusLabel} />,
      <>
        <a href={logPath(run, node)}>{node.step.name}</a>
        {node.retryCount > 0 ? <span class="muted">{` try ${node.retryCount + 1}`}</span> : null}
      </>,
      <Took from={node.startedAt} to={node.finishedAt} />,
      node.exitCode,
      <>
        {node.reason}
        {node.nextRetryAt === undefined ? null : (
          <p>
            tried again at <Moment at={node.nextRetryAt} />
          </p>
        )}
        {node.failure === null
          ? null
          : <Why failure={node === culprit ? briefly(node.failure) : node.failure} />}
        <Decisions node={node} />
        <Below runs={subRuns.get(node.step.name)} />
        {Object.entries(node.outputs).map(([name, value]) => (
          <p class="muted output">
            {name} = {value.length > OUTPUT_SHOWN ? `${value.slice(0, OUTPUT_SHOWN)}…` : value}
          </p>
        ))}
        {node.notes.map((note) => <p class="muted">{note}</p>)}
        {node.container === null ? null : <Container facts={node.container} />}
      </>,
    ])}
  />
);

/** In the order in which they run. */
export function handlersOf(run: RunDetails): readonly NodeShape[] {
  return [run.onInit, run.onWait, run.onSuccess, run.onFailure, run.onAbort, run.onExit]
    .filter((node) => node !== undefined);
}

/** Of a step's log: where it wrote something, when it wrote to one stream only. */
export function logPath(run: RunDetails, { step, logSizes }: NodeShape): string {
  const isStderr = logSizes.stdout === 0 && logSizes.stderr > 0;
  return `${runPath(run)}/steps/${encodeURIComponent(step.name)}/log${isStderr ? "?stream=stderr" : ""}`;
}

function briefly({ code, message }: Failure): Failure {
  return { code, message: message.split("\n", 1)[0] ?? "", remedy: "" };
}

/** Runs that the step started: how each is, and what it was given. */
const Below: FC<{ runs: SubRuns | undefined }> = ({ runs }) =>
  runs === undefined ? null : (
    <ul class="sub-runs">
      {runs.shown.map((run) => (
        <li>
          {run.status === "" ? null : <Status status={run.status} />}{" "}
          <a href={runPath(run)}>{`${run.name} ${run.dagRunId}`}</a>{" "}
          {["", "{}"].includes(run.params) ? null : <code class="muted">{run.params}</code>}
        </li>
      ))}
      {runs.more > 0 ? <li class="muted">{`and ${runs.more} more`}</li> : null}
    </ul>
  );

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
