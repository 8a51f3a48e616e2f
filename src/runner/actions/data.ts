/** `data.convert` and `data.pick`: values from one notation into another, and one value out of them. */
import { parse as parseYaml, stringify as yamlText } from "yaml";
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import type { Format } from "../../workflow/actions/data.ts";
import { isMapping } from "../../workflow/json.ts";
import { selectPath } from "../../workflow/select.ts";
import { openSource } from "./data-source.ts";
import { readTable, type TableRules, tableText } from "./data-table.ts";
import { ActionError, print } from "./deed.ts";
import { exactJson, exactText, parseExact } from "./exact-json.ts";
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
      return Array.isArray(value) ? value.map((item) => `${exactText(item)}\n`).join("") : exactText(value);
    default:
      return to satisfies never;
  }
}

function jsonText(value: unknown): string {
  return exactJson(value, 2);
}
