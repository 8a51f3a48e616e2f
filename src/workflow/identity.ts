/** What steps are called, and whom they wait for (workflow-language contract 4.2, 4.3). Linear in steps and edges. */
import type { Findings } from "./assemble.ts";
import type { Path } from "./document.ts";
import { isStorable } from "./names.ts";
import type { WrittenStep } from "./schema/step.ts";

/** A step, where it stands, and its position among the items of the list. */
export interface PlacedStep {
  readonly step: WrittenStep;
  readonly path: Path;
  readonly group: number;
}

/** Names of the steps, in written order, after telling what is wrong with them and with the ids. */
export function checkIdentity(steps: readonly PlacedStep[], findings: Findings): readonly string[] {
  const ids = new Map<string, number>();
  const written = new Map<string, number>();
  steps.forEach(({ step, path }, index) => {
    checkId(step, path, findings);
    checkName(step, path, findings);
    if (step.id !== null && ids.has(step.id)) {
      findings.report([...path, "id"], `duplicate step ID: ${step.id}`, "ids are unique in a document");
    }
    if (step.name !== null && written.has(step.name)) {
      const message = `step name must be unique: "${shorten(step.name)}"`;
      findings.report([...path, "name"], message, "rename one of the steps");
    }
    if (step.id !== null && !ids.has(step.id)) ids.set(step.id, index);
    if (step.name !== null && !written.has(step.name)) written.set(step.name, index);
  });
  for (const [id, index] of ids) {
    const other = written.get(id);
    if (other === undefined || other === index) continue;
    const message = `step ID "${id}" conflicts with the name of another step`;
    findings.report([...(steps[index]?.path ?? []), "id"], message, "rename one of them");
  }
  const taken = new Set([...ids.keys(), ...written.keys()]);
  return steps.map(({ step }, index) => step.name ?? step.id ?? generateName(step, index, taken));
}

const RESERVED_IDS = ["env", "params", "args", "stdout", "stderr", "output", "outputs"];

export function checkId(step: WrittenStep, path: Path, findings: Findings): void {
  const { id } = step;
  if (id === null) return;
  const at = [...path, "id"];
  if (bytesOf(id) > 40) findings.report(at, "step ID must be at most 40 bytes", "shorten the id");
  else if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(id)) {
    findings.report(at, `invalid step ID format: "${id}"`, "a letter, then letters, digits and _");
  } else if (RESERVED_IDS.includes(id.toLowerCase())) {
    findings.report(at, `step ID "${id}" is a reserved word`, "choose another id");
  }
}

export function checkName({ name }: WrittenStep, path: Path, findings: Findings): void {
  if (name === null) return;
  const at = [...path, "name"];
  if (bytesOf(name) > 255) findings.report(at, "step name must be at most 255 bytes", "shorten the name");
  // Neither the step's environment nor the database can hold it.
  if (!isStorable(name)) {
    findings.report(at, "step name holds a NUL character or half a character", "take it out");
  }
}

/** S-08: never relied on across edits; never the name or id of another step. */
function generateName(step: WrittenStep, index: number, taken: ReadonlySet<string>): string {
  const prefix = prefixOf(step);
  let name = `${prefix}_${index + 1}`;
  while (taken.has(name)) name += "_";
  return name;
}

function prefixOf(step: WrittenStep): string {
  if (step.parallel !== null) return "parallel";
  if (step.foreach !== null) return "foreach";
  if (step.action !== null) return step.action.startsWith("dag.") ? "dag" : step.action.replaceAll(".", "_");
  const isScript = step.run !== null && !step.run.isList && (step.run.texts[0] ?? "").includes("\n");
  return isScript ? "script" : "cmd";
}

// ---- dependencies -----------------------------------------------------------------------------------------------

/** From an id or a name to the name of the step. */
export interface Targets {
  nameOf(entry: string): string | undefined;
  /** The first few names, for people. */
  readonly known: string;
}

export function newTargets(steps: readonly PlacedStep[], names: readonly string[]): Targets {
  const targets = new Map<string, string>();
  steps.forEach(({ step }, index) => {
    const name = names[index] ?? "";
    for (const key of [name, step.id]) if (key !== null && !targets.has(key)) targets.set(key, name);
  });
  const shown = names.slice(0, 20).map(shorten).join(", ");
  return { nameOf: (entry) => targets.get(entry), known: names.length > 20 ? `${shown}, ...` : shown };
}

/** Names of the upstream steps; entries match an id or a name exactly (S-13, S-14). */
export function readDepends(step: WrittenStep, targets: Targets, path: Path, findings: Findings): string[] {
  const names = (step.depends ?? []).flatMap((entry, position) => {
    const name = targets.nameOf(entry);
    if (name !== undefined) return [name];
    findings.report(
      [...path, position],
      `depends on non-existent step "${shorten(entry)}"`,
      adviseOnTarget(entry, targets),
    );
    return [];
  });
  return [...new Set(names)];
}

function adviseOnTarget(entry: string, targets: Targets): string {
  const words = entry.split(/[\s,]+/).filter((word) => word !== "");
  return words.length > 1 && words.every((word) => targets.nameOf(word) !== undefined)
    ? `write a list: [${words.join(", ")}]`
    : `steps of this workflow: ${targets.known}`;
}

/** S-12: each step of a chain waits for the one before it, and says nothing about it itself. */
export function chainDepends(
  step: WrittenStep,
  previous: readonly string[],
  path: Path,
  findings: Findings,
): string[] {
  if (step.depends !== null) {
    findings.report(
      [...path, "depends"],
      "depends field is not allowed in type: chain",
      "steps of a chain run in written order",
    );
  }
  return [...previous];
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
