/** JSON values that workflows keep between runs (control-plane contract M13). */
import * as v from "valibot";
import { Count } from "./grant.ts";

const Scope = v.picklist(["dag", "root_dag", "global", "custom"]);
const Name = v.pipe(v.string(), v.maxLength(255));
const Key = v.pipe(v.string(), v.minLength(1), v.maxLength(1_024));
const place = { fence: Count, scope: Scope, namespace: Name };

export const StateRequest = v.variant("op", [
  v.object({ ...place, op: v.literal("get"), key: Key }),
  v.object({
    ...place,
    op: v.literal("put"),
    key: Key,
    value: v.unknown(),
    /** Only over this version. */
    expectedVersion: v.nullable(Count),
    createOnly: v.boolean(),
  }),
  v.object({ ...place, op: v.literal("delete"), key: Key, expectedVersion: v.nullable(Count) }),
  v.object({
    ...place,
    op: v.literal("list"),
    keyPrefix: v.string(),
    limit: v.pipe(Count, v.maxValue(1_000)),
  }),
]);
export type StateRequest = v.InferOutput<typeof StateRequest>;

export const STATE_VALUE_MAX_BYTES = 262_144;

export const StateEntry = v.object({ key: v.string(), value: v.unknown(), version: Count });
export type StateEntry = v.InferOutput<typeof StateEntry>;

/** `get`, `delete`: none or one; `put`: the new one; `list`: by key. */
export const StateReply = v.object({ entries: v.array(StateEntry), isNew: v.boolean() });
export type StateReply = v.InferOutput<typeof StateReply>;
