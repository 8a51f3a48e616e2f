/**
 * `deno task contract FILE...`: the ids of the contract's rules in these files, each with the tests that name it, and which of
 * them no test names. With `--write=NAME` the ids become the list of that name that `tests/unit/contract_test.ts` asks for.
 */
import { citations, idsFile, idsOf } from "../../tests/support/contract.ts";

const files = Deno.args.filter((word) => !word.startsWith("--"));
if (files.length === 0) {
  console.error("Usage: deno task contract FILE... [--write=NAME]");
  Deno.exit(64);
}
const ids = [...new Set((await Promise.all(files.map((file) => Deno.readTextFile(file)))).flatMap(idsOf))];
const cited = await citations(ids);
for (const id of ids) console.log(`${id.padEnd(8)} ${(cited.get(id) ?? []).join(", ") || "-"}`);
const holes = ids.filter((id) => (cited.get(id) ?? []).length === 0);
console.error(
  `${ids.length} rules, ${holes.length} without a test${holes.length === 0 ? "" : `: ${holes.join(" ")}`}`,
);
const list = Deno.args.find((word) => word.startsWith("--write="))?.slice("--write=".length);
if (list !== undefined) await Deno.writeTextFile(idsFile(list), ids.map((id) => `${id}\n`).join(""));
Deno.exitCode = holes.length === 0 ? 0 : 1;
