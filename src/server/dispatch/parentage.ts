/** A run that somebody starts as one below another (`start --parent`), rather than a step of it. */
import type { ServerPorts } from "../ports.ts";
import { depthOf, getRun, getRunById, type RunParent, type Trust } from "../store/runs.ts";
import { type Refusal, refuse } from "./refusal.ts";

/** A workflow that calls itself without end is refused (S-135). */
export const MAX_DEPTH = 32;

export interface RunRef {
  readonly name: string;
  readonly dagRunId: string;
}

/** `root`: where it is given, it must be the parent's. What a run below may do is what its parent may (FK-07). */
export async function parentageOf(
  ports: ServerPorts,
  { parent, root }: { readonly parent: RunRef; readonly root: RunRef | null },
): Promise<{ readonly ok: true; readonly parent: RunParent; readonly trust: Trust } | Refusal> {
  const above = await getRun(ports.db, parent.name, parent.dagRunId);
  if (above === null) return refuse("not_found", `there is no run ${parent.name}:${parent.dagRunId}`);
  const top = above.rootId === null ? above : await getRunById(ports.db, above.rootId);
  if (root !== null && (top?.name !== root.name || top.dagRunId !== root.dagRunId)) {
    return refuse(
      "bad_request",
      `run ${parent.name}:${parent.dagRunId} is not below ${root.name}:${root.dagRunId}`,
    );
  }
  if (await depthOf(ports.db, above.id) >= MAX_DEPTH) {
    return refuse("bad_request", `sub-workflows are nested deeper than ${MAX_DEPTH}`);
  }
  return {
    ok: true,
    parent: { parentId: above.id, rootId: above.rootId ?? above.id, childKey: ports.ids.uuid() },
    trust: above.trust,
  };
}
