/** Root fields that stand alone: artifacts, secrets, retention, settings of forms, mail (1.3, 3.5, 5.7, 5.13). */
import * as v from "valibot";
import { isMapping } from "../json.ts";
import type { Secret } from "../workflow.ts";
import {
  complain,
  distinctNames,
  fields,
  flag,
  integer,
  kindOf,
  mapping,
  strictFlag,
  string,
  texts,
} from "./fields.ts";

export const artifacts = v.pipe(
  fields({ enabled: v.optional(strictFlag), dir: v.optional(string) }, { of: "artifacts" }),
  v.transform((given) => ({ enabled: given.enabled ?? null, dir: given.dir ?? null })),
);

export const dotenv = v.pipe(
  v.unknown(),
  v.check(
    (value) =>
      typeof value === "string" || (Array.isArray(value) && value.every((item) => typeof item === "string")),
    complain("dotenv must be a string or an array of strings"),
  ),
  v.transform((value) => (Array.isArray(value) ? value : [value]).map(String)),
);

export const runConfig = v.pipe(
  fields({ disable_param_edit: v.optional(strictFlag), disable_run_id_edit: v.optional(strictFlag) }, {
    of: "run_config",
  }),
  v.transform((given) => ({
    disableParamEdit: given.disable_param_edit ?? false,
    disableRunIdEdit: given.disable_run_id_edit ?? false,
  })),
);

export const retentionDays = integer(0, "hist_retention_days");
export const retentionRuns = v.pipe(
  v.unknown(),
  v.check(
    (value) => typeof value === "number" && Number.isInteger(value),
    (issue) => complain(`hist_retention_runs must be an integer, got ${kindOf(issue.input)}`),
  ),
  v.transform(Number),
  v.check((value) => value > 0, complain("hist_retention_runs must be > 0")),
);

// ---- secrets (3.5) ----------------------------------------------------------------------------------------------

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PROTECTED = [
  "DAG_NAME",
  "DAG_RUN_ID",
  "DAG_RUN_LOG_FILE",
  "DAG_RUN_WORK_DIR",
  "DAG_RUN_ARTIFACTS_DIR",
  "DAG_RUN_STATUS",
  "DAG_RUN_STEP_NAME",
  "DAG_RUN_STEP_STDOUT_FILE",
  "DAG_RUN_STEP_STDERR_FILE",
  "DAG_PARAMS_JSON",
  "DAG_WAITING_STEPS",
  "PWD",
];

const secret = v.pipe(
  fields({
    name: v.optional(string),
    ref: v.optional(v.pipe(
      string,
      v.regex(
        /^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/,
        complain("ref must be a lowercase path such as team/key"),
      ),
    )),
    provider: v.optional(string),
    key: v.optional(string),
    options: v.optional(v.pipe(
      v.custom<Record<string, unknown>>(isMapping, complain("options must be a mapping of strings")),
      v.record(v.string(), string),
    )),
  }, { of: "secret" }),
  v.check(
    (given) => ENV_NAME.test(given.name ?? ""),
    (issue) => complain(`secret name "${issue.input.name ?? ""}" must match ${ENV_NAME.source}`),
  ),
  v.check(
    (given) => given.name?.startsWith("DAGU_") !== true,
    (issue) => complain(`secret name "${issue.input.name}" must not start with DAGU_`),
  ),
  v.check(
    (given) => !PROTECTED.includes(given.name ?? ""),
    (issue) =>
      complain(`secret name "${issue.input.name}" collides with Dagu-managed runtime environment variable`),
  ),
  v.check(
    (given) => (given.ref === undefined) !== (isBlank(given.provider) && isBlank(given.key)),
    complain("a secret needs exactly one form: ref, or provider with key"),
  ),
  v.check(
    (given) => given.ref !== undefined || !isBlank(given.provider) === !isBlank(given.key),
    complain("a secret needs both provider and key"),
  ),
  v.check(
    (given) => isBlank(given.provider) || ["env", "file"].includes(given.provider ?? ""),
    (issue) => complain(`unknown secret provider "${issue.input.provider}"`, "env or file"),
  ),
  v.transform((given): Secret => ({
    name: given.name ?? "",
    source: given.ref !== undefined
      ? { kind: "managed", ref: given.ref }
      : { kind: "provider", provider: given.provider === "file" ? "file" : "env", key: given.key ?? "" },
  })),
);

function isBlank(text: string | undefined): boolean {
  return text === undefined || text.trim() === "";
}

export const secrets = v.pipe(
  v.array(secret, complain("secrets must be a list", "write - {name: X, provider: env, key: Y}")),
  distinctNames((name) => complain(`duplicate secret name "${name}"`, "names of secrets are unique")),
);

// ---- mail and traces -----------------------------------------------------------------------------------------------

export const mailOn = fields(
  { failure: v.optional(strictFlag), success: v.optional(strictFlag), wait: v.optional(strictFlag) },
  {
    of: "mail_on",
  },
);

export const envelope = fields({
  from: v.optional(string),
  to: v.optional(texts),
  prefix: v.optional(string),
  attach_logs: v.optional(flag),
}, { of: "mail" });

export const otel = fields({
  enabled: v.optional(flag),
  endpoint: v.optional(string),
  headers: v.optional(mapping),
  insecure: v.optional(flag),
  timeout: v.optional(v.unknown()),
  resource: v.optional(mapping),
}, { of: "otel" });

export const smtp = fields({
  host: v.optional(string),
  port: v.optional(v.custom<string | number>(
    (value) => typeof value === "string" || typeof value === "number",
    (issue) => complain(`must be a string or a number, got ${kindOf(issue.input)}`),
  )),
  username: v.optional(string),
  password: v.optional(string),
  oauth: v.optional(mapping),
}, { of: "smtp" });

/** Root defaults of a family of actions: the family's own schema checks them when they are used. */
export const familyDefaults = v.custom<Record<string, unknown>>(
  isMapping,
  (issue) => complain(`must be a mapping, got ${kindOf(issue.input)}`),
);
