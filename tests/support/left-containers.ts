import { Agent } from "undici";
import type { EngineUnderTest } from "./engines.ts";

/** The containers that carry a run's label, running or not, as the engine tells them. */
export async function leftContainers(engine: EngineUnderTest, runId: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`dagu-edge.run=${runId}`] }));
  const agent = new Agent({
    connect: { socketPath: engine.socket, timeout: 0 },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  try {
    const answer = await agent.request({
      origin: "http://engine",
      path: `/v1.41/containers/json?all=1&filters=${filters}`,
      method: "GET",
    });
    const listed: unknown = await answer.body.json();
    if (!Array.isArray(listed)) {
      throw new Error(`the engine did not list containers: ${JSON.stringify(listed)}`);
    }
    return listed.map((one) => JSON.stringify(one));
  } finally {
    await agent.close();
  }
}
