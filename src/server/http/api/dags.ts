/** Definitions (3.3): list, read, write, validate, start. */
import { withBase } from "../../../workflow/base.ts";
import { type Context, Hono } from "hono";
import * as v from "valibot";
import { type CallerParams, readCallerParams } from "../../../workflow/inputs.ts";
import { UNSUPPORTED_PROFILES } from "../../../workflow/unsupported.ts";
import { parseWorkflow } from "../../../workflow/parse.ts";
import { errorLines, type Problem } from "../../../workflow/problem.ts";
import { runLabel } from "../../../workflow/schema/policies.ts";
import { partsOf, Signature } from "../../../workflow/signature.ts";
import { publish } from "../../definitions/publish.ts";
import { setSuspended } from "../../dispatch/suspend.ts";
import { parentageOf } from "../../dispatch/parentage.ts";
import { PRIORITY, type StartRequest } from "../../dispatch/plan.ts";
import type { RunnerChoice } from "../../dispatch/selector.ts";
import { type Started, startRun } from "../../dispatch/start.ts";
import type { ServerPorts } from "../../ports.ts";
import {
  currentDefinition,
  deleteWorkflow,
  getWorkflow,
  listWorkflows,
  type WorkflowRow,
} from "../../store/workflows.ts";
import { listSkipped, nextStarts } from "../../store/schedules.ts";
import { latestRuns, type RunRow } from "../../store/runs.ts";
import { refused, unwrap, valid } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";
import { readDetails } from "../runs-read.ts";
import { toSummary } from "../shapes.ts";

const Params = v.optional(v.union([v.string(), v.record(v.string(), v.unknown()), v.array(v.unknown())]));

/** Years that dates of ours and of Postgres write alike. */
export const Time = v.pipe(
  v.string(),
  v.check(
    (text) => Date.parse(text) >= 0 && Date.parse(text) < Date.UTC(10_000),
    "must be a time, for example 2026-04-02T08:30:00Z",
  ),
);

/** Lower goes first (QU-13). */
export const Priority = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(9));

const RunRef = v.object({ name: v.string(), dagRunId: v.string() });

/** Which runner is to take a run. */
export const ChoiceBody = v.object({
  /** Which runner may take it, beside the workflow's own selector. */
  workerSelector: v.optional(v.record(v.string(), v.string()), {}),
  /** Labels of the only runner that is to take it. */
  runnerLabels: v.optional(v.record(v.string(), v.string())),
});

export const StartBody = v.object({
  params: Params,
  dagRunId: v.optional(v.string()),
  /** Another name of the workflow, for this run. */
  dagName: v.optional(v.string()),
  queue: v.optional(v.string()),
  /** Absent: 1 of a start, 5 of what waits for a slot. */
  priority: v.optional(Priority),
  labels: v.optional(v.array(runLabel)),
  /** Refused while another run of the workflow is active (QU-04). */
  singleton: v.optional(v.boolean(), false),
  /** For workflows that name no `working_dir`. */
  defaultWorkingDir: v.optional(v.string()),
  triggerType: v.optional(
    v.picklist(["manual", "scheduler", "webhook", "subdag", "retry", "catchup", "unknown"]),
    "manual",
  ),
  scheduleTime: v.optional(Time),
  /** "": none, which is what every run has. */
  profile: v.optional(v.literal("", UNSUPPORTED_PROFILES)),
  /** The run below which it is, and the outermost one. */
  parent: v.optional(RunRef),
  root: v.optional(RunRef),
  ...ChoiceBody.entries,
});
const SpecBody = v.object({ spec: v.string() });
const SignedBody = v.object({ ...SpecBody.entries, signature: v.optional(v.nullable(Signature), null) });
const SuspendBody = v.object({ suspend: v.boolean() });
const SAMPLE = 'steps:\n  - id: hello\n    run: echo "hello from dagu-edge"\n';
/** Of the starts that were due and not made. */
const SKIPPED_SHOWN = 20;
const CreateBody = v.object({
  name: v.string(),
  spec: v.optional(v.string(), SAMPLE),
  signature: v.optional(v.nullable(Signature), null),
});

