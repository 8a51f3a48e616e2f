import assert from "node:assert/strict";
import { collectOutputs, publishedBy } from "../../../src/run/collected.ts";

const STEPS = [
  { variables: { BUILD_TAG: "1", lower: "a" }, outputs: { tag: "x" } },
  { variables: { BUILD_TAG: "2" }, outputs: { IMAGE_ID: "y", mixedCase: "z" } },
];

Deno.test("S-131: a parent sees what its child published under the child's own names, the last writer's", () => {
  assert.deepEqual(publishedBy(STEPS), {
    BUILD_TAG: "2",
    lower: "a",
    tag: "x",
    IMAGE_ID: "y",
    mixedCase: "z",
  });
});

Deno.test("S-57: of a run the same is kept, UPPER_SNAKE as lowerCamel", () => {
  assert.deepEqual(collectOutputs(STEPS), {
    buildTag: "2",
    lower: "a",
    tag: "x",
    imageId: "y",
    mixedCase: "z",
  });
});
