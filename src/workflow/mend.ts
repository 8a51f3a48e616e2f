/**
 * What is left of a workflow when the unreadable fields are taken out: enough for the rules across fields to find their own
 * problems in the same pass (F-16), and nothing that would make them find a problem which is only a consequence.
 */
import type { Path } from "./document.ts";
import { isMapping } from "./json.ts";
import { own } from "./own.ts";

export interface Mended {
  readonly value: Record<string, unknown>;
  /** Whether a rule's finding at this path may only be a consequence of what was taken out. */
  isNoise(path: Path): boolean;
}

/** Fields that together say what a step does: with one of them unreadable, a plain command takes their place. */
const WORK_KEYS = ["run", "action", "with", "container", "command", "script"];
const PLAIN_WORK = { run: "true" };

/** Stands for a root field that others refer to by its mere presence. */
const STAND_INS: Readonly<Record<string, unknown>> = {
  container: "stand-in",
  harness: { provider: "claude" },
};

/** `broken` are the paths of unreadable fields; null: nothing is left to look at. */
export function mend(value: Record<string, unknown>, broken: readonly Path[]): Mended | null {
  const { steps, handler_on: handlers, harnesses } = value;
  if (!Array.isArray(steps) || broken.some((path) => path.length === 0 || isAll(path, "steps"))) return null;
  const roots = new Map(Object.entries(value));
  for (const [first] of broken) {
    if (typeof first !== "string" || first === "steps" || first === "handler_on") continue;
    if (Object.hasOwn(STAND_INS, first)) roots.set(first, own(STAND_INS, first));
    else roots.delete(first);
  }
  const brokenSteps = fieldsBelow(broken, "steps");
  roots.set("steps", steps.map((step: unknown, index) => mendStep(step, brokenSteps.get(index))));
  if (isMapping(handlers) && !broken.some((path) => isAll(path, "handler_on"))) {
    roots.set("handler_on", mendHandlers(handlers, fieldsBelow(broken, "handler_on")));
  } else roots.delete("handler_on");
  const brokenHarnesses = fieldsBelow(broken, "harnesses");
  if (isMapping(harnesses)) roots.set("harnesses", mendHarnesses(harnesses, brokenHarnesses));
  const isNameLost = [...brokenSteps.values()].some((names) =>
    [null, "id", "name"].some((one) => names.has(one))
  );
  const areProvidersLost = harnesses !== undefined && harnesses !== null && !isMapping(harnesses);
  return {
    value: Object.fromEntries(roots),
    isNoise: (path) =>
      (isNameLost && path.includes("depends")) || (areProvidersLost && path.includes("provider")),
  };
}

/** Whether the path is of the whole field, not of something in it. */
function isAll(path: Path, field: string): boolean {
  return path[0] === field && path[1] === undefined;
}

type Broken = ReadonlyMap<string | number, ReadonlySet<string | null>>;

/** For each item of a root field the fields that are broken in it; null: the item as a whole. */
function fieldsBelow(broken: readonly Path[], field: string): Broken {
  const found = new Map<string | number, Set<string | null>>();
  for (const [first, item, name] of broken) {
    if (first !== field || item === undefined) continue;
    const names = found.get(item) ?? new Set();
    found.set(item, names.add(typeof name === "string" ? name : null));
  }
  return found;
}

function mendHandlers(handlers: Record<string, unknown>, broken: Broken): Record<string, unknown> {
  const known = Object.entries(handlers).filter(([name]) => broken.get(name)?.has(null) !== true);
  return Object.fromEntries(known.map(([name, step]) => [name, mendStep(step, broken.get(name))]));
}

function mendHarnesses(harnesses: Record<string, unknown>, broken: Broken): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(harnesses).map(([name, one]) => [name, broken.has(name) ? { binary: "true" } : one]),
  );
}

function mendStep(step: unknown, broken: ReadonlySet<string | null> | undefined): unknown {
  if (broken === undefined) return step;
  if (!isMapping(step)) return PLAIN_WORK;
  const isWorkLost = broken.has(null) || WORK_KEYS.some((key) => broken.has(key));
  const kept = Object.entries(step).filter(([key]) =>
    !broken.has(key) && !(isWorkLost && WORK_KEYS.includes(key)) && !(broken.has("id") && key === "outputs")
  );
  // A key that nobody knows may have been meant as the work.
  const hasWork = kept.some(([key]) => WORK_KEYS.includes(key));
  return { ...Object.fromEntries(kept), ...(hasWork ? {} : PLAIN_WORK) };
}
