/** Text that stands for a boolean where one is wanted: policies of pulls, `auto_remove` (containers contract 2.4, 5.1). */
const TRUE_WORDS: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE_WORDS: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** null: it stands for none. */
export function readBoolean(text: string): boolean | null {
  if (TRUE_WORDS.has(text)) return true;
  return FALSE_WORDS.has(text) ? false : null;
}
