/** CSV and TSV: rows with names where a header gives them, lists of cells where none does. */
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { isMapping } from "../../workflow/json.ts";
import { ActionError } from "./deed.ts";
import { exactText } from "./exact-json.ts";
import { own } from "../../workflow/own.ts";

export interface TableRules {
  /** Of what is read and of what is written. */
  readonly has_header: boolean;
  /** Names in place of those of the header, or where there is none. */
  readonly headers?: readonly string[] | undefined;
  /** Of CSV; TSV has its tab. */
  readonly delimiter?: string | undefined;
}

type Kind = "csv" | "tsv";

/** @throws Error of the library, which names the line. */
export function readTable(text: string, kind: Kind, rules: TableRules): unknown {
  const { has_header, headers } = rules;
  const columns = headers ?? has_header;
  return parse(text, {
    bom: true,
    delimiter: delimiterOf(kind, rules),
    columns: typeof columns === "boolean" ? columns : [...columns],
    from: has_header && headers !== undefined ? 2 : 1,
    skip_empty_lines: true,
    // TSV as most programs write it has quotes as plain letters.
    relax_quotes: kind === "tsv",
    relax_column_count: columns === false,
  });
}

export function tableText(value: unknown, kind: Kind, rules: TableRules): string {
  if (!Array.isArray(value)) {
    throw new ActionError(`${kind} needs a list of rows`, "select a list of mappings or of lists");
  }
  const names = value.every(isMapping) ? namesOf(value) : null;
  const header = rules.has_header ? (names ?? rules.headers) : undefined;
  const rows = value.map((row) => cellsOf(row, names));
  return stringify(header === undefined ? rows : [[...header], ...rows], {
    delimiter: delimiterOf(kind, rules),
  });
}

function delimiterOf(kind: Kind, rules: TableRules): string {
  return kind === "tsv" ? "\t" : rules.delimiter ?? ",";
}

/** In the order in which rows bring them. */
function namesOf(rows: readonly Record<string, unknown>[]): string[] {
  return [...new Set(rows.flatMap(Object.keys))];
}

function cellsOf(row: unknown, names: readonly string[] | null): string[] {
  if (names !== null && isMapping(row)) return names.map((name) => cellText(own(row, name)));
  return Array.isArray(row) ? row.map(cellText) : [cellText(row)];
}

function cellText(value: unknown): string {
  return value === null || value === undefined ? "" : exactText(value);
}
