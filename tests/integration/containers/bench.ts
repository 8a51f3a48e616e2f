/** Real engines for tests: every case runs on all three, with a runner id of its own by which nothing may be left. */
import assert from "node:assert/strict";
import {
  inspectContainer,
  listContainers,
  removeContainer,
} from "../../../src/runner/containers/api/container.ts";
import { type Engine, type EngineLimits, openEngine } from "../../../src/runner/containers/engine.ts";
import { type Labels, runnerFilter } from "../../../src/runner/containers/labels.ts";
import { readRuntime, type Runtime } from "../../../src/runner/containers/runtime.ts";
import type { ContainerRequest } from "../../../src/runner/containers/spec.ts";
import type { StopRules } from "../../../src/run/stop.ts";
import type { ContainerFacts } from "../../../src/run/event.ts";
import type { Outcome, OutputSink, Reporter, StopReason } from "../../../src/run/ports.ts";
import { bareContainer, type ImageContainer } from "../../../src/workflow/container.ts";

export const IMAGE = Deno.env.get("EDGE_TEST_IMAGE") ?? "alpine:3.20";
export const STOP: StopRules = {
  signal: "SIGTERM",
  graceMs: 5_000,
  hurry: new AbortController().signal,
};
export const IDLE = new AbortController().signal;

const ENGINES = [
  { name: "Docker", variable: "DOCKER_SOCK", isPodman: false },
  { name: "Podman", variable: "PODMAN_SOCK", isPodman: true },
  { name: "rootless Podman", variable: "PODMAN_ROOTLESS_SOCK", isPodman: true },
] as const;

export interface Bench {
  readonly engine: Engine;
  readonly isPodman: boolean;
  readonly isRootless: boolean;
  readonly socketPath: string;
  readonly labels: Labels;
  /** Also by the users of rootless engines. */
  readonly folder: string;
  request(container?: Partial<ImageContainer>, more?: Partial<ContainerRequest>): ContainerRequest;
  /** `sh -e -c TEXT` in a container of its own. */
  shell(text: string, container?: Partial<ImageContainer>): ContainerRequest;
  /** Ids of what exists now under this test's labels. */
  left(): Promise<string[]>;
}

