/**
 * `params: {schema: FILE or URL}` (workflow-language contract P-13). The language reads nothing: whoever
 * hands in a text finds the sources here and writes what they hold into it, so that a definition is whole
 * wherever it goes.
 */
import { isMap, isScalar, parseAllDocuments, type YAMLMap } from "yaml";
import { formatPath, positionIn } from "./document.ts";
import type { Problem } from "./problem.ts";
import { isExternalSchema } from "./schema/param-schema.ts";

export interface SchemaReference {
  /** As written: a path, or an http(s) address. */
  readonly source: string;
  /** `working_dir` of the document; null: none, or one that is only known when it runs. */
  readonly workingDir: string | null;
  /** Where the source stands in the text. */
  readonly start: number;
  readonly end: number;
  /** Its field (F-29). */
  readonly path: string;
}

/** None in a text that is no YAML: its mistakes are told when it is parsed. */
export function findSchemaReferences(text: string): SchemaReference[] {
  if (!/\bschema["']?\s*:/.test(text)) return [];
  const parsed = parseAllDocuments(text, { schema: "core", uniqueKeys: false, logLevel: "silent" });
  const documents = Array.isArray(parsed) ? parsed : [];
  return documents.flatMap(({ contents }, index) => isMap(contents) ? readReference(contents, index) : []);
}

function readReference(document: YAMLMap, index: number): SchemaReference[] {
  const params = document.get("params", true);
  if (!isMap(params)) return [];
  const keys = params.items.map(({ key }) => [isScalar(key) ? String(key.value) : "", true] as const);
  const schema = params.get("schema", true);
  if (!isExternalSchema(Object.fromEntries(keys)) || !isScalar(schema)) return [];
  if (typeof schema.value !== "string" || schema.value === "" || !schema.range) return [];
  const workingDir = document.get("working_dir");
  const isFixed = typeof workingDir === "string" && !workingDir.includes("$");
  const [start, end] = schema.range;
  const path = formatPath([...(index === 0 ? [] : ["document", index]), "params", "schema"]);
  return [{ source: schema.value, workingDir: isFixed ? workingDir : null, start, end, path }];
}

/** What is told of a source that could not be had: a definition without it is not whole. */
export function unreadSchema(text: string, { source, start, path }: SchemaReference, why: string): Problem {
  return {
    code: "SPEC_INVALID",
    severity: "error",
    path,
    position: positionIn(text, start),
    message: `cannot read the schema ${source} of params: ${why}`,
    remedy: "correct the path or the address, or write the schema itself here",
  };
}

/**
 * The text with each source replaced by the schema that it holds, as JSON on the same line: positions keep
 * their lines.
 */
export function writeSchemas(
  text: string,
  read: readonly { readonly reference: SchemaReference; readonly schema: unknown }[],
): string {
  return read.toSorted((one, other) => other.reference.start - one.reference.start).reduce(
    (rest, { reference: { start, end }, schema }) =>
      rest.slice(0, start) + JSON.stringify(schema) + rest.slice(end),
    text,
  );
}
