/** What became of the limits that a workflow asked for (containers contract 2.2.2 to 2.2.4). */
import type { Reporter } from "../../run/ports.ts";
import type { ResourceLimits } from "../../workflow/workflow.ts";
import { inspectContainer, type Inspected } from "./api/container.ts";
import type { Engine } from "./engine.ts";

/** Some engines drop limits without a word, as rootless Podman does on cgroup v1: the container is read back. */
export async function tellDroppedLimits(
  engine: Engine,
  id: string,
  limits: ResourceLimits,
  report: Reporter,
  signal: AbortSignal,
): Promise<void> {
  if (!hasLimits(limits)) return;
  const reply = await inspectContainer(engine.socket, id, signal);
  if (!reply.ok) return;
  const dropped = droppedLimits(reply.value.HostConfig, limits);
  if (dropped.length === 0) return;
  await report.note(
    "warn",
    `LIMITS_NOT_APPLIED: ${engine.runtime.kind} did not apply ${dropped.join(" and ")}`,
  );
}

/** Somebody else's container has the limits that it was made with. */
export async function tellForeignLimits(
  limits: ResourceLimits,
  target: string,
  report: Reporter,
): Promise<void> {
  if (!hasLimits(limits)) return;
  const message =
    `LIMITS_NOT_APPLIED: container ${target} was made by somebody else and keeps its own limits`;
  await report.note("warn", message);
}

function hasLimits({ cpu, memoryBytes }: ResourceLimits): boolean {
  return cpu !== null || memoryBytes !== null;
}

function droppedLimits(
  { Memory, NanoCpus, CpuQuota }: Inspected["HostConfig"],
  { cpu, memoryBytes }: ResourceLimits,
): string[] {
  return [
    ...(memoryBytes !== null && Memory === 0 ? ["resources.limits.memory"] : []),
    ...(cpu !== null && NanoCpus === 0 && CpuQuota === 0 ? ["resources.limits.cpu"] : []),
  ];
}
