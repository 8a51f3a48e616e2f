/** How numbers that an author writes without quotes become text (workflow-language contract V-21, P-27). */
import assert from "node:assert/strict";
import { parseWorkflow } from "../../../src/workflow/parse.ts";

Deno.test("P-27 V-21 a number in env reads as a constant of it does: no exponent, no lost digits", () => {
  const written = ["1e21", "1.5e-7", "0.10", "123456789012345678901", "-0", "true", "2026-01-02", "0x1F"];
  const text = `env:\n${written.map((one, at) => `  - E${at}: ${one}\n`).join("")}` +
    `consts:\n${written.map((one, at) => `  - c${at}: ${one}\n`).join("")}` +
    `steps: [{id: a, run: [1e21, 0.10]}]\n`;
  const { workflow } = parseWorkflow(text, "validate");
  const want = [
    "1000000000000000000000",
    "0.00000015",
    "0.1",
    "123456789012345678901",
    "0",
    "true",
    "2026-01-02",
    "31",
  ];
  assert.deepEqual(workflow?.env.map(({ value }) => value), want);
  assert.deepEqual(workflow?.consts.map(({ value }) => value), want);
  const action = workflow?.steps[0]?.action;
  assert.deepEqual(action?.name === "run" ? action.texts : null, ["1000000000000000000000", "0.1"]);
});
