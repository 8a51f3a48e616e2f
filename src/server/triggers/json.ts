/**
 * The value of a JSON text; undefined when it is none. No text of the database can hold NUL: with `refuse` a text that has
 * one is no JSON to us, with `replace` it becomes U+FFFD (what runners tell must never be turned away for a byte).
 */
export function parseJson(bytes: Uint8Array, nul: "refuse" | "replace" = "refuse"): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!/\\u0000/.test(text)) return JSON.parse(text);
    return nul === "refuse" ? undefined : JSON.parse(text.replace(/\\u0000/g, "\\ufffd"));
  } catch {
    return undefined;
  }
}
