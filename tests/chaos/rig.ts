/** The whole service as processes: Postgres, two control planes, runners on Podman, and the lines between them. */
import { join } from "node:path";
import { freePort } from "../support/dagu.ts";
import { type EngineUnderTest, engineUnderTest } from "../support/engines.ts";
import { postJson } from "../support/http.ts";
import { openSocketLine, type SocketLine } from "../support/socket-line.ts";
import { openPart, type Part } from "./part.ts";
import { PLAYS } from "./plays.ts";
import { openPostgres, type OwnPostgres } from "./postgres.ts";

const SERVERS = 2;
const RUNNERS = 3;
const CAPACITY = 4;

export interface Rig extends AsyncDisposable {
  /** Where people call; it is never cut, but answers only when a control plane behind it does. */
  readonly url: string;
  readonly engine: EngineUnderTest;
  readonly postgres: OwnPostgres;
  readonly servers: readonly Part[];
  readonly runners: readonly Part[];
  readonly lines: readonly SocketLine[];
  /** Folders of the runners, where nothing of an ended run may stay. */
  readonly runnerHomes: readonly string[];
}

export async function openRig(): Promise<Rig> {
  await using opened = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "dagu-chaos-" });
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.chmod(folder, 0o755);
  const engine = engineUnderTest("podman");
  const postgres = opened.use(await openPostgres());
  const lines: SocketLine[] = [];
  const line = (target: number | (() => number)): number => {
    const port = freePort();
    lines.push(opened.use(openSocketLine(port, target)));
    return port;
  };

  const dags = join(folder, "dags");
  await Deno.mkdir(dags);
  for (const play of PLAYS) await Deno.writeTextFile(join(dags, `${play.name}.yaml`), play.spec);
  const ports = Array.from({ length: SERVERS }, freePort);
  const servers: Part[] = [];
  // One for all, as everywhere: what one server has sealed or made up another one can tell again.
  const key = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
  for (const [index, port] of ports.entries()) {
    servers.push(opened.use(
      await openPart(`server ${index + 1}`, {
        args: ["server", "--port", `${port}`, "--dags", dags],
        env: {
          DAGU_HOME: join(folder, `server-${index}`),
          DAGU_ENCRYPTION_KEYS: key,
          DATABASE_URL: postgres.url(line(postgres.port)),
        },
      }, "dagu server on"),
    ));
  }

  // As a balancer would: each connection goes to the next control plane, alive or not.
  let turn = 0;
  const next = (): number => ports[turn++ % ports.length] ?? 0;
  const front = freePort();
  opened.use(openSocketLine(front, next));
  const url = `http://127.0.0.1:${front}`;
  await postJson(`${url}/api/v1/queues`, { name: "narrow", maxConcurrency: 2 });
  const runners: Part[] = [];
  const runnerHomes = Array.from({ length: RUNNERS }, (_, index) => join(folder, `runner-${index}`));
  for (const [index, home] of runnerHomes.entries()) {
    const { token } = await postJson(`${url}/api/v1/runners/registration-tokens`);
    runners.push(opened.use(
      await openPart(`runner ${index + 1}`, {
        args: ["worker", "--url", `http://127.0.0.1:${line(next)}`, "--capacity", `${CAPACITY}`],
        env: {
          ...engine.env,
          DAGU_HOME: home,
          DAGU_RUNNER_NAME: `runner-${index + 1}`,
          DAGU_RUNNER_REGISTRATION_TOKEN: String(token),
        },
      }, "dagu worker for"),
    ));
  }
  const owned = opened.move();
  return {
    url,
    engine,
    postgres,
    servers,
    runners,
    lines,
    runnerHomes,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
