import * as v from "valibot";
import { modernize } from "../deprecated.ts";
import { insertionText } from "../select.ts";
import type {
  Approval,
  Condition,
  Container,
  ContinueOn,
  DeclaredOutput,
  LogOutput,
  NamedText,
  OutputValue,
  Parallel,
  RepeatPolicy,
  RetryPolicy,
  StreamTarget,
} from "../workflow.ts";
import { container } from "./container.ts";
import { env } from "./env.ts";
import { foreachOf, parallel } from "./fanout.ts";
import {
  complain,
  fields,
  integer,
  isScalarValue,
  keyItem,
  kindOf,
  mapping,
  strictFlag,
  string,
  text,
  textMap,
  texts,
} from "./fields.ts";
import { approval } from "./human-task.ts";
import { logOutput, NO_TARGET, output, outputSchema, streamTarget } from "./output.ts";
import { continueOn, outputs, preconditions, retryPolicy } from "./policies.ts";
import { repeatPolicy } from "./repeat.ts";

/** A step as written: the kinds of its fields are right, how they fit together is not looked at yet. null: absent. */
export interface WrittenStep {
  readonly id: string | null;
  readonly name: string | null;
  readonly description: string | null;
  readonly run: WrittenRun | null;
  readonly action: string | null;
  readonly with: Readonly<Record<string, unknown>> | null;
  readonly foreach: WrittenForeach | null;
  readonly parallel: Parallel | null;
  readonly depends: readonly string[] | null;
  readonly env: readonly NamedText[];
  readonly workingDir: string | null;
  readonly container: Container | null;
  readonly output: string | null;
  readonly outputObject: Readonly<Record<string, OutputValue>> | null;
  readonly outputSchema: Readonly<Record<string, unknown>> | null;
  readonly outputs: readonly DeclaredOutput[];
  readonly stdout: StreamTarget;
  readonly stderr: StreamTarget;
  readonly logOutput: LogOutput | null;
  readonly timeoutSec: number | null;
  readonly signalOnStop: string | null;
  readonly mailOnError: boolean | null;
  readonly retry: RetryPolicy | null;
  readonly repeat: RepeatPolicy | null;
  /** It has a `repeat_policy` that repeats nothing, and does not say so. */
  readonly isRepeatIdle: boolean;
  readonly continueOn: ContinueOn | null;
  readonly preconditions: readonly Condition[];
  readonly workerSelector: Readonly<Record<string, string>> | "local" | null;
  readonly approval: Approval | null;
  /** Whether `retry_policy` or `repeat_policy` and so on were written at all, by field name. */
  readonly written: ReadonlySet<string>;
  /** Deprecated spellings that were used; the field `""` is the step itself, a bare text. */
  readonly deprecated: readonly { readonly field: string; readonly use: string }[];
}

export interface WrittenRun {
  /** One text, or the items of a list. */
  readonly texts: readonly string[];
  readonly isList: boolean;
}

export interface WrittenForeach {
  readonly items: string | readonly unknown[];
  readonly as: string;
  readonly key: string | null;
  readonly maxConcurrent: number;
  readonly steps: readonly WrittenStep[];
  readonly collect: Readonly<Record<string, string>>;
}

const SIGNALS = [
  "HUP",
  "INT",
  "QUIT",
  "ILL",
  "TRAP",
  "ABRT",
  "BUS",
  "FPE",
  "KILL",
  "USR1",
  "SEGV",
  "USR2",
  "PIPE",
  "ALRM",
  "TERM",
  "CHLD",
  "CONT",
  "STOP",
  "TSTP",
  "TTIN",
  "TTOU",
  "URG",
  "XCPU",
  "XFSZ",
  "VTALRM",
  "PROF",
  "WINCH",
  "IO",
  "PWR",
  "SYS",
].map((name) => `SIG${name}`);

export const signal = v.picklist(
  SIGNALS,
  (issue) =>
    complain(
      `invalid signal: ${isScalarValue(issue.input) ? issue.input : kindOf(issue.input)}`,
      "for example SIGINT",
    ),
);

