/** What every container of ours carries, so that it can be found again by whoever lost it (DESIGN 3.10, B01). */

export interface Labels {
  readonly workflow: string;
  readonly run: string;
  readonly attempt: string;
  /** Node name; "" for the root container of a run. */
  readonly step: string;
  readonly runner: string;
}

/** `step`: runs one command to its end. `background`: holds several. `shared`: the root container. */
export type Role = "step" | "background" | "shared";

/** The run's own network carries the same labels. */
type Labelled = Role | "network";

const PREFIX = "dagu-edge.";
const PRODUCT = "dagu-edge";

export function newLabels(labels: Labels, role: Labelled, isKept: boolean): Record<string, string> {
  return {
    [`${PREFIX}product`]: PRODUCT,
    [`${PREFIX}workflow`]: labels.workflow,
    [`${PREFIX}run`]: labels.run,
    [`${PREFIX}attempt`]: labels.attempt,
    [`${PREFIX}step`]: labels.step,
    [`${PREFIX}runner`]: labels.runner,
    [`${PREFIX}role`]: role,
    [`${PREFIX}keep`]: String(isKept),
  };
}

/** The engine's filter for all containers of one runner. */
export function runnerFilter(runner: string): string[] {
  return [`${PREFIX}product=${PRODUCT}`, `${PREFIX}runner=${runner}`];
}

/** For those of one step of an attempt; of all of them without a step. */
export function attemptFilter(labels: Pick<Labels, "runner" | "attempt">, step?: string): string[] {
  const ofStep = step === undefined ? [] : [`${PREFIX}step=${step}`];
  return [...runnerFilter(labels.runner), `${PREFIX}attempt=${labels.attempt}`, ...ofStep];
}

export interface Marks {
  readonly workflow: string;
  readonly attempt: string;
  readonly step: string;
  readonly role: string;
  /** Meant to stay when its work is done (`keep_container`, no `auto_remove`). */
  readonly isKept: boolean;
}

/** null: not a container of ours. */
export function readMarks(labels: Readonly<Record<string, string>> | null): Marks | null {
  if (labels === null || labels[`${PREFIX}product`] !== PRODUCT) return null;
  return {
    workflow: labels[`${PREFIX}workflow`] ?? "",
    attempt: labels[`${PREFIX}attempt`] ?? "",
    step: labels[`${PREFIX}step`] ?? "",
    role: labels[`${PREFIX}role`] ?? "",
    isKept: labels[`${PREFIX}keep`] === "true",
  };
}
