import * as v from "valibot";
import type {
  Condition,
  Container,
  ContinueOn,
  DeclaredOutput,
  NamedText,
  RetryPolicy,
} from "../workflow.ts";
import { container } from "./container.ts";
import { env } from "./env.ts";
import { complain, fields, integer, isScalarValue, kindOf, mapping, string, text } from "./fields.ts";
import { continueOn, NO_CONTINUE, outputs, preconditions, retryPolicy } from "./policies.ts";

/** A step as written: the kinds of its fields are right, how they fit together is not looked at yet. */
export interface WrittenStep {
  readonly id: string | null;
  readonly name: string | null;
  readonly description: string | null;
  /** null: absent. */
  readonly run: WrittenRun | null;
  readonly action: string | null;
  readonly with: Readonly<Record<string, unknown>> | null;
  readonly depends: readonly string[] | null;
  readonly env: readonly NamedText[];
  readonly workingDir: string | null;
  readonly container: Container | null;
  readonly output: string | null;
  readonly outputs: readonly DeclaredOutput[];
  readonly timeoutSec: number;
  readonly signalOnStop: string | null;
  readonly retry: RetryPolicy | null;
  readonly continueOn: ContinueOn;
  readonly preconditions: readonly Condition[];
  /** Deprecated spellings that were used, for warnings. */
  readonly deprecated: readonly string[];
}

export interface WrittenRun {
  /** One text, or the items of a list. */
  readonly texts: readonly string[];
  readonly isList: boolean;
}

const SIGNALS = ["HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "CONT", "STOP", "ABRT", "ALRM", "PIPE"]
  .map((name) => `SIG${name}`);

/** List items: scalars; a one-key map with a scalar is `key: value`; blank ones are dropped (S-19, 4.5.3). */
const runList = v.pipe(
  v.array(v.pipe(
    v.unknown(),
    v.check(
      (item) => item === null || isScalarValue(item) || isOneKey(item),
      (issue) => complain(`run must be a string or array of strings, got ${kindOf(issue.input)}`),
    ),
    v.transform((item) =>
      isOneKey(item) ? `${Object.keys(item)[0]}: ${String(Object.values(item)[0])}` : String(item ?? "")
    ),
  )),
  v.transform((items) => items.filter((item) => item.trim() !== "")),
  v.minLength(1, complain("step command is empty")),
  v.transform((texts): WrittenRun => ({ texts, isList: true })),
);

function isOneKey(value: unknown): value is Record<string, string | number | boolean> {
  return v.is(mapping, value) && Object.keys(value).length === 1 && Object.values(value).every(isScalarValue);
}

const runText = v.pipe(
  v.custom<string | number | boolean>(
    isScalarValue,
    (issue) => complain(`run must be a string or array, got ${kindOf(issue.input)}`),
  ),
  v.transform(String),
  v.check((value) => value.trim() !== "", complain("step command is empty")),
  v.transform((value): WrittenRun => ({ texts: [value], isList: false })),
);

const run = v.lazy((input) => Array.isArray(input) ? runList : runText);

const depends = v.pipe(
  v.unknown(),
  v.check(
    (value) => isScalarValue(value) || (Array.isArray(value) && value.every(isScalarValue)),
    complain("depends must be a string or an array of strings (must be string or array)"),
  ),
  v.transform((value) => (Array.isArray(value) ? value : [value]).map(String)),
);

const output = v.pipe(
  v.string((issue) =>
    typeof issue.input === "object"
      ? complain(
        "the object form of output is not supported by this version of dagu-edge",
        "write output: NAME",
      )
      : complain(`must be a string, got ${kindOf(issue.input)}`)
  ),
  v.transform((value) => value.trim().replace(/^\$/, "")),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, complain("output must be a variable name", "for example RESULT")),
);

