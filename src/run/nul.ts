/**
 * The system ends every word and variable at a NUL, so that no process can be given one: what a step captured may hold some.
 * null: none has.
 */
export function nulIn(argv: readonly string[], env: Readonly<Record<string, string>>): string | null {
  if (argv.some((word) => word.includes("\0"))) return "its command line holds a NUL character";
  const name = Object.keys(env).find((one) => env[one]?.includes("\0"));
  return name === undefined ? null : `the variable ${name} holds a NUL character`;
}

export const NUL_REMEDY = "take it out, as with tr -d '\\0'";
