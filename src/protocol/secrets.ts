/** M11: values of managed secrets, asked for when an attempt begins and never part of a claim's answer (RD-07). */
import * as v from "valibot";
import { Count } from "./grant.ts";
import { Sealed } from "./sealing.ts";

/** No workflow names more. */
const REFS_MAX = 200;

export const SecretsRequest = v.object({
  fence: Count,
  refs: v.pipe(v.array(v.object({ name: v.string(), ref: v.string() })), v.maxLength(REFS_MAX)),
  /** Only whether they could be had: no value is answered, and no hand-out is noted. */
  checkOnly: v.optional(v.boolean()),
});
export type SecretsRequest = v.InferOutput<typeof SecretsRequest>;

export const SecretsReply = v.object({
  values: v.array(v.object({
    name: v.string(),
    version: Count,
    /** Of the two one, and none with `checkOnly`: sealed whenever the runner registered a key. */
    value: v.optional(v.string()),
    sealed: v.optional(Sealed),
  })),
  /** Refs of which there is no active secret. */
  missing: v.array(v.string()),
});
export type SecretsReply = v.InferOutput<typeof SecretsReply>;
