/** Health of a container. Podman probes only with systemd's help, so there the probe is ours (2.11.4). */
import { type Inspected } from "./api/container.ts";
import { createExec, inspectExec, startExec } from "./api/exec.ts";
import type { Engine } from "./engine.ts";
import { drain } from "./output.ts";
import { pause } from "./waiting.ts";

export interface Health {
  readonly status: "healthy" | "starting" | "unhealthy";
  readonly output: string;
}

const NS_PER_MS = 1_000_000;
const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_RETRIES = 3;
/** Waiting a whole interval before the first probe would only waste time. */
const FIRST_PROBE_MS = 1_000;

/** Said by the configuration: Podman has a health object for every container (2.11.3). */
export function hasHealthcheck({ Config }: Inspected): boolean {
  const test = Config.Healthcheck?.Test ?? [];
  return test.length > 0 && test[0] !== "NONE";
}

/** Asked again and again until it is not `starting`. */
export function newHealthProbe(
  engine: Engine,
  id: string,
): (inspected: Inspected, signal: AbortSignal) => Promise<Health> {
  let failures = 0;
  let probes = 0;
  const begin = performance.now();
  return async (inspected, signal) => {
    const identity = await engine.socket.identity(signal);
    if (!identity.ok || !identity.value.isPodman) return told(inspected);
    const { Test, Interval, StartPeriod, Retries } = inspected.Config.Healthcheck ?? {};
    const intervalMs = (Interval ?? 0) / NS_PER_MS || DEFAULT_INTERVAL_MS;
    await pause(probes++ === 0 ? Math.min(intervalMs, FIRST_PROBE_MS) : intervalMs, signal);
    if (signal.aborted) return { status: "starting", output: "" };
    const result = await probe(engine, id, argvOf(Test ?? []), signal);
    if (result.isHealthy) return { status: "healthy", output: result.output };
    const isStarting = performance.now() - begin < (StartPeriod ?? 0) / NS_PER_MS;
    if (!isStarting) failures++;
    const isOver = failures >= (Retries || DEFAULT_RETRIES);
    return { status: isOver ? "unhealthy" : "starting", output: result.output };
  };
}

function told({ State }: Inspected): Health {
  const output = State.Health?.Log?.at(-1)?.Output ?? "";
  const status = State.Health?.Status;
  return { status: status === "healthy" || status === "unhealthy" ? status : "starting", output };
}

function argvOf(test: readonly string[]): string[] {
  const [form, ...rest] = test;
  if (form === "CMD") return rest;
  return ["/bin/sh", "-c", form === "CMD-SHELL" ? rest.join(" ") : test.join(" ")];
}

async function probe(
  engine: Engine,
  id: string,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<{ isHealthy: boolean; output: string }> {
  const created = await createExec(engine.socket, id, { Cmd: argv }, signal);
  if (!created.ok) return { isHealthy: false, output: created.error.message };
  const started = await startExec(engine.socket, created.value, signal);
  if (!started.ok) return { isHealthy: false, output: started.error.message };
  let output = "";
  const sink = {
    write: (_stream: unknown, bytes: Uint8Array): Promise<void> => {
      output = (output + new TextDecoder().decode(bytes)).slice(-OUTPUT_MAX);
      return Promise.resolve();
    },
  };
  await drain(started.value, false, "exec start", sink);
  const ended = await inspectExec(engine.socket, created.value, signal);
  return { isHealthy: ended.ok && ended.value.ExitCode === 0, output };
}

const OUTPUT_MAX = 4_096;
