/** What a run's page shows of the runs that its steps started: how each is, and what the first of them were given. */
import { toSummary } from "../http/shapes.ts";
import type { NodeShape } from "../http/node-shape.ts";
import type { ServerPorts } from "../ports.ts";
import { listChildren } from "../store/children.ts";
import { getRun, type RunRow, statusOf } from "../store/runs.ts";

export interface SubRun {
  readonly name: string;
  readonly dagRunId: string;
  /** "": it is gone. */
  readonly status: string;
  readonly params: string;
}

export interface SubRuns {
  readonly shown: readonly SubRun[];
  readonly more: number;
}

const SHOWN_OF_A_STEP = 20;
/** What a person looks for first among many. */
const URGENCY = ["failed", "rejected", "aborted", "waiting", "running", "queued"];

/** By step. There may be thousands: all are looked at for their status alone. */
export async function readSubRuns(
  ports: ServerPorts,
  run: RunRow,
  nodes: readonly NodeShape[],
): Promise<ReadonlyMap<string, SubRuns>> {
  const parents = nodes.filter((node) => node.subRuns.length > 0);
  if (parents.length === 0) return new Map();
  const { children } = await listChildren(ports.db, run.id);
  const statuses = new Map(
    children.map(({ name, dagRunId, status }) => [`${name} ${dagRunId}`, statusOf(status)]),
  );
  const urgencyOf = (link: NodeShape["subRuns"][number]): number => {
    const rank = URGENCY.indexOf(statuses.get(`${link.name} ${link.dagRunId}`) ?? "");
    return rank === -1 ? URGENCY.length : rank;
  };
  return new Map(
    await Promise.all(parents.map(async ({ step, subRuns }): Promise<[string, SubRuns]> => {
      const first = subRuns.toSorted((a, b) => urgencyOf(a) - urgencyOf(b)).slice(0, SHOWN_OF_A_STEP);
      const shown = await Promise.all(first.map((link) => readOne(ports, link)));
      return [step.name, { shown, more: subRuns.length - shown.length }];
    })),
  );
}

async function readOne(ports: ServerPorts, link: NodeShape["subRuns"][number]): Promise<SubRun> {
  const row = await getRun(ports.db, link.name, link.dagRunId);
  return row === null
    ? { ...link, status: "", params: "" }
    : { ...link, status: statusOf(row.status), params: toSummary(row).params };
}
