/** Who executes a run that a step of another run starts and waits for. */
import * as v from "valibot";
import type { ServerPorts } from "../ports.ts";
import type { Executor } from "../store/db.ts";
import { type ListedRunner, listRunners, SILENT_MS } from "../store/runners.ts";
import { getRunById, type RunRow } from "../store/runs.ts";
import { lackingLabels, OWN_MARK, readSelector, unselectedLabels } from "./selector.ts";

export type Taker =
  /** The parent's runner, beside the parent. */
  | { readonly kind: "caller" }
  /** Whoever claims it. */
  | { readonly kind: "somebody" }
  /** `labels`: what it asks for. */
  | { readonly kind: "nobody"; readonly labels: readonly string[] };

const Labels = v.record(v.string(), v.string());

/**
 * What asks for a certain runner, by its step or by itself, is for whoever claims it (INV-19), and waits for one that may
 * come. Below a `dagu start` it is for the runner of that command if that is such a one; a person who waits for a command
 * would wait for ever when no runner is.
 */
export async function takerOf(
  ports: ServerPorts,
  parent: RunRow,
  selector: Readonly<Record<string, string>>,
  callerId: string,
): Promise<Taker> {
  if (Object.keys(selector).length === 0) return { kind: "caller" };
  const root = parent.rootId === null ? parent : await getRunById(ports.db, parent.rootId);
  if (root === null || readSelector(root)[OWN_MARK] === undefined) return { kind: "somebody" };
  const now = ports.clock.now();
  const runners = await readRunners(ports.db, now);
  const isCaller = runners.some(({ id, labels }) => id === callerId && has(labels, selector));
  if (isCaller) return { kind: "caller" };
  return takes(runners, selector, now)
    ? { kind: "somebody" }
    : { kind: "nobody", labels: lackingLabels(selector, {}) };
}

/** Whether a runner is there that may claim what asks for these labels. */
export async function hasTaker(
  db: Executor,
  selector: Readonly<Record<string, string>>,
  now: number,
): Promise<boolean> {
  return takes(await readRunners(db, now), selector, now);
}

type Runner = Omit<ListedRunner, "labels"> & { readonly labels: Readonly<Record<string, string>> };

async function readRunners(db: Executor, now: number): Promise<readonly Runner[]> {
  return (await listRunners(db, now)).map(({ labels, ...runner }) => ({
    ...runner,
    labels: v.parse(Labels, labels),
  }));
}

function has(labels: Runner["labels"], selector: Readonly<Record<string, string>>): boolean {
  return lackingLabels(selector, labels).length === 0;
}

function takes(
  runners: readonly Runner[],
  selector: Readonly<Record<string, string>>,
  now: number,
): boolean {
  return runners.some(({ state, lastSeenAt, labels }) =>
    state === "active" && now - (lastSeenAt?.getTime() ?? 0) <= SILENT_MS && has(labels, selector) &&
    // Another start's runner takes that one's run and no other.
    unselectedLabels(selector, labels).length === 0
  );
}
