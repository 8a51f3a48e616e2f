/** Keeps the stored definitions in step with a folder of YAML files. */
import { basename, extname } from "node:path";
import { formatProblem } from "../workflow/problem.ts";
import { publish } from "../server/definitions/publish.ts";
import { deleteWorkflow } from "../server/store/workflows.ts";
import type { ServerPorts } from "../server/ports.ts";
import { type Signature, withSignature } from "../workflow/signature.ts";
import { UserError } from "./command.ts";
import { readSignature } from "./signature-file.ts";
import { listWorkflowFiles, withSchemas } from "./workflow-file.ts";

const SETTLE_MS = 200;

export interface DagsFolder extends AsyncDisposable {
  /** File names that are published. */
  readonly names: readonly string[];
}

/** Publishes what is there, then follows changes until disposed. A folder that is not there is made. */
export async function openDagsFolder(ports: ServerPorts, dir: string): Promise<DagsFolder> {
  await makeFolder(dir);
  const published = new Map<string, string>();
  await rescan(ports, dir, published);
  const watcher = Deno.watchFs(dir, { recursive: false });
  const watching = (async () => {
    for await (const _event of watcher) {
      // An editor writes a file in several steps: look when it has settled.
      await ports.clock.sleep(SETTLE_MS);
      await rescan(ports, dir, published);
    }
  })();
  return {
    get names() {
      return [...published.keys()].sort();
    },
    [Symbol.asyncDispose]: async () => {
      watcher.close();
      await watching;
    },
  };
}

async function makeFolder(dir: string): Promise<void> {
  try {
    await Deno.mkdir(dir, { recursive: true });
  } catch (error) {
    throw new UserError(
      `cannot use ${dir} as the folder of definitions: ${
        error instanceof Error ? error.message : String(error)
      }\n` +
        "Name a folder with --dags or DAGU_DAGS_DIR.",
    );
  }
}

/** `published`: text by file name, as of the last look. */
async function rescan(ports: ServerPorts, dir: string, published: Map<string, string>): Promise<void> {
  const seen = new Set<string>();
  for (const path of await listWorkflowFiles(dir)) {
    const name = basename(path, extname(path));
    const written = await Deno.readTextFile(path).catch(() => null);
    if (written === null) continue;
    // A schema that cannot be read stays as it is, and is told as a problem of the definition.
    const { text } = await withSchemas(written, path);
    const signature = await readSignature(path).catch((error: Error) => {
      ports.log.error("signature not read", { reason: error.message });
      return null;
    });
    seen.add(name);
    const whole = withSignature(text, signature);
    if (published.get(name) === whole) continue;
    published.set(name, whole);
    await publishFile(ports, { name, path, text, signature });
  }
  for (const name of [...published.keys()].filter((one) => !seen.has(one))) {
    published.delete(name);
    await deleteWorkflow(ports.db, name);
    ports.log.info("definition removed", { workflow: name });
  }
}

async function publishFile(
  ports: ServerPorts,
  { name, path, text, signature }: {
    readonly name: string;
    readonly path: string;
    readonly text: string;
    readonly signature: Signature | null;
  },
): Promise<void> {
  const options = { author: "dags folder", refuseProblems: false, signature };
  const outcome = await publish(ports, name, text, options);
  if (!outcome.ok) {
    ports.log.error("definition refused", { file: path, reason: outcome.message });
    return;
  }
  for (const problem of outcome.problems) {
    const line = formatProblem(problem, path);
    if (problem.severity === "error") ports.log.error("definition has a problem", { problem: line });
  }
  if (outcome.isChanged) {
    ports.log.info("definition published", { workflow: name, problems: outcome.problems.length });
  }
}
