/** Paths of a workflow's texts, told by the keys that its author wrote. */
import type { Path } from "./document.ts";
import { isMapping } from "./json.ts";

/** The way to tell paths of this document. What it learns of the document is kept: many paths cost no more than few. */
export function newWrittenPaths(document: Record<string, unknown>): (path: Path) => Path {
  const placesOf = newPlaces();
  return (path) => asWritten(inGroups(path, document, placesOf), document);
}

/**
 * A list may be written as a single text or as a mapping, and a form that holds `items` or `value` without them. What is
 * not in the document came from elsewhere, and its path stays.
 */
export function asWritten(path: Path, value: unknown): Path {
  const [step, ...rest] = path;
  if (step === undefined) {
    const isLong = isMapping(value) && Object.keys(value).join() === "value";
    return isLong ? ["value"] : [];
  }
  if (Array.isArray(value)) {
    if (step === "items") return asWritten(rest, value);
    return typeof step === "number" ? [step, ...asWritten(rest, value[step])] : path;
  }
  if (!isMapping(value)) return value === undefined ? path : [];
  const key = typeof step === "number" ? Object.keys(value)[step] : olderKey(value, step) ?? step;
  if (key === undefined || !Object.hasOwn(value, key)) return path;
  return [key, ...asWritten(rest, value[key])];
}

/** What a step calls its `run`, when not so. */
function olderKey(step: Readonly<Record<string, unknown>>, key: string): string | undefined {
  return key === "run" && !Object.hasOwn(step, key)
    ? ["command", "script"].find((name) => Object.hasOwn(step, name))
    : undefined;
}

/** A step as written, and where in its list it stands: in a group it has two indexes (S-02). */
interface Placed {
  readonly step: unknown;
  readonly place: readonly number[];
}

type PlacesOf = (steps: unknown) => readonly Placed[];

/** Steps are read as one flat list. */
function newPlaces(): PlacesOf {
  const known = new Map<unknown, readonly Placed[]>();
  return (steps) => {
    if (!Array.isArray(steps)) return [];
    const places = known.get(steps) ??
      steps.flatMap((item: unknown, group) =>
        Array.isArray(item)
          ? item.map((step: unknown, at) => ({ step, place: [group, at] }))
          : [{ step: item, place: [group] }]
      );
    known.set(steps, places);
    return places;
  };
}

/** Each step keeps the place in its group and the older key that its author gave it. */
function inGroups(path: Path, holder: unknown, placesOf: PlacesOf): Path {
  const [key, index, ...rest] = path;
  if (key !== "steps" || typeof index !== "number" || !isMapping(holder)) return path;
  const found = placesOf(holder["steps"])[index];
  if (found === undefined) return path;
  const [field, ...below] = rest;
  const step = isMapping(found.step) ? found.step : {};
  const inStep = field === "foreach"
    ? [field, ...inGroups(below, step["foreach"], placesOf)]
    : [field, ...below];
  return ["steps", ...found.place, ...inStep.filter((name) => name !== undefined)];
}
