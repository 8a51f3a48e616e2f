/** Which test names which rule of a contract: read from the tests themselves, never kept by hand. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const TESTS = fileURLToPath(new URL("../", import.meta.url));
export const IDS_FILE = join(TESTS, "unit", "contract-ids.txt");

/** Ids at the head of a rule: `- [ ] S-10 ...` or the first cell of a table's row. */
export function idsOf(contract: string): string[] {
  return [...contract.matchAll(/^(?:- \[ \] |\| )(?:\*\*)?([A-Z]{1,2}-\d+)\b/gm)].map((match) =>
    match[1] ?? ""
  );
}

/** Test files by the id that they name. */
export async function citations(ids: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const wanted = new Set(ids);
  const cited = new Map<string, string[]>();
  for (const file of await testFiles(TESTS)) {
    const named = new Set((await Deno.readTextFile(file)).match(/\b[A-Z]{1,2}-\d+\b/g) ?? []);
    for (const id of named) {
      if (wanted.has(id)) cited.set(id, [...cited.get(id) ?? [], relative(TESTS, file)]);
    }
  }
  return cited;
}

async function testFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) found.push(...await testFiles(path));
    else if (entry.name.endsWith(".ts")) found.push(path);
  }
  return found.sort();
}
