/** The numbers that a task is told on its command line; anything else is answered with how it is called. */
import { parseArgs } from "node:util";

export function readNumbers<Name extends string>(
  usage: string,
  names: readonly Name[],
): (name: Name) => number | null {
  const leave = (reason: string): never => {
    console.error(`${reason}\nUsage: ${usage}`);
    Deno.exit(64);
  };
  const read = (): Record<string, string | boolean | undefined> => {
    try {
      const options = Object.fromEntries(names.map((name) => [name, { type: "string" }] as const));
      return parseArgs({ args: Deno.args, options }).values;
    } catch (error) {
      return leave(error instanceof Error ? error.message : String(error));
    }
  };
  const values = read();
  return (name) => {
    const text = values[name];
    if (text === undefined) return null;
    const value = Number(text);
    return Number.isSafeInteger(value) && value >= 1
      ? value
      : leave(`--${name} is to be a whole number from 1 on`);
  };
}
