/** The first of these variables that says something: unit and compose files write an empty one for what is not set. */
export function settingOf(env: Readonly<Record<string, string>>, ...names: readonly string[]): string | null {
  for (const name of names) {
    const text = env[name]?.trim() ?? "";
    if (text !== "") return text;
  }
  return null;
}
