/** A person's word on a run that came from a fork (FK-02, FK-04, FK-08). */
import type { ServerPorts } from "../ports.ts";
import { enqueueRun } from "../store/queue.ts";
import { codeOf, finishRun, getRun, lockRun, statusOf, updateRun } from "../store/runs.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { queueEntryOf } from "./queue-entry.ts";

export async function decideForkRun(
  ports: ServerPorts,
  run: { readonly name: string; readonly dagRunId: string },
  decision: "approve" | "reject",
  by: string,
): Promise<{ ok: true; status: "queued" | "rejected" } | Refusal> {
  const found = await getRun(ports.db, run.name, run.dagRunId);
  if (found === null) return refuse("not_found", `there is no run ${run.name}:${run.dagRunId}`);
  const now = new Date(ports.clock.now());
  const status = await ports.db.transaction(async (tx) => {
    const held = await lockRun(tx, found.id);
    if (held === null || statusOf(held.status) !== "waiting" || held.approvalSha === null) return null;
    if (decision === "reject") {
      const failure = { code: "POLICY_DENIED" as const, message: `rejected by ${by}`, remedy: "" };
      await finishRun(tx, held.id, { status: "rejected", reason: "fork_rejected", failure, finishedAt: now });
      return "rejected" as const;
    }
    await updateRun(tx, held.id, { status: codeOf("queued"), reason: "", queuedAt: now });
    await enqueueRun(tx, queueEntryOf(held), now);
    return "queued" as const;
  });
  if (status === null) {
    return refuse(
      "conflict",
      `run ${found.name}:${found.dagRunId} is ${statusOf(found.status)} and waits for no approval`,
    );
  }
  ports.wake.notify("ready");
  ports.wake.notify(`run:${found.id}`);
  return { ok: true, status };
}
