/** Runs that a step of another run starts (M9): each once per key, however often the step is tried. */
import { sha256 } from "../../workflow/digest.ts";
import type { ChildReply, ChildRequest, ChildView } from "../../protocol/children.ts";
import type { ProtocolErrorCode } from "../../protocol/messages.ts";
import { publishedBy, rowsInOutputOrder } from "../../run/collected.ts";
import type { RunStatus } from "../../run/event.ts";
import { RunId, toBase62 } from "../../run/ids.ts";
import * as v from "valibot";
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import { type AttemptRow, isLive } from "../store/attempts.ts";
import { getBlob } from "../store/blobs.ts";
import type { Transaction } from "../store/db.ts";
import { readFenceEpoch } from "../store/fences.ts";
import {
  childOf,
  countBelow,
  depthOf,
  failureOf,
  getRunById,
  insertRun,
  lockRun,
  type NewRun,
  type RunRow,
  statusOf,
} from "../store/runs.ts";
import { listSteps } from "../store/steps.ts";
import {
  admit,
  admitHeld,
  type AttemptCaller,
  attemptOf,
  fenced,
  notFound,
  type ReportRefusal,
} from "./caller.ts";
import { PRIORITY } from "./plan.ts";
import { endedMeanwhile } from "./awaited.ts";
import { stopRun } from "./cancel.ts";
import { claimCandidates } from "./claim.ts";
import { readGrants } from "./grants.ts";
import { MAX_DEPTH } from "./parentage.ts";
import { queueResumed } from "./resume.ts";
import { readSelector } from "./selector.ts";
import { planRun } from "./start.ts";
import { takerOf } from "./takers.ts";

/** How long a look at a child waits for its end. */
const VIEW_WAIT_MS = 20_000;

const OVER: ReadonlySet<RunStatus> = new Set<RunStatus>([
  "failed",
  "aborted",
  "succeeded",
  "partially_succeeded",
  "rejected",
  "waiting",
]);

export type ChildAnswer = { readonly ok: true; readonly reply: ChildReply } | ReportRefusal;

export async function startChild(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  request: ChildRequest,
): Promise<ChildAnswer> {
  const admitted = await admit(ports.db, caller, request.fence);
  if (!admitted.ok) return admitted;
  const parent = await getRunById(ports.db, admitted.attempt.runId);
  if (parent === null) return notFound(caller.attemptId);
  const childKey = await sha256(request.key);
  const known = await childOf(ports.db, parent.id, childKey);
  const planned = known === null ? await planChild(ports, settings, parent, request, childKey) : null;
  if (planned !== null && "code" in planned) return planned;
  const selector = planned?.selector ?? (known === null ? {} : readSelector(known));
  const taker = request.mode === "run"
    ? await takerOf(ports, parent, selector, caller.runnerId)
    : { kind: "somebody" as const };
  if (planned !== null && taker.kind === "nobody") {
    return invalid(
      `worker_selector asks for ${
        taker.labels.join(", ")
      }, which no runner is (this one has DAGU_RUNNER_LABELS); ` +
        "start it on a server that has such a runner",
    );
  }
  const isForCaller = taker.kind === "caller";

  const made = await ports.db.transaction(async (tx): Promise<Made | ReportRefusal> => {
    const held = await admitHeld(tx, caller, request.fence);
    if (!held.ok) return held;
    if (!isLive(held.attempt)) return fenced();
    const child = await openChild(tx, ports, held.attempt, {
      parent,
      childKey,
      planned,
      request,
      isForCaller,
    });
    if (child === null) {
      return {
        ok: false,
        code: "conflict",
        message: `run ${planned?.name}:${planned?.dagRunId} exists already`,
      };
    }
    if (!child.isToClaim) return { ...child, attemptId: null };
    const claimId = ports.ids.uuid();
    const taken = await claimCandidates(tx, ports, settings, { id: caller.runnerId }, { claimId }, [{
      runId: child.run.id,
      queue: child.run.queue,
      needsSlot: false,
      fence: Math.max(child.run.attempt, await readFenceEpoch(tx)),
      resumes: child.run.resumes,
      onLost: child.run.onLost,
      needsCpu: child.run.needsCpu,
      needsMemory: child.run.needsMemory,
    }]);
    return { ...child, attemptId: taken.begun[0]?.claimed.attemptId ?? null };
  });
  if ("code" in made) return made;
  if (!made.isToClaim) ports.wake.notify("ready");
  const grants = made.attemptId === null ? [] : await readGrants(ports.db, settings, [made.attemptId]);
  const reply = {
    child: await viewOf(ports, made.run),
    alreadyExists: made.isKnown,
    grant: grants[0] ?? null,
  };
  return { ok: true, reply };
}

interface Opened {
  readonly run: RunRow;
  readonly isKnown: boolean;
  /** The caller executes it now. */
  readonly isToClaim: boolean;
}

type Made = Opened & { readonly attemptId: string | null };

/** null: the child's id is taken by another run. */
async function openChild(
  tx: Transaction,
  ports: ServerPorts,
  caller: AttemptRow,
  { parent, childKey, planned, request, isForCaller }: {
    readonly parent: RunRow;
    readonly childKey: string;
    readonly planned: NewRun | null;
    readonly request: ChildRequest;
    readonly isForCaller: boolean;
  },
): Promise<Opened | null> {
  const now = new Date(ports.clock.now());
  const known = await childOf(tx, parent.id, childKey);
  if (known === null) {
    if (planned === null || !await insertRun(tx, planned, now)) return null;
    const run = await lockRun(tx, planned.id);
    return run === null ? null : { run, isKnown: false, isToClaim: isForCaller };
  }
  const run = await lockRun(tx, known.id);
  if (run === null) return null;
  const status = statusOf(run.status);
  // the child of an earlier try that did not end well is tried again itself.
  const isToRetry = request.mode === "run" && ["failed", "aborted", "rejected"].includes(status) &&
    !await endedMeanwhile(tx, run, caller);
  if (!isToRetry) return { run, isKnown: true, isToClaim: false };
  await queueResumed(tx, ports, run, { kind: "failed" });
  const again = await lockRun(tx, run.id);
  return again === null ? null : { run: again, isKnown: true, isToClaim: isForCaller };
}

