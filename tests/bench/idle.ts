/**
 * What waiting runners cost a control plane: processor time of `dagu server`, a process of its own, while runners on the
 * other side of a socket wait for work, claim after claim, and send their heartbeats.
 */
import { join } from "node:path";
import { newRunnerClient, type RunnerClient } from "../../src/protocol/client.ts";
import type { CallResult } from "../../src/protocol/exchange.ts";
import { systemClock, systemIds } from "../../src/runner/clock.ts";
import { createRegistrationToken } from "../../src/server/dispatch/register.ts";
import type { ServerPorts } from "../../src/server/ports.ts";
import { freePort, spawnDagu } from "../support/dagu.ts";

export interface IdleOptions {
  readonly runners: number;
  /** Of looking, once all of them wait. */
  readonly durationMs: number;
}

/** The share of one core that the control plane takes. */
export async function idleCost(
  ports: ServerPorts,
  databaseUrl: string,
  { runners, durationMs }: IdleOptions,
): Promise<number> {
  const home = await Deno.makeTempDir({ prefix: "dagu-bench-" });
  const port = freePort();
  const over = new AbortController();
  try {
    await using server = spawnDagu({
      args: ["server", "--port", String(port)],
      env: { DAGU_HOME: join(home, "server"), DATABASE_URL: databaseUrl },
    });
    await server.said("dagu server on");
    const { token } = await createRegistrationToken(ports, { lifeMs: 600_000, uses: runners, labels: {} });
    const lives: Promise<void>[] = [];
    for (let n = 0; n < runners; n++) {
      lives.push((await openIdleRunner(`http://127.0.0.1:${port}`, token, n, over.signal)).life);
    }
    await ports.clock.sleep(5_000);
    const [usedBefore, before] = [await processorMs(server.pid), performance.now()];
    await ports.clock.sleep(durationMs);
    const share = (await processorMs(server.pid) - usedBefore) / (performance.now() - before);
    over.abort();
    await Promise.all(lives);
    return share;
  } finally {
    over.abort();
    await Deno.remove(home, { recursive: true });
  }
}

/** Registered; then in the background until the signal aborts. */
async function openIdleRunner(
  baseUrl: string,
  token: string,
  n: number,
  signal: AbortSignal,
): Promise<{ readonly life: Promise<void> }> {
  const [clock, ids] = [systemClock(), systemIds()];
  const ports = { fetch: (request: Request) => fetch(request), clock, ids };
  const client = newRunnerClient(ports, { baseUrl, boot: { number: 1, id: ids.uuid() }, compress: true });
  const registered = valueOf(
    await client.register(token, {
      name: `idle-${n}`,
      machineId: `m-${n}`,
      version: "bench",
      os: "linux",
      arch: "x86_64",
      labels: {},
      capacity: 4,
      features: [],
    }, { signal }),
  );
  client.setCredential({ runnerId: registered.runnerId, token: registered.runnerToken });
  const { claimWaitMs, heartbeatMs } = registered.settings;
  const claiming = async (): Promise<void> => {
    while (!signal.aborted) {
      const claimed = await client.claim(
        { claimId: ids.uuid(), labels: {}, free: 4, waitMs: claimWaitMs, held: [] },
        { signal },
      );
      if (!signal.aborted) valueOf(claimed);
    }
  };
  return { life: Promise.all([claiming(), beating(client, heartbeatMs, n, signal)]).then(() => {}) };
}

async function beating(client: RunnerClient, everyMs: number, n: number, signal: AbortSignal): Promise<void> {
  const clock = systemClock();
  // Runners that begin at different moments beat at different ones.
  await clock.sleep(everyMs * (n % 20) / 20, signal);
  while (!signal.aborted) {
    const beaten = await client.heartbeat({
      state: "active",
      free: 4,
      spoolBytes: 0,
      version: "bench",
      attempts: [],
      ackDirectives: [],
    }, { signal });
    if (!signal.aborted) valueOf(beaten);
    await clock.sleep(everyMs, signal);
  }
}

function valueOf<T>(result: CallResult<T>): T {
  if (result.ok) return result.value;
  throw new Error(`the control plane did not answer: ${JSON.stringify(result.failure)}`);
}

/** Of all threads of a process so far, in user and kernel mode. */
async function processorMs(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Fields 14 and 15 of proc(5), in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
