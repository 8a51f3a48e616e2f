/** Runs that this runner does not even begin, told to the control plane with the reason (control-plane contract M4). */
import { join } from "node:path";
import type { RunnerClient } from "../protocol/client.ts";
import type { Grant } from "../protocol/grant.ts";
import { resend, type ResendPorts } from "../protocol/resend.ts";
import type { Failure } from "../run/failure.ts";
import type { Log } from "../run/ports.ts";
import { partsOf } from "../workflow/signature.ts";
import type { Workflow } from "../workflow/workflow.ts";
import type { Disk } from "./disk.ts";
import { denied } from "./policy-denial.ts";
import type { Policy } from "./policy.ts";
import { rollbackProblem } from "./rollback.ts";
import { signatureProblem, type Signing } from "./signing.ts";

interface Declining extends ResendPorts {
  readonly client: RunnerClient;
  readonly log: Log;
}

interface Judging extends Pick<Declining, "log" | "clock"> {
  readonly policy: Policy;
  readonly disk: Disk;
  readonly stateDir: string;
  /** Of all runners that are one machine; default: this one's. */
  readonly machineDir?: string;
}

/** Whether somebody whom this machine trusts has signed the definition, where its policy asks for that; null: go on. */
export async function unsigned(
  host: Judging,
  grant: Grant,
  workflow: Workflow,
): Promise<string | null> {
  const { policy: { signing }, log, clock } = host;
  if (signing === null) return null;
  const problem = await signatureProblem(signing, grant, workflow, clock.now()) ??
    await olderThanKnown(host, signing, grant);
  if (problem === null || signing.mode === "block") return problem;
  log.warn("executed although not signed", { attempt: grant.attemptId, run: grant.run.dagRunId, problem });
  return null;
}

async function olderThanKnown(
  { disk, stateDir, machineDir = stateDir }: Judging,
  { maxRollbackMs }: Signing,
  grant: Grant,
): Promise<string | null> {
  const { signature } = partsOf(grant.definition.yaml);
  if (maxRollbackMs === null || signature === null) return null;
  return await rollbackProblem({ disk, folder: join(machineDir, "signed") }, signature, maxRollbackMs);
}

/** What can be told before anything of the run is made here. */
export function refusalOf(policy: Policy, run: Grant["run"], workflow: Workflow): Failure | null {
  const refused = policy.run(run);
  if (refused !== null) return refused;
  const { isConfined } = policy.forRun(run, { own: [], secret: [] });
  if (!isConfined) return null;
  if (workflow.artifacts.dir !== null) {
    return denied("host", "artifacts.dir, which is a folder of the machine");
  }
  return workflow.logDir === null ? null : denied("host", "log_dir, which is a folder of the machine");
}

/** A definition that is wrong for us is wrong for every runner: the run fails at once (M4). */
export async function decline(
  host: Declining,
  grant: Grant,
  reason: "definition_invalid" | "policy_denied" | "signature_invalid",
  detail: string,
  signal: AbortSignal,
): Promise<void> {
  const body = { fence: grant.fence, reason, detail };
  const answer = await resend(host, { signal }, (options) => host.client.decline(grant, body, options));
  const outcome = answer.ok ? answer.value.outcome : answer.failure.kind;
  host.log.warn("attempt declined", { attempt: grant.attemptId, run: grant.run.dagRunId, detail, outcome });
}
