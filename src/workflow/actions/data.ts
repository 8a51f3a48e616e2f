/** `data.*` and `jq.filter`: values turned, picked and filtered (workflow-language contract 6.5). */
import * as v from "valibot";
import { complain, fields, oneOf, string, texts } from "../schema/fields.ts";
import { anything, bool, defineAction, filled } from "./definition.ts";

const source = { data: v.optional(anything), input: v.optional(filled) };

interface Sources {
  data?: unknown;
  input?: string | undefined;
}

/** For `v.check`; two of them, so that each has its own words. */
const isOneGiven = <T extends Sources>({ data, input }: T): boolean =>
  data !== undefined || input !== undefined;
const isOneOnly = <T extends Sources>({ data, input }: T): boolean =>
  data === undefined || input === undefined;

const NONE_GIVEN = complain(
  "either data or input is required",
  "give the value as data, or name a file as input",
);
const BOTH_GIVEN = complain("data and input are mutually exclusive", "keep one of them");

export const FORMATS = ["json", "yaml", "csv", "tsv", "text"] as const;
export type Format = (typeof FORMATS)[number];

/** `\t` as people write it where the file's quotes do not turn it into a tab. */
const delimiter = v.pipe(
  string,
  v.transform((value) => value === "\\t" ? "\t" : value),
  v.check((value) => [...value].length === 1, complain("delimiter must be a single character")),
  v.check((value) => !/["\r\n]/.test(value), complain("delimiter must not be a quote or a line break")),
);

const tables = {
  has_header: v.optional(bool, true),
  headers: v.optional(texts),
  delimiter: v.optional(delimiter),
  columns: v.optional(texts),
};

export const dataConvert = defineAction(v.pipe(
  fields({ from: oneOf(FORMATS, true), to: oneOf(FORMATS, true), ...source, ...tables }, {
    of: "with of data.convert",
  }),
  v.check(isOneGiven, NONE_GIVEN),
  v.check(isOneOnly, BOTH_GIVEN),
));

export const dataPick = defineAction(v.pipe(
  fields({
    from: oneOf(FORMATS, true),
    select: filled,
    raw: v.optional(bool, false),
    to: v.optional(oneOf(FORMATS, true)),
    ...source,
    ...tables,
  }, { of: "with of data.pick" }),
  v.check(isOneGiven, NONE_GIVEN),
  v.check(isOneOnly, BOTH_GIVEN),
  v.check(({ raw, to }) => !raw || to === undefined, complain("raw and to exclude each other", "keep one")),
));

export const jqFilter = defineAction(v.pipe(
  fields({ filter: filled, raw: v.optional(bool, false), ...source }, { of: "with of jq.filter" }),
  v.check(isOneGiven, NONE_GIVEN),
  v.check(isOneOnly, BOTH_GIVEN),
));
