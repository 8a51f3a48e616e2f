/**
 * Where the parameters of an SQL text are, and how many statements it has; texts, names and comments are
 * passed over.
 */
import { ActionError } from "./deed.ts";

export type Dialect = "postgres" | "sqlite";
export type Params = readonly unknown[] | Readonly<Record<string, unknown>> | undefined;

const PASSED: Readonly<Record<Dialect, string>> = {
  postgres: String
    .raw`--.*|/\*[^]*?\*/|\b[eE]'(?:[^'\\]|\\[^]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[^]*?\$\1\$|::`,
  sqlite: String.raw`--.*|/\*[^]*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\x60[^\x60]*\x60|\[[^\]]*\]|()::`,
};
const NAMED: Readonly<Record<Dialect, string>> = {
  postgres: String.raw`(?<!\w):(?<name>[A-Za-z_]\w*)`,
  sqlite: String.raw`(?<!\w)[:@$](?<name>[A-Za-z_]\w*)`,
};
const NUMBERED: Readonly<Record<Dialect, string>> = {
  postgres: String.raw`\$(?<number>\d+)`,
  sqlite: String.raw`\?(?<number>\d*)`,
};

function tokens(text: string, dialect: Dialect): RegExpStringIterator<RegExpExecArray> {
  return text.matchAll(
    new RegExp(`${PASSED[dialect]}|${NAMED[dialect]}|${NUMBERED[dialect]}|(?<end>;)`, "g"),
  );
}

/** Of statements that do something; a `;` within a body of SQL counts too. */
export function countStatements(text: string): number {
  let bare = "";
  let done = 0;
  for (const match of tokens(text, "postgres")) {
    const isComment = /^(--|\/\*)/.test(match[0]);
    bare += text.slice(done, match.index) + (isComment ? " " : match.groups?.["end"] ?? "x");
    done = match.index + match[0].length;
  }
  return (bare + text.slice(done)).split(";").filter((part) => part.trim() !== "").length;
}

/** `:name` of a mapping becomes `$1`, which is all that Postgres knows; a list is taken as it is. */
export function numberParams(text: string, params: Params): { text: string; values: readonly unknown[] } {
  if (params === undefined) return { text, values: [] };
  if (isList(params)) return { text, values: params };
  const names: string[] = [];
  let numbered = "";
  let done = 0;
  for (const match of tokens(text, "postgres")) {
    const name = match.groups?.["name"];
    if (name === undefined) continue;
    if (!names.includes(name)) names.push(name);
    numbered += `${text.slice(done, match.index)}$${names.indexOf(name) + 1}`;
    done = match.index + match[0].length;
  }
  checkNames(names, params);
  return { text: numbered + text.slice(done), values: names.map((name) => params[name]) };
}

/** SQLite takes what is missing for null and would not say so. */
export function checkParams(text: string, params: Params): void {
  const found = [...tokens(text, "sqlite")];
  const names = found.flatMap(({ groups }) => groups?.["name"] ?? []);
  if (params !== undefined && !isList(params)) return checkNames(names, params);
  const marks = found.flatMap(({ groups }) => groups?.["number"] ?? []);
  const wanted = marks.reduce((last, number) => number === "" ? last + 1 : Math.max(last, Number(number)), 0);
  const given = params?.length ?? 0;
  if (names.length > 0) throw new ActionError(`query names :${names[0]}`, "give params as a mapping");
  if (wanted === given) return;
  throw new ActionError(`query has ${wanted} places for params, ${given} are given`, "write one ? for each");
}

function checkNames(names: readonly string[], params: Readonly<Record<string, unknown>>): void {
  const missing = names.find((name) => !Object.hasOwn(params, name));
  if (missing !== undefined) {
    throw new ActionError(`query names :${missing}, params does not`, `add ${missing} to params`);
  }
  const unused = Object.keys(params).find((name) => !names.includes(name));
  if (unused !== undefined) {
    throw new ActionError(
      `params names ${unused}, query does not`,
      `write :${unused} in query, or remove it`,
    );
  }
}

export function isList(params: Exclude<Params, undefined>): params is readonly unknown[] {
  return Array.isArray(params);
}

/** `schema.table`, each part quoted: the name is meant exactly as it is written. */
export function quoteName(name: string): string {
  return name.split(".").map((part) => `"${part.replaceAll('"', '""')}"`).join(".");
}
