/** The items that a text stands for (S-103): a JSON array, one JSON object, or words between separators. */
import { isMapping, parseExactJson } from "../workflow/json.ts";

const SEPARATOR = /[\n\r,;|\t ]/;

export function splitItems(text: string): unknown[] {
  const trimmed = text.trim();
  const value = /^[[{]/.test(trimmed) ? parseExactJson(trimmed) : undefined;
  if (Array.isArray(value)) return value;
  if (isMapping(value)) return [value];
  const items: string[] = [];
  let item = "";
  let isQuoted = false;
  for (const char of trimmed) {
    if (char === '"') isQuoted = !isQuoted;
    else if (!isQuoted && SEPARATOR.test(char)) {
      items.push(item);
      item = "";
    } else item += char;
  }
  items.push(item);
  return items.filter((one) => one !== "");
}
