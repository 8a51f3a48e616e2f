/** Mail about runs: subject `PREFIX WORKFLOW (TOKEN)`, the steps as a table, their logs when asked for. */
import type { Mails, MailStory } from "../run/ports.ts";
import type { StepState } from "../run/state.ts";
import type { MailEnvelope, Workflow } from "../workflow/workflow.ts";
import { readEnd } from "./file-end.ts";
import type { Mask } from "./mask.ts";

/** A run must not wait for a mail server for ever. */
const PATIENCE_MS = 60_000;
/** More of a log is not read in a mail. */
const LOG_MAX_BYTES = 1_048_576;

export interface MailsOptions {
  readonly workflow: Workflow;
  readonly run: { readonly name: string; readonly dagRunId: string };
  readonly runnerEnv: Readonly<Record<string, string>>;
  readonly mask: Mask;
  logsOf(step: string): { readonly stdout: string; readonly stderr: string } | null;
}

export function newMails(options: MailsOptions): Mails {
  return {
    send: async (occasion, story) => {
      const envelope = options.workflow.mails[occasion];
      if (envelope === undefined || envelope.to.length === 0) return null;
      try {
        await send(options, envelope, story);
        return null;
      } catch (error) {
        return `mail about ${story.step ?? "the run"} was not sent: ${
          error instanceof Error ? error.message : String(error)
        }`;
      }
    },
  };
}

async function send(options: MailsOptions, envelope: MailEnvelope, story: MailStory): Promise<void> {
  const { readMailServer, sendMail } = await import("./actions/smtp.ts");
  const { name, dagRunId } = options.run;
  const about = story.step === null ? name : `${name}: ${story.step}`;
  await sendMail(readMailServer(options.workflow.defaults["smtp"] ?? {}, options.runnerEnv), {
    from: envelope.from,
    to: envelope.to,
    subject: `${envelope.prefix} ${about} (${story.status})`.trim(),
    message: options.mask.text(bodyOf(name, dagRunId, story)),
    attachments: envelope.attachLogs ? await readLogs(options, story) : [],
  }, AbortSignal.timeout(PATIENCE_MS));
}

function bodyOf(name: string, dagRunId: string, { status, state }: MailStory): string {
  const lines = state.steps.map((step) => {
    const failure = step.failure === null ? "" : `: ${step.failure.message.split("\n")[0]}`;
    return `- ${step.name} [${step.status}]${failure}`;
  });
  return [`${name} (run ${dagRunId}): ${status}`, "", ...lines, ""].join("\n");
}

async function readLogs(
  options: MailsOptions,
  { step, state }: MailStory,
): Promise<{ name: string; content: Uint8Array }[]> {
  const steps: readonly StepState[] = state.steps.filter((one) => step === null || one.name === step);
  const found = await Promise.all(steps.flatMap((one) => {
    const logs = options.logsOf(one.name);
    if (logs === null) return [];
    return [["out", logs.stdout], ["err", logs.stderr]].map(async ([suffix, path = ""]) => {
      return {
        name: `${one.name}.${suffix}`.replaceAll(/[^\w.-]/g, "_"),
        content: await readEnd(path, LOG_MAX_BYTES).catch(() => new Uint8Array()),
      };
    });
  }));
  return found.filter(({ content }) => content.length > 0);
}
