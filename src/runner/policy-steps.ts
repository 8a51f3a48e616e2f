/** Which actions use the machine itself: its processes, its files, its place in the network. */
import type { NamedAction } from "../workflow/actions/names.ts";

/** These stay within the run. Whatever is not named here does not, so a new action is refused until somebody looked. */
const WITHIN_RUN: ReadonlySet<string> = new Set(
  [
    "artifact.list",
    "artifact.read",
    "artifact.write",
    "log.write",
    "noop",
    "outputs.write",
    "state.delete",
    "state.diff",
    "state.get",
    "state.list",
    "state.set",
    "wait.duration",
    "wait.until",
  ] satisfies NamedAction[],
);

/** Commands of these run where the step is placed; a container of their own has rules of its own. */
const PLACED: ReadonlySet<string> = new Set(["run", "harness.run", "container"]);

export function touchesHost(action: string, place: "host" | "shared" | "own"): boolean {
  if (action === "docker.run") return false;
  return PLACED.has(action) ? place === "host" : !WITHIN_RUN.has(action);
}
