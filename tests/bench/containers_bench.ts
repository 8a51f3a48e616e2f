/**
 * What the product adds to an engine, on each of the three: a step container beside the same requests of a client of our own
 * and beside the engine's own command; a command in a root container beside the bare exec; the bytes of a log beside
 * reading and dropping them. The sides take turns, so that what the machine does meanwhile hits all of them.
 *
 *     eval "$(infra/dev/up)" && deno task bench tests/bench/containers_bench.ts
 *
 * BENCH_ROUNDS and BENCH_LOG_MB set how often and how much; BENCH_ENGINE picks one of docker, podman, podman-rootless.
 */
import type { OutputSink, Reporter } from "../../src/run/ports.ts";
import { type Engine, openEngine } from "../../src/runner/containers/engine.ts";
import type { Labels } from "../../src/runner/containers/labels.ts";
import {
  type ExecRequest,
  openRootContainer,
  type RootContainer,
} from "../../src/runner/containers/root-container.ts";
import { readRuntime } from "../../src/runner/containers/runtime.ts";
import type { ContainerRequest } from "../../src/runner/containers/spec.ts";
import { runStepContainer } from "../../src/runner/containers/step-container.ts";
import { bareContainer } from "../../src/workflow/container.ts";
import { ENGINE_NAMES, type EngineUnderTest, engineUnderTest } from "../support/engines.ts";
import { openRawEngine, type RawEngine } from "./raw_engine.ts";

const ROUNDS = Number(Deno.env.get("BENCH_ROUNDS") ?? "15");
const LOG_ROUNDS = Math.max(3, Math.floor(ROUNDS / 5));
const LOG_MB = Number(Deno.env.get("BENCH_LOG_MB") ?? "200");
const ONLY = Deno.env.get("BENCH_ENGINE") ?? "";
const IMAGE = Deno.env.get("EDGE_TEST_IMAGE") ?? "alpine:3.20";
const NEVER = new AbortController().signal;
const STOP = { signal: "SIGTERM", graceMs: 5_000, hurry: NEVER } as const;
const SILENT: Reporter = { container: () => Promise.resolve(), note: () => Promise.resolve() };

interface Side {
  readonly name: string;
  work(): Promise<void>;
}

/** Median of each side, in milliseconds, after one round that warms up. Whoever begins goes last in the next round. */
async function takeTurns(rounds: number, sides: readonly Side[]): Promise<number[]> {
  const times: number[][] = sides.map(() => []);
  const order = [...sides.entries()];
  for (let round = 0; round <= rounds; round++) {
    order.push(...order.splice(0, 1));
    for (const [at, side] of order) {
      const before = performance.now();
      await side.work();
      if (round > 0) times[at]?.push(performance.now() - before);
    }
  }
  return times.map(median);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

async function tell(about: string, bar: string, rounds: number, sides: readonly Side[]): Promise<void> {
  const medians = await takeTurns(rounds, sides);
  const [ours = Number.NaN, ...others] = medians;
  const parts = others.map((ms, at) =>
    `${sides[at + 1]?.name} ${ms.toFixed(0)} ms, ratio ${(ours / ms).toFixed(2)}`
  );
  console.log(`${about}: ours ${ours.toFixed(0)} ms; ${parts.join("; ")} (bar ${bar})`);
}

function requestOf(labels: Labels, text: string): ContainerRequest {
  return {
    container: { ...bareContainer(IMAGE), pullPolicy: "missing", network: "none" },
    entrypoint: ["/bin/sh"],
    command: ["-e", "-c", text],
    env: {},
    baseDir: "/tmp",
    labels,
    limits: { cpu: null, memoryBytes: null },
    registryAuths: null,
    hostEnv: {},
  };
}

function newCount(): OutputSink & { bytes: number } {
  return {
    bytes: 0,
    write(_stream, chunk) {
      this.bytes += chunk.length;
      return Promise.resolve();
    },
  };
}

async function stepOf(engine: Engine, labels: Labels, text: string, bytes: number): Promise<void> {
  const sink = newCount();
  const { failure } = await runStepContainer(engine, requestOf(labels, text), STOP, sink, SILENT, NEVER);
  if (failure !== null) throw new Error(failure.message);
  if (sink.bytes !== bytes) throw new Error(`${sink.bytes} bytes came, not ${bytes}`);
}

async function execOf(root: RootContainer, text: string): Promise<void> {
  const request: ExecRequest = {
    argv: ["/bin/sh", "-e", "-c", text],
    env: {},
    workingDir: null,
    user: null,
  };
  const { failure } = await root.exec(request, STOP, newCount(), NEVER);
  if (failure !== null) throw new Error(failure.message);
}

/** `docker run --rm`, `podman run --rm`: of the engine that has the socket. */
async function commandOf({ kind, socket }: EngineUnderTest, text: string): Promise<void> {
  const where = kind === "docker" ? ["-H", `unix://${socket}`] : ["--url", `unix://${socket}`];
  const args = [...where, "run", "--rm", "--network", "none", IMAGE, "/bin/sh", "-e", "-c", text];
  const { success, stderr } = await new Deno.Command(kind, { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

const ECHO = "echo hello";
const PRINT = `yes 0123456789012345678901234567890123456789012345678901234567890 | head -c ${LOG_MB}000000`;

async function compare(under: EngineUnderTest, raw: RawEngine): Promise<void> {
  const runtime = readRuntime(under.env);
  if (!("kind" in runtime)) throw new Error("no engine");
  await using engine = openEngine(runtime);
  const labels = { workflow: "bench", run: "r", attempt: "a", step: "s", runner: crypto.randomUUID() };
  await tell(`${under.name}, step container`, "1.10, 1", ROUNDS, [
    { name: "ours", work: () => stepOf(engine, labels, ECHO, 6) },
    { name: "raw requests", work: () => raw.step(IMAGE, ECHO) },
    { name: `${under.kind} run --rm`, work: () => commandOf(under, ECHO) },
  ]);
  const root = await openRootContainer(engine, requestOf(labels, ""), SILENT, NEVER);
  if (!("facts" in root)) throw new Error(root.message);
  await using opened = root;
  await tell(`${under.name}, command in a root container`, "1.15", ROUNDS, [
    { name: "ours", work: () => execOf(opened, ECHO) },
    { name: "raw exec", work: () => raw.exec(opened.facts.id, ECHO) },
  ]);
  await tell(`${under.name}, log of ${LOG_MB} MB`, "1.43", LOG_ROUNDS, [
    { name: "ours", work: () => stepOf(engine, labels, PRINT, LOG_MB * 1_000_000) },
    { name: "read and dropped", work: () => raw.attached(IMAGE, PRINT) },
  ]);
}

for (const name of ENGINE_NAMES) {
  if (ONLY !== "" && ONLY !== name) continue;
  const under = engineUnderTest(name);
  await using raw = openRawEngine(under.socket);
  await compare(under, raw);
}
