/** Actions that need nothing but the run itself: `noop`, `log.write`, `outputs.write`, `exec`. */
import * as v from "valibot";
import { isMapping } from "../json.ts";
import { complain, fields, isScalarValue, string, texts } from "../schema/fields.ts";
import { defineAction, filled } from "./definition.ts";

export const noop = defineAction(fields({}, { of: "with of noop" }));

export const logWrite = defineAction(v.pipe(
  fields({ message: v.optional(string) }, { of: "with of log.write" }),
  v.check((given) => given.message !== undefined, complain("log: message is required")),
  v.transform((given) => ({ message: given.message ?? "" })),
));

const OUTPUT_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

export const outputsWrite = defineAction(
  fields({
    values: v.pipe(
      v.custom<Record<string, unknown>>(
        (values) => isMapping(values) && Object.keys(values).length > 0,
        complain("values must be a non-empty mapping"),
      ),
      v.check(
        (values) => Object.keys(values).every((name) => OUTPUT_NAME.test(name)),
        complain(`names in values must match ${OUTPUT_NAME.source}`),
      ),
    ),
  }, { of: "with of outputs.write" }),
  { outputs: "any" },
);

/** A program without a shell (4.5). */
export const exec = defineAction(
  fields({
    command: filled,
    args: v.optional(
      v.pipe(
        v.unknown(),
        v.check(
          (value) => isScalarValue(value) || Array.isArray(value),
          complain("args must be a list of strings"),
        ),
        v.transform((value): unknown => value),
        texts,
      ),
      [],
    ),
  }, { of: "with of exec" }),
  { unqualified: "host" },
);
