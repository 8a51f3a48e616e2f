/** The texts of a step in which references are resolved, with their paths (the `steps[]` rows of matrix 2.6). */
import { isNamedAction, NAMED_ACTIONS } from "./actions/names.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./json.ts";
import type { Condition, OutputValue, Step } from "./workflow.ts";

export interface TextField {
  readonly path: Path;
  readonly text: string;
  /** The engine itself expands `$NAME` here, so that an unknown one is worth telling. */
  readonly ownsNames?: boolean;
}

export function stepTexts(step: Step, at: Path): readonly TextField[] {
  const fields: TextField[] = [];
  const add = (path: Path, value: unknown): void => {
    if (typeof value === "string") fields.push({ path: [...at, ...path], text: value });
    else if (Array.isArray(value)) value.forEach((item: unknown, index) => add([...path, index], item));
    else if (isMapping(value)) {
      for (const [key, item] of Object.entries(value)) add([...path, snake(key)], item);
    }
  };
  step.env.forEach(({ value }, index) => {
    fields.push({ path: [...at, "env", index], text: value, ownsNames: true });
  });
  add(["working_dir"], step.workingDir);
  step.preconditions.filter((condition) => !isRouted(condition)).forEach((condition, index) => {
    if (condition.kind !== "eval") {
      add(
        ["preconditions", index, "condition"],
        condition.kind === "command" ? condition.command : condition.condition,
      );
    }
  });
  if (step.container !== null) {
    const { env, ...container } = step.container;
    env.forEach(({ value }, index) => add(["container", "env", index], value));
    add(["container"], container);
  }
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
    const { condition, limit, intervalSec } = step.repeat;
    add(["repeat_policy", "limit"], limit);
    add(["repeat_policy", "interval_sec"], intervalSec);
    if (condition !== null && condition.kind !== "eval") {
      add(
        ["repeat_policy", "condition"],
        condition.kind === "command" ? condition.command : condition.condition,
      );
    }
  }
  addAction(step, add);
  return fields;
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
      for (const [key, value] of Object.entries(action.with.flags)) add(["with", key], value);
      return;
    case "dag.run":
    case "dag.enqueue":
      add(["with", "dag"], action.dag);
      addAsWritten(["with", "params"], action.params, add);
      addAsWritten(["parallel", "items"], action.parallel?.items, add);
      addAsWritten(["worker_selector"], action.workerSelector, add);
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
