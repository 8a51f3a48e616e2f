import type { FC } from "hono/jsx";
import { elapsed } from "../../run/elapsed.ts";
import type { RunSummary } from "../http/shapes.ts";
import { Layout } from "./layout.tsx";
import { Status } from "./parts/status.tsx";
import { Moment } from "./parts/time.tsx";

/** `/runs`: newest first. */
export const RunsPage: FC<{ runs: readonly RunSummary[]; next: string | null }> = ({ runs, next }) => (
  <Layout title="Runs">
    <h1>Runs</h1>
    {runs.length === 0
      ? (
        <p class="empty">
          Nothing has run yet. Start a workflow with <code>dagu start FILE</code>.
        </p>
      )
      : (
        <table>
          <thead>
            <tr>
              <th scope="col">Status</th>
              <th scope="col">Workflow</th>
              <th scope="col">Run</th>
              <th scope="col">Trigger</th>
              <th scope="col">Started</th>
              <th scope="col">Took</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <tr>
                <td>
                  <Status status={run.statusLabel} />
                </td>
                <td>{run.name}</td>
                <td>
                  <a href={runPath(run)}>{run.dagRunId}</a>
                </td>
                <td>{run.triggerType}{run.triggerActor === "" ? "" : ` · ${run.triggerActor}`}</td>
                <td>
                  <Moment at={run.startedAt} />
                </td>
                <td class="number">{elapsed(run.startedAt, run.finishedAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    {next === null ? null : (
      <p>
        <a href={`/runs?cursor=${encodeURIComponent(next)}`}>Older runs</a>
      </p>
    )}
  </Layout>
);

/** Of the same run in the API. */
export function apiPath(run: { readonly name: string; readonly dagRunId: string }): string {
  return `/api/v1/dag-runs/${encodeURIComponent(run.name)}/${encodeURIComponent(run.dagRunId)}`;
}

export function runPath(run: { readonly name: string; readonly dagRunId: string }): string {
  return `/runs/${encodeURIComponent(run.name)}/${encodeURIComponent(run.dagRunId)}`;
}
