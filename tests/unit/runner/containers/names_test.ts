import assert from "node:assert/strict";
import { newLabels, readMarks, runnerFilter } from "../../../../src/runner/containers/labels.ts";
import { newContainerName, newExecToken, shortId } from "../../../../src/runner/containers/names.ts";

const LABELS = { workflow: "deploy", run: "r1", attempt: "a1", step: "build image", runner: "m1" };

Deno.test("3.2.2 a name is readable, legal and never the same twice", () => {
  const steps = ["build image", "", "ümlaut", "--x", "a".repeat(300), "日本"];
  for (const step of steps) {
    const names = new Set(Array.from({ length: 50 }, () => newContainerName({ ...LABELS, step })));
    assert.equal(names.size, 50);
    for (const name of names) assert.match(name, /^dagu-deploy-[A-Za-z0-9_.-]{0,70}$/);
  }
  assert.match(newContainerName({ ...LABELS, step: "" }), /^dagu-deploy-root-[0-9a-f]{10}$/);
});

Deno.test("B01 labels find everything of a runner and say whose it is", () => {
  const labels = newLabels(LABELS, "step", true);
  for (const filter of runnerFilter("m1")) {
    const [key = "", value = ""] = filter.split("=");
    assert.equal(labels[key], value);
  }
  assert.deepEqual(readMarks(labels), {
    workflow: "deploy",
    attempt: "a1",
    step: "build image",
    role: "step",
    isKept: true,
  });
  assert.equal(readMarks({ "dagu-edge.runner": "m1" }), null);
  assert.equal(readMarks(null), null);
});

Deno.test("names of execs are long enough not to be guessed, ids are shown short", () => {
  assert.match(newExecToken("a"), /^a\.[0-9a-f]{32}$/);
  assert.equal(shortId("0123456789abcdef"), "0123456789ab");
});
