/** The docs hang together. That their examples run is `tests/e2e/docs_test.ts`. */
import assert from "node:assert/strict";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

function filesOf(dir: string, extension: string): string[] {
  return [...Deno.readDirSync(join(root, dir))].filter((entry) => extname(entry.name) === extension)
    .map((entry) => join(dir, entry.name)).sort();
}

Deno.test("docs: every page is reached from the README, and every link leads to a file", () => {
  const readme = Deno.readTextFileSync(join(root, "README.md"));
  for (const page of filesOf("docs", ".md")) {
    assert.ok(readme.includes(`(${page})`), `${page} is not in the README's index`);
  }
  for (const [, link = ""] of readme.matchAll(/\]\((docs\/[^)]+)\)/g)) {
    assert.ok(Deno.statSync(join(root, link)).isFile, link);
  }
});