export function dagRoutes(ports: ServerPorts): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get("/", async (c) => {
    const rows = await listWorkflows(ports.db);
    const latest = await latestRuns(ports.db, rows.map((row) => row.name));
    const next = await nextStarts(ports.db, rows.map((row) => row.id));
    const dags = rows.map((row) => toDagFile(row, latest.get(row.name) ?? null, next.get(row.id)));
    const pagination = { totalRecords: dags.length, currentPage: 1, totalPages: 1, nextPage: 0, prevPage: 0 };
    return c.json({ dags, errors: [], pagination });
  });

  app.post("/", async (c) => {
    const body = await valid(CreateBody, c);
    if (await getWorkflow(ports.db, body.name) !== null) {
      throw refused("already_exists", `there is a workflow "${body.name}" already`);
    }
    const options = { author: c.var.caller, refuseProblems: true, signature: body.signature };
    const published = unwrap(await publish(ports, body.name, body.spec, options));
    const errors = errorLines(published.problems, body.name);
    if (errors.length > 0) throw refused("bad_request", errors.join("; "));
    return c.json({ name: body.name }, 201);
  });

  app.post("/validate", async (c) => {
    const { spec } = await valid(SpecBody, c);
    const { workflow, problems } = parseWorkflow(withBase(spec, ports.base), "validate");
    return c.json({ valid: workflow !== null, errors: errorLines(problems, "workflow"), problems });
  });

  app.get("/:fileName", async (c) => {
    const fileName = c.req.param("fileName");
    const stored = await find(ports, fileName);
    const { name } = stored.row;
    const latest = (await latestRuns(ports.db, [name])).get(name) ?? null;
    const next = await nextStarts(ports.db, [stored.row.id]);
    const skipped = await listSkipped(ports.db, stored.row.id, SKIPPED_SHOWN);
    return c.json({
      ...toDagFile(stored.row, latest, next.get(stored.row.id)),
      skippedSlots: skipped.map(({ slot, skipped: reason }) => ({ slot: slot.toISOString(), reason })),
      ...specOf(stored.text),
      latestDAGRun: latest === null ? null : await readDetails(ports, latest),
    });
  });

  app.delete("/:fileName", async (c) => {
    if (!await deleteWorkflow(ports.db, c.req.param("fileName"))) throw missing(c.req.param("fileName"));
    return c.body(null, 204);
  });

  // The same for clients, and proxies between, that know GET and POST only.
  app.post("/:fileName/delete", async (c) => {
    if (!await deleteWorkflow(ports.db, c.req.param("fileName"))) throw missing(c.req.param("fileName"));
    return c.json({});
  });

  app.get("/:fileName/spec", async (c) => {
    const stored = await find(ports, c.req.param("fileName"));
    return c.json({
      ...specOf(stored.text),
      errors: errorLines(problemsOf(stored.row), stored.row.fileName),
      valueReferenceNotices: [],
    });
  });

  app.put("/:fileName/spec", async (c) => {
    const { spec, signature } = await valid(SignedBody, c);
    const fileName = c.req.param("fileName");
    const options = { author: c.var.caller, refuseProblems: true, signature };
    const published = unwrap(await publish(ports, fileName, spec, options));
    return c.json({ errors: errorLines(published.problems, fileName), problems: published.problems });
  });

  app.post("/:fileName/suspend", async (c) => {
    const { suspend } = await valid(SuspendBody, c);
    const fileName = c.req.param("fileName");
    if (!await setSuspended(ports, fileName, suspend, c.var.caller)) throw missing(fileName);
    return c.json({});
  });

  app.post(
    "/:fileName/start",
    (c) => startStored(ports, c, c.req.param("fileName"), { needsSlot: false, priority: PRIORITY.start }),
  );
  app.post(
    "/:fileName/enqueue",
    (c) => startStored(ports, c, c.req.param("fileName"), { needsSlot: true, priority: PRIORITY.enqueue }),
  );

  return app;
}

