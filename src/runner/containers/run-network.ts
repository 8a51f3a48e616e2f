/** A network of one run, in which its containers find each other and nobody else's (containers contract B25). */
import { createNetwork, removeNetwork } from "./api/network.ts";
import { diagnose } from "./diagnose.ts";
import type { Engine } from "./engine.ts";
import { type Labels, newLabels } from "./labels.ts";
import { newContainerName } from "./names.ts";
import type { Made } from "./outcome.ts";

/** Disposal removes it when it was made; one that a kept container is in stays until that is gone. Never throws. */
export interface RunNetwork extends AsyncDisposable {
  /** Made when it is first asked for. */
  name(engine: Engine, signal: AbortSignal): Promise<Made<string>>;
}

const MADE_MS = 30_000;

export function newRunNetwork(labels: Labels, isInternal: boolean): RunNetwork {
  let made: { readonly engine: Engine; readonly name: Promise<Made<string>> } | null = null;
  return {
    name: async (engine, signal) => {
      const mine = made ??= { engine, name: make(engine, labels, isInternal, signal) };
      const name = await mine.name;
      if (!name.ok && made === mine) made = null;
      return name;
    },
    [Symbol.asyncDispose]: async () => {
      const name = await made?.name;
      if (made === null || name === undefined || !name.ok) return;
      await removeNetwork(made.engine.socket, name.value, AbortSignal.timeout(MADE_MS));
    },
  };
}

/** Whoever stops us, the answer is waited for: a network that was made must be known. */
async function make(
  engine: Engine,
  labels: Labels,
  isInternal: boolean,
  signal: AbortSignal,
): Promise<Made<string>> {
  const name = newContainerName({ ...labels, step: "net" });
  const body = {
    Name: name,
    Driver: "bridge",
    Internal: isInternal,
    Labels: newLabels(labels, "network", false),
  } as const;
  const reply = await createNetwork(engine.socket, body, AbortSignal.timeout(MADE_MS));
  return reply.ok
    ? { ok: true, value: name }
    : { ok: false, error: diagnose(engine.runtime, reply.error, { network: name }, signal) };
}
