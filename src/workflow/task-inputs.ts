import { exactInteger, isMapping } from "./json.ts";

/** What a person has written, as texts, in the types of the form (C-14). */
export function typedInputs(
  form: Readonly<Record<string, unknown>> | null,
  words: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const properties = form?.["properties"];
  return Object.fromEntries(
    Object.entries(words).map(([name, word]) => {
      const property = isMapping(properties) ? properties[name] : undefined;
      return [name, convert(isMapping(property) ? property["type"] : "string", word)];
    }),
  );
}

function convert(type: unknown, word: string): unknown {
  if (type === "boolean" && /^(true|false)$/i.test(word)) return word.toLowerCase() === "true";
  if (type === "integer" && /^[+-]?\d+$/.test(word)) return exactInteger(word);
  if ((type === "integer" || type === "number") && word.trim() !== "" && Number.isFinite(Number(word))) {
    return Number(word);
  }
  return word;
}