type ApiContext = Context<{ Variables: GuardVariables }>;

async function startStored(
  ports: ServerPorts,
  c: ApiContext,
  fileName: string,
  how: Pick<StartRequest, "needsSlot" | "priority">,
): Promise<Response> {
  const { queue, ...body } = await valid(StartBody, c);
  // A start waits for no slot, so that it has no queue of its own to choose (QU-01).
  const place = {
    needsSlot: how.needsSlot,
    priority: body.priority ?? how.priority,
    queue: how.needsSlot ? queue ?? null : null,
  };
  const definition = body.dagName === undefined
    ? { fileName }
    : { text: (await find(ports, fileName)).text, name: body.dagName };
  const started = await startRun(ports, { definition, ...await requestOf(ports, body, c), ...place });
  return answerStarted(c, started);
}

/** What a start has of its caller, however the definition is given. */
export async function requestOf(
  ports: ServerPorts,
  body: Omit<v.InferOutput<typeof StartBody>, "queue">,
  c: ApiContext,
): Promise<Omit<StartRequest, "definition" | "needsSlot" | "priority" | "queue">> {
  const { parent, root = null } = body;
  if (root !== null && parent === undefined) throw refused("bad_request", "root needs parent");
  const place = parent === undefined ? null : unwrap(await parentageOf(ports, { parent, root }));
  return {
    ...(place === null ? {} : { parent: place.parent, trust: place.trust }),
    params: toCallerParams(body.params),
    dagRunId: body.dagRunId ?? null,
    triggerType: body.triggerType,
    triggerActor: c.var.caller,
    labels: body.labels ?? [],
    isSingleton: body.singleton,
    defaultDir: body.defaultWorkingDir ?? "",
    scheduleTime: body.scheduleTime === undefined ? null : new Date(body.scheduleTime),
    ...choiceOf(body),
  };
}

export function choiceOf({ workerSelector, runnerLabels }: v.InferOutput<typeof ChoiceBody>): RunnerChoice {
  return { selector: workerSelector, ...(runnerLabels === undefined ? {} : { runnerLabels }) };
}

export function answerStarted(c: ApiContext, outcome: Started): Response {
  const { dagRunId, name } = unwrap(outcome);
  return c.json({ dagRunId, dagName: name });
}

/** A string is the original's `KEY=value` list or JSON text; objects and arrays are JSON. */
function toCallerParams(params: v.InferOutput<typeof Params>): CallerParams {
  if (params === undefined) return { kind: "none" };
  return typeof params === "string"
    ? readCallerParams(params)
    : { kind: "json", json: JSON.stringify(params) };
}

async function find(
  ports: ServerPorts,
  fileName: string,
): Promise<NonNullable<Awaited<ReturnType<typeof currentDefinition>>>> {
  const stored = await currentDefinition(ports.db, fileName);
  if (stored === null) throw missing(fileName);
  return stored;
}

function missing(fileName: string): Error {
  return refused("not_found", `there is no workflow "${fileName}"`);
}

/** As it was written, and who vouches for it. */
function specOf(text: string): { readonly spec: string; readonly signature?: Signature } {
  const { own, signature } = partsOf(text);
  return signature === null ? { spec: text } : { spec: own, signature };
}

function toDagFile(
  row: WorkflowRow,
  latest: RunRow | null,
  nextRun: Date | undefined,
): Record<string, unknown> {
  return {
    fileName: row.fileName,
    dag: { name: row.name, ...(row.group === "" ? {} : { group: row.group }), labels: row.labels },
    latestDAGRun: latest === null ? null : toSummary(latest),
    suspended: row.suspended,
    ...(nextRun === undefined || row.suspended ? {} : { nextRun: nextRun.toISOString() }),
    errors: errorLines(problemsOf(row), row.fileName),
  };
}

function problemsOf(row: WorkflowRow): readonly Problem[] {
  // Written by `publish` only.
  return Array.isArray(row.problems) ? row.problems as readonly Problem[] : [];
}
