/** `data.convert` and `data.pick`: values from one notation into another, and one value out of them. */
import { parse as parseYaml, stringify as yamlText } from "yaml";
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import type { Format } from "../../workflow/actions/data.ts";
import { isMapping } from "../../workflow/json.ts";
import { insertionText, selectPath } from "../../workflow/select.ts";
import { openSource } from "./data-source.ts";
import { readTable, type TableRules, tableText } from "./data-table.ts";
import { ActionError, print } from "./deed.ts";
import type { Work } from "./work.ts";

export async function dataConvert(given: With<"data.convert">, work: Work): Promise<Outcome> {
  const value = await readValue(given, work);
  return await tell(format(value, given.to, given), work);
}

export async function dataPick(given: With<"data.pick">, work: Work): Promise<Outcome> {
  const value = selectPath(await readValue(given, work), given.select);
  if (value === undefined) {
    throw new ActionError(`there is nothing at ${given.select}`, "write a path as .items[0].name");
  }
  if (given.to !== undefined) return await tell(format(value, given.to, given), work);
  return await tell(given.raw && typeof value === "string" ? value : jsonText(value), work);
}

/** A text keeps the line break that it ends with. */
async function tell(text: string, work: Work): Promise<Outcome> {
  await print(work, text === "" || text.endsWith("\n") ? text : `${text}\n`);
  return succeeded(null);
}

// ---- reading ----------------------------------------------------------------------------------------------

type Given = With<"data.convert"> | With<"data.pick">;

async function readValue(given: Given, work: Work): Promise<unknown> {
  const source = await openSource(given, work);
  const value = source.kind === "value" ? source.value : parse(source.text, given.from, given);
  return given.columns === undefined ? value : chooseColumns(value, given.columns);
}

function parse(text: string, from: Format, rules: TableRules): unknown {
  switch (from) {
    case "json":
      return orExplain("JSON", () => JSON.parse(text));
    case "yaml":
      return orExplain("YAML", () => parseYaml(text));
    case "csv":
    case "tsv":
      return orExplain(from.toUpperCase(), () => readTable(text, from, rules));
    case "text":
      return text;
    default:
      return from satisfies never;
  }
}

function orExplain<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const why = error instanceof Error ? error.message.trim() : String(error);
    throw new ActionError(`the data is not ${name}: ${why}`, "correct the data, or from");
  }
}

/** Of rows with names; other values have no columns. */
function chooseColumns(value: unknown, columns: readonly string[]): unknown {
  if (!Array.isArray(value) || !value.every(isMapping)) return value;
  return value.map((row) => Object.fromEntries(columns.map((column) => [column, row[column] ?? null])));
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
      return Array.isArray(value)
        ? value.map((item) => `${insertionText(item)}\n`).join("")
        : insertionText(value);
    default:
      return to satisfies never;
  }
}

function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
