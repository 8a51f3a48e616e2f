/** `mail.send`: one message through the SMTP server of the workflow or of the runner (workflow-language contract 6.5). */
import { basename } from "node:path";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError, printResult } from "./deed.ts";
import { joinDir, stepDir } from "./host.ts";
import { readMailServer, sendMail } from "./smtp.ts";
import type { Work } from "./work.ts";

const ATTACHMENTS_MAX = 52_428_800;

export async function mailSend(given: With<"mail.send">, work: Work): Promise<Outcome> {
  const server = readMailServer(work.attempt.scope.defaults["smtp"] ?? {}, work.attempt.runnerEnv);
  const attachments = await readAttachments(given.attachments, work);
  const { from, to, subject, message } = given;
  const sent = await sendMail(server, { from, to, subject, message, attachments }, work.signal);
  return await printResult(work, { operation: "send", ...sent });
}

export interface Attachment {
  readonly name: string;
  readonly content: Uint8Array;
}

async function readAttachments(files: readonly string[], work: Work): Promise<Attachment[]> {
  const read: Attachment[] = [];
  let size = 0;
  for (const file of files.filter((one) => one !== "")) {
    const path = joinDir(stepDir(work), file);
    const info = await Deno.stat(path).catch(() => null);
    if (info?.isFile !== true) {
      throw new ActionError(`attachment ${path} is not a file`, "correct attachments");
    }
    size += info.size;
    if (size > ATTACHMENTS_MAX) {
      throw new ActionError(
        `the attachments are larger than ${ATTACHMENTS_MAX} bytes`,
        "send a link instead",
      );
    }
    read.push({ name: basename(path), content: await Deno.readFile(path) });
  }
  return read;
}
