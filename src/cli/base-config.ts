/** The service's base configuration: `DAGU_BASE_CONFIG`, else `base.yaml` in the home when it is there (1.8). */
import { join } from "node:path";
import type { Base } from "../workflow/base.ts";
import { errorLines } from "../workflow/problem.ts";
import { UserError } from "./command.ts";
import { locateHome } from "./home.ts";

/** null: there is none. Throws `UserError` with every mistake in it. */
export async function readBaseConfig(env: Readonly<Record<string, string>>): Promise<Base | null> {
  const chosen = env["DAGU_BASE_CONFIG"]?.trim() ?? "";
  const path = chosen === "" ? join(locateHome(env).dir, "base.yaml") : chosen;
  const text = await readBaseText(path, chosen === "" ? "" : " (DAGU_BASE_CONFIG)");
  if (text === null && chosen !== "") {
    throw new UserError(`there is no base configuration ${path}; correct or unset DAGU_BASE_CONFIG`);
  }
  return text === null ? null : await checkBase(text, path);
}

/** The file that a command names. */
export async function readBaseFile(path: string): Promise<Base> {
  const text = await readBaseText(path, "");
  if (text === null) throw new UserError(`there is no base configuration ${path}`);
  return await checkBase(text, path);
}

async function readBaseText(path: string, whose: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`cannot read the base configuration ${path}${whose}: ${reason}`);
  }
}

/** The parser is loaded only when there is something to parse: most homes have no base. */
async function checkBase(text: string, path: string): Promise<Base> {
  const { parseBase } = await import("../workflow/parse.ts");
  const { base, problems } = parseBase(text);
  if (base !== null) return base;
  const told = errorLines(problems, path).map((line) => `- ${line}`).join("\n");
  throw new UserError(`the base configuration has mistakes\n${told}`);
}
