/** What becomes of attempts that an earlier process of the runner left (M16). */
import * as v from "valibot";
import { Uuid } from "../run/ids.ts";
import { Count, Grant, Natural } from "./grant.ts";

export const ReattachRequest = v.object({
  attempts: v.pipe(
    v.array(v.object({ attemptId: Uuid, fence: Count, lastSeq: Count })),
    v.maxLength(1_000),
  ),
});
export type ReattachRequest = v.InferOutput<typeof ReattachRequest>;

export const ReattachAnswer = v.variant("verdict", [
  /** It is still this runner's: it goes on from what it has told. */
  v.object({
    attemptId: Uuid,
    verdict: v.literal("continue"),
    grant: Grant,
    /** How far its logs have come here: a machine that lost its power may have less of them. */
    logs: v.array(v.object({
      step: v.string(),
      stream: v.picklist(["stdout", "stderr"]),
      nextOffset: Natural,
      isFinal: v.boolean(),
    })),
  }),
  /** The rest is told, then an end of that status: nothing of it goes on. */
  v.object({ attemptId: Uuid, verdict: v.literal("finish"), status: v.picklist(["failed", "aborted"]) }),
  /** Nobody wants to hear of it any more. */
  v.object({ attemptId: Uuid, verdict: v.literal("discard") }),
]);
export type ReattachAnswer = v.InferOutput<typeof ReattachAnswer>;

export const ReattachReply = v.object({ attempts: v.array(ReattachAnswer) });
export type ReattachReply = v.InferOutput<typeof ReattachReply>;
