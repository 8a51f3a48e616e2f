/** The rows of a CSV, TSV or JSONL file, for an import. */
import { createReadStream } from "node:fs";
import { extname } from "node:path";
import { pipeline } from "node:stream";
import { parse } from "csv-parse";
import type { SqlImport } from "../../workflow/actions/sql.ts";
import { isMapping } from "../../workflow/json.ts";
import { ActionError } from "./deed.ts";
import { joinDir, stepDir } from "./host.ts";
import { readLines } from "./lines.ts";
import type { Work } from "./work.ts";
import { own } from "../../workflow/own.ts";

export interface RowSource {
  /** null: nobody has named them. */
  readonly columns: readonly string[] | null;
  readonly rows: AsyncIterable<readonly unknown[]>;
}

type Rows = AsyncGenerator<readonly unknown[]>;

export async function openRows(given: SqlImport, work: Work): Promise<RowSource> {
  const path = joinDir(stepDir(work), given.input_file);
  const info = await Deno.stat(path).catch(() => null);
  if (info?.isFile !== true) throw new ActionError(`input_file ${path} is not a file`, "correct input_file");
  const format = given.format ?? formatOf(path);
  const source = format === "jsonl" ? await openObjects(path, given) : await openCells(path, format, given);
  return { columns: source.columns, rows: window(source.rows, given) };
}

function formatOf(path: string): "csv" | "tsv" | "jsonl" {
  switch (extname(path).toLowerCase()) {
    case ".csv":
      return "csv";
    case ".tsv":
    case ".tab":
      return "tsv";
    case ".jsonl":
    case ".ndjson":
      return "jsonl";
    default:
      throw new ActionError(
        `the name of ${path} does not tell its format`,
        "give format: csv, tsv or jsonl",
      );
  }
}

async function* window(rows: Rows, { skip_rows: skip, max_rows: max }: SqlImport): Rows {
  let seen = 0;
  for await (const row of rows) {
    seen += 1;
    if (seen <= skip) continue;
    yield row;
    if (max > 0 && seen - skip >= max) return;
  }
}

// ---- CSV and TSV
// ------------------------------------------------------------------------------------------------

async function openCells(
  path: string,
  format: "csv" | "tsv",
  given: SqlImport,
): Promise<RowSource & { rows: Rows }> {
  const records = readCells(path, given.delimiter ?? (format === "tsv" ? "\t" : ","), format === "tsv");
  const header = given.has_header ? await records.next() : null;
  const named = header === null || header.done === true ? null : header.value.map((name) => name.trim());
  const columns = given.columns ?? named;
  if (named !== null && columns !== null && named.length !== columns.length) {
    await records.return(undefined);
    throw new ActionError(
      `columns names ${columns.length}, the header of ${path} ${named.length}`,
      "name one for each column of the file",
    );
  }
  const nulls = new Set(given.null_values);
  return { columns, rows: withNulls(records, nulls) };
}

async function* readCells(path: string, delimiter: string, isPlain: boolean): AsyncGenerator<string[], void> {
  const parser = parse({
    bom: true,
    delimiter,
    skip_empty_lines: true,
    // TSV as most programs write it has quotes as plain letters.
    quote: isPlain ? null : '"',
  });
  // Carries a mistake of either to the other, and closes both.
  pipeline(createReadStream(path), parser, () => {});
  for await (const record of parser) yield record as string[];
}

async function* withNulls(records: AsyncIterable<string[]>, nulls: ReadonlySet<string>): Rows {
  for await (const record of records) yield record.map((cell) => nulls.has(cell) ? null : cell);
}

// ---- JSONL
// ------------------------------------------------------------------------------------------------------

async function openObjects(path: string, given: SqlImport): Promise<RowSource & { rows: Rows }> {
  const columns = given.columns ?? await keysOf(path);
  return { columns, rows: pick(readObjects(path), columns) };
}

/** A row may lack what another one has, so that all of them are looked at first. */
async function keysOf(path: string): Promise<readonly string[]> {
  const keys = new Set<string>();
  for await (const object of readObjects(path)) {
    for (const key of Object.keys(object)) keys.add(key);
  }
  return [...keys];
}

async function* readObjects(path: string): AsyncGenerator<Readonly<Record<string, unknown>>, void> {
  using file = await Deno.open(path);
  let number = 0;
  for await (const line of readLines(file.readable.values({ preventCancel: true }))) {
    number += 1;
    if (line.trim() === "") continue;
    yield readObject(line, number);
  }
}

function readObject(line: string, number: number): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (isMapping(value)) return value;
  } catch {
    // Told below, as for JSON of another kind.
  }
  throw new ActionError(`line ${number} is not a JSON object`, "write one object on each line");
}

async function* pick(
  objects: AsyncIterable<Readonly<Record<string, unknown>>>,
  columns: readonly string[],
): Rows {
  for await (const object of objects) yield columns.map((name) => own(object, name) ?? null);
}
