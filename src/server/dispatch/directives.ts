/** What the control plane wants of a runner, as it rides along with answers (M8). */
import type { Directive } from "../../protocol/messages.ts";
import { type OpenDirective, openDirectives } from "../store/attempts.ts";
import type { Executor } from "../store/db.ts";

export async function readDirectives(db: Executor, runnerId: string): Promise<Directive[]> {
  return ((await openDirectives(db, [runnerId])).get(runnerId) ?? []).map(toDirective);
}

export function toDirective(row: OpenDirective): Directive {
  return {
    id: row.id,
    type: row.type,
    ...(row.attemptId === null ? {} : { attemptId: row.attemptId }),
    ...(typeof row.data === "object" && row.data !== null ? row.data : {}),
  };
}