/** List items: scalars; a one-key map with a scalar is `key: value`; blank ones are dropped (S-19, 4.5.3). */
const runList = v.pipe(
  v.array(v.pipe(
    v.unknown(),
    v.check(
      (item) => item === null || isScalarValue(item) || isOneKey(item),
      (issue) => complain(`run must be a string or array of strings, got ${kindOf(issue.input)}`),
    ),
    v.transform((item) =>
      isOneKey(item)
        ? `${Object.keys(item)[0]}: ${insertionText(Object.values(item)[0] ?? "")}`.trimEnd()
        : insertionText(item ?? "")
    ),
  )),
  v.transform((items) => items.filter((item) => item.trim() !== "")),
  v.minLength(1, complain("step command is empty")),
  v.transform((texts): WrittenRun => ({ texts, isList: true })),
);

function isOneKey(value: unknown): value is Record<string, string | number | boolean | null> {
  return v.is(mapping, value) && Object.keys(value).length === 1 &&
    Object.values(value).every((item) => item === null || isScalarValue(item));
}

const runText = v.pipe(
  v.string((issue) => complain(`run must be a string or array, got ${kindOf(issue.input)}`)),
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

/** Files for a remote runner: known before anything is resolved (4.21). */
const dependencies = v.pipe(
  texts,
  v.check(
    (paths) => !paths.some((path) => path.includes("${")),
    complain("dependencies must not hold references", "write the paths out"),
  ),
  v.check(
    (paths) => !paths.some((path) => path.startsWith("/") || /(^|\/)(\.\.|\.git)(\/|$)/.test(path)),
    complain(
      "dependencies must be relative paths without .. and .git",
      "for example data/*.csv beside the workflow's file",
    ),
  ),
);

/** A map of labels, or `local` (R-38). */
export const workerSelector = v.lazy((input): v.GenericSchema<unknown, Record<string, string> | "local"> =>
  v.is(mapping, input) ? textMap : v.literal("local", refuseSelector)
);

function refuseSelector({ input }: { readonly input: unknown }): string {
  return complain(`worker_selector must be a map or "local", got ${kindOf(input)}`);
}

const inBody = v.lazy((): v.GenericSchema<unknown, WrittenStep> => step);

export const stepFields = fields({
  id: v.optional(v.pipe(text, v.trim())),
  name: v.optional(v.pipe(text, v.trim(), v.transform((given) => given === "" ? undefined : given))),
  description: v.optional(string),
  run: v.optional(run),
  action: v.optional(v.string(complain("action must be a string"))),
  with: v.optional(
    v.custom<Record<string, unknown>>((value) => v.is(mapping, value), complain("with must be an object")),
  ),
  foreach: v.optional(foreachOf(inBody)),
  parallel: v.optional(parallel),
  depends: v.optional(depends),
  env: v.optional(env),
  working_dir: v.optional(string),
  container: v.optional(container),
  output: v.optional(output),
  output_schema: v.optional(outputSchema),
  outputs: v.optional(outputs),
  stdout: v.optional(streamTarget("stdout")),
  stderr: v.optional(streamTarget("stderr")),
  log_output: v.optional(logOutput),
  timeout_sec: v.optional(integer(0, "timeout_sec")),
  signal_on_stop: v.optional(signal),
  mail_on_error: v.optional(strictFlag),
  retry_policy: v.optional(retryPolicy),
  repeat_policy: v.optional(repeatPolicy),
  continue_on: v.optional(continueOn),
  preconditions: v.optional(preconditions),
  worker_selector: v.optional(workerSelector),
  approval: v.optional(approval),
  dependencies: v.optional(dependencies),
}, { of: "step", unsupported: ["inputs"], readBefore: ["shell_args", "shell_packages"] });

const NOTHING: Omit<WrittenStep, "run" | "deprecated"> = {
  id: null,
  name: null,
  description: null,
  action: null,
  with: null,
  foreach: null,
  parallel: null,
  depends: null,
  env: [],
  workingDir: null,
  container: null,
  output: null,
  outputObject: null,
  outputSchema: null,
  outputs: [],
  stdout: NO_TARGET,
  stderr: NO_TARGET,
  logOutput: null,
  timeoutSec: null,
  signalOnStop: null,
  mailOnError: null,
  retry: null,
  repeat: null,
  isRepeatIdle: false,
  continueOn: null,
  preconditions: [],
  workerSelector: null,
  approval: null,
  written: new Set(),
};

const stepMap = v.pipe(
  mapping,
  v.rawTransform<Record<string, unknown>, WrittenStep>(({ dataset, addIssue, NEVER }) => {
    const { step, deprecated, conflict } = modernize(dataset.value);
    if (dataset.value["outputs"] === null) {
      const message = complain(
        "outputs must be a non-empty sequence",
        "name an output, or leave outputs out",
      );
      addIssue({ message, path: [keyItem("outputs", null)] });
    }
    if (conflict !== null) addIssue({ message: complain(conflict, "keep one of them") });
    const parsed = v.safeParse(stepFields, step);
    if (!parsed.success) {
      for (const issue of parsed.issues) {
        addIssue({ message: issue.message, ...(issue.path === undefined ? {} : { path: issue.path }) });
      }
      return NEVER;
    }
    const given = parsed.output;
    return {
      ...NOTHING,
      id: given.id ?? null,
      name: given.name ?? null,
      description: given.description ?? null,
      run: given.run ?? null,
      action: given.action ?? null,
      with: given.with ?? null,
      foreach: given.foreach ?? null,
      parallel: given.parallel ?? null,
      depends: given.depends ?? null,
      env: given.env ?? [],
      workingDir: given.working_dir ?? null,
      container: given.container ?? null,
      output: given.output?.variable ?? null,
      outputObject: given.output?.values ?? null,
      outputSchema: given.output_schema ?? null,
      outputs: given.outputs ?? [],
      stdout: given.stdout ?? NO_TARGET,
      stderr: given.stderr ?? NO_TARGET,
      logOutput: given.log_output ?? null,
      timeoutSec: given.timeout_sec ?? null,
      signalOnStop: given.signal_on_stop ?? null,
      mailOnError: given.mail_on_error ?? null,
      retry: given.retry_policy ?? null,
      repeat: given.repeat_policy ?? null,
      isRepeatIdle: given.repeat_policy === null && !isSwitchedOff(step["repeat_policy"]),
      continueOn: given.continue_on ?? null,
      preconditions: given.preconditions ?? [],
      workerSelector: given.worker_selector ?? null,
      approval: given.approval ?? null,
      written: new Set(Object.keys(step).filter((key) => step[key] !== null)),
      deprecated,
    };
  }),
);

function isSwitchedOff(policy: unknown): boolean {
  return v.is(mapping, policy) && policy["repeat"] === false;
}

const shorthand = v.pipe(
  v.string(),
  v.check((value) => value.trim() !== "", complain("step command is empty")),
  v.transform((value): WrittenStep => ({
    ...NOTHING,
    run: { texts: [value], isList: false },
    deprecated: [{ field: "", use: "use run" }],
  })),
);

const notAStep = v.custom<WrittenStep>(
  () => false,
  (issue) => complain(`a step must be a mapping, got ${kindOf(issue.input)}`),
);

/** A step mapping, or the deprecated bare command (S-03). */
export const step = v.lazy((input) =>
  typeof input === "string" ? shorthand : v.is(mapping, input) ? stepMap : notAStep
);

/** The items of `steps`: a step, or a list of steps at one position (S-02). */
export const stepGroup = v.lazy((input): v.GenericSchema<unknown, WrittenStep | WrittenStep[]> =>
  Array.isArray(input)
    ? v.pipe(v.array(step), v.minLength(1, complain("a group of steps must not be empty")))
    : step
);
