/** What a succeeded try publishes: captured variables, declared outputs, structured outputs (4.7, 4.8, 4.9). */
import { parse as parseYaml } from "yaml";
import { isMapping, parseExactJson, parseJson } from "../workflow/json.ts";
import { findViolations } from "../workflow/json-schema.ts";
import { resolveText, type Scope } from "../workflow/reference.ts";
import { insertionText, selectPath } from "../workflow/select.ts";
import type { OutputValue, Step } from "../workflow/workflow.ts";
import type { Failure } from "./failure.ts";
import { isFailure } from "./outcome.ts";
import { type Capture, newCapture, readOutputFile } from "./output.ts";
import type { Outcome, StreamName } from "./ports.ts";
import { resolveValue } from "./resolve.ts";

export interface Published {
  readonly kind: "variable" | "declared" | "object";
  readonly name: string;
  readonly value: string;
}

/** The most that one event carries of a value; beyond it the step fails rather than publishing half of one. */
const PUBLISHED_MAX = 1_048_576;

/** Keeps of a step's streams what its outputs are read from. */
export interface Collector {
  add(stream: StreamName, bytes: Uint8Array): void;
  capture(stream: StreamName): Capture | null;
}

export function newCollector(step: Step, maxBytes: number): Collector {
  const values = [...Object.values(step.outputObject ?? {}), ...Object.values(step.stdout.outputs)];
  const reads = (stream: StreamName): boolean =>
    values.some((value) => value.kind === "read" && value.from === stream);
  const captures = new Map<StreamName, Capture>();
  if (step.output !== null || step.outputSchema !== null || reads("stdout")) {
    captures.set("stdout", newCapture(maxBytes));
  }
  if (reads("stderr")) captures.set("stderr", newCapture(maxBytes));
  return {
    add: (stream, bytes) => captures.get(stream)?.add(bytes),
    capture: (stream) => captures.get(stream) ?? null,
  };
}

export interface TryOutput {
  readonly collector: Collector;
  readonly outcome: Outcome;
  readonly scope: Scope;
  readonly maxBytes: number;
  readText(path: string, maxBytes: number): Promise<string | Failure>;
}

/** Only a succeeded try publishes (S-49, S-50). */
export async function publish(step: Step, made: TryOutput): Promise<Published[] | Failure> {
  const { outputs: actionOutputs = {} } = made.outcome;
  const published: Published[] = Object.entries(actionOutputs)
    .map(([name, value]) => ({ kind: "declared", name, value }));
  const broken = overLimit(step, made) ?? brokenSchema(step, made);
  if (broken !== null) return broken;
  if (step.output !== null) {
    published.push({
      kind: "variable",
      name: step.output,
      value: made.collector.capture("stdout")?.text() ?? "",
    });
  }
  for (
    const [kind, values] of [["object", step.outputObject ?? {}], ["declared", step.stdout.outputs]] as const
  ) {
    for (const [name, value] of Object.entries(values)) {
      const read = await readValue(value, made);
      if (isFailure(read)) return { ...read, message: `output "${name}": ${read.message}` };
      published.push({
        kind,
        name,
        value: kind === "object" ? JSON.stringify(read.value) : insertionText(read.value),
      });
    }
  }
  const declared = readDeclared(step, made.outcome);
  if (isFailure(declared)) return declared;
  published.push(...declared);
  const large = published.find((output) => output.value.length > PUBLISHED_MAX);
  return large === undefined ? published : invalid(
    `the value of output "${large.name}" is larger than ${PUBLISHED_MAX} characters`,
    "write it to a file in the run's work directory and publish the path",
  );
}

/** Declared outputs of the output file; what the action itself published needs no line there. */
function readDeclared(step: Step, { outputFile, outputs = {} }: Outcome): Published[] | Failure {
  const isSilent = outputFile === null || outputFile === "";
  const asked = step.outputs.filter((output) => !Object.hasOwn(outputs, output.name));
  if (isSilent && asked.length === 0) return [];
  const read = readOutputFile(outputFile ?? "", isSilent ? asked : step.outputs);
  if (read.ok) return Object.entries(read.values).map(([name, value]) => ({ kind: "declared", name, value }));
  return invalid(read.message, "write each declared output once as name=value to $DAGU_OUTPUT_FILE");
}

function overLimit(step: Step, { collector, maxBytes }: TryOutput): Failure | null {
  const isOver = (["stdout", "stderr"] as const).some((stream) =>
    collector.capture(stream)?.isOverLimit === true
  );
  if (!isOver) return null;
  return {
    code: "COMMAND_FAILED",
    message: `output exceeded maximum size limit of ${maxBytes} bytes`,
    remedy: `print less, write a file, or raise max_output_size${
      step.output === null ? "" : ` (output: ${step.output})`
    }`,
  };
}

/** S-56. */
function brokenSchema(step: Step, { collector }: TryOutput): Failure | null {
  if (step.outputSchema === null) return null;
  const value = parseJson(collector.capture("stdout")?.text() ?? "");
  if (value === undefined) {
    return invalid("stdout JSON does not match output_schema: stdout is not JSON", "print one JSON document");
  }
  const violations = findViolations(step.outputSchema, value);
  if (violations.length === 0) return null;
  const why = violations.slice(0, 3).map(({ path, message }) => `${path.join(".") || "it"} ${message}`).join(
    "; ",
  );
  return invalid(`stdout JSON does not match output_schema: ${why}`, "correct the output, or the schema");
}

// ---- structured values ------------------------------------------------------------------------------------------

async function readValue(
  value: OutputValue,
  made: TryOutput,
): Promise<{ readonly value: unknown } | Failure> {
  if (value.kind === "literal") return { value: resolveValue(value.value, made.scope, "scope") };
  const text = value.from === "file"
    ? await made.readText(resolveText(value.path ?? "", made.scope, "scope"), made.maxBytes)
    : made.collector.capture(value.from)?.text() ?? "";
  if (typeof text !== "string") return text;
  const decoded = decode(text, value.decode);
  if (decoded === undefined) {
    return invalid(`${value.from} is not ${value.decode}`, "correct decode, or what is printed");
  }
  if (value.select === null) return { value: decoded };
  const selected = selectPath(decoded, value.select);
  return selected === undefined
    ? invalid(`there is nothing at select ${value.select}`, "correct the path")
    : { value: selected };
}

function decode(text: string, format: "text" | "json" | "yaml"): unknown {
  switch (format) {
    case "text":
      return text.trim();
    case "json":
      return parseExactJson(text);
    case "yaml":
      return readYaml(text);
    default:
      return format satisfies never;
  }
}

function readYaml(text: string): unknown {
  try {
    const value: unknown = parseYaml(text, { maxAliasCount: 100, logLevel: "silent" });
    return isMapping(value) || value !== undefined ? value : undefined;
  } catch {
    return undefined;
  }
}

function invalid(message: string, remedy: string): Failure {
  return { code: "OUTPUT_INVALID", message, remedy };
}
