/** What a step publishes and where its streams go: `output`, `output_schema`, `stdout`, `stderr` (4.8, 4.9). */
import * as v from "valibot";
import { isMapping } from "../json.ts";
import { findSchemaMistake } from "../json-schema.ts";
import type { LogOutput, OutputValue, StreamTarget } from "../workflow.ts";
import { complain, fields, kindOf, name as filledName, oneOf, string } from "./fields.ts";

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
export const OUTPUT_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

export interface WrittenOutput {
  readonly variable: string | null;
  readonly values: Readonly<Record<string, OutputValue>> | null;
}

const variable = v.pipe(
  v.string((issue) => complain(`must be a variable name or a mapping, got ${kindOf(issue.input)}`)),
  v.transform((value) => value.trim().replace(/^\$/, "")),
  v.regex(VARIABLE, complain("output must be a variable name", "for example RESULT")),
  v.transform((value): WrittenOutput => ({ variable: value, values: null })),
);

const decode = v.optional(oneOf(["text", "json", "yaml"]), "text");
const source = fields({
  from: oneOf(["stdout", "stderr", "file"]),
  path: v.optional(string),
  decode,
  select: v.optional(string),
}, { of: "output entry" });

const given = fields({ value: v.unknown() }, { of: "output entry" });

/** `{value: X}`, `{from: ...}`, or anything else as it is (S-53). */
const entry = v.lazy((input): v.GenericSchema<unknown, OutputValue> => {
  if (isMapping(input) && "from" in input) {
    return v.pipe(
      source,
      v.check(
        (one) => (one.from === "file") === (one.path !== undefined),
        complain("path belongs to from: file", "add path, or read stdout or stderr"),
      ),
      v.transform((one): OutputValue => ({
        kind: "read",
        from: one.from,
        path: one.path ?? null,
        decode: one.decode,
        select: one.select ?? null,
      })),
    );
  }
  if (isMapping(input) && "value" in input) {
    return v.pipe(given, v.transform((one): OutputValue => ({ kind: "literal", value: one.value ?? null })));
  }
  return v.pipe(v.unknown(), v.transform((value): OutputValue => ({ kind: "literal", value })));
});

const objectForm = v.pipe(
  v.record(v.string(), entry),
  v.check((values) => Object.keys(values).length > 0, complain("output must not be empty")),
  v.transform((values): WrittenOutput => ({ variable: null, values })),
);

export const output = v.lazy((input) => isMapping(input) ? objectForm : variable);

export const outputSchema = v.pipe(
  v.custom<Record<string, unknown>>(
    isMapping,
    (issue) => complain(`must be a JSON Schema object, got ${kindOf(issue.input)}`),
  ),
  v.check(
    (schema) => findSchemaMistake(schema) === null,
    (issue) => complain(`is no JSON Schema: ${findSchemaMistake(issue.input)}`),
  ),
);

export const logOutput: v.GenericSchema<unknown, LogOutput> = oneOf(["separate", "merged"]);

// ---- streams ----------------------------------------------------------------------------------------------------

export const NO_TARGET: StreamTarget = { file: null, artifact: null, outputs: {} };

const isOutputName = v.regex<string, string>(
  OUTPUT_NAME,
  complain(`output name must match ${OUTPUT_NAME.source}`),
);
const outputName = v.pipe(filledName, isOutputName);
const fieldName = v.pipe(v.string(), isOutputName);

function readOf(given: { decode: "text" | "json" | "yaml"; select?: string | undefined }): OutputValue {
  return { kind: "read", from: "stdout", path: null, decode: given.decode, select: given.select ?? null };
}

const fieldEntry = v.lazy((input): v.GenericSchema<unknown, OutputValue> =>
  isMapping(input)
    ? v.pipe(fields({ decode, select: v.optional(string) }, { of: "output field" }), v.transform(readOf))
    : v.pipe(v.unknown(), v.transform((value): OutputValue => ({ kind: "literal", value })))
);

const streamOutputs = v.lazy((input): v.GenericSchema<unknown, Record<string, OutputValue>> => {
  if (!isMapping(input)) {
    return v.pipe(outputName, v.transform((name) => ({ [name]: readOf({ decode: "text" }) })));
  }
  if ("fields" in input) {
    return v.pipe(
      fields({ fields: v.record(fieldName, fieldEntry) }, { of: "stdout.outputs" }),
      v.transform((given) => given.fields),
    );
  }
  return v.pipe(
    fields({ field: outputName, decode, select: v.optional(string) }, { of: "stdout.outputs" }),
    v.transform((given) => ({ [given.field]: readOf(given) })),
  );
});

const artifactPath = v.pipe(
  string,
  v.rawCheck(({ dataset, addIssue }) => {
    const message = dataset.typed ? artifactProblem(dataset.value) : null;
    if (message !== null) addIssue({ message: complain(message, "for example reports/out.txt") });
  }),
);

/** A file, or `{artifact, outputs}`; only stdout has `outputs` (S-58). */
export function streamTarget(stream: "stdout" | "stderr"): v.GenericSchema<unknown, StreamTarget> {
  const map = v.pipe(
    fields({ artifact: v.optional(artifactPath), outputs: v.optional(streamOutputs) }, { of: stream }),
    v.check(
      (given) => stream === "stdout" || given.outputs === undefined,
      complain("stderr has invalid keys: outputs"),
    ),
    v.transform((given): StreamTarget => ({
      file: null,
      artifact: given.artifact ?? null,
      outputs: given.outputs ?? {},
    })),
    v.check(
      (target) => target.artifact !== null || Object.keys(target.outputs).length > 0,
      complain(`${stream} needs a file, artifact${stream === "stdout" ? " or outputs" : ""}`),
    ),
  );
  const file = v.pipe(
    string,
    v.check((value) => value.trim() !== "", complain("must name a file")),
    v.transform((value): StreamTarget => ({ ...NO_TARGET, file: value })),
  );
  return v.lazy((input) => isMapping(input) ? map : file);
}

/** S-64; null: fine. A path with references is looked at again when they are resolved. */
export function artifactProblem(path: string): string | null {
  if (path.trim() === "") return "artifact path must not be empty";
  if (/^([/\\~]|[A-Za-z]:)/.test(path)) return `artifact path must be relative: ${path}`;
  if (path.split(/[/\\]/).includes("..")) return `artifact path must not contain ..: ${path}`;
  if (/[/\\]$/.test(path)) return `artifact path must not be a directory: ${path}`;
  return null;
}
