/** Sub-workflows of one attempt (M9): executed here when nobody else is asked for, awaited where they run otherwise. */
import { basename, extname, resolve } from "node:path";
import type { ChildReply, ChildRequest as WireRequest, ChildView } from "../protocol/children.ts";
import type { AttemptCredential, RunnerClient } from "../protocol/client.ts";
import type { CallFailure } from "../protocol/exchange.ts";
import type { Grant } from "../protocol/grant.ts";
import { resend, type ResendPorts } from "../protocol/resend.ts";
import { inOutputOrder, publishedBy } from "../run/collected.ts";
import type { RunStatus } from "../run/event.ts";
import type { Failure } from "../run/failure.ts";
import type { Children, ChildRequest, ChildResult } from "../run/ports.ts";
import { stopReason } from "../run/stop.ts";
import type { Attempt } from "./control.ts";
import type { RunPolicy } from "./policy.ts";

/** The text of the workflow of that name; null: there is none. */
export type WorkflowNamed = (name: string) => Promise<string | Failure | null>;

export interface ChildrenPorts extends ResendPorts {
  readonly client: RunnerClient;
  readonly workflowNamed: WorkflowNamed;
  /** Executes a granted attempt on this runner, beside the parent's; it takes no slot (QU-23). */
  adopt(grant: Grant): Attempt;
  /** There is room for another attempt. */
  onRoom(): void;
  /** Of this runner. */
  readonly labels: Readonly<Record<string, string>>;
  /** It claims nothing (any more): who waits for a sub-workflow that only it may execute has to ask for that one. */
  readonly isClosed: () => boolean;
}

export interface ChildrenOf {
  readonly attempt: AttemptCredential & { readonly fence: number };
  /** Names of the local documents of the parent's file. */
  readonly locals: ReadonlySet<string>;
  /** Folders in which a sub-workflow's file is looked for, in this order. */
  readonly folders: readonly string[];
  readonly policy: RunPolicy;
  readonly control: { awaited: number };
  /** Aborts when nothing is told or asked for the attempt any more, which is not when it is only stopped. */
  readonly silence: AbortSignal;
}

const OVER: ReadonlySet<RunStatus> = new Set<RunStatus>([
  "failed",
  "aborted",
  "succeeded",
  "partially_succeeded",
  "rejected",
  "waiting",
]);

export function newChildren(ports: ChildrenPorts, of: ChildrenOf): Children {
  return {
    run: async (request, onStarted, signal) => {
      const reply = await start(ports, of, request, "run");
      if ("message" in reply) return reply;
      const { name, dagRunId } = reply.child;
      await onStarted({ name, dagRunId });
      for (let { grant } = reply;;) {
        const result = grant === null ? null : await execute(ports, reply.child, grant, signal);
        if (result !== null) return result;
        const followed = await follow(ports, of, reply.child, signal);
        if (!("grant" in followed)) return followed;
        grant = followed.grant;
      }
    },
    enqueue: async (request) => {
      const reply = await start(ports, of, request, "enqueue");
      if ("message" in reply) return reply;
      const { name, dagRunId, queue } = reply.child;
      return { name, dagRunId, queue, alreadyExists: reply.alreadyExists };
    },
  };
}

async function start(
  ports: ChildrenPorts,
  of: ChildrenOf,
  request: ChildRequest,
  mode: WireRequest["mode"],
): Promise<ChildReply | Failure> {
  const target = await findTarget(ports, of, request.dag);
  if ("message" in target) return target;
  const body: WireRequest = {
    fence: of.attempt.fence,
    key: request.key,
    step: request.step,
    target,
    params: copyParams(request.params),
    mode,
    queue: request.queue,
    workerSelector: { ...request.workerSelector },
  };
  const got = await resend(
    ports,
    { signal: of.silence },
    (call) => ports.client.startChild(of.attempt, body, call),
  );
  return got.ok ? got.value : failure(request.dag, got.failure);
}

function copyParams(params: ChildRequest["params"]): WireRequest["params"] {
  return params.kind === "tokens" ? { kind: "tokens", tokens: [...params.tokens] } : params;
}

/**
 * Local documents win; what looks like a path is a file; every other name is looked for beside the runner, if it is the one of
 * a command, and else is the control plane's to know (S-128).
 */
