/** A workflow argument: a path, a path without extension, or a name in the definitions folder (C-04). */
import { basename, extname, join } from "node:path";
import { findUnprintable, malformed, positionIn } from "../workflow/document.ts";
import { errorLines, type Problem } from "../workflow/problem.ts";
import { UserError } from "./command.ts";

export interface WorkflowFile {
  readonly path: string;
  /** Stem of the file: the workflow's name unless it says otherwise. */
  readonly stem: string;
  readonly text: string;
}

/** Throws `UserError` when it is not whole: what is sent anywhere is a text that others can read. */
export async function readWorkflowFile(argument: string, dagsDir: string): Promise<WorkflowFile> {
  return whole(await inspectWorkflowFile(argument, dagsDir));
}

/** By its name in the definitions folder alone. Throws as `readWorkflowFile` does. */
export async function findNamedWorkflow(name: string, dagsDir: string): Promise<WorkflowFile | null> {
  const found = await inspectFirst(placesOf(name, dagsDir)) ?? await inspectNamed(name, dagsDir);
  return found === null ? null : whole(found);
}

function whole({ problems, ...file }: InspectedFile): WorkflowFile {
  if (problems.length > 0) throw new UserError(errorLines(problems, file.path).join("\n"));
  return file;
}

export interface InspectedFile extends WorkflowFile {
  /** What reading it found out: bytes that are no text, schemas that cannot be had. The text is as far as it could be read. */
  readonly problems: readonly Problem[];
}

export async function inspectWorkflowFile(argument: string, dagsDir: string): Promise<InspectedFile> {
  const places = [argument, ...withExtensions(argument), ...placesOf(argument, dagsDir)];
  const found = await inspectFirst(places) ?? await inspectNamed(argument, dagsDir);
  if (found !== null) return found;
  throw new UserError(`there is no workflow file ${argument} (looked for ${places.join(", ")})`);
}

const EXTENSIONS = [".yaml", ".yml"];

function isFileName(name: string): boolean {
  return EXTENSIONS.includes(extname(name));
}

function withExtensions(name: string): readonly string[] {
  return isFileName(name) ? [] : EXTENSIONS.map((extension) => name + extension);
}

/** A workflow of the folder may be called by its file's name, too. */
function placesOf(name: string, dagsDir: string): readonly string[] {
  return (isFileName(name) ? [name] : withExtensions(name)).map((file) => join(dagsDir, file));
}

/** The file of the folder whose workflow calls itself so, which is the name that `dagu ls` and a server know it by. */
async function inspectNamed(name: string, dagsDir: string): Promise<InspectedFile | null> {
  for (const path of await listWorkflowFiles(dagsDir)) {
    const file = await inspectFirst([path]);
    if (file === null || !file.text.includes(name)) continue;
    const { parseWorkflow } = await import("../workflow/parse.ts");
    if (parseWorkflow(file.text, "load").workflow?.name === name) return file;
  }
  return null;
}

/** In the folder itself, sorted; a folder that is not there has none. Throws `UserError`. */
export async function listWorkflowFiles(dagsDir: string): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const entry of Deno.readDir(dagsDir)) {
      const path = join(dagsDir, entry.name);
      // All files of a mounted ConfigMap are links.
      const isFile = entry.isFile || (entry.isSymlink && await leadsToFile(path));
      if (isFile && isFileName(entry.name)) files.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      throw new UserError(
        `cannot read the folder of definitions ${dagsDir}: ${
          error instanceof Error ? error.message : String(error)
        }\nSet DAGU_DAGS_DIR to a folder that this user may read.`,
      );
    }
  }
  return files.sort();
}

async function leadsToFile(link: string): Promise<boolean> {
  return await Deno.stat(link).then(({ isFile }) => isFile, () => false);
}

async function inspectFirst(places: readonly string[]): Promise<InspectedFile | null> {
  for (const path of places) {
    const bytes = await readIfFile(path);
    if (bytes === null) continue;
    const read = readText(bytes);
    const { text, problems } = await withSchemas(read.text, path);
    const stem = basename(path, extname(path));
    return { path, stem, text, problems: [...read.problems, ...problems] };
  }
  return null;
}

type Text = Pick<InspectedFile, "text" | "problems">;

/** The text with the schemas of its params written into it (P-13); few have any. */
export async function withSchemas(text: string, path: string): Promise<Text> {
  if (!text.includes("schema")) return { text, problems: [] };
  const { inlineSchemas } = await import("./schema-file.ts");
  return await inlineSchemas(text, path);
}

/** What a decoder writes for bytes that mean nothing. */
const REPLACEMENT = "\uFFFD";

function readText(bytes: Uint8Array): Text {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // Told here, as no request can carry some of them.
    const unprintable = findUnprintable(text);
    return { text, problems: unprintable === null ? [] : [unprintable] };
  } catch {
    const text = new TextDecoder().decode(bytes);
    const position = positionIn(text, text.indexOf(REPLACEMENT));
    return { text, problems: [malformed("yaml must be UTF-8 text, and this is none", position)] };
  }
}

/** More than any text of as many characters as a workflow may have; some files have no end. */
const FILE_MAX_BYTES = 8_388_608;

async function readAll(file: Deno.FsFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(FILE_MAX_BYTES);
  let length = 0;
  while (length < bytes.length) {
    const count = await file.read(bytes.subarray(length));
    if (count === null) return bytes.subarray(0, length);
    length += count;
  }
  throw new UserError(`it has ${FILE_MAX_BYTES} bytes or more, which no workflow file has`);
}

async function readIfFile(path: string): Promise<Uint8Array | null> {
  try {
    if ((await Deno.stat(path)).isDirectory) return null;
    // Also of a pipe: `dagu start <(make-workflow)`.
    using file = await Deno.open(path);
    return await readAll(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw new UserError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
