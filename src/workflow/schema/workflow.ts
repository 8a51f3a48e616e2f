import * as v from "valibot";
import { isWorkflowName } from "../names.ts";
import { container } from "./container.ts";
import { env } from "./env.ts";
import {
  complain,
  fields,
  integer,
  isScalarValue,
  kindOf,
  oneOf,
  strictFlag,
  string,
  text,
} from "./fields.ts";
import { harness, harnesses } from "./harness.ts";
import { logOutput } from "./output.ts";
import { params } from "./params.ts";
import { consts, continueOn, labels, preconditions, resources, retryPolicy } from "./policies.ts";
import { registryAuths } from "./registry-auths.ts";
import { repeatPolicy, runRetry } from "./repeat.ts";
import {
  artifacts,
  dotenv,
  envelope,
  familyDefaults,
  mailOn,
  otel,
  retentionDays,
  retentionRuns,
  runConfig,
  secrets,
  smtp,
} from "./root.ts";
import { rootChat } from "../actions/chat.ts";
import { rootRedis } from "../actions/redis.ts";
import { rootS3 } from "../actions/s3.ts";
import { rootSsh } from "../actions/ssh.ts";
import { catchupWindow, schedule } from "./schedule.ts";
import { signal, step, stepGroup, workerSelector } from "./step.ts";
import { triggers, webhookRoot } from "./trigger.ts";
import { unsupported } from "../unsupported.ts";

/** Keys of the language that this version does not do yet: refused by name, never silently dropped. */
const UNSUPPORTED = ["tools", "tasks"];

const handlers = fields({
  init: v.optional(step),
  success: v.optional(step),
  failure: v.optional(step),
  abort: v.optional(step),
  exit: v.optional(step),
  wait: v.optional(step),
}, { of: "handler_on" });

/** What steps take when they say nothing themselves (4.19). */
const defaults = fields({
  continue_on: v.optional(continueOn),
  retry_policy: v.optional(retryPolicy),
  repeat_policy: v.optional(repeatPolicy),
  timeout_sec: v.optional(integer(0, "timeout_sec")),
  mail_on_error: v.optional(strictFlag),
  signal_on_stop: v.optional(signal),
  env: v.optional(env),
  preconditions: v.optional(preconditions),
}, { of: "defaults" });

const shell = v.pipe(
  v.unknown(),
  v.transform((value): unknown => typeof value === "string" ? value.trim().split(/\s+/) : value),
  v.array(text, complain("shell must be a string or a list of strings")),
  v.check((words) => words.some((word) => word !== ""), complain("shell must not be blank")),
);

const workflowName = v.pipe(
  v.custom<string>(isScalarValue, (issue) => complain(`must be a string, got ${kindOf(issue.input)}`)),
  v.transform(String),
  v.check(
    isWorkflowName,
    (issue) =>
      complain(`name ${JSON.stringify(issue.input)} is invalid`, "1 to 40 of letters, digits, _ . -"),
  ),
);

function explainType(given: unknown): string {
  const isKnown = given === "build" || given === "agent" || given === "controller";
  return isKnown
    ? unsupported(`type: ${given}`)
    : `invalid type: ${typeof given === "string" ? given : kindOf(given)}`;
}

/** The entry document: the kinds of all fields. How they fit together is `parse.ts`'s. */
export const workflow = fields({
  name: v.optional(workflowName),
  group: v.optional(string),
  description: v.optional(string),
  type: v.optional(
    v.picklist(
      ["graph", "chain"],
      (issue) => complain(explainType(issue.input), "use graph or chain"),
    ),
  ),
  params: v.optional(params),
  consts: v.optional(consts),
  env: v.optional(env),
  working_dir: v.optional(string),
  shell: v.optional(shell),
  shell_args: v.optional(v.array(text, complain("shell_args must be a list of strings"))),
  container: v.optional(container),
  resources: v.optional(resources),
  harnesses: v.optional(harnesses),
  harness: v.optional(harness),
  preconditions: v.optional(preconditions),
  handler_on: v.optional(handlers),
  steps: v.optional(v.pipe(
    v.array(stepGroup, complain("steps must be a non-empty sequence")),
    v.minLength(1, complain("steps must be a non-empty sequence")),
  )),
  max_active_steps: v.optional(integer(0, "max_active_steps")),
  max_active_runs: v.optional(integer(Number.MIN_SAFE_INTEGER, "max_active_runs")),
  queue: v.optional(string),
  labels: v.optional(labels),
  tags: v.optional(labels),
  timeout_sec: v.optional(integer(0, "timeout_sec")),
  max_clean_up_time_sec: v.optional(integer(0, "max_clean_up_time_sec")),
  max_output_size: v.optional(integer(0, "max_output_size")),
  worker_selector: v.optional(workerSelector),
  triggers: v.optional(triggers),
  webhook: v.optional(webhookRoot),
  defaults: v.optional(defaults),
  dotenv: v.optional(dotenv),
  secrets: v.optional(secrets),
  artifacts: v.optional(artifacts),
  log_output: v.optional(logOutput),
  log_dir: v.optional(string),
  delay_sec: v.optional(integer(0, "delay_sec")),
  restart_wait_sec: v.optional(integer(0, "restart_wait_sec")),
  retry_policy: v.optional(runRetry),
  on_lost: v.optional(oneOf(["fail", "retry"])),
  hist_retention_days: v.optional(retentionDays),
  hist_retention_runs: v.optional(retentionRuns),
  run_config: v.optional(runConfig),
  schedule: v.optional(schedule),
  skip_if_successful: v.optional(strictFlag),
  catchup_window: v.optional(catchupWindow),
  overlap_policy: v.optional(oneOf(["skip", "all", "latest"])),
  smtp: v.optional(smtp),
  mail_on: v.optional(mailOn),
  error_mail: v.optional(envelope),
  info_mail: v.optional(envelope),
  wait_mail: v.optional(envelope),
  ssh: v.optional(rootSsh),
  s3: v.optional(rootS3),
  redis: v.optional(rootRedis),
  kubernetes: v.optional(familyDefaults),
  llm: v.optional(rootChat),
  registry_auths: v.optional(registryAuths),
  otel: v.optional(otel),
}, { of: "workflow", unsupported: UNSUPPORTED, readBefore: ["actions", "step_types"] });

export type WrittenWorkflow = v.InferOutput<typeof workflow>;