async function findTarget(
  { workflowNamed }: ChildrenPorts,
  of: ChildrenOf,
  dag: string,
): Promise<WireRequest["target"] | Failure> {
  if (of.locals.has(dag)) return { kind: "local", document: dag };
  if (!/[/\\]|\.ya?ml$/.test(dag)) {
    const yaml = await workflowNamed(dag);
    if (yaml === null) return { kind: "stored", name: dag };
    return typeof yaml === "string" ? { kind: "text", name: dag, yaml } : yaml;
  }
  const places = of.folders.flatMap((folder) =>
    [dag, `${dag}.yaml`, `${dag}.yml`].map((path) => resolve(folder, path))
  );
  for (const place of places) {
    const refused = await of.policy.path(place);
    if (refused !== null) return refused;
    const isFile = await Deno.stat(place).then((info) => info.isFile, () => false);
    const yaml = isFile ? await Deno.readTextFile(place).catch(() => null) : null;
    if (yaml !== null) return { kind: "text", name: basename(place, extname(place)), yaml };
  }
  return {
    code: "INPUT_INVALID",
    message: `there is no sub-workflow file ${dag}`,
    remedy: `looked for ${places.join(", ")}`,
  };
}

// ---- on this runner ---------------------------------------------------------------------------------------------

/** null: it was not executed to an end of its own. */
async function execute(
  ports: ChildrenPorts,
  { name, dagRunId }: ChildView,
  grant: Grant,
  signal: AbortSignal,
): Promise<ChildResult | null> {
  const attempt = ports.adopt(grant);
  using _stop = onAbort(signal, () => {
    const reason = stopReason(signal);
    // Its own fence still holds when its parent has only lost its lease: it tells its end, which is the same.
    if (reason?.kind === "fenced" && reason.isLeaseLost === true) attempt.loseLease();
    else if (reason?.kind === "fenced") attempt.fenceOff();
    else attempt.cancel(reason?.kind === "cancelled" ? reason.by : "its parent's time limit", false);
  });
  await attempt.done;
  const state = attempt.result();
  return state === null ? null : {
    name,
    dagRunId,
    status: state.status,
    failure: state.failure,
    outputs: publishedBy(inOutputOrder(state)),
  };
}

// ---- elsewhere --------------------------------------------------------------------------------------------------

/** To its end, or until it is for this runner to execute. */
async function follow(
  ports: ChildrenPorts,
  of: ChildrenOf,
  first: ChildView,
  signal: AbortSignal,
): Promise<ChildResult | Failure | { readonly grant: Grant }> {
  let child = first;
  using _place = givePlace(ports, of);
  let isCancelled = false;
  while (!OVER.has(child.status)) {
    if (signal.aborted && !isCancelled) {
      isCancelled = true;
      await resend(
        ports,
        { signal: of.silence },
        (call) => ports.client.cancelChild(of.attempt, child.dagRunId, call),
      );
    }
    const wait = isCancelled ? of.silence : AbortSignal.any([signal, of.silence]);
    const seen = await resend(
      ports,
      { signal: wait },
      (call) => ports.client.viewChild(of.attempt, child.dagRunId, call),
    );
    if (seen.ok) child = seen.value;
    else if (seen.failure.kind !== "aborted" || of.silence.aborted) return failure(child.name, seen.failure);
    if (child.status !== "queued" || signal.aborted || !ports.isClosed()) continue;
    const grant = await take(ports, of, child);
    if (grant !== null) return { grant };
  }
  const { name, dagRunId, status, outputs } = child;
  return { name, dagRunId, status, outputs, failure: child.failure };
}

/** Nobody took it for as long as a look lasts; now this runner does, if it may. */
async function take(ports: ChildrenPorts, of: ChildrenOf, child: ChildView): Promise<Grant | null> {
  const body = { fence: of.attempt.fence, claimId: ports.ids.uuid(), labels: { ...ports.labels } };
  const got = await resend(
    ports,
    { signal: of.silence },
    (call) => ports.client.claimChild(of.attempt, child.dagRunId, body, call),
  );
  return got.ok ? got.value.grant : null;
}

/** The place of the parent, for as long as it only waits. */
function givePlace({ onRoom }: ChildrenPorts, { control }: ChildrenOf): Disposable {
  control.awaited++;
  onRoom();
  return { [Symbol.dispose]: () => void control.awaited-- };
}

function onAbort(signal: AbortSignal, stop: () => void): Disposable {
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", stop) };
}

function failure(dag: string, call: CallFailure): Failure {
  const message = call.kind === "aborted" ? "the run was stopped" : call.message;
  const remedy = call.kind === "refused" && call.code === "not_found"
    ? "correct with.dag: it names a later document of the file, or a workflow of the folder of definitions"
    : "";
  return { code: "COMMAND_FAILED", message: `sub-workflow ${dag} cannot be started: ${message}`, remedy };
}
