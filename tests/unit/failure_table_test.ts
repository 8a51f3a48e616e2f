/** Every row of the failure table (containers contract 8) has a test that cites it, or one of its rule. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const tests = fileURLToPath(new URL("../", import.meta.url));
const OWN = "failure_table_test.ts";

const ROWS: readonly string[] = [[1, 12], [20, 27], [30, 47], [50, 75]].flatMap(([from = 0, to = 0]) =>
  Array.from({ length: to - from + 1 }, (_, index) => `F${String(from + index).padStart(2, "0")}`)
);

/** Rows whose test speaks of the rule and not of the row: file, and words of the test's name or assertion. */
const BY_RULE: Readonly<Record<string, readonly [file: string, words: string]>> = {
  F46: ["acceptance/containers/fields_test.ts", "LIMITS_NOT_APPLIED: podman"],
  F53: ["integration/containers/root_container_test.ts", "AC-72 2.3.3 a foreign container that never comes"],
  F72: ["integration/runner/runner_test.ts", "RS-01 what an earlier process left is told to its end"],
  F74: [
    "integration/containers/pull_test.ts",
    "AC-87 a registry that nobody answers for; fallback uses the local copy",
  ],
  F73: ["integration/runner/runner_test.ts", "SP-02 a run goes on while nobody answers"],
};

function textsOf(dir: string): string[] {
  return [...Deno.readDirSync(dir)].flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory) return textsOf(path);
    const isOurs = path === join(tests, "unit", OWN);
    return entry.name.endsWith("_test.ts") && !isOurs ? [Deno.readTextFileSync(path)] : [];
  });
}

Deno.test("8.0.1 every row of the failure table has a case", () => {
  const all = textsOf(tests).join("\n");
  const isCited = (row: string): boolean => new RegExp(`\\b${row}\\b`).test(all);
  for (const row of ROWS) {
    const by = BY_RULE[row];
    if (by !== undefined) {
      assert.ok(Deno.readTextFileSync(join(tests, by[0])).includes(by[1]), `${row}: ${by.join(": ")}`);
    } else assert.ok(isCited(row), `${row} has no case`);
  }
});
