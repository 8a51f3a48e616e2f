/** Runs below a run, addressed by the run that people know (AP-63, AP-79). */
import { Hono } from "hono";
import type { ServerPorts } from "../../ports.ts";
import { childrenOf, descendantOf, type RunRow } from "../../store/runs.ts";
import { refused } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";
import { findRun, readDetails } from "../runs-read.ts";
import { toSummary } from "../shapes.ts";

/** What is asked of a run below is asked of that run; to stop, delete or retry it has rules of its own. */
const ASKED =
  /^(GET (spec|outputs|events|stream|sub-dag-runs|artifacts(\/preview|\/download)?|steps\/[^/]+\/log(\/download|\/stream)?)|POST (steps\/[^/]+\/(approve|reject|push-back)|human-tasks\/[^/]+\/complete))$/;

export function subRunRoutes(
  ports: ServerPorts,
  /** The whole control plane: what is asked again is guarded and answered as by anybody. */
  ask: (request: Request, env: unknown) => Response | Promise<Response>,
): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get("/:name/:dagRunId/sub-dag-runs", async (c) => {
    const { name, dagRunId } = c.req.param();
    const below = c.req.query("parentSubDAGRunId");
    const run = below === undefined
      ? await findRun(ports, name, dagRunId)
      : await findSubRun(ports, { name, dagRunId, subRunId: below });
    const subRuns = await childrenOf(ports.db, run.id);
    return c.json({ subRuns: subRuns.map((sub) => ({ ...toSummary(sub), dagName: sub.name })) });
  });

  app.get("/:name/:dagRunId/sub-dag-runs/:subRunId", async (c) => {
    return c.json({ dagRunDetails: await readDetails(ports, await findSubRun(ports, c.req.param())) });
  });

  app.all("/:name/:dagRunId/sub-dag-runs/:subRunId/:rest{.+}", async (c) => {
    const { rest, ...place } = c.req.param();
    if (!ASKED.test(`${c.req.method} ${rest}`)) {
      throw refused("not_found", `there is nothing at ${c.req.method} ${c.req.path}`);
    }
    const sub = await findSubRun(ports, place);
    const url = new URL(c.req.url);
    // As it was written: names of steps may hold escapes.
    url.pathname = url.pathname.replace(
      /\/dag-runs\/[^/]+\/[^/]+\/sub-dag-runs\/[^/]+\//,
      () => `/dag-runs/${encodeURIComponent(sub.name)}/${encodeURIComponent(sub.dagRunId)}/`,
    );
    return await ask(new Request(url, c.req.raw), c.env);
  });

  return app;
}

export async function findSubRun(
  ports: ServerPorts,
  { name, dagRunId, subRunId }: {
    readonly name: string;
    readonly dagRunId: string;
    readonly subRunId: string;
  },
): Promise<RunRow> {
  const run = await findRun(ports, name, dagRunId);
  const sub = await descendantOf(ports.db, run.id, subRunId);
  if (sub === null) throw refused("not_found", `run ${name}:${run.dagRunId} has no sub-run ${subRunId}`);
  return sub;
}
