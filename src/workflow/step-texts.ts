/** The texts of a step in which references are resolved, with their paths (the `steps[]` rows of matrix 2.6). */
import { isNamedAction, NAMED_ACTIONS } from "./actions/names.ts";
import { type Container, mapContainerTexts } from "./container.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./json.ts";
import type { Condition, HarnessConfig, OutputValue, Step } from "./workflow.ts";

export interface TextField {
  readonly path: Path;
  readonly text: string;
}

/** All but the entries of `env`, the step's and its container's: those see each other. */
export function stepTexts(step: Step, at: Path): readonly TextField[] {
  const fields: TextField[] = [];
  const add = (path: Path, value: unknown): void => {
    if (typeof value === "string") fields.push({ path: [...at, ...path], text: value });
    else if (Array.isArray(value)) value.forEach((item: unknown, index) => add([...path, index], item));
    else if (isMapping(value)) {
      for (const [key, item] of Object.entries(value)) add([...path, snake(key)], item);
    }
  };
  add(["working_dir"], step.workingDir);
  const own = step.preconditions.filter((condition) => !isRouted(condition));
  fields.push(...conditionTexts(own, [...at, "preconditions"]));
  if (step.container !== null) fields.push(...containerTexts(step.container, [...at, "container"]));
  for (const stream of ["stdout", "stderr"] as const) {
    add([stream], step[stream].file);
    add([stream, "artifact"], step[stream].artifact);
  }
  for (const [name, value] of Object.entries(step.outputObject ?? {})) {
    addAsWritten(["output", name], literalOf(value), add);
  }
  for (const [name, value] of Object.entries(step.stdout.outputs)) {
    addAsWritten(["stdout", "outputs", "fields", name], literalOf(value), add);
  }
  add(["retry_policy", "limit"], step.retry?.limit);
  add(["retry_policy", "interval_sec"], step.retry?.intervalSec);
  if (step.repeat !== null) {
    const { condition, limit, intervalSec, maxIntervalSec } = step.repeat;
    add(["repeat_policy", "limit"], limit);
    add(["repeat_policy", "interval_sec"], intervalSec);
    add(["repeat_policy", "max_interval_sec"], maxIntervalSec);
    if (condition !== null) fields.push(conditionText(condition, [...at, "repeat_policy"]));
  }
  addAction(step, add);
  return fields;
}

export function conditionTexts(conditions: readonly Condition[], at: Path): TextField[] {
  return conditions.map((condition, index) => conditionText(condition, [...at, index]));
}

function conditionText(condition: Condition, at: Path): TextField {
  const key = condition.kind === "eval" ? "eval" : "condition";
  const text = condition.kind === "command" ? condition.command : condition.condition;
  return { path: [...at, key], text };
}

export function containerTexts(container: Container, at: Path): TextField[] {
  const fields: TextField[] = [];
  mapContainerTexts(container, (text, path) => {
    fields.push({ path: [...at, ...path], text });
    return text;
  });
  return fields;
}

/** The provider's name and flags, and those of what takes its place. */
export function harnessTexts({ provider, flags, fallback }: HarnessConfig, at: Path): TextField[] {
  const texts = (value: unknown, path: Path): TextField[] =>
    typeof value === "string"
      ? [{ path, text: value }]
      : Array.isArray(value)
      ? value.flatMap((item: unknown, index) => texts(item, [...path, index]))
      : [];
  return [
    ...texts(provider, [...at, "provider"]),
    ...Object.entries(flags).flatMap(([key, value]) => texts(value, [...at, key])),
    ...(fallback ?? []).flatMap((one, index) => harnessTexts(one, [...at, "fallback", index])),
  ];
}

/** Keys and values of a selector (2.6). */
export function selectorTexts(
  selector: Readonly<Record<string, string>>,
  at: Path,
): TextField[] {
  return Object.entries(selector).flatMap(([key, value]) =>
    [key, value].map((text) => ({ path: [...at, key], text }))
  );
}

function addAction(step: Step, add: (path: Path, value: unknown) => void): void {
  const { action } = step;
  switch (action.name) {
    case "run":
      if (action.form === "list") add(["run"], action.texts);
      else add(["run"], action.texts[0]);
      add(["with", "shell"], action.shell ?? []);
      add(["with", "shell_args"], action.shellArgs);
      return;
    case "container":
      return;
    case "docker.run":
      add(["with"], action.with);
      return;
    case "harness.run":
      add(["with", "prompt"], action.with.prompt);
      add(["with", "stdin"], action.with.stdin);
      for (const { path, text } of harnessTexts(action.with, ["with"])) add(path, text);
      return;
    case "dag.run":
    case "dag.enqueue":
      add(["with", "dag"], action.dag);
      add(["with", "queue"], action.queue);
      addAsWritten(["with", "params"], action.params, add);
      addAsWritten(["parallel", "items"], action.parallel?.items, add);
      for (const { path, text } of selectorTexts(action.workerSelector, ["worker_selector"])) add(path, text);
      return;
    case "foreach":
      addAsWritten(["foreach", "items"], action.items, add);
      return;
    case "human.task":
      add(["with", "prompt"], action.prompt);
      return;
    default: {
      const literal = isNamedAction(action.name) ? NAMED_ACTIONS[action.name].literal : [];
      for (const [key, value] of Object.entries(action.with)) {
        if (!literal.includes(key)) addAsWritten(["with", key], value, add);
      }
    }
  }
}

/** Keys of an action's `with` are the author's own. */
function addAsWritten(path: Path, value: unknown, add: (path: Path, value: unknown) => void): void {
  if (Array.isArray(value)) {
    value.forEach((item: unknown, index) => addAsWritten([...path, index], item, add));
  } else if (isMapping(value)) {
    for (const [key, item] of Object.entries(value)) addAsWritten([...path, key], item, add);
  } else add(path, value);
}

/** Its text stands in the router. */
export function isRouted(
  condition: Condition,
): condition is Exclude<Condition, { kind: "command" }> & { readonly router: string } {
  return condition.kind !== "command" && condition.router !== undefined;
}

function literalOf(value: OutputValue): unknown {
  return value.kind === "literal" ? value.value : value.path;
}

/** `pullPolicy` is `pull_policy` to its author. */
function snake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
