/** Schemas beside a workflow file, written into its text before anybody else sees it (P-13). */
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { absolute } from "./absolute.ts";
import { isMapping } from "../workflow/json.ts";
import type { Problem } from "../workflow/problem.ts";
import {
  findSchemaReferences,
  type SchemaReference,
  unreadSchema,
  writeSchemas,
} from "../workflow/schema-reference.ts";

const FETCH_LIMIT_MS = 10_000;
const MAX_BYTES = 1_048_576;

export interface Inlined {
  /** With each schema that could be read. */
  readonly text: string;
  /** One for each that could not. */
  readonly problems: readonly Problem[];
}

export async function inlineSchemas(text: string, path: string): Promise<Inlined> {
  const found = await Promise.all(
    findSchemaReferences(text).map(async (reference) => ({
      reference,
      read: await readSchema(reference, path),
    })),
  );
  return {
    text: writeSchemas(
      text,
      found.flatMap(({ reference, read }) => read.ok ? [{ reference, schema: read.schema }] : []),
    ),
    problems: found.flatMap(({ reference, read }) =>
      read.ok ? [] : [unreadSchema(text, reference, read.why)]
    ),
  };
}

type Read = { readonly ok: true; readonly schema: unknown } | { readonly ok: false; readonly why: string };

async function readSchema(reference: SchemaReference, path: string): Promise<Read> {
  try {
    const text = /^https?:\/\//.test(reference.source)
      ? await fetchText(reference.source)
      : await readBeside(reference, path);
    if (text.length > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    // JSON is YAML too.
    const schema: unknown = parse(text);
    if (!isMapping(schema)) throw new Error("it is not a JSON Schema");
    return { ok: true, schema };
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
    return { ok: false, why: why.replace(/:$/, "") };
  }
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
      throw error;
    }
  }
  throw new Error(`there is no such file (looked for ${[...new Set(places)].join(", ")})`);
}

async function fetchText(address: string): Promise<string> {
  const response = await fetch(address, { signal: AbortSignal.timeout(FETCH_LIMIT_MS) });
  if (response.ok) return await response.text();
  await response.body?.cancel();
  throw new Error(`the server answered ${response.status}`);
}
