import type { FC } from "hono/jsx";
import type { NodeShape } from "../../http/node-shape.ts";
import { Fields } from "./fields.tsx";

/** What a waiting step asks of a person, by the form's schema: the same that the API takes. */
export const Task: FC<{ node: NodeShape; action: string; problem: string | null }> = (
  { node, action, problem },
) => (
  <form method="post" action={action} class="task">
    <p>
      <strong>{node.step.name}</strong> waits: {node.prompt}
    </p>
    {problem === null ? null : <p class="failure">{problem}</p>}
    {/* Where somebody is writing, the page is not replaced: what was wrong stays to be read. */}
    <Fields form={node.form} hasFocus={problem !== null} />
    {node.waitingFor === "approval"
      ? (
        <>
          <button type="submit" name="decision" value="approve">Approve</button>
          {/* What an approval needs, nobody has to fill in who does not approve. */}
          <button type="submit" name="decision" value="push-back" formnovalidate>Push back</button>
          <button type="submit" name="decision" value="reject" formnovalidate>Reject</button>
        </>
      )
      : <button type="submit" name="decision" value="complete">Complete</button>}
  </form>
);
