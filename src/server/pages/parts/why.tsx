import type { Child, FC } from "hono/jsx";
import type { Failure } from "../../../run/failure.ts";

/** What went wrong and what to do. Of what a program said, the lines stay lines. */
export const Why: FC<{ failure: Failure; children?: Child }> = ({ failure, children }) => {
  const [message = "", said = ""] = failure.message.split(/\n([^]*)/, 2);
  return (
    <div class="failure">
      <p>
        {children}
        <strong>{failure.code}</strong> {message}
      </p>
      {said === "" ? null : <pre>{said}</pre>}
      {failure.remedy === "" ? null : <p>What to do: {failure.remedy}</p>}
      {failure.engine === undefined
        ? null
        : <p class="muted">{[failure.engine, failure.address ?? ""].join(" ")}</p>}
      {failure.engineText === undefined ? null : <pre>{failure.engineText}</pre>}
    </div>
  );
};
