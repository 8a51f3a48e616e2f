import type { FC } from "hono/jsx";
import type { NodeShape } from "../http/node-shape.ts";
import type { RunSummary } from "../http/shapes.ts";
import { Layout } from "./layout.tsx";
import { sizeText } from "../http/size-text.ts";
import { Status } from "./parts/status.tsx";
import { Why } from "./parts/why.tsx";
import { runPath } from "../place.ts";
import { apiPath } from "./runs.tsx";

export interface LogView {
  readonly run: RunSummary;
  readonly node: NodeShape;
  readonly stream: "stdout" | "stderr";
  /** The end of the log as text, and the offset up to which it goes. */
  readonly text: string;
  readonly offset: number;
  readonly isCut: boolean;
  readonly isOver: boolean;
}

/** `/runs/{name}/{id}/steps/{step}/log`: the tail of one stream, growing while the step runs. */
export const LogPage: FC<LogView> = ({ run, node, stream, text, offset, isCut, isOver }) => {
  const step = encodeURIComponent(node.step.name);
  const api = `${apiPath(run)}/steps/${step}/log`;
  const live = `${api}/stream?stream=${stream}&fromOffset=${offset}`;
  const here = `${runPath(run)}/steps/${step}/log`;
  return (
    <Layout title={`${node.step.name} log`} section="runs" {...(isOver ? {} : { live })}>
      <p class="crumbs">
        <a href="/runs">Runs</a> / <a href={runPath(run)}>{run.name} {run.dagRunId}</a> / {node.step.name}
      </p>
      <h1>
        {node.step.name} <Status status={node.statusLabel} />
      </h1>
      {node.failure === null ? null : <Why failure={node.failure} />}
      <nav class="tabs" aria-label="Streams">
        {(["stdout", "stderr"] as const).map((name) => (
          <a href={`${here}?stream=${name}`} {...(name === stream ? { "aria-current": "page" } : {})}>
            {name} {isOver ? <span class="muted">{sizeText(node.logSizes[name])}</span> : null}
          </a>
        ))}
        <a href={`${api}/download?stream=${stream}`}>Download</a>
      </nav>
      {isCut ? <p class="muted">Only the end is shown; the download has all of it.</p> : null}
      {isOver && text === ""
        ? <p class="empty">{`Nothing was written to ${stream}.`}</p>
        : <pre class="log" id="log" role="log" aria-live="off" aria-label={stream} tabindex={0}>{text}</pre>}
    </Layout>
  );
};
