/**
 * How long `dagu start` of a one-step workflow takes, warm, and when its step begins: on its own, when it needs the database,
 * and with a server that holds the home; and how long one of a thousand steps takes. Each beside the least that it could take, in turns, so that what the machine does
 * meanwhile hits both. It is the installed command (`deno task install`).
 *
 *     deno task bench tests/bench/start_bench.ts
 */
import { fileURLToPath } from "node:url";
import { spawnDagu } from "../support/dagu.ts";
import { spawnBare, STEPS, workflow } from "./processes.ts";

const ROUNDS = 10;
/** Of what takes seconds. */
const LONG_ROUNDS = 3;
const INSTALL = fileURLToPath(new URL("../../infra/dagu/install.ts", import.meta.url));
const OPEN_DATABASE = fileURLToPath(new URL("./open_database.ts", import.meta.url));

const home = await Deno.makeTempDir({ prefix: "dagu-bench-" });
await bare("run", "-A", INSTALL, `${home}/bin`);
const file = `${home}/hello.yaml`;
await Deno.writeTextFile(file, 'steps:\n  - name: hello\n    run: echo "began $(date +%s%3N)"\n');
const parent = `${home}/parent.yaml`;
await Deno.writeTextFile(
  parent,
  "steps:\n  - {name: sub, action: dag.run, with: {dag: child}}\n---\nname: child\nsteps: [{run: 'true'}]\n",
);
const many = `${home}/many.yaml`;
await Deno.writeTextFile(many, workflow);
const env = { DAGU_HOME: home, DOCKER_HOST: "unix:///nonexistent/docker.sock" };

/** Milliseconds until the command is over, and until its step began, if that tells. */
async function start(path: string): Promise<{ readonly whole: number; readonly first: number }> {
  const [before, at] = [performance.now(), Date.now()];
  const output = await new Deno.Command(`${home}/bin/dagu`, { args: ["start", path], env }).output();
  const whole = performance.now() - before;
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!output.success) throw new Error(`dagu start ended with ${output.code}:\n${stderr}`);
  return { whole, first: Number(/began (\d+)/.exec(stdout ?? "")?.[1] ?? Number.NaN) - at };
}

async function bare(...args: readonly string[]): Promise<number> {
  const before = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), { args: [...args], stdout: "null" }).output();
  if (!success) throw new Error(`deno ${args.join(" ")} failed`);
  return performance.now() - before;
}

async function compare(
  name: string,
  path: string,
  least: string,
  floor: () => Promise<number>,
  rounds = ROUNDS,
): Promise<void> {
  await start(path);
  await floor();
  const times = { whole: [] as number[], first: [] as number[], floor: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const { whole, first } = await start(path);
    times.whole.push(whole);
    times.first.push(first);
    times.floor.push(await floor());
  }
  const [a, b, first] = [median(times.whole), median(times.floor), median(times.first)];
  const began = Number.isNaN(first) ? "" : `, the step began after ${first.toFixed(0)} ms`;
  console.log(
    `${name}: ${a.toFixed(0)} ms${began}; ${least}: ${b.toFixed(0)} ms; ratio ${(a / b).toFixed(2)}`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

try {
  const nothing = (): Promise<number> => bare("eval", "");
  await compare("dagu start, no server", file, "Deno that does nothing", nothing);
  await compare(
    "dagu start of a sub-run, no server",
    parent,
    "Deno that opens and closes the same database",
    () => bare("run", "-A", OPEN_DATABASE, `${home}/data`),
  );
  const title = `dagu start of ${STEPS} steps, no server`;
  await compare(title, many, "the same processes bare", spawnBare, LONG_ROUNDS);
  await using server = spawnDagu({ args: ["start-all", "--port", "0"], env });
  await server.said("dagu start-all on");
  await compare("dagu start, server running", file, "Deno that does nothing", nothing);
} finally {
  await Deno.remove(home, { recursive: true });
}
