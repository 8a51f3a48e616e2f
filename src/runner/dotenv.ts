/** Reads a run's dotenv files (workflow-language contract 3.4). */
import { DEFAULT_DOTENV, parseDotenv } from "../workflow/dotenv.ts";
import { joinDir } from "./actions/host.ts";

/** More than a person writes into such a file. */
const MAX_BYTES = 1_048_576;

export interface LoadedDotenv {
  /** Later files win. */
  readonly values: Readonly<Record<string, string>>;
  /** What was wrong with files that could not be used. */
  readonly warnings: readonly string[];
}

/**
 * The variables of those of the files that exist. A missing file is nothing; an unreadable or malformed one
 * is left out and told (P-31). `folders`: absolute, where a relative path is looked up, the first that has it
 * counts. `env`: what `${K}` can see besides the same file.
 */
export async function loadDotenv(
  paths: readonly string[],
  folders: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<LoadedDotenv> {
  const values: Record<string, string> = {};
  const warnings: string[] = [];
  for (const path of paths) {
    const read = await readFirst(path, folders);
    if (read === null) continue;
    const parsed = read.ok ? parseDotenv(read.text, { ...env, ...values }) : read;
    if (parsed.ok) Object.assign(values, parsed.values);
    else warnings.push(`dotenv file ${path} is not used: ${parsed.message}`);
  }
  return { values, warnings };
}

type Read = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

/** null: it is nowhere. */
async function readFirst(path: string, folders: readonly string[]): Promise<Read | null> {
  for (const folder of folders) {
    const place = joinDir(folder, path);
    try {
      const { size, isFile } = await Deno.stat(place);
      // A folder of the usual name is somebody else's, such as a virtual environment.
      if (!isFile && path === DEFAULT_DOTENV) continue;
      if (!isFile) return { ok: false, message: "it is not a file" };
      if (size > MAX_BYTES) return { ok: false, message: `it is larger than ${MAX_BYTES} bytes` };
      return { ok: true, text: new TextDecoder("utf-8", { fatal: true }).decode(await Deno.readFile(place)) };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) continue;
      return { ok: false, message: error instanceof TypeError ? "it is not UTF-8 text" : describe(error) };
    }
  }
  return null;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
