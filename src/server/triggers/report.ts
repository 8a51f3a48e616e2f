/** Which statuses of its commit a delivery brings (FG-70, FG-73, FG-74). */
import type { ForgeEvent, TriggerBlock } from "../../workflow/trigger.ts";
import { deliveryPath, runPath } from "../place.ts";
import { type WantedStatus, wantStatus } from "../store/commit-statuses.ts";
import type { Transaction } from "../store/db.ts";
import type { Decision } from "../store/deliveries.ts";
import type { EndpointRow } from "../store/endpoints.ts";

/** Events of a commit that people wait for the checks of. */
const REPORTED: readonly ForgeEvent["event"][] = ["push", "tag", "pull_request"];
/** As GitHub has them: what is longer, or of another form, is nothing that could be told; dots alone lead to another path. */
const REPO = /^(?!\.{1,2}\/)[\w.-]{1,100}\/(?!\.{1,2}$)[\w.-]{1,100}$/;
const SHA = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
const CONTEXT_MAX = 255;

/** A decision, and what it means to the commit. */
export interface Reported {
  readonly decision: Decision;
  readonly block: TriggerBlock;
  readonly workflow: string;
  /** Triggers of the workflow that are for this kind of event. */
  readonly blocks: number;
}

export interface Delivered {
  readonly id: string;
  readonly receivedAt: Date;
  /** Of this server. */
  readonly address: string;
}

/** In the transaction that stores the runs. `stored`: the decisions as they ended. */
export async function wantStatuses(
  tx: Transaction,
  endpoint: EndpointRow,
  event: ForgeEvent,
  delivered: Delivered,
  reported: readonly Reported[],
  stored: readonly Decision[],
): Promise<void> {
  if (endpoint.apiToken === null || !REPORTED.includes(event.event)) return;
  if (!REPO.test(event.repo) || !SHA.test(event.sha)) return;
  const all = stored.flatMap((decision, index): WantedStatus[] => {
    const one = reported[index];
    const wanted = one === undefined ? null : statusOf(one, decision, delivered);
    if (one === undefined || wanted === null) return [];
    const context = contextOf(endpoint.statusContext, event, one);
    return [{ endpointId: endpoint.id, repo: event.repo, sha: event.sha, context, ...wanted }];
  });
  // Deliveries of one commit come together, and hold its statuses until their ends: in one order, or both would wait.
  const inOrder = all.toSorted((a, b) => a.context < b.context ? -1 : a.context > b.context ? 1 : 0);
  for (const wanted of inOrder) await wantStatus(tx, wanted, delivered.receivedAt);
}

function statusOf(
  { block }: Reported,
  { run, condition }: Decision,
  { id, address }: Delivered,
): Pick<WantedStatus, "of" | "targetUrl"> | null {
  if (block.status === "off") return null;
  if (run !== null) return { of: { runId: run.id }, targetUrl: `${address}${runPath(run)}` };
  const targetUrl = `${address}${deliveryPath(id)}`;
  if (condition === "start") return { of: { phase: "unstartable" }, targetUrl };
  const isSkipped = condition === "paths" && block.status === "required";
  return isSkipped ? { of: { phase: "skipped" }, targetUrl } : null;
}

function contextOf(template: string, { event }: ForgeEvent, { workflow, block, blocks }: Reported): string {
  const usual = blocks > 1 ? "dagu/{workflow}/{block}" : "dagu/{workflow}";
  const values: Readonly<Record<string, string>> = { workflow, event, block: block.name };
  return (template === "" ? usual : template)
    .replace(/\{(workflow|event|block)\}/g, (whole, name: string) => values[name] ?? whole)
    .slice(0, CONTEXT_MAX);
}
