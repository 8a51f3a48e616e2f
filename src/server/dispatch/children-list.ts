/** All runs that an attempt's run started, when one of them changes (M9). */
import type { ChildList } from "../../protocol/children.ts";
import type { ServerPorts } from "../ports.ts";
import { listChildren } from "../store/children.ts";
import { statusOf } from "../store/runs.ts";
import { type AttemptCaller, attemptOf } from "./caller.ts";
import { waitFor } from "./wait.ts";

export interface ChildrenWanted {
  /** What the caller knows; absent: nothing. */
  readonly after?: number | undefined;
  readonly waitMs: number;
}

/** null: it is not the caller's attempt. */
export async function childrenSince(
  ports: ServerPorts,
  caller: AttemptCaller,
  { after, waitMs }: ChildrenWanted,
  signal: AbortSignal,
): Promise<ChildList | null> {
  const attempt = await attemptOf(ports.db, caller);
  if (attempt === null) return null;
  const look = async (): Promise<ChildList> => {
    const { children, version } = await listChildren(ports.db, attempt.runId);
    return {
      children: children.map((child) => ({ ...child, status: statusOf(child.status) })),
      cursor: String(version),
    };
  };
  // Which of them changes next nobody knows: it looks now and then.
  const changed = await waitFor(ports, { topics: [], waitMs, signal }, async () => {
    const list = await look();
    return list.cursor === String(after ?? "") ? null : list;
  });
  return changed ?? await look();
}
