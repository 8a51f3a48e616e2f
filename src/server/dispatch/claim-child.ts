/** A runner that waits for a sub-run takes it itself (M9): it may be the only one that can, and take nothing else any more. */
import type { ChildClaimReply, ChildClaimRequest } from "../../protocol/children.ts";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { isLive } from "../store/attempts.ts";
import { claimedBy, lockCandidates, lockClaim } from "../store/claims.ts";
import type { Transaction } from "../store/db.ts";
import type { RunnerRow } from "../store/runners.ts";
import { childOf } from "../store/runs.ts";
import { admitHeld, type AttemptCaller, fenced, type ReportRefusal } from "./caller.ts";
import { claimCandidates, labelsOf, renewRepeated } from "./claim.ts";
import { readGrants } from "./grants.ts";

export type ChildClaimed = { readonly ok: true; readonly reply: ChildClaimReply } | ReportRefusal;

/** By the rules of every claim; without a grant the child is somebody else's, or not for this runner. */
export async function claimChild(
  ports: ServerPorts,
  settings: ServerSettings,
  { caller, runner }: { readonly caller: AttemptCaller; readonly runner: RunnerRow },
  dagRunId: string,
  request: ChildClaimRequest,
): Promise<ChildClaimed> {
  const taken = await ports.db.transaction(async (tx): Promise<string[] | ReportRefusal> => {
    const held = await admitHeld(tx, caller, request.fence);
    if (!held.ok) return held;
    if (!isLive(held.attempt)) return fenced();
    await lockClaim(tx, request.claimId);
    const repeated = await claimedBy(tx, request.claimId, runner.id);
    if (repeated === null) return await take(tx, held.run.id);
    await renewRepeated(tx, ports, settings, runner, repeated);
    return repeated;
  });
  if ("code" in taken) return taken;
  const grants = await readGrants(ports.db, settings, taken);
  return { ok: true, reply: { grant: grants[0] ?? null } };

  async function take(tx: Transaction, parentId: string): Promise<string[]> {
    const child = await childOf(tx, parentId, null, dagRunId);
    const candidates = child === null ? [] : await lockCandidates(tx, {
      runnerId: runner.id,
      labels: labelsOf(runner, request.labels),
      now: new Date(ports.clock.now()),
      limit: 1,
      fullQueues: [],
      // It is executed beside its parent, who has what it needs.
      resources: {},
      exclude: [],
      runId: child.id,
    });
    const { begun } = await claimCandidates(tx, ports, settings, runner, request, candidates);
    return begun.map(({ claimed }) => claimed.attemptId);
  }
}
