/** What a run would be at birth, decided without the database: its definition, its parameters, and where it is to run. */
import { toBase62 } from "../../run/ids.ts";
import { type Base, type Inheritance, withBase } from "../../workflow/base.ts";
import { bindParams, type CallerParams, findLocked } from "../../workflow/inputs.ts";
import { isRunId, isStorable, isWorkflowName, tellNoWorkflowName } from "../../workflow/names.ts";
import { parseWorkflow, pickDocument } from "../../workflow/parse.ts";
import { errorLines } from "../../workflow/problem.ts";
import type { Concurrency } from "../../workflow/trigger.ts";
import type { OnLost, Workflow } from "../../workflow/workflow.ts";
import type { ServerPorts } from "../ports.ts";
import { newBlob } from "../store/blob.ts";
import type { NewRun, RunParent, Trust } from "../store/runs.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { type Labels, refuseLacking } from "./selector.ts";

/** Lower goes first (QU-13). */
export const PRIORITY = { start: 1, retry: 4, webhook: 5, enqueue: 5, catchup: 7 } as const;

/** Queues and groups are keys of an index, which holds short texts only. */
const KEY_MAX_LENGTH = 255;

export interface StartRequest {
  /** A stored definition, a text of its own, or one that the caller has read already. */
  readonly definition: { readonly fileName: string } | {
    readonly text: string;
    readonly name: string | null;
    /** Name of a workflow that is given none and gives itself none. */
    readonly stem?: string | null;
    /** Name of a later document of the stream; absent: the first. */
    readonly document?: string;
  } | Definition;
  readonly params: CallerParams;
  /** null: generated. */
  readonly dagRunId: string | null;
  readonly triggerType: "manual" | "webhook" | "scheduler" | "retry" | "subdag" | "catchup" | "unknown";
  readonly triggerActor: string;
  readonly needsSlot: boolean;
  /** Refused while another run of the workflow is active (QU-04). */
  readonly isSingleton?: boolean;
  readonly priority: number;
  readonly queue?: string | null;
  readonly labels?: readonly string[];
  /** Beside the workflow's own `worker_selector`. */
  readonly selector?: Labels;
  /** Of the only runner that is to take it. */
  readonly runnerLabels?: Labels;
  readonly env?: Readonly<Record<string, string>>;
  readonly inputs?: readonly { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }[];
  readonly trust?: Trust;
  /** Default: as the workflow says. */
  readonly onLost?: OnLost;
  readonly deliveryId?: string | null;
  /** Set: the run waits for approval of this commit. */
  readonly approvalSha?: string | null;
  readonly concurrency?: Concurrency | null;
  readonly sourceDir?: string;
  readonly defaultDir?: string;
  readonly parent?: RunParent;
  readonly scheduleTime?: Date | null;
  /** Webhook runs have the plain UUID as id (ID-02). */
  readonly plainId?: boolean;
}

export type Planned = { readonly ok: true; readonly run: NewRun } | Refusal;

