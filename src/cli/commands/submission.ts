/** What `start` and the commands like it ask the API for: a definition, parameters, and facts about the run. */
import { basename, dirname, extname, resolve } from "node:path";
import * as v from "valibot";
import type { Connection } from "../connect.ts";
import { type Context, type Option, UserError } from "../command.ts";
import type { RunName } from "../own-runner.ts";
import { DetailsAnswer, runPath, Started } from "../run-json.ts";
import { type CallerParams, readCallerParams } from "../../workflow/inputs.ts";
import { readWorkflowFile } from "../workflow-file.ts";

export const SUBMISSION_OPTIONS: Readonly<Record<string, Option>> = {
  params: { type: "string", short: "p", value: "TEXT", help: 'parameters: "KEY=value ..." or JSON' },
  name: { type: "string", short: "N", value: "NAME", help: "workflow name for this run" },
  "run-id": { type: "string", short: "r", value: "ID", help: "run id" },
  labels: { type: "string", value: "A,B=C", help: "extra labels (also --tags)" },
  tags: { type: "string", value: "A,B=C", help: "the same" },
  "from-run-id": { type: "string", value: "ID", help: "definition and parameters of an earlier run of NAME" },
  "default-working-dir": { type: "string", value: "DIR", help: "for workflows that name no working_dir" },
  "trigger-type": { type: "string", value: "TYPE", help: "what started it (default: manual)" },
  "schedule-time": { type: "string", value: "TIME", help: "planned time, RFC 3339" },
  profile: { type: "string", value: "NAME", help: "environment profile" },
  "no-reuse": { type: "boolean", help: "accepted for build workflows" },
};

/** `place`: which queue or which runner, beside what the flags say. */
export async function submit(
  context: Context,
  connection: Connection,
  place: Readonly<Record<string, unknown>>,
): Promise<RunName> {
  const { flags } = context;
  const old = flags.text("from-run-id");
  const facts = readFacts(context);
  const definition = old === null
    ? await definitionOfFile(context, connection)
    : await definitionOfRun(context, connection, old);
  const answer = await connection.api.post("/dag-runs", { ...definition, ...facts, ...place });
  const { dagRunId, dagName } = v.parse(Started, answer);
  return { name: dagName, dagRunId };
}

async function definitionOfFile(context: Context, connection: Connection): Promise<Record<string, unknown>> {
  const file = await readWorkflowFile(context.positionals[0] ?? "", connection.home.dagsDir);
  const name = context.flags.text("name");
  return {
    spec: file.text,
    ...(name === null ? {} : { name }),
    fileStem: file.stem,
    sourceDir: dirname(resolve(file.path)),
    ...paramsOf(context),
  };
}

/** A new run of what an old one was: same text, same parameters. */
async function definitionOfRun(
  context: Context,
  connection: Connection,
  dagRunId: string,
): Promise<Record<string, unknown>> {
  if ("params" in paramsOf(context)) {
    throw new UserError("parameters cannot be provided when using --from-run-id");
  }
  const argument = context.positionals[0] ?? "";
  const name = basename(argument, extname(argument));
  const path = runPath({ name, dagRunId });
  const { spec } = v.parse(v.object({ spec: v.string() }), await connection.api.get(`${path}/spec`));
  const { dagRunDetails } = v.parse(DetailsAnswer, await connection.api.get(path));
  return { spec, name: context.flags.text("name") ?? name, params: dagRunDetails.params };
}

const TRIGGER_TYPES = ["manual", "scheduler", "webhook", "subdag", "retry", "catchup", "unknown"];

export function readFacts({ flags }: Context): Record<string, unknown> {
  const trigger = flags.text("trigger-type");
  if (trigger !== null && !TRIGGER_TYPES.includes(trigger)) {
    throw new UserError(`invalid trigger type "${trigger}"; allowed: ${TRIGGER_TYPES.join(", ")}`);
  }
  const time = flags.text("schedule-time");
  if (time !== null && (!/^\d{4}-\d\d-\d\dT/.test(time) || Number.isNaN(Date.parse(time)))) {
    throw new UserError(`--schedule-time must be RFC 3339, for example 2026-04-02T08:30:00Z; got "${time}"`);
  }
  if (flags.text("profile") !== null) {
    throw new UserError("profiles are not supported by this version; set env in the workflow, or dotenv");
  }
  const dir = flags.text("default-working-dir");
  const labels = flags.text("labels") ?? flags.text("tags");
  const runId = flags.text("run-id");
  return {
    ...(runId === null ? {} : { dagRunId: runId }),
    ...(trigger === null ? {} : { triggerType: trigger }),
    ...(time === null ? {} : { scheduleTime: time }),
    ...(dir === null ? {} : { defaultWorkingDir: resolve(dir) }),
    ...(labels === null ? {} : { labels: labels.split(",").map((label) => label.trim()) }),
  };
}

/** `--params TEXT`, or what came after `--`; not both. */
export function paramsOf(context: Context): { params?: string } {
  const text = context.flags.text("params");
  if (context.rest === null || context.rest.length === 0) return text === null ? {} : { params: text };
  if (text !== null) throw new UserError("give parameters with --params or after --, not both", 1);
  return { params: JSON.stringify(context.rest) };
}

/** The same, for who binds them in this process. */
export function callerParamsOf(context: Context): CallerParams {
  const { params } = paramsOf(context);
  return params === undefined ? { kind: "none" } : readCallerParams(params);
}
