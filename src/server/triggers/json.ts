import { isMapping } from "../../workflow/json.ts";

/**
 * The value of a JSON text; undefined when it is none. No text of the database can hold NUL: with `refuse` a text that has
 * one is no JSON to us, with `replace` it becomes U+FFFD (what runners tell must never be turned away for a byte). Half a
 * surrogate pair, which jsonb refuses as well, becomes U+FFFD either way: emoji cut in two are common in forge payloads.
 * `read`: how integers that a number cannot hold are read.
 */
export function parseJson(
  bytes: Uint8Array,
  nul: "refuse" | "replace" = "refuse",
  read: (text: string) => unknown = JSON.parse,
): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const value = read(text);
    return UNSTORABLE.test(text) ? storable(value, nul) : value;
  } catch {
    return undefined;
  }
}

/** What is told of a body that `parseJson` does not take. */
export const NOT_JSON = "the body is not JSON, or a text in it holds a NUL character";

/** Only escapes can write them: a raw NUL is no JSON, and half a pair is no UTF-8. */
const UNSTORABLE = /\\u(?:0000|d[89a-f])/i;

function storable(value: unknown, nul: "refuse" | "replace"): unknown {
  if (typeof value === "string") {
    if (nul === "refuse" && value.includes("\0")) throw new Error("the text holds NUL");
    return value.replaceAll("\0", "\uFFFD").toWellFormed();
  }
  if (Array.isArray(value)) return value.map((item) => storable(item, nul));
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [storable(key, nul), storable(item, nul)]),
  );
}
