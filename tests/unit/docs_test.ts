/** The docs hang together. That their examples run is `tests/e2e/docs_test.ts`. */
import assert from "node:assert/strict";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NAMED_ACTIONS } from "../../src/workflow/actions/names.ts";
import { isMapping } from "../../src/workflow/json.ts";
import { languageSchema } from "../../src/workflow/language-schema.ts";

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

const everything = ["README.md", ...pages, ...filesOf("infra/systemd", ".service")].map(read).join("\n");

Deno.test("docs: every field of a workflow and of a step is on its page, and no other", () => {
  const { properties, $defs } = languageSchema();
  const step = isMapping($defs) && isMapping($defs["step"]) ? $defs["step"]["properties"] : {};
  const sections = read("docs/fields.md").split(/^## /m);
  for (const [title, known] of [["The workflow", properties], ["A step", step]] as const) {
    const table = sections.find((section) => section.startsWith(title)) ?? "";
    const told = [...table.matchAll(/^\| (`[^|]+`) /gm)].flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name)
    );
    const wanted = Object.entries(isMapping(known) ? known : {})
      .filter(([name, about]) => name === "step_types" || !isMapping(about) || about["deprecated"] !== true)
      .map(([name]) => name);
    assert.deepEqual(told.toSorted(), wanted.toSorted());
  }
});

Deno.test("docs: every action is told", () => {
  const stores = read("docs/actions-stores.md");
  const isTold = (name: string): boolean =>
    // The many of Redis stand in their table without its name.
    everything.includes(name) || stores.includes(`\`${name.replace(/^redis\./, "")}\``);
  assert.deepEqual(Object.keys(NAMED_ACTIONS).filter((name) => !isTold(name)), []);
});

/** Of processes of ours to each other, or of an engine's own documents. */
const INTERNAL = /^DAGU_(EXEC_ID|PROCESS_TOKEN|GIT_\w+)$/;
/** Made of a prefix and a name. */
const COMPOSED = /^DAGU_(EVENT|SMTP|PUSHBACK)_\w*$/;

Deno.test("docs: every variable that is read is told, and no other", () => {
  const known = new Set(
    sourcesOf("src").flatMap((file) =>
      [...Deno.readTextFileSync(file).matchAll(/\bDAGU_[A-Z_]*[A-Z]\b/g)].map(([name]) => name)
    ),
  );
  const told = new Set([...everything.matchAll(/\bDAGU_[A-Z_]*[A-Z]\b/g)].map(([name]) => name));
  const untold = [...known].filter((name) => !INTERNAL.test(name) && !COMPOSED.test(name) && !told.has(name));
  assert.deepEqual(untold, [], "not told");
  assert.deepEqual([...told].filter((name) => !known.has(name) && !COMPOSED.test(name)), [], "not read");
});

Deno.test("docs: every command is in the table of the command line", () => {
  const page = read("docs/cli.md");
  const names = filesOf("src/cli/commands", ".ts")
    .filter((file) => /^export const command\b/m.test(read(file)))
    .map((file) => basename(file, ".ts"));
  assert.ok(names.length > 35, "all commands are found");
  assert.deepEqual(names.filter((name) => !new RegExp(`^\\|.*\`dagu ${name}\\b`, "m").test(page)), []);
});

function sourcesOf(dir: string): string[] {
  return [...Deno.readDirSync(join(root, dir))].flatMap((entry) =>
    entry.isDirectory
      ? sourcesOf(join(dir, entry.name))
      : /\.tsx?$/.test(entry.name)
      ? [join(root, dir, entry.name)]
      : []
  );
}
