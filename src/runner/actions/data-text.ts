/** What `data.convert` and `data.pick` make of what they are given: a text for a text or a value, nothing else. */
import { parse as parseYaml, stringify as yamlText } from "yaml";
import type { Format } from "../../workflow/actions/data.ts";
import type { With } from "../../workflow/actions/names.ts";
import { isMapping } from "../../workflow/json.ts";
import { selectPath } from "../../workflow/select.ts";
import type { Source } from "./data-source.ts";
import { readTable, type TableRules, tableText } from "./data-table.ts";
import { ActionError } from "./deed.ts";
import { exactJson, exactText, parseExact } from "./exact-json.ts";
import { own } from "../../workflow/own.ts";

export type DataTask =
  | { readonly name: "data.convert"; readonly source: Source; readonly given: With<"data.convert"> }
  | { readonly name: "data.pick"; readonly source: Source; readonly given: With<"data.pick"> };

export function dataText(task: DataTask): string {
  const value = readValue(task.source, task.given);
  return task.name === "data.convert" ? format(value, task.given.to, task.given) : picked(value, task.given);
}

function picked(all: unknown, given: With<"data.pick">): string {
  const value = selectPath(all, given.select);
  if (value === undefined) {
    throw new ActionError(`there is nothing at ${given.select}`, "write a path as .items[0].name");
  }
  if (given.to !== undefined) return format(value, given.to, given);
  return given.raw && typeof value === "string" ? value : jsonText(value);
}

// ---- reading ----------------------------------------------------------------------------------------------

type Given = With<"data.convert"> | With<"data.pick">;

function readValue(source: Source, given: Given): unknown {
  const value = source.kind === "value" ? source.value : parse(source.text, given.from, given);
  return given.columns === undefined ? value : chooseColumns(value, given.columns);
}

function parse(text: string, from: Format, rules: TableRules): unknown {
  switch (from) {
    case "json":
      return orExplain("JSON", () => parseExact(text));
    case "yaml":
      return orExplain("YAML", () => unbent(parseYaml(text, { intAsBigInt: true })));
    case "csv":
    case "tsv":
      return orExplain(from.toUpperCase(), () => readTable(text, from, rules));
    case "text":
      return text;
    default:
      return from satisfies never;
  }
}

/** Only what a number cannot hold stays a bigint. */
function unbent(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (Array.isArray(value)) return value.map(unbent);
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unbent(item)]));
}

function orExplain<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    // YAML's reader shows the place in further lines.
    const [why = ""] = (error instanceof Error ? error.message : String(error)).trim().split("\n");
    throw new ActionError(`the data is not ${name}: ${why.replace(/:$/, "")}`, "correct the data, or from");
  }
}

/** Of rows with names; other values have no columns. */
function chooseColumns(value: unknown, columns: readonly string[]): unknown {
  if (!Array.isArray(value) || !value.every(isMapping)) return value;
  return value.map((row) => Object.fromEntries(columns.map((column) => [column, own(row, column) ?? null])));
}

// ---- writing ----------------------------------------------------------------------------------------------

function format(value: unknown, to: Format, rules: TableRules): string {
  switch (to) {
    case "json":
      return jsonText(value);
    case "yaml":
      return yamlText(value, { lineWidth: 0 });
    case "csv":
    case "tsv":
      return tableText(value, to, rules);
    case "text":
      return Array.isArray(value) ? value.map((item) => `${exactText(item)}\n`).join("") : exactText(value);
    default:
      return to satisfies never;
  }
}

function jsonText(value: unknown): string {
  return exactJson(value, 2);
}
