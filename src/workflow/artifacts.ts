/** Whether a run needs a folder for artifacts (S-63): asked for, or used without being asked for. */
import type { Step, Workflow } from "./workflow.ts";

const MENTION = /DAG_RUN_ARTIFACTS_DIR|paths\.artifacts_dir/;

export function usesArtifacts(workflow: Workflow): boolean {
  if (workflow.artifacts.enabled !== null) return workflow.artifacts.enabled;
  const steps = [...workflow.steps, ...Object.values(workflow.handlers)];
  return workflow.artifacts.dir !== null || steps.some(usesOwn) || MENTION.test(JSON.stringify(workflow.env));
}

/** Whether a step asks for the folder by name: an artifact action or an artifact stream. */
export function asksForArtifacts(step: Step): boolean {
  return step.stdout.artifact !== null || step.stderr.artifact !== null ||
    step.action.name.startsWith("artifact.") ||
    (step.action.name === "foreach" && step.action.steps.some(asksForArtifacts));
}

function usesOwn(step: Step): boolean {
  return asksForArtifacts(step) || MENTION.test(JSON.stringify(step));
}
