/** Ceilings of a policy: whatever a workflow asks for, a container gets no more (control-plane contract 7.12). */
import type { PolicyRules } from "./policy-file.ts";

type Host = Readonly<Record<string, unknown>>;

export function limited(host: Host, limits: PolicyRules["limits"]): Host {
  const { NanoCPUs: _written, NanoCpus: _ours, CpuQuota: _quota, CpuPeriod: _period, ...uncapped } = host;
  const { cpu, memoryBytes, pids } = limits;
  const memory = memoryBytes === null ? null : atMost(amount(host["Memory"]), memoryBytes);
  return {
    ...(cpu === null ? host : { ...uncapped, NanoCpus: Math.round(atMost(cores(host), cpu) * 1e9) }),
    ...(memory === null ? {} : { Memory: memory }),
    // Left to itself an engine adds as much swap again; with -1 a workflow would take all of it.
    ...(memory === null || host["MemorySwap"] === undefined ? {} : { MemorySwap: memory }),
    ...(memory === null || amount(host["MemoryReservation"]) === null
      ? {}
      : { MemoryReservation: atMost(amount(host["MemoryReservation"]), memory) }),
    ...(pids === null ? {} : { PidsLimit: atMost(amount(host["PidsLimit"]), pids) }),
  };
}

const PERIOD_US = 100_000;

/** What was asked for, in whichever of the engine's ways. null: nothing. */
function cores(host: Host): number | null {
  const nano = amount(host["NanoCPUs"]) ?? amount(host["NanoCpus"]);
  if (nano !== null) return nano / 1e9;
  const quota = amount(host["CpuQuota"]);
  return quota === null ? null : quota / (amount(host["CpuPeriod"]) ?? PERIOD_US);
}

function atMost(asked: number | null, ceiling: number): number {
  return asked === null ? ceiling : Math.min(asked, ceiling);
}

/** 0, -1 and whatever is no number mean no limit to an engine. */
function amount(value: unknown): number | null {
  return typeof value === "number" && value > 0 ? value : null;
}
