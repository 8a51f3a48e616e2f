/** What a run did, as text (C-10). */
import { blockersIn } from "../server/http/blockers.ts";
import { elapsed } from "../run/elapsed.ts";
import { formatFailure } from "./failure-text.ts";
import { type Node, nodesOf, type RunDetails } from "./run-json.ts";
import { own } from "../workflow/own.ts";

const DISPLAY: Readonly<Record<string, string>> = {
  not_started: "Not Started",
  running: "Running",
  failed: "Failed",
  aborted: "Aborted",
  succeeded: "Succeeded",
  queued: "Queued",
  partially_succeeded: "Partially Succeeded",
  waiting: "Waiting",
  rejected: "Rejected",
};

const FINAL = ["failed", "aborted", "succeeded", "partially_succeeded", "rejected"];

/** What a person who was not there wants to see below a step. */
export interface StepExtras {
  /** Lines of its log by stream, as far as they are shown. */
  readonly logs: readonly { readonly stream: string; readonly lines: readonly string[] }[];
  readonly subRuns: readonly { readonly name: string; readonly dagRunId: string }[];
}

/** `extras`, by step: who has seen the output live does not want it twice. */
export function summarize(run: RunDetails, extras: ReadonlyMap<string, StepExtras> = new Map()): string {
  const display = own(DISPLAY, run.statusLabel) ?? run.statusLabel;
  const nodes = nodesOf(run);
  const lines = [
    `${display} - ${run.startedAt || run.finishedAt || run.queuedAt}`,
    `dag: ${run.name} (${elapsed(run.startedAt, run.finishedAt) || "0.0 s"})`,
    ...nodes.flatMap((node, index) =>
      nodeLines(node, extras.get(node.step.name), index === nodes.length - 1)
    ),
    ...(run.failure === null ? [] : formatFailure(run.failure).map((line) => `error: ${line}`)),
    ...noteLines(run.notes),
    ...blockersIn(run.conditions).map((message) => `waits: ${message}`),
    `${FINAL.includes(run.statusLabel) ? "Result" : "Status"}: ${display}`,
  ];
  return lines.join("\n");
}

/** What went on in spite of something that its author should know. */
export function noteLines(notes: readonly string[]): string[] {
  return notes.map((note) => `note: ${note}`);
}

function nodeLines(node: Node, extras: StepExtras | undefined, isLast: boolean): string[] {
  const took = elapsed(node.startedAt, node.finishedAt);
  const head = `${isLast ? "└─" : "├─"}${node.step.name}${
    took === "" ? "" : ` (${took})`
  } [${node.statusLabel}]`;
  const below = [
    ...node.step.commands.flatMap(({ command }) => command.trimEnd().split("\n")).slice(0, 5),
    ...(node.reason === "" ? [] : [node.reason]),
    ...pushBackLines(node),
    ...waitingLines(node),
    ...(extras?.logs ?? []).flatMap(({ stream, lines }) =>
      lines.length === 0 ? [] : [`${stream}:`, ...indent(lines)]
    ),
    ...(extras?.subRuns ?? []).map(({ name, dagRunId }) => `sub-run: ${name}:${dagRunId}`),
    ...(node.failure === null ? [] : formatFailure(node.failure).map((line) => `error: ${line}`)),
  ];
  return [head, ...below.map((line) => `${isLast ? "  " : "│ "}  ${line}`)];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function pushBackLines({ pushBackHistory }: Node): string[] {
  return pushBackHistory.map(({ by, inputs }, index) => {
    const words = Object.entries(inputs).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    return [`pushed back (${index + 1}) by ${by}`, ...words].join(" ");
  });
}

/** Who completes the task needs to know its step, its question and its form (S-119). */
function waitingLines(node: Node): string[] {
  if (node.prompt === null) return [];
  return [
    `step id: ${node.step.id ?? node.step.name}`,
    ...`prompt: ${node.prompt}`.trimEnd().split("\n"),
    ...(node.form === null ? [] : [`form: ${JSON.stringify(node.form)}`]),
  ];
}
