/** A workflow argument: a path, a path without extension, or a name in the definitions folder (C-04). */
import { basename, extname, join } from "node:path";
import { UserError } from "./command.ts";

export interface WorkflowFile {
  readonly path: string;
  /** Stem of the file: the workflow's name unless it says otherwise. */
  readonly stem: string;
  readonly text: string;
}

export async function readWorkflowFile(argument: string, dagsDir: string): Promise<WorkflowFile> {
  const places = [
    argument,
    `${argument}.yaml`,
    `${argument}.yml`,
    join(dagsDir, `${argument}.yaml`),
    join(dagsDir, `${argument}.yml`),
  ];
  for (const path of places) {
    const text = await readIfFile(path);
    if (text !== null) {
      return { path, stem: basename(path, extname(path)), text: await withSchemas(text, path) };
    }
  }
  throw new UserError(`there is no workflow file ${argument} (looked for ${places.join(", ")})`);
}

/** The text with the schemas of its params written into it (P-13); few have any. */
export async function withSchemas(text: string, path: string): Promise<string> {
  if (!text.includes("schema")) return text;
  const { inlineSchemas } = await import("./schema-file.ts");
  return await inlineSchemas(text, path);
}

/** Throws `UserError` on what no workflow can be, before it is sent anywhere. */
function readText(bytes: Uint8Array, path: string): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // Told below.
  }
  throw new UserError(`${path} is not a text file: a workflow is YAML in UTF-8`);
}

async function readIfFile(path: string): Promise<string | null> {
  try {
    const info = await Deno.stat(path);
    return info.isFile ? readText(await Deno.readFile(path), path) : null;
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw new UserError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
