import assert from "node:assert/strict";
import { formatFailure } from "../../../src/cli/failure-text.ts";

Deno.test("C-10 each line of a failure is a line of its own, those of the engine's words too", () => {
  const lines = formatFailure({
    code: "COMMAND_NOT_FOUND",
    message: "one\ntwo",
    remedy: "three",
    engineText: "four\nfive\n",
    engine: "podman",
    address: "unix:///x",
  });
  assert.deepEqual(lines, [
    "COMMAND_NOT_FOUND: one",
    "two (podman at unix:///x)",
    "what to do: three",
    "the engine said: four",
    "five",
  ]);
});
