/** Schemas beside a workflow file, written into its text before anybody else sees it (P-13). */
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { absolute } from "./absolute.ts";
import { isMapping } from "../workflow/json.ts";
import { findSchemaReferences, type SchemaReference, writeSchemas } from "../workflow/schema-reference.ts";
import { UserError } from "./command.ts";

const FETCH_LIMIT_MS = 10_000;
const MAX_BYTES = 1_048_576;

/** Throws `UserError` when a schema cannot be read. */
export async function inlineSchemas(text: string, path: string): Promise<string> {
  const references = findSchemaReferences(text);
  const read = await Promise.all(
    references.map(async (reference) => ({ reference, schema: await readSchema(reference, path) })),
  );
  return writeSchemas(text, read);
}

async function readSchema(reference: SchemaReference, path: string): Promise<unknown> {
  const text = /^https?:\/\//.test(reference.source)
    ? await fetchText(reference.source)
    : await readBeside(reference, path);
  if (text.length > MAX_BYTES) throw unreadable(reference.source, `it is larger than ${MAX_BYTES} bytes`);
  const schema = readYaml(text, reference.source);
  if (!isMapping(schema)) throw unreadable(reference.source, "it is not a JSON Schema");
  return schema;
}

/** The working directory first, then the workflow's file. */
async function readBeside({ source, workingDir }: SchemaReference, path: string): Promise<string> {
  const folder = dirname(absolute(path));
  const places = [...(workingDir === null ? [] : [resolve(folder, workingDir)]), Deno.cwd(), folder]
    .map((place) => resolve(place, source));
  for (const place of new Set(places)) {
    try {
      return await Deno.readTextFile(place);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) continue;
      throw unreadable(source, describe(error));
    }
  }
  throw unreadable(source, `there is no such file (looked for ${[...new Set(places)].join(", ")})`);
}

async function fetchText(address: string): Promise<string> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(FETCH_LIMIT_MS) });
    if (response.ok) return await response.text();
    await response.body?.cancel();
    throw new Error(`the server answered ${response.status}`);
  } catch (error) {
    throw unreadable(address, describe(error));
  }
}

/** JSON is YAML too. */
function readYaml(text: string, source: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw unreadable(source, describe(error));
  }
}

function unreadable(source: string, why: string): UserError {
  return new UserError(`cannot read the schema ${source} of params: ${why}`, 1);
}

function describe(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
