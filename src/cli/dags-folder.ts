/** Keeps the stored definitions in step with a folder of YAML files. */
import { basename, extname } from "node:path";
import { formatProblem } from "../workflow/problem.ts";
import { publish } from "../server/definitions/publish.ts";
import { describeError } from "../server/store/failure.ts";
import { deleteWorkflow } from "../server/store/workflows.ts";
import type { ServerPorts } from "../server/ports.ts";
import { type Signature, withSignature } from "../workflow/signature.ts";
import { UserError } from "./command.ts";
import { readSignature } from "./signature-file.ts";
import { listWorkflowFiles, withSchemas } from "./workflow-file.ts";

const SETTLE_MS = 200;
const AGAIN_MS = 5_000;

export interface DagsFolder extends AsyncDisposable {
  /** File names that are published. */
  readonly names: readonly string[];
}

/** Publishes what is there, then follows changes until disposed. A folder that is not there is made. */
export async function openDagsFolder(ports: ServerPorts, dir: string): Promise<DagsFolder> {
  await makeFolder(dir);
  const published = new Map<string, string>();
  // Before the first look, so that no change falls in between.
  const watcher = Deno.watchFs(dir, { recursive: false });
  try {
    await rescan(ports, dir, published);
  } catch (error) {
    watcher.close();
    throw error;
  }
  const over = new AbortController();
  let isChanged = false;
  let isLooking = false;
  const look = async (): Promise<void> => {
    isLooking = true;
    while (isChanged) {
      isChanged = false;
      // An editor writes a file in several steps, a checkout writes many: look when it has settled.
      await ports.clock.sleep(SETTLE_MS, over.signal);
      if (over.signal.aborted) break;
      if (await tryRescan(ports, dir, published)) continue;
      isChanged = true;
      await ports.clock.sleep(AGAIN_MS, over.signal);
    }
    isLooking = false;
  };
  const watching = (async () => {
    let looking = Promise.resolve();
    for await (const _event of watcher) {
      isChanged = true;
      if (!isLooking) looking = look();
    }
    await looking;
  })();
  return {
    get names() {
      return [...published.keys()].sort();
    },
    [Symbol.asyncDispose]: async () => {
      over.abort();
      watcher.close();
      await watching;
    },
  };
}

/** False: the database or the folder does not answer now, which is to be the end of nothing. */
async function tryRescan(
  ports: ServerPorts,
  dir: string,
  published: Map<string, string>,
): Promise<boolean> {
  try {
    await Deno.stat(dir);
    await rescan(ports, dir, published);
    return true;
  } catch (error) {
    const facts = { folder: dir, error: describeError(error) };
    ports.log.error("definitions stay as they were until their folder can be read and kept", facts);
    return false;
  }
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
    // As everywhere, .yaml comes before .yml (C-04).
    if (seen.has(name)) {
      ports.log.warn("definition not published: another file has its name", { file: path, workflow: name });
      continue;
    }
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
    await publishFile(ports, { name, path, text, signature });
    published.set(name, whole);
  }
  for (const name of [...published.keys()].filter((one) => !seen.has(one))) {
    await deleteWorkflow(ports.db, name);
    published.delete(name);
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
