/** A definition becomes the current one: checked, stored by digest, history kept (TX-11). */
import { withBase } from "../../workflow/base.ts";
import { fingerprintOf, hasEntries, type Schedule } from "../../workflow/schedule.ts";
import { isWorkflowName, tellNoWorkflowName } from "../../workflow/names.ts";
import { parseWorkflow } from "../../workflow/parse.ts";
import type { Problem } from "../../workflow/problem.ts";
import { digestOfText, type Signature, withSignature } from "../../workflow/signature.ts";
import { type Refusal, refuse } from "../dispatch/refusal.ts";
import type { ServerPorts } from "../ports.ts";
import { newBlob } from "../store/blob.ts";
import { saveRevision } from "../store/workflows.ts";

export interface Published {
  readonly ok: true;
  readonly problems: readonly Problem[];
  readonly isChanged: boolean;
}

/**
 * Stores the text even when it has problems, so that people see them; it then cannot start. The API's PUT asks for
 * `refuseProblems`: a wrong text leaves the stored one as it was (AP-26).
 */
export async function publish(
  ports: Pick<ServerPorts, "db" | "ids" | "clock" | "base">,
  fileName: string,
  text: string,
  options: {
    readonly author: string;
    readonly refuseProblems: boolean;
    /** Of exactly this text; one of another text is kept, and told (SG-02). */
    readonly signature?: Signature | null;
  },
): Promise<Published | Refusal> {
  if (!isWorkflowName(fileName)) {
    return refuse("bad_request", tellNoWorkflowName(fileName));
  }
  const { signature = null } = options;
  const { workflow, problems: found } = parseWorkflow(withBase(text, ports.base), "load");
  const stale = signature === null || signature.digest === await digestOfText(text) ? [] : [STALE];
  const problems = [...found, ...stale];
  if (workflow === null && options.refuseProblems) return { ok: true, problems, isChanged: false };
  const isChanged = await saveRevision(
    ports.db,
    {
      fileName,
      name: workflow?.name ?? fileName,
      blob: await newBlob(new TextEncoder().encode(withSignature(text, signature))),
      problems,
      labels: workflow?.labels ?? [],
      group: workflow?.group ?? "",
      hasTriggers: (workflow?.triggers.length ?? 0) > 0,
      scheduleKey: workflow === null || !hasEntries(workflow.schedule) ? null : keyOf(workflow.schedule),
      author: options.author,
    },
    ports.ids.uuid(),
    new Date(ports.clock.now()),
  );
  return { ok: true, problems, isChanged };
}

const STALE: Problem = {
  code: "SPEC_INVALID",
  severity: "warning",
  path: "",
  position: null,
  message: "the signature is of another text than this",
  remedy: "sign it again: dagu sign FILE --key KEY",
};

function keyOf({ start, stop, restart }: Schedule): string {
  return JSON.stringify([start, stop, restart].map((entries) => entries.map(fingerprintOf)));
}
