/**
 * How long `dagu start` of a one-step workflow takes, warm: with a server that holds the home, and with none. Each beside
 * the least that it could take, in turns, so that what the machine does meanwhile hits both.
 *
 *     deno task bench tests/bench/start_bench.ts
 */
import { fileURLToPath } from "node:url";
import { dagu, spawnDagu } from "../support/dagu.ts";

const ROUNDS = 10;
const OPEN_DATABASE = fileURLToPath(new URL("./open_database.ts", import.meta.url));

const home = await Deno.makeTempDir({ prefix: "dagu-bench-" });
const file = `${home}/hello.yaml`;
await Deno.writeTextFile(file, "steps:\n  - name: hello\n    run: echo hello\n");
const env = { DAGU_HOME: home, DOCKER_HOST: "unix:///nonexistent/docker.sock" };

async function start(): Promise<void> {
  const { code, stderr } = await dagu({ args: ["start", file], env });
  if (code !== 0) throw new Error(`dagu start ended with ${code}:\n${stderr}`);
}

async function bare(...args: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), { args: [...args], stdout: "null" }).output();
  if (!success) throw new Error(`deno ${args.join(" ")} failed`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

async function compare(
  name: string,
  ours: () => Promise<void>,
  least: string,
  floor: () => Promise<void>,
): Promise<void> {
  await ours();
  await floor();
  const times = { ours: [] as number[], floor: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    times.ours.push(await timed(ours));
    times.floor.push(await timed(floor));
  }
  const [a, b] = [median(times.ours), median(times.floor)];
  console.log(`${name}: ${a.toFixed(0)} ms; ${least}: ${b.toFixed(0)} ms; ratio ${(a / b).toFixed(2)}`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

try {
  await compare(
    "dagu start, no server",
    start,
    "Deno that opens and closes the same database",
    () => bare("run", "-A", OPEN_DATABASE, `${home}/data`),
  );
  await using server = spawnDagu({ args: ["start-all", "--port", "0"], env });
  await server.said("dagu start-all on");
  await compare("dagu start, server running", start, "Deno that does nothing", () => bare("eval", ""));
} finally {
  await Deno.remove(home, { recursive: true });
}
