import * as v from "valibot";
import { isWorkflowName } from "../names.ts";
import { container } from "./container.ts";
import { env } from "./env.ts";
import { complain, fields, integer, isScalarValue, kindOf, string, text, textMap, texts } from "./fields.ts";
import { harness, harnesses } from "./harness.ts";
import { params } from "./params.ts";
import { consts, labels, preconditions, resources } from "./policies.ts";
import { step } from "./step.ts";
import { triggers, webhookRoot } from "./trigger.ts";

/** Keys of the language that this version does not do yet: refused by name, never silently dropped. */
const UNSUPPORTED = [
  "group",
  "tasks",
  "dotenv",
  "schedule",
  "skip_if_successful",
  "catchup_window",
  "overlap_policy",
  "log_dir",
  "artifacts",
  "log_output",
  "step_types",
  "actions",
  "smtp",
  "mail_on",
  "error_mail",
  "info_mail",
  "wait_mail",
  "delay_sec",
  "restart_wait_sec",
  "hist_retention_days",
  "hist_retention_runs",
  "retry_policy",
  "otel",
  "run_config",
  "registry_auths",
  "ssh",
  "s3",
  "redis",
  "kubernetes",
  "llm",
  "secrets",
  "tools",
  "defaults",
];

const handlers = fields({
  init: v.optional(step),
  success: v.optional(step),
  failure: v.optional(step),
  abort: v.optional(step),
  exit: v.optional(step),
}, { of: "handler_on", unsupported: ["wait"] });

const workerSelector = v.pipe(
  v.unknown(),
  v.check(
    (value) => v.is(textMap, value),
    (issue) =>
      complain(
        `worker_selector must be a map or "local", got ${kindOf(issue.input)}`,
        "local is not supported by this version: use labels",
      ),
  ),
  v.transform((value) => v.parse(textMap, value)),
);

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
    ? `type: ${given} is not supported by this version of dagu-edge`
    : `invalid type: ${typeof given === "string" ? given : kindOf(given)}`;
}

/** The entry document: the kinds of all fields. How they fit together is `parse.ts`'s. */
export const workflow = fields({
  name: v.optional(workflowName),
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
  shell_args: v.optional(texts),
  container: v.optional(container),
  resources: v.optional(resources),
  harnesses: v.optional(harnesses),
  harness: v.optional(harness),
  preconditions: v.optional(preconditions),
  handler_on: v.optional(handlers),
  steps: v.optional(v.pipe(
    v.array(step, complain("steps must be a non-empty sequence")),
    v.minLength(1, complain("steps must be a non-empty sequence")),
  )),
  max_active_steps: v.optional(integer(0, "max_active_steps")),
  max_active_runs: v.optional(integer(0, "max_active_runs")),
  queue: v.optional(string),
  labels: v.optional(labels),
  tags: v.optional(labels),
  timeout_sec: v.optional(integer(0, "timeout_sec")),
  max_clean_up_time_sec: v.optional(integer(0, "max_clean_up_time_sec")),
  max_output_size: v.optional(integer(0, "max_output_size")),
  worker_selector: v.optional(workerSelector),
  triggers: v.optional(triggers),
  webhook: v.optional(webhookRoot),
}, { of: "workflow", unsupported: UNSUPPORTED });

export type WrittenWorkflow = v.InferOutput<typeof workflow>;