/** A run of the definition that could be stored, or why not. */
export async function planRunOf(
  { workflow, text, name, fileName, document }: Definition,
  { ids }: Pick<ServerPorts, "ids">,
  request: Omit<StartRequest, "definition">,
): Promise<Planned> {
  if (!isWorkflowName(name)) {
    return refuse("bad_request", tellNoWorkflowName(name));
  }
  if (request.dagRunId !== null && request.triggerType === "manual" && workflow.runConfig.disableRunIdEdit) {
    return refuse("bad_request", "run_config.disable_run_id_edit: a run id cannot be chosen; leave it out");
  }
  const id = ids.uuid();
  const dagRunId = request.dagRunId ?? (request.plainId === true ? id : toBase62(id));
  if (!isRunId(dagRunId)) {
    return refuse(
      "bad_request",
      `"${dagRunId}" is no run id: 1 to 64 of letters, digits, _ and -, not "latest"`,
    );
  }
  const queue = request.queue ?? workflow.queue ?? name;
  const group = request.concurrency?.group ?? "";
  const keys = { "name of the queue": queue, "concurrency group": group };
  const [tooLong] = Object.entries(keys).find(([, key]) => key.length > KEY_MAX_LENGTH) ?? [];
  if (tooLong !== undefined) {
    return refuse("bad_request", `the ${tooLong} is longer than ${KEY_MAX_LENGTH} characters`);
  }
  const selector = { ...workflow.workerSelector, ...request.selector };
  const asked = [queue, group, ...Object.entries(selector).flat()];
  if (!asked.every(isStorable)) {
    return refuse(
      "bad_request",
      "the queue, the concurrency group or the worker_selector holds a NUL character or half a character",
    );
  }
  const lacking = refuseLacking(workflow.workerSelector, request);
  if (lacking !== null) return lacking;
  const bound = bindParams(workflow.params, request.params);
  if (!bound.ok) return refuse("bad_request", `parameter validation failed: ${bound.messages.join("; ")}`);
  const unstorable = Object.entries(bound.values).find(([, value]) => !isStorable(value));
  if (unstorable !== undefined) {
    return refuse(
      "bad_request",
      `parameter validation failed: ${unstorable[0]}: the value holds a NUL character or half a character`,
    );
  }
  const locked = request.triggerType === "manual" ? findLocked(workflow, bound) : null;
  if (locked !== null) return refuse("bad_request", locked);
  const inputs = await Promise.all(
    (request.inputs ?? []).map(async ({ name, bytes }) => ({ name, ...await newBlob(bytes) })),
  );
  return {
    ok: true,
    run: {
      id,
      name,
      dagRunId,
      fileName,
      workflow,
      definition: await newBlob(new TextEncoder().encode(text)),
      document,
      sourceDir: request.sourceDir ?? "",
      defaultDir: request.defaultDir ?? "",
      parent: request.parent ?? null,
      scheduleTime: request.scheduleTime ?? null,
      triggerType: request.triggerType,
      triggerActor: request.triggerActor,
      trust: request.trust ?? "trusted",
      onLost: request.onLost ?? workflow.onLost,
      queue,
      needsSlot: request.needsSlot,
      priority: request.priority,
      selector,
      labels: [...new Set([...workflow.labels, ...(request.labels ?? [])])],
      params: bound,
      env: request.env ?? {},
      inputs,
      deliveryId: request.deliveryId ?? null,
      approvalSha: request.approvalSha ?? null,
      concurrency: request.concurrency ?? null,
    },
  };
}

/** A text that can be executed. */
export interface Definition {
  readonly workflow: Workflow;
  readonly text: string;
  readonly name: string;
  /** null: not a stored one. */
  readonly fileName: string | null;
  /** Name of the document that is executed; "": the first. */
  readonly document: string;
}

export type DefinitionRead = { readonly ok: true; readonly definition: Definition } | Refusal;

interface DefinitionOptions {
  readonly stem?: string | null;
  readonly document?: string;
  readonly inheritance?: Inheritance;
}

/** With what it inherits from the service's base. */
export function parseDefinition(
  base: Base | null,
  own: string,
  name: string | null,
  fileName: string | null,
  { stem = null, document = "", inheritance = "whole" }: DefinitionOptions = {},
): DefinitionRead {
  const text = withBase(own, base, inheritance);
  const { workflow: stream, problems } = parseWorkflow(text, "load");
  const workflow = stream === null ? null : pickDocument(stream, document);
  if (workflow === null) {
    const errors = problems.filter((problem) => problem.severity === "error");
    const file = fileName ?? stem ?? name ?? "workflow";
    const message = errorLines(problems, file).join("\n");
    return refuse("bad_request", message, { problems: errors });
  }
  const definition = {
    workflow,
    text,
    name: name ?? workflow.name ?? fileName ?? stem ?? "workflow",
    fileName,
    document,
  };
  return { ok: true, definition };
}
