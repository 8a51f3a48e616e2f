/** How the fields of a document fit together. */
import type * as v from "valibot";
import { asksForArtifacts } from "./artifacts.ts";
import type { Path } from "./document.ts";
import { warnOfEngineNames } from "./engine-names.ts";
import { resolveConsts, resolveConstsIn } from "./inputs.ts";
import { unlimitedNote } from "./limits.ts";
import type { ProblemCode } from "./problem.ts";
import { NO_SCHEDULE, type ScheduleEntry } from "./schedule.ts";
import type { WrittenWorkflow } from "./schema/workflow.ts";
import { checkProviders, checkSecretNames } from "./step-action.ts";
import { readHandlers, readSteps } from "./steps.ts";
import type { MailEnvelope, MailOccasion, Step, Workflow } from "./workflow.ts";
import { unsupported } from "./unsupported.ts";

/** Where rules tell what they found. */
export interface Findings {
  /** In front of a path in a message: which document of the stream, "" for the first (F-24). */
  readonly prefix: string;
  report(path: Path, message: string, remedy: string, code?: ProblemCode): void;
  warn(path: Path, message: string): void;
  fromIssues(path: Path, issues: readonly v.BaseIssue<unknown>[]): void;
}

const DEFAULT_MAX_OUTPUT = 1_048_576;

/** The typed workflow; meaningless when something was reported. */
export function assemble(written: WrittenWorkflow, findings: Findings): Workflow {
  checkRoot(written, findings);
  const steps = readSteps(written, findings);
  const handlers = readHandlers(written, findings);
  checkArtifacts(written, [...steps, ...Object.values(handlers)], findings);
  const resources = written.resources ?? { cpu: null, memoryBytes: null };
  const unlimited = unlimitedNote({ resources, steps, handlers });
  if (unlimited !== null) findings.warn(["resources"], unlimited);
  return {
    name: written.name ?? null,
    group: written.group ?? null,
    description: written.description ?? null,
    type: written.type ?? "graph",
    params: written.params ?? { entries: [] },
    consts: written.consts ?? [],
    env: written.env ?? [],
    workingDir: written.working_dir ?? null,
    shell: written.shell === undefined ? null : [...written.shell, ...(written.shell_args ?? [])],
    container: written.container ?? null,
    resources,
    registryAuths: written.registry_auths ?? null,
    harnesses: written.harnesses ?? {},
    harness: written.harness ?? null,
    preconditions: written.preconditions ?? [],
    handlers,
    steps,
    maxActiveSteps: written.max_active_steps ?? null,
    maxActiveRuns: written.max_active_runs ?? null,
    queue: written.queue ?? null,
    labels: written.labels ?? written.tags ?? [],
    timeoutSec: written.timeout_sec ?? 0,
    maxCleanUpTimeSec: written.max_clean_up_time_sec ?? 5,
    maxOutputSize: written.max_output_size === undefined || written.max_output_size === 0
      ? DEFAULT_MAX_OUTPUT
      : written.max_output_size,
    workerSelector: readSelector(written),
    triggers: written.triggers ?? [],
    forwardHeaders: written.webhook ?? [],
    dotenv: written.dotenv ?? null,
    secrets: written.secrets ?? [],
    artifacts: written.artifacts ?? { enabled: null, dir: null },
    logOutput: written.log_output ?? "separate",
    logDir: written.log_dir ?? null,
    delaySec: written.delay_sec ?? 0,
    restartWaitSec: written.restart_wait_sec ?? 0,
    schedule: written.schedule ?? NO_SCHEDULE,
    scheduleRules: {
      skipIfSuccessful: written.skip_if_successful ?? false,
      catchupMs: written.catchup_window ?? null,
      overlap: written.overlap_policy ?? "skip",
    },
    retry: written.retry_policy ?? null,
    onLost: written.on_lost ?? "fail",
    retention: { days: written.hist_retention_days ?? null, runs: written.hist_retention_runs ?? null },
    runConfig: written.run_config ?? { disableParamEdit: false, disableRunIdEdit: false },
    defaults: familyDefaults(written),
    mails: mailsOf(written),
    locals: {},
  };
}

function familyDefaults(written: WrittenWorkflow): Workflow["defaults"] {
  const families = {
    smtp: written.smtp,
    ssh: written.ssh,
    s3: written.s3,
    redis: written.redis,
    llm: written.llm,
  };
  return Object.fromEntries(
    Object.entries(families).flatMap(([name, given]) => given === undefined ? [] : [[name, given]]),
  );
}

