/** What a runner is given of the attempts that it was assigned (M3). */
import * as v from "valibot";
import type { Grant } from "../../protocol/grant.ts";
import { RunId } from "../../run/ids.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { digestToken } from "../secrets/token.ts";
import type { ServerSettings } from "../settings.ts";
import { replaceTokenDigest } from "../store/attempts.ts";
import { getTexts } from "../store/blobs.ts";
import type { Executor } from "../store/db.ts";
import { type Claimed, readClaimed } from "../store/grants.ts";
import { listSteps, type StepRow } from "../store/steps.ts";
import { attemptTokens, newAttemptToken } from "./attempt-token.ts";
import { graceOf } from "./patience.ts";

/**
 * The grants of attempts that a runner holds, in the order of the ids: who was taken first begins first. `isKnown`: the runner
 * has their tokens, which go on being good; they are not told again.
 */
export async function readGrants(
  db: Executor,
  settings: ServerSettings,
  attemptIds: readonly string[],
  isKnown = false,
): Promise<Grant[]> {
  if (attemptIds.length === 0) return [];
  const claimed = await readClaimed(db, attemptIds);
  const texts = await getTexts(db, [...new Set(claimed.map(({ run }) => run.digest))]);
  const place = new Map(attemptIds.map((id, index) => [id, index]));
  const inOrder = claimed.toSorted((a, b) => (place.get(a.attemptId) ?? 0) - (place.get(b.attemptId) ?? 0));
  const grants = await Promise.all(inOrder.map(async (one) =>
    await toGrant(db, settings, {
      claimed: one,
      text: texts.get(one.run.digest),
      token: isKnown ? "" : await attemptTokenOf(db, settings.keys, one),
    })
  ));
  return grants.filter((grant) => grant !== null);
}

/** null: the text of its definition is gone. */
export async function toGrant(
  db: Executor,
  settings: ServerSettings,
  { claimed, text, token }: {
    readonly claimed: Claimed;
    readonly text: string | undefined;
    readonly token: string;
  },
): Promise<Grant | null> {
  if (text === undefined) return null;
  const { attemptId, fence, inputs, root, onLost } = claimed;
  const { runId, dagRunId, digest, document, resumes, params, env, ...run } = claimed.run;
  return {
    attemptId,
    fence,
    attemptToken: token,
    leaseMs: settings.runner.leaseMs,
    graceMs: graceOf(settings, { onLost }),
    startDeadlineMs: settings.runner.startDeadlineMs,
    run: { ...run, dagRunId: v.parse(RunId, dagRunId), root },
    definition: { digest, yaml: text, document },
    resume: resumes ? (await listSteps(db, runId)).filter((step) => !step.isHandler).map(copyStep) : null,
    params: v.parse(StoredParams, params),
    env: v.parse(TextRecord, env),
    inputs: [...inputs],
  };
}

/** The one that the attempt was given, or, when the key that it was made from is gone, another that takes its place. */
async function attemptTokenOf(
  db: Executor,
  keys: Keyring,
  { attemptId: id, fence, tokenDigest }: {
    readonly attemptId: string;
    readonly fence: number;
    readonly tokenDigest: string;
  },
): Promise<string> {
  for (const token of attemptTokens(keys, id, fence)) {
    if (await digestToken(token) === tokenDigest) return token;
  }
  const token = newAttemptToken(keys, id, fence);
  await replaceTokenDigest(db, id, tokenDigest, await digestToken(token));
  return token;
}

/** As the wire has it: lists of its own. */
function copyStep(
  { isHandler: _isHandler, children, notes, waiting, pushBacks, ...step }: StepRow,
): NonNullable<Grant["resume"]>[number] {
  return {
    ...step,
    children: [...children],
    notes: [...notes],
    pushBacks: [...pushBacks],
    waiting: waiting === null
      ? null
      : { ...waiting, form: waiting.form === null ? null : { ...waiting.form } },
  };
}

const TextRecord = v.record(v.string(), v.string());
const StoredParams = v.object({
  values: TextRecord,
  json: v.string(),
  given: v.optional(v.array(v.string())),
});
