/** What a run that is ahead of its database begins with: the plan from its submission, and what its runner is given. */
import * as v from "valibot";
import type { Grant } from "../../protocol/grant.ts";
import { NO_NEEDS } from "../../protocol/resources.ts";
import { RunId } from "../../run/ids.ts";
import type { Clock, Ids } from "../../run/ports.ts";
import type { AheadAttempt, AheadRun } from "../../server/dispatch/adopt.ts";
import { FIRST_FENCE, newAttemptToken } from "../../server/dispatch/attempt-token.ts";
import { graceOf } from "../../server/dispatch/patience.ts";
import { parseDefinition, planRunOf, PRIORITY } from "../../server/dispatch/plan.ts";
import type { Refusal } from "../../server/dispatch/refusal.ts";
import type { Keyring } from "../../server/secrets/keyring.ts";
import { digestToken } from "../../server/secrets/token.ts";
import { LOCAL_CALLER, type ServerSettings } from "../../server/settings.ts";
import type { NewRun } from "../../server/store/runs.ts";
import { parseJson } from "../../server/triggers/json.ts";
import type { Base } from "../../workflow/base.ts";
import { readCallerParams } from "../../workflow/inputs.ts";
import { parseExactJson } from "../../workflow/json.ts";
import { runLabel } from "../../workflow/schema/policies.ts";
import { Signature, withSignature } from "../../workflow/signature.ts";

export interface BeginPorts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly keys: Keyring;
  readonly base: Base | null;
  readonly patience: Pick<ServerSettings, "runner" | "retryGraceMs">;
  /** There is no run in this home yet, whose id could be the one that is asked for. */
  readonly isFresh: boolean;
}

/** What `start` and `exec` send when nothing is special about the run. */
const Submission = v.strictObject({
  spec: v.string(),
  signature: v.optional(v.nullable(Signature), null),
  name: v.optional(v.string()),
  dagRunId: v.optional(v.string()),
  fileStem: v.optional(v.string()),
  sourceDir: v.optional(v.string(), ""),
  params: v.optional(v.string(), ""),
  labels: v.optional(v.array(runLabel), []),
  defaultWorkingDir: v.optional(v.string(), ""),
  enqueue: v.optional(v.literal(false)),
  workerSelector: v.optional(v.record(v.string(), v.string()), {}),
  runnerLabels: v.optional(v.record(v.string(), v.string())),
});

export interface Submitted {
  readonly ok: true;
  readonly planned: NewRun;
  /** As it is kept. */
  readonly kept: AheadRun;
}

/** null: only the database can tell. */
export async function readSubmission(
  ports: BeginPorts,
  body: Uint8Array,
): Promise<Submitted | Refusal | null> {
  const read = v.safeParse(Submission, parseJson(body, "refuse", parseExactJson));
  if (!read.success) return null;
  const { dagRunId = null } = read.output;
  if (dagRunId !== null && !ports.isFresh) return null;
  const { spec, signature, name = null, fileStem: stem = null, labels, workerSelector: selector } =
    read.output;
  const { sourceDir, defaultWorkingDir: defaultDir, runnerLabels } = read.output;
  const params = readCallerParams(read.output.params);
  const parsed = parseDefinition(ports.base, withSignature(spec, signature), name, null, { stem });
  if (!parsed.ok) return parsed;
  const { definition } = parsed;
  // A run that is tried again by itself has more than one attempt.
  if (definition.workflow.retry !== null) return null;
  const place = { labels, selector, sourceDir, defaultDir, triggerActor: LOCAL_CALLER };
  const plan = await planRunOf(definition, ports, {
    ...place,
    ...(runnerLabels === undefined ? {} : { runnerLabels }),
    params,
    dagRunId,
    triggerType: "manual",
    needsSlot: false,
    priority: PRIORITY.start,
  });
  if (!plan.ok) return plan;
  const { id } = plan.run;
  const kept = {
    at: ports.clock.now(),
    id,
    dagRunId,
    name: plan.run.name,
    text: definition.text,
    params,
    ...place,
  };
  return { ok: true, planned: plan.run, kept };
}

export interface Claimed {
  readonly attempt: AheadAttempt;
  readonly grant: Grant;
}

/** null: it is not for a runner with these labels. */
export async function claimAhead(
  ports: BeginPorts,
  planned: NewRun,
  runnerId: string,
  labels: Readonly<Record<string, string>>,
): Promise<Claimed | null> {
  if (!isOpenTo(planned.selector, labels)) return null;
  const id = ports.ids.uuid();
  const token = newAttemptToken(ports.keys, id, FIRST_FENCE);
  const [at, claimId, tokenDigest] = [ports.clock.now(), ports.ids.uuid(), await digestToken(token)];
  return {
    attempt: { kind: "attempt", at, id, runnerId, claimId, tokenDigest },
    grant: toGrant(ports, planned, { attemptId: id, attemptToken: token }),
  };
}

function isOpenTo(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => (labels[key] ?? labels[`!${key}`]) === value);
}

function toGrant(
  { patience }: BeginPorts,
  planned: NewRun,
  attempt: { readonly attemptId: string; readonly attemptToken: string },
): Grant {
  const { name, triggerType, triggerActor, trust, queue, sourceDir, defaultDir, params } = planned;
  return {
    ...attempt,
    fence: FIRST_FENCE,
    leaseMs: patience.runner.leaseMs,
    graceMs: graceOf(patience, planned),
    startDeadlineMs: patience.runner.startDeadlineMs,
    run: {
      name,
      dagRunId: v.parse(RunId, planned.dagRunId),
      triggerType,
      triggerActor,
      trust,
      queue,
      labels: [...planned.labels],
      scheduleTime: "",
      autoRetries: 0,
      root: null,
      sourceDir,
      defaultDir,
      // The runner is this run's alone.
      needs: NO_NEEDS,
    },
    definition: {
      digest: planned.definition.digest,
      yaml: new TextDecoder().decode(planned.definition.data),
      document: planned.document,
    },
    resume: null,
    params: { values: { ...params.values }, json: params.json, given: [...params.given ?? []] },
    env: {},
    inputs: [],
  };
}
