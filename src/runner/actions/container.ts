/** No `run` and no `action`: the step's container does what its image and its `command` say (4.4). */
import type { Outcome, ResolvedAction } from "../../run/ports.ts";
import { runInOwn } from "./placed.ts";
import type { Work } from "./work.ts";

export function container(
  _action: Extract<ResolvedAction, { name: "container" }>,
  work: Work,
): Promise<Outcome> {
  const { container } = work.call;
  const command = container?.kind === "image" ? container.command : [];
  return runInOwn(work, "run", [{ argv: command.length === 0 ? null : command, keepsEntrypoint: true }]);
}
