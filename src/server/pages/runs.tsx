import type { FC } from "hono/jsx";
import { RUN_STATUSES } from "../../run/event.ts";
import type { RunSummary } from "../http/shapes.ts";
import { runPath } from "../place.ts";
import { Layout } from "./layout.tsx";
import { Status } from "./parts/status.tsx";
import { Table } from "./parts/table.tsx";
import { Moment, Took } from "./parts/time.tsx";

/** What the address of the list asks for; "": everything. */
export interface RunsQuery {
  readonly name: string;
  readonly status: string;
  /** "yes": also runs that steps of other runs started. */
  readonly sub: string;
}

/** `/runs`: newest first. `next`: where older ones begin; `isFirst`: none are newer. */
export const RunsPage: FC<{
  runs: readonly RunSummary[];
  query: RunsQuery;
  isFirst: boolean;
  next: string | null;
}> = ({ runs, query, isFirst, next }) => (
  <Layout title="Runs" section="runs" isFresh={isFirst}>
    <h1>Runs</h1>
    <form method="get" action="/runs" class="filter" role="search">
      <label>
        Workflow <input name="name" value={query.name} />
      </label>
      <label>
        Status{" "}
        <select name="status">
          <option value="">any</option>
          {RUN_STATUSES.map((status) => (
            <option value={status} selected={status === query.status}>{status.replaceAll("_", " ")}</option>
          ))}
        </select>
      </label>
      <label>
        <input type="checkbox" name="sub" value="yes" checked={query.sub === "yes"} /> sub-runs too
      </label>
      <button type="submit" class="main">Show</button>
    </form>
    {runs.length === 0 ? <Nothing query={query} isFirst={isFirst} /> : <RunsTable runs={runs} />}
    {next === null ? null : (
      <p>
        <a href={`/runs?${new URLSearchParams({ ...asked(query), cursor: next })}`}>Older runs</a>
      </p>
    )}
  </Layout>
);

const Nothing: FC<{ query: RunsQuery; isFirst: boolean }> = ({ query, isFirst }) =>
  Object.keys(asked(query)).length > 0 || !isFirst
    ? (
      <p class="empty">
        No run is like that. <a href="/runs">Show all runs</a>
      </p>
    )
    : (
      <p class="empty">
        Nothing has run yet. Start one of the <a href="/workflows">workflows</a>, or a file with{" "}
        <code>dagu start FILE</code>.
      </p>
    );

export const RunsTable: FC<{ runs: readonly RunSummary[] }> = ({ runs }) => (
  <Table
    columns={["Status", "Workflow", "Run", "Trigger", "Started", "Took"]}
    rows={runs.map((run) => [
      <Status status={run.statusLabel} />,
      <a href={`/runs?${new URLSearchParams({ name: run.name })}`} class="quiet">{run.name}</a>,
      <a href={runPath(run)} class="id">{run.dagRunId}</a>,
      triggerOf(run),
      <Moment at={run.startedAt} />,
      <Took from={run.startedAt} to={run.finishedAt} />,
    ])}
  />
);

function asked(query: RunsQuery): Record<string, string> {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ""));
}

export function triggerOf(run: RunSummary): string {
  return [run.triggerType, run.triggerActor].filter((part) => part !== "").join(" · ");
}

/** Of the same run in the API. */
export function apiPath(run: { readonly name: string; readonly dagRunId: string }): string {
  return `/api/v1/dag-runs/${encodeURIComponent(run.name)}/${encodeURIComponent(run.dagRunId)}`;
}
