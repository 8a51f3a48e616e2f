/** Variables that choose an engine on a runner, and nothing in a workflow (containers contract 1.3, F10). */
import type { Findings } from "./assemble.ts";
import type { Path } from "./document.ts";
import type { NamedText } from "./workflow.ts";

const NAMES: ReadonlySet<string> = new Set(["DAGU_CONTAINER_RUNTIME", "DAGU_PODMAN_HOST", "DOCKER_HOST"]);

/** Whoever writes one of them is told that it is a variable like any other here. */
export function warnOfEngineNames(
  env: readonly Pick<NamedText, "name">[] | undefined,
  path: Path,
  findings: Findings,
): void {
  for (const name of new Set((env ?? []).map((entry) => entry.name).filter((name) => NAMES.has(name)))) {
    findings.warn(
      path,
      `${name} does not choose the engine here: it is set in the environment of the runner's process`,
    );
  }
}
