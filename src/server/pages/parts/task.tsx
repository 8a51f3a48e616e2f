import type { FC } from "hono/jsx";
import type { NodeShape } from "../../http/node-shape.ts";
import { Fields } from "./fields.tsx";

/** What a waiting step asks of a person, by the form's schema: the same that the API takes. */
export const Task: FC<{ node: NodeShape; action: string; log: string; problem: string | null }> = (
  { node, action, log, problem },
) => (
  <form method="post" action={action} class="task" aria-label={`${node.step.name} waits`}>
    <p>
      <strong>{node.step.name}</strong> waits: <span class="said">{node.prompt}</span>
    </p>
    {node.waitingFor === "approval"
      ? (
        <p>
          <a href={log}>{`Log of ${node.step.name}`}</a>
        </p>
      )
      : null}
    {problem === null ? null : <p role="alert" class="failure">{problem}</p>}
    {/* Where somebody is writing, the page is not replaced: what was wrong stays to be read. */}
    <Fields form={node.form} of={`${node.step.name}.`} hasFocus={problem !== null} />
    <div class="actions">
      {node.waitingFor === "approval"
        ? (
          <>
            <button type="submit" name="decision" value="approve" class="main">Approve</button>
            {/* What an approval needs, nobody has to fill in who does not approve. */}
            <button type="submit" name="decision" value="push-back" formnovalidate>Push back</button>
            <button type="submit" name="decision" value="reject" formnovalidate class="grave">Reject</button>
          </>
        )
        : <button type="submit" name="decision" value="complete" class="main">Complete</button>}
    </div>
  </form>
);
