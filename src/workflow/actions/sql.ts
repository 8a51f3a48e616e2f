/** `postgres.*` and `sqlite.*` (workflow-language contract 6.5). */
import * as v from "valibot";
import { complain, fields, kindOf, oneOf, string, text, texts } from "../schema/fields.ts";
import { isMapping } from "../json.ts";
import { bool, defineAction, filled, seconds, wholeNumber } from "./definition.ts";

const off = v.optional(bool, false);
/** 0: no limit. */
const count = v.optional(wholeNumber(0), 0);

const query = {
  dsn: filled,
  query: filled,
  /** A list for the query's places, a mapping for its names. */
  params: v.optional(v.custom<readonly unknown[] | Readonly<Record<string, unknown>>>(
    (value) => Array.isArray(value) || isMapping(value),
    (issue) => complain(`must be a list or a mapping, got ${kindOf(issue.input)}`),
  )),
  timeout: v.optional(seconds, 60),
  transaction: off,
  isolation_level: v.optional(
    oneOf(["default", "read_uncommitted", "read_committed", "repeatable_read", "serializable"], true),
    "default",
  ),
  output_format: v.optional(oneOf(["jsonl", "json", "csv"], true), "jsonl"),
  headers: off,
  null_string: v.optional(text, ""),
  max_rows: count,
  /** Rows always flow; the key is taken for those who ask for it. */
  streaming: off,
  output_file: v.optional(text, ""),
};

const DELIMITER = complain(
  "delimiter must be a single character",
  'write one character, such as ";" or "\\t"',
);

const source = fields({
  input_file: filled,
  table: filled,
  /** Left out: the ending of the file's name tells it. */
  format: v.optional(oneOf(["csv", "tsv", "jsonl"], true)),
  has_header: v.optional(bool, true),
  delimiter: v.optional(v.pipe(
    string,
    v.transform((value) => value === "\\t" ? "\t" : value),
    v.check((value) => [...value].length === 1, DELIMITER),
  )),
  columns: v.optional(v.pipe(texts, v.minLength(1, complain("must name a column")))),
  null_values: v.optional(texts, [""]),
  batch_size: v.optional(wholeNumber(1, 100_000), 1_000),
  on_conflict: v.optional(oneOf(["error", "ignore", "replace"], true), "error"),
  skip_rows: count,
  max_rows: count,
  dry_run: off,
}, { of: "import" });

const load = { dsn: filled, import: source, timeout: v.optional(seconds, 0) };

export type SqlQuery = v.InferOutput<ReturnType<typeof queryOf>>;
export type SqlImport = v.InferOutput<typeof source>;

const queryOf = (action: string) => fields(query, { of: `with of ${action}` });
const loadOf = (action: string) => fields(load, { of: `with of ${action}` });

export const postgresQuery = defineAction(queryOf("postgres.query"));
export const postgresImport = defineAction(loadOf("postgres.import"));
export const sqliteQuery = defineAction(queryOf("sqlite.query"));
export const sqliteImport = defineAction(loadOf("sqlite.import"));
