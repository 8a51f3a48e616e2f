/** Names of things that an engine holds for us. */
import type { Labels } from "./labels.ts";

const PART_MAX = 24;

/** `dagu-WORKFLOW-STEP-RANDOM`: readable, unique, and legal whatever the step is called (3.2.2). */
export function newContainerName(labels: Labels): string {
  const parts = [labels.workflow, labels.step === "" ? "root" : labels.step].map(cleaned);
  return ["dagu", ...parts.filter((part) => part !== ""), randomHex(5)].join("-");
}

/** Marks the processes of one exec, to be found by it in `/proc` (3.7.2). */
export function newExecToken(): string {
  return randomHex(16);
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
