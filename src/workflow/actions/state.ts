/** `state.*`: JSON values that survive runs (workflow-language contract 6.5). */
import * as v from "valibot";
import { complain, fields, oneOf, string } from "../schema/fields.ts";
import { anything, bool, defineAction, filled, wholeNumber } from "./definition.ts";

const place = {
  scope: v.optional(oneOf(["dag", "root_dag", "global", "custom"]), "dag"),
  namespace: v.optional(string, ""),
};
const isPlaced = (given: { readonly scope: string; readonly namespace: string }): boolean =>
  given.scope !== "custom" || given.namespace !== "";
const UNPLACED = complain("namespace is required with scope: custom");
const expectedVersion = v.optional(wholeNumber(0));

export const stateGet = defineAction(v.pipe(
  fields({ ...place, key: filled, default: v.optional(anything), required: v.optional(bool, false) }, {
    of: "with of state.get",
  }),
  v.check((given) => isPlaced(given), UNPLACED),
));

export const stateSet = defineAction(v.pipe(
  fields({
    ...place,
    key: filled,
    value: anything,
    expected_version: expectedVersion,
    create_only: v.optional(bool, false),
  }, { of: "with of state.set", nullable: ["value"] }),
  v.check((given) => isPlaced(given), UNPLACED),
));

export const stateDelete = defineAction(v.pipe(
  fields({ ...place, key: filled, expected_version: expectedVersion }, { of: "with of state.delete" }),
  v.check((given) => isPlaced(given), UNPLACED),
));

export const stateList = defineAction(v.pipe(
  fields({
    ...place,
    prefix: v.optional(string, ""),
    limit: v.optional(wholeNumber(1, 1_000), 100),
    include_values: v.optional(bool, false),
  }, { of: "with of state.list" }),
  v.check((given) => isPlaced(given), UNPLACED),
));

export const stateDiff = defineAction(v.pipe(
  fields({ ...place, key: filled, value: anything, update: v.optional(bool, false) }, {
    of: "with of state.diff",
    nullable: ["value"],
  }),
  v.check((given) => isPlaced(given), UNPLACED),
));
