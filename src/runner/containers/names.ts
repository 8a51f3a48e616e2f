/** Names of things that an engine holds for us. */
import type { Labels } from "./labels.ts";

const PART_MAX = 24;

/** `dagu-WORKFLOW-STEP-RANDOM`: readable, unique, and legal whatever the step is called (3.2.2). */
export function newContainerName(labels: Labels): string {
  const parts = [labels.workflow, labels.step === "" ? "root" : labels.step].map(cleaned);
  return ["dagu", ...parts.filter((part) => part !== ""), randomHex(5)].join("-");
}

/** Marks the processes of one exec, to be found by it in `/proc` (3.7.2); `owner`: the attempt, or one step of it; "": not known. */
export function newExecToken(owner: string): string {
  return `${owner}.${randomHex(16)}`;
}

/** The owner of what one step executes in somebody else's container, where other steps may execute, too. */
export function stepOwner({ attempt, step }: Pick<Labels, "attempt" | "step">): string {
  return `${attempt}.${new TextEncoder().encode(step).toHex()}`;
}

/** Of all execs of an owner: a basic regular expression, as tokens are looked for. */
export function anyExecToken(owner: string): string {
  return `${owner}[.][0-9a-f]*`;
}

/** Of a script in a container that may be somebody else's: in a folder of its own, which nobody else can name. */
export function newScriptPath(): string {
  return `/.dagu-${randomHex(16)}/script`;
}

export function shortId(id: string): string {
  return id.slice(0, 12);
}

function cleaned(text: string): string {
  return text.replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, PART_MAX);
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