/** What a workflow may do that starts sub-runs without end (M9, S-135); null: it may start one more. */
async function whyNoMore(
  ports: ServerPorts,
  { subRuns }: ServerSettings,
  parent: RunRow,
): Promise<ReportRefusal | null> {
  if (await depthOf(ports.db, parent.id) >= MAX_DEPTH) {
    return invalid(`sub-workflows are nested deeper than ${MAX_DEPTH}`);
  }
  const { total, open } = await countBelow(ports.db, parent.rootId ?? parent.id);
  if (total >= subRuns.total) return invalid(`${total} runs are below the outermost one, which is the most`);
  if (open >= subRuns.open) {
    return invalid(
      `${open} runs below the outermost one have not ended, which is the most; start fewer at once`,
    );
  }
  return null;
}

async function planChild(
  ports: ServerPorts,
  settings: ServerSettings,
  parent: RunRow,
  request: ChildRequest,
  childKey: string,
): Promise<NewRun | ReportRefusal> {
  const refusal = await whyNoMore(ports, settings, parent);
  if (refusal !== null) return refusal;
  const definition = await definitionOf(ports, parent, request.target);
  if ("code" in definition) return definition;
  const isRun = request.mode === "run";
  const planned = await planRun(ports.db, ports, {
    definition,
    params: request.params,
    dagRunId: await childRunId(parent, childKey),
    triggerType: "subdag",
    triggerActor: parent.triggerActor,
    needsSlot: !isRun,
    priority: isRun ? PRIORITY.start : PRIORITY.enqueue,
    queue: request.queue,
    selector: request.workerSelector,
    trust: parent.trust,
    // A child that waited longer for its runner than its parent does would hold up the parent's next attempt.
    ...(isRun && parent.onLost === "retry" ? { onLost: parent.onLost } : {}),
    sourceDir: parent.sourceDir,
    parent: { parentId: parent.id, rootId: parent.rootId ?? parent.id, childKey },
  });
  if (!planned.ok) return invalid(planned.message);
  const { name, workflow } = planned.run;
  const asks = isRun ? workflow.steps.find((step) => step.action.name === "human.task") : undefined;
  return asks === undefined ? planned.run : invalid(
    `step "${asks.name}" of "${name}" is a human task, which cannot run in a sub-DAG: start it by dag.enqueue`,
  );
}

async function definitionOf(
  ports: ServerPorts,
  parent: RunRow,
  target: ChildRequest["target"],
): Promise<Parameters<typeof planRun>[2]["definition"] | ReportRefusal> {
  switch (target.kind) {
    case "local": {
      const bytes = await getBlob(ports.db, parent.digest);
      if (bytes === null) return invalid("the parent's definition is gone");
      return { text: new TextDecoder().decode(bytes), name: target.document, document: target.document };
    }
    case "stored":
      return { fileName: target.name };
    case "text":
      return { text: target.yaml, name: target.name };
    default:
      return target satisfies never;
  }
}

/** Derived from parent and work, so that every try finds the same run (S-108). */
async function childRunId(parent: RunRow, childKey: string): Promise<string> {
  const hex = (await sha256(`${parent.rootId ?? parent.id} ${parent.id} ${childKey}`)).slice(0, 32);
  return toBase62(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"));
}

function invalid(message: string): ReportRefusal {
  return { ok: false, code: "invalid" satisfies ProtocolErrorCode, message };
}

// ---- looking at children ----------------------------------------------------------------------------------------

/** Answers at the child's end, or after some seconds. null: it is no child of the attempt's run. */
export async function viewChild(
  ports: ServerPorts,
  caller: AttemptCaller,
  dagRunId: string,
  signal: AbortSignal,
): Promise<ChildView | null> {
  const until = ports.clock.mono() + VIEW_WAIT_MS;
  while (true) {
    const run = await findChild(ports, caller, dagRunId);
    if (run === null) return null;
    const leftMs = until - ports.clock.mono();
    if (OVER.has(statusOf(run.status)) || leftMs <= 0 || signal.aborted) return await viewOf(ports, run);
    await ports.wake.wait([`run:${run.id}`], Math.min(leftMs, 2_000), signal);
  }
}

export async function cancelChild(
  ports: ServerPorts,
  settings: ServerSettings,
  caller: AttemptCaller,
  dagRunId: string,
): Promise<boolean> {
  const run = await findChild(ports, caller, dagRunId);
  if (run === null) return false;
  await stopRun(ports, settings, run, "its parent", false);
  return true;
}

async function findChild(
  ports: ServerPorts,
  caller: AttemptCaller,
  dagRunId: string,
): Promise<RunRow | null> {
  const attempt = await attemptOf(ports.db, caller);
  return attempt === null ? null : await childOf(ports.db, attempt.runId, null, dagRunId);
}

async function viewOf(ports: ServerPorts, run: RunRow): Promise<ChildView> {
  const status = statusOf(run.status);
  const rows = OVER.has(status) ? await listSteps(ports.db, run.id) : [];
  return {
    name: run.name,
    dagRunId: v.parse(RunId, run.dagRunId),
    status,
    queue: run.queue,
    failure: failureOf(run),
    outputs: publishedBy(rowsInOutputOrder(rows)),
  };
}
