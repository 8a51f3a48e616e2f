/** What `start` and the commands like it ask the API for: a definition, parameters, and facts about the run. */
import { dirname } from "node:path";
import * as v from "valibot";
import { absolute } from "../absolute.ts";
import { ApiError } from "../api-client.ts";
import type { Connection } from "../connect.ts";
import { type Context, type Option, UserError } from "../command.ts";
import type { RunName, RunnerChoice } from "../own-runner.ts";
import { runPath, Started } from "../run-json.ts";
import { type CallerParams, readCallerParams } from "../../workflow/inputs.ts";
import { UNSUPPORTED_PROFILES } from "../../workflow/unsupported.ts";
import { isWorkflowName } from "../../workflow/names.ts";
import { errorLines } from "../../workflow/problem.ts";
import { readWorkflowFile, type WorkflowFile } from "../workflow-file.ts";
import { workflowNameOf } from "./run-argument.ts";
import { readSignature } from "../signature-file.ts";
import { readInstant } from "../../workflow/instant.ts";

export const PROFILE_OPTION: Readonly<Record<string, Option>> = {
  profile: { type: "string", value: "NAME", help: "environment profile: refused, there are none" },
};

export const SUBMISSION_OPTIONS: Readonly<Record<string, Option>> = {
  params: { type: "string", short: "p", value: "TEXT", help: 'parameters: "KEY=value ..." or JSON' },
  name: { type: "string", short: "N", value: "NAME", help: "workflow name for this run" },
  "run-id": { type: "string", short: "r", value: "ID", help: "run id" },
  labels: { type: "string", multiple: true, value: "A,B=C", help: "extra labels (also --tags)" },
  tags: { type: "string", multiple: true, value: "A,B=C", help: "the same" },
  "from-run-id": { type: "string", value: "ID", help: "definition and parameters of an earlier run of NAME" },
  "default-working-dir": { type: "string", value: "DIR", help: "for workflows that name no working_dir" },
  "trigger-type": { type: "string", value: "TYPE", help: "what started it (default: manual)" },
  "schedule-time": { type: "string", value: "TIME", help: "planned time, RFC 3339" },
  priority: { type: "string", value: "0-9", help: "lower goes first (start: 1, enqueue: 5)" },
  singleton: { type: "boolean", help: "refuse when another run of the workflow is active" },
  ...PROFILE_OPTION,
  parent: { type: "string", value: "NAME:ID", help: "the run below which this one is" },
  root: { type: "string", value: "NAME:ID", help: "with --parent: the outermost run, to be checked" },
  "no-reuse": { type: "boolean", help: "accepted for build workflows" },
};

export interface Place extends Partial<RunnerChoice> {
  /** It waits for a slot of its queue. */
  readonly enqueue: boolean;
  readonly queue?: string;
}

/** Asks for the run that the command line describes; returns when it is stored. */
export async function submit(context: Context, connection: Connection, place: Place): Promise<RunName> {
  const { api } = connection;
  const old = context.flags.text("from-run-id");
  if (old !== null) refuseFamily(context);
  const facts = { ...readFacts(context), ...place };
  const answer = old === null
    ? await startWorkflow(context, connection, facts)
    : await api.post(`${runPath(await oldRun(context, connection, old))}/reschedule`, {
      ...facts,
      ...nameOf(context, "dagName"),
    });
  const { dagRunId, dagName } = v.parse(Started, answer);
  return { name: dagName, dagRunId };
}

/** What an old run was below, a new one of it is not, and it is one more of its workflow by intent. */
function refuseFamily({ flags }: Context): void {
  const flag = flags.has("singleton")
    ? "singleton"
    : ["parent", "root"].find((one) => flags.text(one) !== null);
  if (flag !== undefined) throw new UserError(`--from-run-id cannot be used with --${flag}`);
}

async function oldRun(context: Context, connection: Connection, dagRunId: string): Promise<RunName> {
  if ("params" in paramsOf(context)) {
    throw new UserError("parameters cannot be provided when using --from-run-id");
  }
  return { name: await workflowNameOf(context.positionals[0] ?? "", connection.home.dagsDir), dagRunId };
}

type Facts = Place & Readonly<Record<string, unknown>>;

