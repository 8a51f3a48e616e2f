/** Steps that are many: `foreach`, `parallel`, sub-workflows (workflow-language contract 4.16, 4.17, 4.21). */
import * as v from "valibot";
import type { Findings } from "./assemble.ts";
import type { Path } from "./document.ts";
import { subRunWith } from "./schema/fanout.ts";
import type { WrittenForeach, WrittenStep } from "./schema/step.ts";
import type { Work } from "./step-run.ts";
import type { Step } from "./workflow.ts";

const NOTHING: Work = { action: { name: "noop", with: {} }, place: "host" };

/** What only sub-workflow actions can have. */
export function checkFanOut(step: WrittenStep, path: Path, findings: Findings): void {
  const action = step.action?.trim() ?? null;
  if (action === "dag.run" || action === "dag.enqueue") return;
  if (step.parallel !== null) {
    findings.report(
      [...path, "parallel"],
      "parallel currently requires action: dag.run or dag.enqueue",
      "use foreach for other steps",
    );
  }
  if (step.workerSelector !== null) {
    const what = action === null ? "run" : `action ${action}`;
    findings.report(
      [...path, "worker_selector"],
      `${what} does not support worker_selector field`,
      "worker_selector of the root chooses the runner of the whole run",
    );
  }
}

export function readSubRun(
  step: WrittenStep,
  name: "dag.run" | "dag.enqueue",
  path: Path,
  findings: Findings,
): Work {
  const parsed = v.safeParse(subRunWith(name), step.with ?? {});
  if (!parsed.success) {
    findings.fromIssues([...path, "with"], parsed.issues);
    return NOTHING;
  }
  return {
    action: {
      name,
      ...parsed.output,
      parallel: step.parallel,
      workerSelector: typeof step.workerSelector === "object" ? step.workerSelector ?? {} : {},
    },
    place: "host",
  };
}

/** What says how one thing is executed means nothing for many (S-109). */
const ALONE = [
  "run",
  "action",
  "with",
  "parallel",
  "container",
  "outputs",
  "approval",
  "worker_selector",
  "working_dir",
  "signal_on_stop",
];

export function readForeach(
  step: WrittenStep,
  foreach: WrittenForeach,
  path: Path,
  findings: Findings,
  readBody: (body: readonly WrittenStep[], path: Path) => readonly Step[],
): Work {
  for (const field of ALONE) {
    if (!step.written.has(field)) continue;
    findings.report(
      [...path, field],
      `foreach cannot be combined with ${field}`,
      `move ${field} into foreach.steps`,
    );
  }
  const steps = readBody(foreach.steps, [...path, "foreach", "steps"]);
  const { items, as, key, maxConcurrent, collect } = foreach;
  return {
    action: { name: "foreach", items, as, key, maxConcurrent, steps, collect, defaultEnv: 0 },
    place: "host",
  };
}
