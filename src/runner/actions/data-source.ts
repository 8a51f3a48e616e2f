/** What `jq.filter`, `data.convert` and `data.pick` are given: `data`, or the content of the file `input`. */
import { ActionError } from "./deed.ts";
import { joinDir, stepDir } from "./host.ts";
import { notPlain } from "./plain-file.ts";
import type { Work } from "./work.ts";

export type Source =
  | { readonly kind: "text"; readonly text: string }
  /** A value that the author wrote as YAML. */
  | { readonly kind: "value"; readonly value: unknown };

/** The text and what is made of it are held in memory. */
const INPUT_MAX = 67_108_864;

export async function openSource(
  given: { readonly data?: unknown; readonly input?: string | undefined },
  work: Work,
): Promise<Source> {
  if (given.input !== undefined) return { kind: "text", text: await readInput(given.input, work) };
  return typeof given.data === "string"
    ? { kind: "text", text: given.data }
    : { kind: "value", value: given.data };
}

async function readInput(input: string, work: Work): Promise<string> {
  const path = joinDir(stepDir(work), input);
  try {
    const { size, isFile, isDirectory } = await Deno.stat(path);
    if (!isFile && !isDirectory) throw notPlain(path);
    if (size > INPUT_MAX) throw new ActionError(`${path} is larger than ${INPUT_MAX} bytes`, "split it");
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new ActionError(`${path} does not exist`, "correct input");
    }
    if (error instanceof Deno.errors.IsADirectory) {
      throw new ActionError(`cannot read a directory: ${path}`, "name a file");
    }
    throw error;
  }
}
