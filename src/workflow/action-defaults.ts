/** What an action needs from its step or from the root's settings for its family, and neither gives. */
import type { NamedAction } from "./actions/names.ts";
import type { Path } from "./document.ts";
import type { Findings } from "./assemble.ts";
import type { WrittenWorkflow } from "./schema/workflow.ts";

type Family = "ssh" | "s3" | "llm";

const NEEDED: Partial<Record<NamedAction, { readonly family: Family; readonly keys: readonly string[] }>> = {
  "ssh.run": { family: "ssh", keys: ["host", "user"] },
  "sftp.upload": { family: "ssh", keys: ["host", "user"] },
  "sftp.download": { family: "ssh", keys: ["host", "user"] },
  "s3.upload": { family: "s3", keys: ["bucket"] },
  "s3.download": { family: "s3", keys: ["bucket"] },
  "s3.list": { family: "s3", keys: ["bucket"] },
  "s3.delete": { family: "s3", keys: ["bucket"] },
  "chat.completion": { family: "llm", keys: ["model"] },
};

export function checkDefaults(
  name: NamedAction,
  given: Readonly<Record<string, unknown>>,
  workflow: WrittenWorkflow,
  path: Path,
  findings: Findings,
): void {
  const needed = NEEDED[name];
  if (needed === undefined) return;
  const { family, keys } = needed;
  const known: Readonly<Record<string, unknown>> = { ...workflow[family], ...given };
  for (const key of keys) {
    if (known[key] !== undefined) continue;
    findings.report(path, `${name} needs ${key}`, `give ${key} in with, or in ${family} at the root`);
  }
}
