import type { FC } from "hono/jsx";
import type { CommitStatusRow } from "../../store/commit-statuses.ts";

/** What the forge was told of the run's commit, or why it was not. */
export const CommitStatus: FC<{ status: CommitStatusRow }> = (
  { status: { repo, sha, context, told, problem } },
) => (
  <div>
    <code>{`${repo}@${sha.slice(0, 10)}`}</code> {context}: {problem !== ""
      ? `not told: ${problem}`
      : told === ""
      ? "to be told"
      : `told: ${told.replaceAll("_", " ")}`}
  </div>
);
