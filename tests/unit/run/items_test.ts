import assert from "node:assert/strict";
import { splitItems } from "../../../src/run/items.ts";

for (
  const [text, items] of [
    ["a b,c;d|e\tf\ng", ["a", "b", "c", "d", "e", "f", "g"]],
    ['"two words",one', ["two words", "one"]],
    ['[1, {"a": 2}]', [1, { a: 2 }]],
    ['{"a": 1}', [{ a: 1 }]],
    ["[not json", ["[not", "json"]],
    [" , ", []],
  ] as const
) {
  Deno.test(`S-103 the items of ${JSON.stringify(text)}`, () => assert.deepEqual(splitItems(text), items));
}
