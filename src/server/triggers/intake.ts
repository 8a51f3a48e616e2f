/**
 * A forge's event, from delivery to decision (2.14): endpoint, signature, seen before?, normal form, match, and everything
 * that follows in one transaction. Authenticated deliveries are answered 2xx even when nothing matched (FG-07).
 */
import { isMapping } from "../../workflow/json.ts";
import { eventVariables, matchesGlobs, matchGit, renderTrigger } from "../../workflow/match.ts";
import type { ForgeEvent, TriggerBlock } from "../../workflow/trigger.ts";
import { type Definition, parseDefinition, PRIORITY } from "../dispatch/plan.ts";
import { notifyStopped, type Stopped } from "../dispatch/cancel.ts";
import { admitRun } from "../dispatch/concurrency.ts";
import { planRun } from "../dispatch/start.ts";
import type { ServerPorts } from "../ports.ts";
import { open } from "../secrets/seal.ts";
import type { ServerSettings } from "../settings.ts";
import { getText } from "../store/blobs.ts";
import {
  acceptDelivery,
  type Decision,
  findDelivery,
  type NewDelivery,
  recordDelivery,
  type StoreRun,
} from "../store/deliveries.ts";
import { type EndpointRow, updateEndpoint } from "../store/endpoints.ts";
import { listTriggered } from "../store/workflows.ts";
import { normalizeGithub } from "./github.ts";
import { type Incoming, type Intake, isDedupeKey, newDelivery, newRefuse, repeat } from "./incoming.ts";
import { NOT_JSON, parseJson } from "./json.ts";
import { type Reported, wantStatuses } from "./report.ts";
import { isSignedBy } from "./signature.ts";

export async function takeGithub(
  ports: ServerPorts,
  settings: ServerSettings,
  /** null: the address is none of ours. */
  endpoint: EndpointRow | null,
  incoming: Incoming,
): Promise<Intake> {
  const source = {
    source: endpoint?.id ?? "unknown",
    sourceName: endpoint?.name ?? "(unknown endpoint)",
    kind: "github",
  };
  const rawEvent = incoming.headers.get("X-GitHub-Event");
  const delivery = { ...newDelivery(ports, incoming, source), event: rawEvent };
  const refused = newRefuse(ports, delivery);
  if (incoming.body === null) {
    return await refused(
      413,
      "payload_too_large",
      `the body is larger than ${incoming.maxBytes} bytes`,
    );
  }
  if (endpoint === null || !await isAuthentic(settings, endpoint, incoming.headers, incoming.body)) {
    return await refused(
      401,
      "unauthorized",
      "the endpoint is unknown, or the signature is missing or wrong",
    );
  }
  if (rawEvent === null) return await refused(400, "wrong_forge", "the header X-GitHub-Event is missing");
  if (!endpoint.enabled) return await refused(403, "forbidden", "the endpoint is disabled");

  const payload = readJson(incoming.headers, incoming.body);
  if (payload === undefined) return await refused(400, "bad_request", NOT_JSON);
  const deliveryId = incoming.headers.get("X-GitHub-Delivery") ?? "";
  if (!isDedupeKey(deliveryId)) {
    return await refused(400, "bad_request", "the X-GitHub-Delivery is longer than 255 characters");
  }
  const event = normalizeGithub(rawEvent, deliveryId, payload.value);
  if (event === null) {
    return await refused(400, "bad_request", `the body is not that of a GitHub ${rawEvent} event`);
  }
  return await decide(ports, settings, endpoint, event, payload, {
    ...delivery,
    dedupeKey: deliveryId === "" ? null : deliveryId,
    action: event.action,
    repo: event.repo,
  }, incoming);
}

/** Either active secret may have signed (FG-11). */
async function isAuthentic(
  settings: ServerSettings,
  endpoint: EndpointRow,
  headers: Headers,
  body: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  for (const sealed of [endpoint.secret, endpoint.previousSecret]) {
    const secret = sealed === null ? null : await open(settings.keys, `endpoint ${endpoint.id}`, sealed);
    if (secret !== null && await isSignedBy(secret, body, headers.get("X-Hub-Signature-256"))) return true;
  }
  return false;
}

interface Payload {
  readonly value: unknown;
  readonly text: string;
}

/** JSON, or the form field `payload` that holds it (FG-13). */
function readJson(headers: Headers, body: Uint8Array<ArrayBuffer>): Payload | undefined {
  const isForm = (headers.get("Content-Type") ?? "").startsWith("application/x-www-form-urlencoded");
  const text = isForm
    ? new URLSearchParams(new TextDecoder().decode(body)).get("payload") ?? ""
    : new TextDecoder().decode(body);
  const value = parseJson(new TextEncoder().encode(text));
  return value === undefined ? undefined : { value, text };
}

