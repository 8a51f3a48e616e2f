/**
 * What `postgres.*` and `sqlite.*` share: how rows read on stdout or in a file, and how rows of a file are
 * put in.
 */
import { stringify } from "csv-stringify/sync";
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { SqlImport, SqlQuery } from "../../workflow/actions/sql.ts";
import { ActionError, printResult } from "./deed.ts";
import { writeStream } from "./file-stream.ts";
import { joinDir, stepDir } from "./host.ts";
import { openRows } from "./sql-source.ts";
import type { Work } from "./work.ts";

/** What a query brings, piece by piece. At least one piece comes, so that its columns are known. */
export interface RowBatch {
  /** None: the statement gives no rows. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

export interface Answer {
  readonly batches: AsyncIterable<RowBatch>;
  /** Rows that it changed; known after the last batch. */
  affected(): number;
}

/** Prints the rows, or writes them to `output_file` and prints where they are. */
export async function tellRows(answer: Answer, given: SqlQuery, work: Work): Promise<Outcome> {
  const counter = { rows: 0 };
  const bytes = encode(answer.batches, given, counter);
  if (given.output_file === "") {
    for await (const chunk of bytes) await work.sink.write("stdout", chunk);
  } else {
    const path = joinDir(stepDir(work), given.output_file);
    await writeStream(path, bytes, work);
    await printResult(work, { operation: "query", output_file: path, row_count: counter.rows });
  }
  const outputs = { row_count: String(counter.rows), rows_affected: String(answer.affected()) };
  return { ...succeeded(null), outputs };
}

async function* encode(
  batches: AsyncIterable<RowBatch>,
  given: SqlQuery,
  counter: { rows: number },
): AsyncIterable<Uint8Array> {
  const encoder = new TextEncoder();
  let isFirst = true;
  for await (const { columns, rows } of batches) {
    if (columns.length === 0) continue;
    const left = given.max_rows === 0 ? rows.length : given.max_rows - counter.rows;
    const wanted = rows.slice(0, left);
    const text = openingOf(given, columns, isFirst) + rowsText(wanted, columns, given, counter.rows);
    isFirst = false;
    counter.rows += wanted.length;
    if (text !== "") yield encoder.encode(text);
    if (given.max_rows > 0 && counter.rows >= given.max_rows) break;
  }
  if (given.output_format === "json" && !isFirst) yield encoder.encode(counter.rows === 0 ? "]\n" : "\n]\n");
}

function openingOf(given: SqlQuery, columns: readonly string[], isFirst: boolean): string {
  if (!isFirst) return "";
  if (given.output_format === "json") return "[";
  return given.output_format === "csv" && given.headers ? stringify([[...columns]]) : "";
}

function rowsText(
  rows: readonly (readonly unknown[])[],
  columns: readonly string[],
  given: SqlQuery,
  before: number,
): string {
  if (given.output_format === "csv") {
    return stringify(rows.map((row) => row.map((cell) => cellText(cell, given.null_string))));
  }
  const texts = rows.map((row) =>
    JSON.stringify(Object.fromEntries(columns.map((name, i) => [name, row[i]])))
  );
  if (given.output_format === "jsonl") return texts.map((text) => `${text}\n`).join("");
  return texts.map((text, i) => `${before + i === 0 ? "" : ","}\n  ${text}`).join("");
}

function cellText(cell: unknown, nullText: string): string {
  if (cell === null || cell === undefined) return nullText;
  return typeof cell === "object" ? JSON.stringify(cell) : String(cell);
}

// ---- import
// -----------------------------------------------------------------------------------------------------

/** A table within a transaction. */
export interface ImportTarget {
  /**
   * Puts the rows in; tells how many there are in the table now. `columns` null: all of the table, in its
   * order.
   */
  put(columns: readonly string[] | null, rows: readonly (readonly unknown[])[]): Promise<number>;
  /** Everything or, on a dry run, nothing stays. */
  finish(isKept: boolean): Promise<void>;
}

export async function runImport(given: SqlImport, target: ImportTarget, work: Work): Promise<Outcome> {
  const source = await openRows(given, work);
  const counts = { rows_read: 0, rows_imported: 0, rows_skipped: 0, batches: 0 };
  const flush = async (batch: readonly (readonly unknown[])[]): Promise<void> => {
    if (batch.length === 0) return;
    if (work.signal.aborted) throw new ActionError("stopped");
    counts.rows_imported += await target.put(source.columns, batch);
    counts.batches += 1;
  };
  let batch: (readonly unknown[])[] = [];
  for await (const row of source.rows) {
    counts.rows_read += 1;
    batch.push(row);
    if (batch.length < given.batch_size) continue;
    await flush(batch);
    batch = [];
  }
  await flush(batch);
  await target.finish(!given.dry_run);
  counts.rows_skipped = counts.rows_read - counts.rows_imported;
  return await printResult(work, {
    operation: "import",
    table: given.table,
    ...counts,
    dry_run: given.dry_run,
  });
}

// ---- values
// -----------------------------------------------------------------------------------------------------

/** Numbers of 64 bits that JavaScript cannot hold stay texts. */
export function wholeNumberOf(digits: string | bigint): number | string {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : String(digits);
}
