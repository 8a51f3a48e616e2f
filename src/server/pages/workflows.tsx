import type { FC } from "hono/jsx";
import type { Problem } from "../../workflow/problem.ts";
import type { RunSummary } from "../http/shapes.ts";
import { Layout } from "./layout.tsx";
import { Fields } from "./parts/fields.tsx";
import { Status } from "./parts/status.tsx";
import { Table } from "./parts/table.tsx";
import { Moment } from "./parts/time.tsx";
import { runPath } from "../place.ts";
import { RunsTable } from "./runs.tsx";

export interface ListedWorkflow {
  readonly fileName: string;
  /** "": none. */
  readonly group: string;
  readonly labels: readonly string[];
  readonly suspended: boolean;
  readonly isBroken: boolean;
  /** "": it has no schedule, or is suspended. */
  readonly nextRun: string;
  readonly latest: RunSummary | null;
}

/** `/workflows`: every definition, also those that cannot start. */
export const WorkflowsPage: FC<{ workflows: readonly ListedWorkflow[] }> = ({ workflows }) => (
  <Layout title="Workflows" section="workflows" isFresh>
    <h1>Workflows</h1>
    {workflows.length === 0
      ? (
        <p class="empty">
          There are no definitions yet. Put a YAML file into the folder that the server was started with (
          <code>--dags DIR</code>, <code>DAGU_DAGS_DIR</code>).
        </p>
      )
      : (
        <Table
          columns={["Workflow", "Last run", "Started", "Next start", "Labels"]}
          rows={workflows.map((one) => [
            <>
              <a href={workflowPath(one.fileName)}>{one.fileName}</a>
              {one.group === "" ? null : <span class="muted">{` ${one.group}`}</span>}
              {one.isBroken ? <span class="status failed beside">✗ has errors</span> : null}
              {one.suspended ? <Suspended /> : null}
            </>,
            one.latest === null
              ? <span class="muted">never</span>
              : (
                <a href={runPath(one.latest)} class="quiet">
                  <Status status={one.latest.statusLabel} />
                </a>
              ),
            <Moment at={one.latest?.startedAt ?? ""} />,
            <Moment at={one.nextRun} />,
            one.labels.join(", "),
          ])}
        />
      )}
  </Layout>
);

const Suspended: FC = () => <span class="status waiting beside">‖ suspended</span>;

export interface ShownWorkflow extends Omit<ListedWorkflow, "latest"> {
  readonly description: string;
  /** null: it cannot start. */
  readonly form: Readonly<Record<string, unknown>> | null;
  readonly problems: readonly Problem[];
  readonly spec: string;
  readonly digest: string;
  readonly runs: readonly RunSummary[];
}

/** What a person sent that was not taken, as they wrote it, and why. */
export interface Unsent {
  readonly of: "start" | "spec";
  readonly message: string;
  readonly words: Readonly<Record<string, string>>;
  readonly spec: string | null;
}

/** `/workflows/{file}`: start it, its latest runs, its text. */
export const WorkflowPage: FC<{ workflow: ShownWorkflow; unsent: Unsent | null }> = (
  { workflow, unsent },
) => {
  const here = workflowPath(workflow.fileName);
  return (
    <Layout title={workflow.fileName} section="workflows">
      <p class="crumbs">
        <a href="/workflows">Workflows</a> / {workflow.fileName}
      </p>
      <h1>
        {workflow.fileName}
        {workflow.suspended
          ? (
            <small>
              <Suspended />
            </small>
          )
          : null}
      </h1>
      {workflow.description === "" ? null : <p class="said">{workflow.description}</p>}
      <dl class="facts">
        {workflow.nextRun === "" ? null : (
          <>
            <dt>Next start</dt>
            <dd>
              <Moment at={workflow.nextRun} />
            </dd>
          </>
        )}
        {workflow.group === "" ? null : (
          <>
            <dt>Group</dt>
            <dd>{workflow.group}</dd>
          </>
        )}
        {workflow.labels.length === 0 ? null : (
          <>
            <dt>Labels</dt>
            <dd>{workflow.labels.join(", ")}</dd>
          </>
        )}
      </dl>
      {workflow.isBroken ? <h2>It cannot start until this is mended</h2> : null}
      <Problems problems={workflow.problems} />
      {workflow.form === null ? null : (
        <form method="post" action={`${here}/start`} class="task start">
          <h2>Start it</h2>
          {unsent?.of === "start" ? <p role="alert" class="failure said">{unsent.message}</p> : null}
          <Fields form={workflow.form} given={unsent?.words ?? {}} />
          <div class="actions">
            <button type="submit" class="main">Start</button>
          </div>
        </form>
      )}
      <form method="post" action={`${here}/suspend`}>
        <button type="submit" name="suspend" value={workflow.suspended ? "no" : "yes"}>
          {workflow.suspended ? "Resume its schedule and triggers" : "Suspend its schedule and triggers"}
        </button>
      </form>
      <h2>Latest runs</h2>
      {workflow.runs.length === 0
        ? <p class="empty">It has not run yet.</p>
        : <RunsTable runs={workflow.runs} />}
      <h2>Definition</h2>
      <form method="post" action={`${here}/spec`}>
        {unsent?.of === "spec" ? <p role="alert" class="failure said">{unsent.message}</p> : null}
        <input type="hidden" name="digest" value={workflow.digest} />
        <textarea
          name="spec"
          aria-label="Definition"
          class="spec"
          spellcheck={false}
          rows={Math.min(40, workflow.spec.split("\n").length + 1)}
        >
          {/* A browser takes the first line break of a text area away. */}
          {`\n${unsent?.spec ?? workflow.spec}`}
        </textarea>
        <button type="submit">Save</button>
        <p class="muted">
          A wrong text is told and not saved. A file of the server's folder stays as it is: what is saved here
          counts until that file changes or the server starts anew.
        </p>
      </form>
    </Layout>
  );
};

const Problems: FC<{ problems: readonly Problem[] }> = ({ problems }) => (
  <>
    {problems.map(({ severity, path, position, message, remedy }) => (
      <div class={severity === "error" ? "failure" : "notice"}>
        <p>
          {position === null ? "" : `line ${position.line}, column ${position.column}: `}
          {path === "" ? "" : <code>{path}</code>} {message}
        </p>
        {remedy === "" ? null : <p>What to do: {remedy}</p>}
      </div>
    ))}
  </>
);

export function workflowPath(fileName: string): string {
  return `/workflows/${encodeURIComponent(fileName)}`;
}
