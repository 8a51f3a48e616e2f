/** Texts that a language must survive: real workflows with pieces cut, doubled and put elsewhere, and no workflows at all. */
import { fileURLToPath } from "node:url";
import fc from "fast-check";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Every example file and every YAML block of the documents. */
export const realWorkflows: readonly string[] = [
  ...filesOf("examples", ".yaml"),
  ...["README.md", ...namesOf("docs", ".md")].flatMap((file) =>
    [...Deno.readTextFileSync(ROOT + file).matchAll(/^```yaml\n(.*?)^```/gms)].map((match) => match[1] ?? "")
  ),
];

function namesOf(dir: string, extension: string): string[] {
  return [...Deno.readDirSync(ROOT + dir)].map((entry) => `${dir}/${entry.name}`)
    .filter((name) => name.endsWith(extension)).sort();
}

function filesOf(dir: string, extension: string): string[] {
  return namesOf(dir, extension).map((name) => Deno.readTextFileSync(ROOT + name));
}

const piece = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    "\n---\n",
    "&a ",
    "*a",
    "<<: ",
    "!!binary ",
    "? ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "|\n",
    ">-\n",
    "\t",
    "\r\n",
    "\0",
    "\u{feff}",
    "null",
    "0x10",
    "1e999",
    ".nan",
    "~",
    "${",
    "${params.A:-",
    "`date`",
    "steps:",
    "parallel:",
    "foreach:",
    "depends: [",
    "with:",
    "action: dag.run",
    "__proto__: 1\n",
    "constructor: {}\n",
  ),
);

/** Cuts up to 60 characters out somewhere, puts something in; or doubles a stretch of lines. */
const edit = fc.oneof(
  fc.record({ kind: fc.constant("splice" as const), at: fc.nat(3_000), length: fc.nat(60), insert: piece }),
  fc.record({ kind: fc.constant("double" as const), at: fc.nat(60), length: fc.nat(6), indent: fc.nat(4) }),
);
type Edit = typeof edit extends fc.Arbitrary<infer E> ? E : never;

function apply(text: string, one: Edit): string {
  if (one.kind === "splice") {
    const at = one.at % (text.length + 1);
    return text.slice(0, at) + one.insert + text.slice(at + one.length);
  }
  const lines = text.split("\n");
  const at = one.at % lines.length;
  const copy = lines.slice(at, at + one.length).map((line) => " ".repeat(one.indent) + line);
  return [...lines.slice(0, at), ...copy, ...lines.slice(at)].join("\n");
}

export const mutated: fc.Arbitrary<string> = fc.tuple(
  fc.constantFrom(...realWorkflows),
  fc.array(edit, { maxLength: 6 }),
).map(([text, edits]) => edits.reduce(apply, text));

export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: mutated },
  { weight: 1, arbitrary: fc.string({ maxLength: 400 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
  { weight: 1, arbitrary: fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join("")) },
);
