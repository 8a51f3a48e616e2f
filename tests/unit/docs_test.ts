/** The docs hang together. That their examples run is `tests/e2e/docs_test.ts`. */
import assert from "node:assert/strict";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const pages = filesOf("docs", ".md");

function filesOf(dir: string, extension: string): string[] {
  return [...Deno.readDirSync(join(root, dir))].filter((entry) => extname(entry.name) === extension)
    .map((entry) => join(dir, entry.name)).sort();
}

function read(page: string): string {
  return Deno.readTextFileSync(join(root, page));
}

/** Anchors of a page's headings, as forges make them. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

Deno.test("docs: every page is in the README's index", () => {
  const readme = read("README.md");
  for (const page of pages) assert.ok(readme.includes(`(${page})`), `${page} is not in the README's index`);
});

Deno.test("docs: every link leads to a file, and to a heading where it names one", () => {
  for (const page of ["README.md", ...pages]) {
    for (const [, link = ""] of read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      assert.ok(Deno.statSync(join(root, target)).isFile, `${page}: ${link}`);
      if (anchor !== undefined) assert.ok(anchorsOf(target).includes(anchor), `${page}: ${link}`);
    }
  }
});