/** One test per engine; a missing engine fails it and says how to get one. At the end nothing may be left behind. */
export function onEachEngine(
  name: string,
  test: (bench: Bench) => Promise<void>,
  options: { readonly limits?: Partial<EngineLimits>; readonly only?: "docker" | "rootful" | "rootless" } =
    {},
): void {
  for (const kind of ENGINES) {
    const isRootless = kind.name === "rootless Podman";
    if (options.only === "docker" && kind.isPodman) continue;
    if (options.only === "rootful" && isRootless) continue;
    if (options.only === "rootless" && !isRootless) continue;
    Deno.test(`${name} (${kind.name})`, async () => {
      const socketPath = Deno.env.get(kind.variable)?.replace(/^unix:\/\//, "");
      assert.ok(socketPath, `${kind.variable} is not set: eval "$(infra/dev/up)" first`);
      await using engine = openEngine(runtimeAt(socketPath, kind.isPodman), options.limits);
      const folder = await Deno.makeTempDir({ dir: "/tmp" });
      await Deno.chmod(folder, 0o777);
      await giveToEngine(folder, socketPath);
      const labels = newTestLabels();
      const bench = newBench(engine, { ...kind, socketPath, folder, labels });
      try {
        await test(bench);
        assert.deepEqual(await bench.left(), [], "containers are left");
      } finally {
        for (const id of await bench.left()) await removeContainer(engine.socket, id, true, IDLE);
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
}

/** A rootless engine writes as its own user; the runner gives it its folders, too. */
async function giveToEngine(folder: string, socketPath: string): Promise<void> {
  const { uid, gid } = await Deno.stat(socketPath);
  if (Deno.uid() === 0 && uid !== null && gid !== null) await Deno.chown(folder, uid, gid);
}

export function runtimeAt(socketPath: string, isPodman: boolean): Runtime {
  const host = `unix://${socketPath}`;
  const runtime = readRuntime(
    isPodman ? { DAGU_CONTAINER_RUNTIME: "podman", DAGU_PODMAN_HOST: host } : { DOCKER_HOST: host },
  );
  assert.ok("kind" in runtime);
  return runtime;
}

export function newTestLabels(): Labels {
  return {
    workflow: "test",
    run: "r1",
    attempt: crypto.randomUUID(),
    step: "s",
    runner: crypto.randomUUID(),
  };
}

export const CONTAINER: ImageContainer = { ...bareContainer(IMAGE), pullPolicy: "never", network: "none" };

interface BenchFacts {
  readonly name: string;
  readonly isPodman: boolean;
  readonly socketPath: string;
  readonly folder: string;
  readonly labels: Labels;
}

function newBench(engine: Engine, { name, isPodman, socketPath, folder, labels }: BenchFacts): Bench {
  const request: Bench["request"] = (container = {}, more = {}) => ({
    container: { ...CONTAINER, ...container },
    entrypoint: null,
    command: null,
    env: {},
    baseDir: folder,
    labels,
    limits: { cpu: null, memoryBytes: null },
    registryAuths: null,
    hostEnv: {},
    ...more,
  });
  return {
    engine,
    isPodman,
    isRootless: name === "rootless Podman",
    socketPath,
    folder,
    labels,
    request,
    shell: (text, container) => request(container, { entrypoint: ["/bin/sh"], command: ["-e", "-c", text] }),
    left: async () => {
      const listed = await listContainers(engine.socket, runnerFilter(labels.runner), IDLE);
      assert.ok(listed.ok, JSON.stringify(listed));
      return listed.value.map((container) => container.Id);
    },
  };
}

export interface Collected extends OutputSink {
  bytes(stream: "stdout" | "stderr"): Uint8Array;
  text(stream: "stdout" | "stderr"): string;
  /** Resolves once stdout has that text. */
  seen(text: string): Promise<void>;
}

export function collect(): Collected {
  const chunks: Record<"stdout" | "stderr", Uint8Array[]> = { stdout: [], stderr: [] };
  const waiting: { text: string; resolve: () => void }[] = [];
  const bytes = (stream: "stdout" | "stderr"): Uint8Array => {
    const all = new Uint8Array(chunks[stream].reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks[stream]) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  };
  const text = (stream: "stdout" | "stderr"): string => new TextDecoder().decode(bytes(stream));
  return {
    write: (stream, chunk) => {
      chunks[stream].push(chunk.slice());
      for (const wish of waiting) if (text("stdout").includes(wish.text)) wish.resolve();
      return Promise.resolve();
    },
    bytes,
    text,
    seen: (wanted) => {
      if (text("stdout").includes(wanted)) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ text: wanted, resolve });
      return promise;
    },
  };
}

export interface Reported extends Reporter {
  readonly facts: ContainerFacts[];
  readonly notes: string[];
  /** Resolves when a container was reported. */
  readonly started: Promise<ContainerFacts>;
}

export function reporter(): Reported {
  const started = Promise.withResolvers<ContainerFacts>();
  const facts: ContainerFacts[] = [];
  const notes: string[] = [];
  return {
    facts,
    notes,
    started: started.promise,
    container: (given) => {
      facts.push(given);
      started.resolve(given);
      return Promise.resolve();
    },
    note: (level, message) => {
      notes.push(`${level} ${message}`);
      return Promise.resolve();
    },
  };
}

export const CANCEL: StopReason = { kind: "cancelled", by: "test", force: false };
export const TIMEOUT: StopReason = { kind: "timeout", scope: "step", limitMs: 1_000 };

/** The code, or what went wrong instead. */
export function exitOf(outcome: Outcome): string {
  return outcome.failure === null ? `${outcome.exitCode}` : `${outcome.exitCode} ${outcome.failure.code}`;
}

export function textOf(outcome: Outcome): string {
  const { failure } = outcome;
  return failure === null ? "" : `${failure.message} | ${failure.remedy} | ${failure.engineText ?? ""}`;
}

/** The container's state; Podman's "stopped" is "exited" before its clean-up (2.11.2). null: there is none. */
export async function stateOf(engine: Engine, target: string): Promise<string | null> {
  const reply = await inspectContainer(engine.socket, target, IDLE);
  if (!reply.ok) return null;
  return reply.value.State.Status === "stopped" ? "exited" : reply.value.State.Status;
}

/** Asks until it is so; the engine changes its mind in its own time. */
export async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 20 s: ${what}`);
}
