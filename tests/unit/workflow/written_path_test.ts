/** Paths as the author wrote them (workflow-language contract F-29, 2.11). */
import assert from "node:assert/strict";
import { formatPath } from "../../../src/workflow/document.ts";
import { newWrittenPaths } from "../../../src/workflow/written-path.ts";

const DOCUMENT = {
  dotenv: "one.env",
  env: { A: "1", B: "2" },
  steps: [
    { id: "a", command: "x" },
    [{ id: "b", run: ["x", "y"] }, { id: "c", parallel: ["i", "j"] }],
    { id: "d", foreach: { items: "[1]", steps: [[{ id: "e", script: "x" }]] } },
  ],
};

const CASES = [
  [["dotenv", 0], "dotenv"],
  [["env", 1], "env.B"],
  [["steps", 0, "run"], "steps[0].command"],
  [["steps", 1, "run", 1], "steps[1][0].run[1]"],
  [["steps", 2, "parallel", "items", 1], "steps[1][1].parallel[1]"],
  [["steps", 3, "foreach", "items"], "steps[2].foreach.items"],
  [["steps", 3, "foreach", "steps", 0, "run"], "steps[2].foreach.steps[0][0].script"],
  [["steps", 9, "run"], "steps[9].run"],
  [["consts", "no"], "consts.no"],
] as const;

for (const [path, told] of CASES) {
  Deno.test(`newWrittenPaths: F-29 ${told}`, () =>
    assert.equal(formatPath(newWrittenPaths(DOCUMENT)(path)), told));
}

Deno.test("newWrittenPaths: each step is looked for once, however many paths are told", () => {
  let looks = 0;
  const steps = new Proxy(Array.from({ length: 50 }, () => ({ run: "x" })), {
    get: (list, key, receiver) => {
      if (typeof key === "string" && /^\d+$/.test(key)) looks++;
      return Reflect.get(list, key, receiver);
    },
  });
  const written = newWrittenPaths({ steps });
  for (let index = 0; index < 50; index++) written(["steps", index, "run"]);
  // Once for the list as a whole, once for the step that the path goes through.
  assert.equal(looks, 100);
});
