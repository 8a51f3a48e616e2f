/** The pages of the definitions, and what people send from them: a start, another text, a suspension. */
import { type Context, Hono } from "hono";
import { errorLines, type Problem } from "../../workflow/problem.ts";
import { partsOf } from "../../workflow/signature.ts";
import { typedInputs } from "../../workflow/task-inputs.ts";
import type { ParamDeclarations } from "../../workflow/workflow.ts";
import { publish } from "../definitions/publish.ts";
import { parseDefinition } from "../dispatch/plan.ts";
import { PRIORITY } from "../dispatch/plan.ts";
import { startRun } from "../dispatch/start.ts";
import { refused, unwrap } from "../http/answer.ts";
import { readForm } from "../http/form.ts";
import type { GuardVariables } from "../http/guard.ts";
import { toSummary } from "../http/shapes.ts";
import type { ServerPorts } from "../ports.ts";
import { latestRuns, listRuns } from "../store/runs.ts";
import { nextStarts } from "../store/schedules.ts";
import { currentDefinition, listWorkflows, suspendWorkflow, type WorkflowRow } from "../store/workflows.ts";
import { wordsIn } from "./parts/fields.tsx";
import { render } from "./render.tsx";
import { runPath } from "../place.ts";
import { type Unsent, WorkflowPage, workflowPath, WorkflowsPage } from "./workflows.tsx";

const RUNS_SHOWN = 10;

/** Mounted at `/workflows`. */
export function workflowPages(ports: ServerPorts): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get("/", async (c) => {
    const rows = await listWorkflows(ports.db);
    const latest = await latestRuns(ports.db, rows.map((row) => row.name));
    const next = await nextStarts(ports.db, rows.map((row) => row.id));
    const workflows = rows.map((row) => {
      const run = latest.get(row.name);
      return { ...listedOf(row, next.get(row.id)), latest: run === undefined ? null : toSummary(run) };
    });
    return render(c, <WorkflowsPage workflows={workflows} />);
  });

  app.get("/:fileName", (c) => show(ports, c, c.req.param("fileName"), null));

  // The addresses of answers that told a mistake: who looks again sees the workflow.
  for (const verb of ["start", "spec"]) {
    app.get(`/:fileName/${verb}`, (c) => c.redirect(workflowPath(c.req.param("fileName")), 303));
  }

  app.post("/:fileName/start", async (c) => {
    const fileName = c.req.param("fileName");
    const words = wordsIn(await readForm(c));
    const { form } = await read(ports, fileName);
    const started = await startRun(ports, {
      definition: { fileName },
      params: Object.keys(words).length === 0
        ? { kind: "none" }
        : { kind: "json", json: JSON.stringify(typedInputs(form, words)) },
      dagRunId: null,
      triggerType: "manual",
      triggerActor: c.var.caller,
      needsSlot: false,
      priority: PRIORITY.start,
    });
    return started.ok
      ? c.redirect(runPath(started), 303)
      : await show(ports, c, fileName, { of: "start", message: started.message, words, spec: null });
  });

  app.post("/:fileName/spec", async (c) => {
    const fileName = c.req.param("fileName");
    const sent = await readForm(c);
    // A browser sends line breaks as CR LF.
    const spec = String(sent.get("spec") ?? "").replaceAll("\r\n", "\n");
    const stored = await find(ports, fileName);
    const message = stored.row.digest === sent.get("digest")
      ? await save(ports, fileName, spec, c.var.caller)
      : "the definition was changed by somebody else meanwhile: compare with what is stored, then save again";
    return message === null
      ? c.redirect(workflowPath(fileName), 303)
      : await show(ports, c, fileName, { of: "spec", message, words: {}, spec });
  });

  app.post("/:fileName/suspend", async (c) => {
    const fileName = c.req.param("fileName");
    const isSuspended = (await readForm(c)).get("suspend") === "yes";
    const now = new Date(ports.clock.now());
    if (!await suspendWorkflow(ports.db, fileName, isSuspended, now)) throw missing(fileName);
    return c.redirect(workflowPath(fileName), 303);
  });

  return app;
}

async function show(
  ports: ServerPorts,
  c: Context,
  fileName: string,
  unsent: Unsent | null,
): Promise<Response> {
  const { stored: { row, text, name }, description, form } = await read(ports, fileName);
  const next = await nextStarts(ports.db, [row.id]);
  const workflow = {
    ...listedOf(row, next.get(row.id)),
    description,
    form,
    problems: problemsOf(row),
    spec: partsOf(text).own,
    digest: row.digest,
    runs: (await listRuns(ports.db, { name, limit: RUNS_SHOWN })).map(toSummary),
  };
  return render(c, <WorkflowPage workflow={workflow} unsent={unsent} />, unsent === null ? 200 : 400);
}

interface ReadWorkflow {
  readonly stored: NonNullable<Awaited<ReturnType<typeof currentDefinition>>>;
  readonly description: string;
  /** null: it cannot start. */
  readonly form: Readonly<Record<string, unknown>> | null;
}

async function read(ports: ServerPorts, fileName: string): Promise<ReadWorkflow> {
  const stored = await find(ports, fileName);
  const parsed = parseDefinition(ports.base, stored.text, stored.name, fileName);
  if (!parsed.ok) return { stored, description: "", form: null };
  const { description, params, runConfig } = parsed.definition.workflow;
  return { stored, description: description ?? "", form: runConfig.disableParamEdit ? {} : formOf(params) };
}

async function find(ports: ServerPorts, fileName: string): Promise<ReadWorkflow["stored"]> {
  const stored = await currentDefinition(ports.db, fileName);
  if (stored === null) throw missing(fileName);
  return stored;
}

function missing(fileName: string): Error {
  return refused("not_found", `there is no workflow "${fileName}"`);
}

/** null: it is stored. */
async function save(
  ports: ServerPorts,
  fileName: string,
  spec: string,
  author: string,
): Promise<string | null> {
  const { problems } = unwrap(await publish(ports, fileName, spec, { author, refuseProblems: true }));
  const errors = errorLines(problems, fileName);
  return errors.length === 0 ? null : errors.join("\n");
}

function listedOf(row: WorkflowRow, nextRun: Date | undefined) {
  return {
    fileName: row.fileName,
    group: row.group,
    labels: row.labels,
    suspended: row.suspended,
    isBroken: problemsOf(row).some(({ severity }) => severity === "error"),
    nextRun: nextRun === undefined || row.suspended ? "" : nextRun.toISOString(),
  };
}

function problemsOf(row: WorkflowRow): readonly Problem[] {
  // Written by `publish` only.
  return Array.isArray(row.problems) ? row.problems as readonly Problem[] : [];
}

/** Declared parameters as the schema of a form. */
function formOf({ entries, schema }: ParamDeclarations): Readonly<Record<string, unknown>> {
  if (schema !== undefined) return schema.schema;
  return {
    properties: Object.fromEntries(entries.map((entry) => [entry.name, {
      type: entry.type,
      ...(/^\d+$/.test(entry.name) ? { title: `parameter ${entry.name}` } : {}),
      description: entry.description,
      ...(entry.default === null ? {} : { default: entry.default }),
      ...(entry.enum === null ? {} : { enum: entry.enum }),
    }])),
    required: entries.filter((entry) => entry.required && entry.eval === null).map(({ name }) => name),
  };
}
