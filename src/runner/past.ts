/** What earlier processes of the runner left of an attempt, for its actions; and what this one leaves for a later one. */
import * as v from "valibot";
import { Failure } from "../run/failure.ts";
import { failedWith, lostTry } from "../run/outcome.ts";
import type { OutputSink } from "../run/ports.ts";
import type { Progress } from "../run/progress.ts";
import { HANDLER_NODE_NAMES, type Step, type Workflow } from "../workflow/workflow.ts";
import type { Past } from "./actions/open.ts";
import { type Mask, maskTexts } from "./mask.ts";
import type { Spool } from "./spool.ts";

export function newPast(
  workflow: Workflow,
  spool: Pick<Spool, "recovery" | "replay" | "streamsOf">,
  mask: Mask,
  progress: Progress | null,
): Past {
  const retell = (step: string, sink: OutputSink): Promise<void> => spool.replay(step, sink);
  return {
    hasRoot: progress !== null && progress.state.container !== null,
    retell,
    endOf: async (step, sink) => {
      const end = spool.recovery.endOf(step);
      if (end === null) return null;
      const { dropped, ...outcome } = end;
      for (const { stream, bytes, reason } of dropped) {
        spool.streamsOf(step).findLast((file) => file.stream === stream)?.drop(reason, bytes);
      }
      const known = findStep(workflow, step);
      if (dropped.length > 0 && (known === null || readsOutput(known))) {
        return failedWith(lostTry("a part of its output was not kept, since its log was full"), null);
      }
      await retell(step, sink);
      return outcome;
    },
    keepEnd: (step, { exitCode, failure, outputFile }) => {
      const dropped = spool.streamsOf(step).filter((file) => file.dropped > 0)
        .map((file) => ({ stream: file.stream, bytes: file.dropped, reason: file.dropReason }));
      spool.recovery.keepEnd(step, {
        exitCode,
        failure: failure === null ? null : v.parse(Failure, maskTexts(failure, mask)),
        outputFile: outputFile === null ? null : mask.text(outputFile),
        dropped,
      });
    },
  };
}

/** null: not one of the workflow's own, such as a step of a `foreach`. */
function findStep({ steps, handlers }: Workflow, name: string): Step | null {
  const handler = Object.entries(HANDLER_NODE_NAMES).find(([, node]) => node === name)?.[0];
  const own = Object.entries(handlers).find(([key]) => key === handler)?.[1];
  return steps.find((step) => step.name === name) ?? own ?? null;
}

/** Whether anything but its log is made of what the step prints. */
function readsOutput(step: Step): boolean {
  return step.output !== null || step.outputSchema !== null || step.outputObject !== null ||
    Object.keys(step.stdout.outputs).length > 0 || step.continueOn.output.length > 0;
}