async function decide(
  ports: ServerPorts,
  settings: ServerSettings,
  endpoint: EndpointRow,
  event: ForgeEvent,
  payload: Payload,
  delivery: NewDelivery & { readonly receivedAt: Date },
  incoming: Incoming,
): Promise<Intake> {
  const source = endpoint.id;
  const seen = delivery.dedupeKey == null ? null : await findDelivery(ports.db, source, delivery.dedupeKey);
  if (seen !== null && seen.outcome !== "refused") return repeat(seen);

  const quiet = await answerQuietly(ports, endpoint, event, payload, delivery);
  if (quiet !== null) return quiet;

  const decided = await decideAll(ports, endpoint, event, payload, delivery.id);
  const delivered = { id: delivery.id, receivedAt: delivery.receivedAt, address: incoming.address };
  let answer: Intake["body"] = {};
  const replaced: Stopped[] = [];
  const store: StoreRun = async (tx, run) => {
    const stopped = await admitRun(tx, ports, settings, run, delivery.receivedAt);
    // Of a try that is rolled back somebody is woken in vain.
    replaced.push(...stopped ?? []);
    return stopped !== null;
  };
  const decisions = decided.map(({ decision }) => decision);
  const stored = await acceptDelivery(ports.db, delivery, decisions, store, async (kept, tx) => {
    await wantStatuses(tx, endpoint, event, delivered, decided, kept);
    const runs = kept.flatMap(({ run, block }) =>
      run === null ? [] : [{ dagName: run.name, dagRunId: run.dagRunId, block }]
    );
    const reason = runs.length > 0
      ? ""
      : kept.length === 0
      ? "no workflow has a git trigger"
      : "no trigger matched";
    answer = { deliveryId: delivery.id, runs, ...(reason === "" ? {} : { ignored: reason }) };
    return { outcome: reason === "" ? "accepted" : "ignored", reason, httpStatus: 200, answer };
  });
  if (stored.kind === "duplicate") return repeat(stored.first);
  await updateEndpoint(ports.db, endpoint.id, { lastDeliveryAt: delivery.receivedAt });
  ports.wake.notify("ready");
  notifyStopped(ports, replaced);
  return { status: 200, body: answer };
}

/** Events that never start anything: ping, repositories that are not allowed, kinds that nobody can match (FG-04, FG-30). */
async function answerQuietly(
  ports: ServerPorts,
  endpoint: EndpointRow,
  event: ForgeEvent,
  payload: Payload,
  delivery: NewDelivery,
): Promise<Intake | null> {
  const answer = async (
    outcome: "ping" | "ignored",
    reason: string,
    body: Record<string, unknown>,
  ): Promise<Intake> => {
    await recordDelivery(ports.db, { ...delivery, outcome, reason, httpStatus: 200, answer: body });
    return { status: 200, body };
  };
  if (event.event === "ping") {
    const { value } = payload;
    const hookId = isMapping(value) ? value["hook_id"] ?? null : null;
    return await answer("ping", "", { pong: true, endpoint: endpoint.name, hookId });
  }
  if (!matchesGlobs(endpoint.repos, event.repo)) {
    return await answer("ignored", "repo_not_allowed", { ignored: "repo_not_allowed" });
  }
  if (event.event === "other") {
    return await answer("ignored", `event ${event.rawEvent} is not one that triggers know`, {
      ignored: "unknown_event",
    });
  }
  return null;
}

/** The decision for every git trigger of every workflow, with the run that a match makes (FG-56). */
async function decideAll(
  ports: ServerPorts,
  endpoint: EndpointRow,
  event: ForgeEvent,
  payload: Payload,
  deliveryId: string,
): Promise<Reported[]> {
  const reported: Reported[] = [];
  for (const row of await listTriggered(ports.db)) {
    const text = row.suspended ? null : await getText(ports.db, row.digest);
    const parsed = text === null ? null : parseDefinition(ports.base, text, row.name, row.fileName);
    if (parsed === null || !parsed.ok) continue;
    const { triggers } = parsed.definition.workflow;
    const blocks = triggers.filter(({ git }) => git.events.some((name) => name === event.event)).length;
    for (const block of triggers) {
      const match = matchGit(block, event, endpoint.name);
      const decided = match.matched
        ? await planMatch(ports, endpoint, block, parsed.definition, event, payload, deliveryId)
        : { ...match, run: null };
      const decision = { workflow: row.fileName, block: block.name, ...decided };
      reported.push({ decision, block, workflow: row.name, blocks });
    }
  }
  return reported;
}

async function planMatch(
  ports: ServerPorts,
  endpoint: EndpointRow,
  block: TriggerBlock,
  definition: Definition,
  event: ForgeEvent,
  payload: Payload,
  deliveryId: string,
): Promise<Pick<Decision, "matched" | "condition" | "detail" | "run">> {
  const policy = block.git.fork ?? endpoint.forkPolicy;
  if (event.isFork && policy === "ignore") {
    return {
      matched: false,
      condition: "fork",
      detail: "the endpoint ignores pull requests from forks",
      run: null,
    };
  }
  const rendered = await renderTrigger(block, event, payload.value);
  const planned = await planRun(ports.db, ports, {
    definition,
    params: Object.keys(rendered.params).length === 0
      ? { kind: "none" }
      : { kind: "json", json: JSON.stringify(rendered.params) },
    dagRunId: rendered.dagRunId,
    triggerType: "webhook",
    triggerActor: `github:${event.sender}`,
    needsSlot: true,
    priority: block.priority ?? PRIORITY.webhook,
    queue: rendered.queue,
    labels: rendered.labels,
    env: eventVariables(event),
    inputs: [{ name: "WEBHOOK_PAYLOAD", bytes: new TextEncoder().encode(payload.text) }],
    trust: event.isFork ? "untrusted" : "trusted",
    deliveryId,
    approvalSha: event.isFork && policy === "approval" ? event.sha : null,
    concurrency: rendered.concurrency,
    plainId: true,
  });
  if (!planned.ok) {
    return { matched: false, condition: "start", detail: planned.message.slice(0, 500), run: null };
  }
  const isWaiting = planned.run.approvalSha !== null;
  return {
    matched: true,
    condition: "",
    detail: isWaiting ? "waits for approval: the pull request comes from a fork" : "",
    run: planned.run,
  };
}