/** A file is sent as it is; a name without a file may be that of a definition which the server keeps (CM-01). */
async function startWorkflow(context: Context, connection: Connection, facts: Facts): Promise<unknown> {
  const file = await readOrExplain(context, connection);
  if (file instanceof UserError) return await startStored(context, connection, facts, file);
  const submission = {
    spec: file.text,
    signature: await readSignature(file.path),
    ...nameOf(context, "name"),
    fileStem: file.stem,
    sourceDir: dirname(absolute(file.path)),
    ...paramsOf(context),
    ...facts,
  };
  try {
    return await connection.api.post("/dag-runs", submission);
  } catch (error) {
    // Its problems stand in a file, which the server does not know.
    if (!(error instanceof ApiError) || error.problems.length === 0) throw error;
    throw new UserError(errorLines(error.problems, file.path).join("\n"));
  }
}

async function readOrExplain(context: Context, { home }: Connection): Promise<WorkflowFile | UserError> {
  try {
    return await readWorkflowFile(context.positionals[0] ?? "", home.dagsDir);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** `noFile`: what is told when the server keeps nothing of that name either. */
async function startStored(
  context: Context,
  { api, plane }: Connection,
  facts: Facts,
  noFile: UserError,
): Promise<unknown> {
  const argument = context.positionals[0] ?? "";
  if (plane !== null || !isWorkflowName(argument)) throw noFile;
  try {
    const path = `/dags/${encodeURIComponent(argument)}/${facts.enqueue ? "enqueue" : "start"}`;
    return await api.post(path, { ...nameOf(context, "dagName"), ...paramsOf(context), ...facts });
  } catch (error) {
    throw error instanceof ApiError && error.status === 404 ? noFile : error;
  }
}

function nameOf({ flags }: Context, key: string): Record<string, string> {
  const name = flags.text("name");
  return name === null ? {} : { [key]: name };
}

const TRIGGER_TYPES = ["manual", "scheduler", "webhook", "subdag", "retry", "catchup", "unknown"];

export function readFacts({ flags }: Context): Record<string, unknown> {
  const trigger = flags.text("trigger-type");
  if (trigger !== null && !TRIGGER_TYPES.includes(trigger)) {
    throw new UserError(`invalid trigger type "${trigger}"; allowed: ${TRIGGER_TYPES.join(", ")}`);
  }
  const time = flags.text("schedule-time");
  if (time !== null && readInstant(time) === null) {
    throw new UserError(`--schedule-time must be RFC 3339, for example 2026-04-02T08:30:00Z; got "${time}"`);
  }
  const priority = flags.text("priority");
  if (priority !== null && !/^\d$/.test(priority)) {
    throw new UserError(`--priority must be a number from 0 to 9, got "${priority}"`);
  }
  refuseProfile(flags);
  const parent = readRun("parent", flags.text("parent"));
  const root = readRun("root", flags.text("root"));
  if (root !== null && parent === null) throw new UserError("--root needs --parent");
  const dir = flags.text("default-working-dir");
  const labels = [...flags.texts("labels"), ...flags.texts("tags")].flatMap((list) => list.split(/[\s,]+/));
  const runId = flags.text("run-id");
  return {
    ...(runId === null ? {} : { dagRunId: runId }),
    ...(priority === null ? {} : { priority: Number(priority) }),
    ...(trigger === null ? {} : { triggerType: trigger }),
    ...(parent === null ? {} : { parent, triggerType: trigger ?? "subdag" }),
    ...(root === null ? {} : { root }),
    ...(time === null ? {} : { scheduleTime: time }),
    ...(flags.has("singleton") ? { singleton: true } : {}),
    ...(dir === null ? {} : { defaultWorkingDir: absolute(dir) }),
    ...(labels.length === 0 ? {} : { labels: labels.filter(Boolean) }),
  };
}

export function refuseProfile(flags: Context["flags"]): void {
  const name = flags.text("profile");
  if (name === null || name === "") return;
  throw new UserError(
    `--profile ${name}: ${UNSUPPORTED_PROFILES}; set env in the workflow, or use dotenv files`,
  );
}

function readRun(flag: string, text: string | null): RunName | null {
  if (text === null) return null;
  const [name = "", dagRunId = "", ...more] = text.split(":");
  if (name !== "" && dagRunId !== "" && more.length === 0) return { name, dagRunId };
  throw new UserError(`--${flag} must be NAME:RUN_ID, got "${text}"`);
}

/** `--params TEXT`, or what came after `--`; not both. */
export function paramsOf(context: Context): { params?: string } {
  const text = context.flags.text("params");
  if (context.rest === null || context.rest.length === 0) return text === null ? {} : { params: text };
  if (text !== null) throw new UserError("give parameters with --params or after --, not both");
  return { params: JSON.stringify(context.rest) };
}

/** The same, for who binds them in this process. */
export function callerParamsOf(context: Context): CallerParams {
  const { params } = paramsOf(context);
  return params === undefined ? { kind: "none" } : readCallerParams(params);
}
