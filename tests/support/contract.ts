/** Which test names which rule of a contract: read from the tests themselves, never kept by hand. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const TESTS = fileURLToPath(new URL("../", import.meta.url));

/** `- [ ] S-10 ...`, `[ ] 8.0.1 ...`, or the first cell of a table's row. */
const HEAD = /(?:\[ \] |^\| )(?:\*\*)?([A-Z]{1,3}-\d+|\d+\.\d+\.\d+)\b/gm;
const WORD = /\b[A-Z]{1,3}-\d+\b/g;
/** Text that begins with ids, as titles do. A number elsewhere may be a version, or an address. */
const TITLE = /["'`](?:[A-Za-z.]+: )?((?:(?:[A-Z]{1,2}-?\d+|\d+\.\d+(?:\.\d+)?) )+)/g;
const NUMBER = /\b\d+\.\d+\.\d+\b/g;

/** The list of ids that the tests are asked for. */
export function idsFile(contract: string): string {
  return join(TESTS, "unit", `contract-ids-${contract}.txt`);
}

export function idsOf(contract: string): string[] {
  return [...contract.matchAll(HEAD)].map((match) => match[1] ?? "");
}

/** Test files by the id that they name. */
export async function citations(ids: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const wanted = new Set(ids);
  const cited = new Map<string, string[]>();
  for (const file of await testFiles(TESTS)) {
    for (const id of citedIn(await Deno.readTextFile(file))) {
      if (wanted.has(id)) cited.set(id, [...cited.get(id) ?? [], relative(TESTS, file)]);
    }
  }
  return cited;
}

function citedIn(text: string): ReadonlySet<string> {
  const titles = [...text.matchAll(TITLE)].map((match) => match[1] ?? "").join(" ");
  return new Set([...text.match(WORD) ?? [], ...titles.match(NUMBER) ?? []]);
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
