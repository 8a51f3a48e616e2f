/** One run as API, live stream and pages show it. */
import { collectOutputs, rowsInOutputOrder } from "../../run/collected.ts";
import type { Workflow } from "../../workflow/workflow.ts";
import { workflowOf } from "../dispatch/run-workflow.ts";
import type { ServerPorts } from "../ports.ts";
import { listAttempts } from "../store/attempts.ts";
import { getRun, getRunById, type RunRow } from "../store/runs.ts";
import { listSteps } from "../store/steps.ts";
import { refused } from "./answer.ts";
import { type RunDetails, type RunsAbove, toDetails, toSummary } from "./shapes.ts";

export async function findRun(ports: ServerPorts, name: string, dagRunId: string): Promise<RunRow> {
  const run = await getRun(ports.db, name, dagRunId);
  if (run === null) {
    const message = dagRunId === "latest"
      ? `there is no run of ${name}`
      : `there is no run ${name}:${dagRunId}`;
    throw refused("not_found", message);
  }
  return run;
}

export async function readDetails(ports: ServerPorts, run: RunRow): Promise<RunDetails> {
  return await newDetailsReader(ports)(run);
}

/** For who looks at one run again and again: the definition of a run never changes, so it is parsed once. */
export function newDetailsReader(ports: ServerPorts): (run: RunRow) => Promise<RunDetails> {
  let workflow: Promise<Workflow | null> | null = null;
  let above: Promise<RunsAbove> | null = null;
  return async (run) => {
    workflow ??= workflowOf(ports.db, run);
    above ??= runsAbove(ports, run);
    // Together: what is not awaited yet must not be the one that fails, with nobody to hear it.
    const [steps, declared, runs] = await Promise.all([listSteps(ports.db, run.id), workflow, above]);
    return toDetails(run, steps, declared, runs);
  };
}

async function runsAbove(ports: ServerPorts, { parentId, rootId }: RunRow): Promise<RunsAbove> {
  const parent = parentId === null ? null : await getRunById(ports.db, parentId);
  const isTop = rootId === null || rootId === parentId;
  return { parent, root: isTop ? parent : await getRunById(ports.db, rootId) };
}

/** What the run has published so far (AP-72, S-57): the last writer of a name wins. */
export async function readOutputs(ports: ServerPorts, run: RunRow): Promise<RunOutputs> {
  const [steps, attempts] = await Promise.all([listSteps(ports.db, run.id), listAttempts(ports.db, run.id)]);
  const { name, dagRunId, status, finishedAt, params } = toSummary(run);
  const attemptId = attempts.at(-1)?.id ?? "";
  return {
    metadata: { dagName: name, dagRunId, attemptId, status, completedAt: finishedAt, params },
    outputs: collectOutputs(rowsInOutputOrder(steps)),
  };
}

export interface RunOutputs {
  readonly metadata: {
    readonly dagName: string;
    readonly dagRunId: string;
    /** "": it has had none. */
    readonly attemptId: string;
    readonly status: number;
    readonly completedAt: string;
    readonly params: string;
  };
  readonly outputs: Readonly<Record<string, string>>;
}