const UNSUPPORTED = [
  "inputs",
  "output_schema",
  "stdout",
  "stderr",
  "log_output",
  "repeat_policy",
  "mail_on_error",
  "parallel",
  "foreach",
  "worker_selector",
  "approval",
  "dependencies",
  "exec",
  "call",
  "params",
  "config",
  "llm",
  "messages",
  "routes",
  "value",
  "shell",
  "shell_args",
  "shell_packages",
  "type",
];

const stepMap = v.pipe(
  fields({
    id: v.optional(v.pipe(text, v.trim())),
    name: v.optional(v.pipe(text, v.trim())),
    description: v.optional(string),
    run: v.optional(run),
    command: v.optional(run),
    script: v.optional(run),
    action: v.optional(v.string(complain("action must be a string"))),
    with: v.optional(
      v.custom<Record<string, unknown>>((value) => v.is(mapping, value), complain("with must be an object")),
    ),
    depends: v.optional(depends),
    env: v.optional(env),
    working_dir: v.optional(string),
    container: v.optional(container),
    output: v.optional(output),
    outputs: v.optional(outputs),
    timeout_sec: v.optional(integer(0, "timeout_sec")),
    signal_on_stop: v.optional(
      v.picklist(
        SIGNALS,
        (issue) => complain(`invalid signal: ${String(issue.input)}`, "for example SIGINT"),
      ),
    ),
    retry_policy: v.optional(retryPolicy),
    continue_on: v.optional(continueOn),
    preconditions: v.optional(preconditions),
  }, { of: "step", unsupported: UNSUPPORTED }),
  v.check(
    (given) => [given.run ?? given.action, given.command, given.script].filter(isGiven).length < 2,
    (issue) => complain(togetherWith(issue.input), "keep one of them"),
  ),
  v.transform((given): WrittenStep => {
    const written = given.run ?? given.command ?? given.script ?? null;
    return {
      id: given.id ?? null,
      name: given.name ?? null,
      description: given.description ?? null,
      run: written,
      action: given.action ?? null,
      with: given.with ?? null,
      depends: given.depends ?? null,
      env: given.env ?? [],
      workingDir: given.working_dir ?? null,
      container: given.container ?? null,
      output: given.output ?? null,
      outputs: given.outputs ?? [],
      timeoutSec: given.timeout_sec ?? 0,
      signalOnStop: given.signal_on_stop ?? null,
      retry: given.retry_policy ?? null,
      continueOn: given.continue_on ?? NO_CONTINUE,
      preconditions: given.preconditions ?? [],
      deprecated: [
        ...(given.command === undefined ? [] : ["command"]),
        ...(given.script === undefined ? [] : ["script"]),
      ],
    };
  }),
);

function isGiven(value: unknown): boolean {
  return value !== undefined;
}

/** F-26. */
function togetherWith(given: { run?: unknown; action?: unknown; command?: unknown }): string {
  const kind = isGiven(given.run) ? "run" : isGiven(given.action) ? "action" : "command";
  const other = kind !== "command" && isGiven(given.command) ? "command" : "script";
  return `${kind} cannot be used together with ${other}`;
}

const shorthand = v.pipe(
  v.string(),
  v.check((value) => value.trim() !== "", complain("step command is empty")),
  v.transform((value): WrittenStep => ({
    id: null,
    name: null,
    description: null,
    run: { texts: [value], isList: false },
    action: null,
    with: null,
    depends: null,
    env: [],
    workingDir: null,
    container: null,
    output: null,
    outputs: [],
    timeoutSec: 0,
    signalOnStop: null,
    retry: null,
    continueOn: NO_CONTINUE,
    preconditions: [],
    deprecated: [""],
  })),
);

/** A step mapping, or the deprecated bare command (S-03). */
export const step = v.lazy((input) =>
  typeof input === "string" ? shorthand : v.is(mapping, input) ? stepMap : notAStep
);

const notAStep = v.custom<WrittenStep>(
  () => false,
  (issue) =>
    Array.isArray(issue.input)
      ? complain(
        "a list inside steps is not supported by this version of dagu-edge",
        "write the steps one below the other, with depends",
      )
      : complain(`a step must be a mapping, got ${kindOf(issue.input)}`),
);
