/** The definitions that a server keeps; without one, those of the folder that it would take them from. */
import { basename, extname } from "node:path";
import * as v from "valibot";
import type { Context } from "../command.ts";
import type { Connection } from "../connect.ts";
import { readServerRecord } from "../home.ts";
import { nextDue, NO_SCHEDULE } from "../../workflow/schedule.ts";
import { readTimeZone } from "../time-zone.ts";
import { listWorkflowFiles } from "../workflow-file.ts";
import { findWorkflow } from "./run-argument.ts";

export interface Definition {
  /** Stem of its file. */
  readonly fileName: string;
  readonly name: string;
  /** When its schedule starts it next; null: never. */
  readonly nextRun: Date | null;
}

const Dags = v.object({
  dags: v.array(v.object({
    fileName: v.string(),
    dag: v.object({ name: v.string() }),
    nextRun: v.optional(v.string()),
  })),
});

export async function listDefinitions(context: Context, connection: Connection): Promise<Definition[]> {
  if (!await isServed(context, connection)) {
    return await ofFolder(connection.home.dagsDir, readTimeZone(context.env));
  }
  const { dags } = v.parse(Dags, await connection.api.get("/dags"));
  return dags.map(({ fileName, dag, nextRun }) => ({
    fileName,
    name: dag.name,
    nextRun: nextRun === undefined ? null : new Date(nextRun),
  }));
}

/** The server is one that was named, perhaps on another machine, and not that of this home. */
export function isElsewhere({ flags, env }: Context): boolean {
  return flags.text("server") !== null || (env["DAGU_SERVER"] ?? "") !== "";
}

/** A command that runs a workflow in another terminal answers too, and keeps no definitions. */
async function isServed(context: Context, { api, home }: Connection): Promise<boolean> {
  return isElsewhere(context) || (await readServerRecord(home))?.url === api.url;
}

async function ofFolder(dir: string, zone: string): Promise<Definition[]> {
  const found: Definition[] = [];
  for (const path of await listWorkflowFiles(dir)) {
    const fileName = basename(path, extname(path));
    if (found.some((one) => one.fileName === fileName)) continue;
    const file = await findWorkflow(path, dir);
    const { start, restart } = file?.workflow?.schedule ?? NO_SCHEDULE;
    const next = nextDue([...start, ...restart], Date.now(), zone);
    found.push({
      fileName,
      name: file?.name ?? path,
      nextRun: next === null ? null : new Date(next),
    });
  }
  return found;
}
