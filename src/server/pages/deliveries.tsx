import type { FC } from "hono/jsx";
import * as v from "valibot";
import type { DecisionRow, DeliveryRow } from "../store/deliveries.ts";
import { Layout } from "./layout.tsx";
import { Table } from "./parts/table.tsx";
import { Moment } from "./parts/time.tsx";
import { deliveryPath, runPath } from "../place.ts";
import { workflowPath } from "./workflows.tsx";

const MARKS = {
  accepted: ["succeeded", "✓"],
  ignored: ["skipped", "–"],
  refused: ["failed", "✗"],
  ping: ["skipped", "·"],
} as const;
const Started = v.object({ dagName: v.string(), dagRunId: v.string() });
/** What was answered when a run, or several, were made. */
const Answer = v.union([v.object({ runs: v.array(Started) }), Started]);

/** `/deliveries`: every request at a webhook or an endpoint, and what came of it. */
export const DeliveriesPage: FC<{ deliveries: readonly DeliveryRow[]; next: string | null }> = (
  { deliveries, next },
) => (
  <Layout title="Deliveries" section="deliveries" isFresh>
    <h1>Deliveries</h1>
    {deliveries.length === 0
      ? (
        <p class="empty">
          No request has come in yet. <code>dagu webhook create NAME</code>{" "}
          makes a workflow startable over HTTP, <code>dagu endpoint create NAME</code>{" "}
          a place for the events of a Git forge.
        </p>
      )
      : (
        <Table
          columns={["Received", "Source", "Event", "Outcome", "Why"]}
          rows={deliveries.map((row) => [
            <a href={deliveryPath(row.id)}>
              <Moment at={row.receivedAt.toISOString()} />
            </a>,
            `${row.kind} ${row.sourceName}`,
            eventOf(row),
            <Outcome row={row} />,
            row.reason,
          ])}
        />
      )}
    {next === null ? null : (
      <p>
        <a href={`/deliveries?cursor=${next}`}>Older deliveries</a>
      </p>
    )}
  </Layout>
);

/** `/deliveries/{id}`: why did my push start something, or nothing. */
export const DeliveryPage: FC<{ delivery: DeliveryRow; decisions: readonly DecisionRow[] }> = (
  { delivery, decisions },
) => (
  <Layout title="Delivery" section="deliveries">
    <p class="crumbs">
      <a href="/deliveries">Deliveries</a> / {delivery.id}
    </p>
    <h1>{delivery.kind} {delivery.sourceName}</h1>
    <dl class="facts">
      <dt>Received</dt>
      <dd>
        <Moment at={delivery.receivedAt.toISOString()} />
      </dd>
      <dt>Event</dt>
      <dd>{eventOf(delivery)}</dd>
      <dt>Outcome</dt>
      <dd>
        <Outcome row={delivery} /> (answered {delivery.httpStatus}) {delivery.reason}
      </dd>
      <dt>Started</dt>
      <dd>
        <Runs answer={delivery.answer} />
      </dd>
    </dl>
    <h2>Decisions</h2>
    {decisions.length === 0 ? <p class="empty">No workflow was looked at.</p> : (
      <Table
        columns={["Workflow", "Trigger", "Matched", "Condition that failed", "Value seen"]}
        rows={decisions.map((row) => [
          <a href={workflowPath(row.workflow)}>{row.workflow}</a>,
          /^\d+$/.test(row.block) ? `triggers[${row.block}]` : row.block,
          row.matched ? "yes" : "no",
          row.condition,
          row.detail,
        ])}
      />
    )}
  </Layout>
);

const Outcome: FC<{ row: DeliveryRow }> = ({ row: { outcome, duplicates } }) => {
  const [kind, mark] = MARKS[outcome];
  return (
    <>
      <span class={`status ${kind}`}>
        <span aria-hidden="true">{mark}</span> {outcome}
      </span>
      {duplicates > 0 ? <span class="muted">{` (+${duplicates} repeated)`}</span> : null}
    </>
  );
};

const Runs: FC<{ answer: unknown }> = ({ answer }) => {
  if (!v.is(Answer, answer)) return <span class="muted">nothing</span>;
  const runs = "runs" in answer ? answer.runs : [answer];
  return runs.length === 0 ? <span class="muted">nothing</span> : (
    <>
      {runs.map(({ dagName, dagRunId }) => (
        <div>
          <a href={runPath({ name: dagName, dagRunId })}>{`${dagName} ${dagRunId}`}</a>
        </div>
      ))}
    </>
  );
};

function eventOf({ event, action, repo }: DeliveryRow): string {
  return [event, action, repo].filter((part) => part !== null && part !== "").join(" · ");
}