/** S-63: switched off and used all the same. */
function checkArtifacts(written: WrittenWorkflow, steps: readonly Step[], findings: Findings): void {
  if (written.artifacts?.enabled !== false) return;
  const user = steps.find(asksForArtifacts);
  if (user === undefined) return;
  findings.report(
    ["artifacts", "enabled"],
    `artifacts are disabled by artifacts.enabled: false, but step "${user.name}" uses them`,
    "remove enabled: false, or the use",
  );
}

/** An end is mailed when `mail_on` says so and its envelope says to whom. */
function mailsOf(written: WrittenWorkflow): Workflow["mails"] {
  const { mail_on: on, error_mail: error, info_mail: info, wait_mail: wait } = written;
  const envelope = (given: typeof error): MailEnvelope | null =>
    given === undefined ? null : {
      from: given.from ?? "",
      to: given.to ?? [],
      prefix: given.prefix ?? "",
      attachLogs: given.attach_logs ?? false,
    };
  const wanted: readonly (readonly [MailOccasion, boolean, MailEnvelope | null])[] = [
    ["failure", on?.failure === true, envelope(error)],
    ["success", on?.success === true, envelope(info)],
    ["wait", on?.wait === true, envelope(wait)],
    ["error", true, envelope(error)],
  ];
  return Object.fromEntries(
    wanted.flatMap(([occasion, isOn, one]) => isOn && one !== null ? [[occasion, one]] : []),
  );
}

/** Of the language, and not of this version: what asks for it would be without it, so that it is refused. */
function checkUnsupported({ kubernetes, otel }: WrittenWorkflow, findings: Findings): void {
  if (kubernetes !== undefined) {
    findings.report(["kubernetes"], unsupported("kubernetes"), "remove kubernetes");
  }
  // Switched off, it asks for nothing.
  if (otel !== undefined && otel.enabled !== false) {
    findings.report(["otel"], unsupported("otel"), "remove otel, or write enabled: false in it");
  }
}

function checkRoot(written: WrittenWorkflow, findings: Findings): void {
  checkSecretNames(written.container, written, [], findings);
  warnOfEngineNames(written.env, ["env"], findings);
  warnOfEngineNames(written.container?.env, ["container", "env"], findings);
  if (written.labels !== undefined && written.tags !== undefined) {
    findings.report(["tags"], "labels and deprecated tags cannot both be set", "keep labels");
  }
  if (written.max_active_runs !== undefined && written.max_active_runs !== 1 && written.queue === undefined) {
    findings.warn(["max_active_runs"], "max_active_runs is deprecated; use a queue");
  }
  if (written.hist_retention_days !== undefined && written.hist_retention_runs !== undefined) {
    findings.report(
      ["hist_retention_runs"],
      "hist_retention_days and hist_retention_runs cannot both be specified",
      "keep one of them",
    );
  }
  if (written.ssh !== undefined && written.container !== undefined) {
    findings.report(
      ["ssh"],
      "ssh and container cannot both be set at the root",
      "move one of them to the steps",
    );
  }
  checkUnsupported(written, findings);
  for (
    const [key, envelope] of [["failure", "error_mail"], ["success", "info_mail"], [
      "wait",
      "wait_mail",
    ]] as const
  ) {
    if (written.mail_on?.[key] === true && (written[envelope]?.to ?? []).length === 0) {
      findings.warn(["mail_on", key], `mail_on.${key} sends nothing: ${envelope} names nobody in to`);
    }
  }
  for (const entry of Object.values(written.schedule ?? NO_SCHEDULE).flat()) warnOfEntry(entry, findings);
  if (written.harness !== undefined) checkProviders(written.harness, ["harness"], written, findings);
}

function warnOfEntry(entry: ScheduleEntry, findings: Findings): void {
  if (entry.kind === "cron" && entry.cron.unevenMinutes.length > 0) {
    const minutes = entry.cron.unevenMinutes.join(", ");
    findings.warn(
      ["schedule"],
      `the step of "${entry.expression}" does not divide the hour: it fires at the minutes ${minutes}`,
    );
  }
}

/** Resolved here, once: a run is placed by it before it has an environment or values of its own. */
function readSelector({ worker_selector: selector, consts = [] }: WrittenWorkflow): Record<string, string> {
  if (typeof selector !== "object") return {};
  const known = resolveConsts(consts);
  const resolve = (text: string): string => resolveConstsIn(text, known);
  return Object.fromEntries(Object.entries(selector).map(([key, value]) => [resolve(key), resolve(value)]));
}
