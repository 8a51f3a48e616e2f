/** Every YAML block of the README and the docs is a workflow that can start; every example file too. */
import assert from "node:assert/strict";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseWorkflow } from "../../src/workflow/parse.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

function filesOf(dir: string, extension: string): string[] {
  return [...Deno.readDirSync(join(root, dir))].filter((entry) => extname(entry.name) === extension)
    .map((entry) => join(dir, entry.name)).sort();
}

function checkWorkflow(text: string, where: string): void {
  const { problems } = parseWorkflow(text, "load");
  assert.deepEqual(problems.map((problem) => problem.message), [], where);
}

for (const file of ["README.md", ...filesOf("docs", ".md")]) {
  const text = Deno.readTextFileSync(join(root, file));
  [...text.matchAll(/^```yaml\n(.*?)^```/gms)].forEach((match, index) => {
    Deno.test(`docs: YAML block ${index + 1} of ${file} is a workflow`, () => {
      const block = match[1] ?? "";
      // A page may show a part of a file: what is not about steps gets one.
      checkWorkflow(/^steps:/m.test(block) ? block : `${block}\nsteps: [{ id: a, run: "true" }]\n`, file);
    });
  });
}

for (const file of filesOf("examples", ".yaml")) {
  Deno.test(`docs: ${basename(file)} is a workflow`, () =>
    checkWorkflow(Deno.readTextFileSync(join(root, file)), file));
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
