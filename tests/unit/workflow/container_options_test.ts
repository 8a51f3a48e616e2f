/** `userns`, `secrets` and the modes of volumes (containers contract 9: B22, B27, B28). */
import assert from "node:assert/strict";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import { parseVolume } from "../../../src/workflow/volume.ts";

const MODES: [text: string, mode: string][] = [
  ["/a:/b", "rw"],
  ["/a:/b:ro", "ro"],
  ["/a:/b:z", "rw z"],
  ["/a:/b:ro,Z", "ro Z"],
  ["/a:/b:Z,rw", "rw Z"],
  ["/a:/b:z,U", "rw z U"],
  ["/a:/b:rx", "error"],
  ["/a:/b:ro,rw", "error"],
  ["/a:/b:z,Z", "error"],
  ["/a:/b:z,z", "error"],
  ["/a:/b:ro,", "error"],
  ["/a:/b:rshared", "error"],
];
for (const [text, want] of MODES) {
  Deno.test(`B28 the mode of ${text} is ${want}`, () => {
    const read = parseVolume(text);
    assert.equal("error" in read ? "error" : [read.mode, ...read.options].join(" "), want);
  });
}

const HEAD = "secrets: [{name: TOKEN, provider: env, key: T}]\n";
const STEP = 'steps: [{id: a, run: "true", container: {image: "alpine:3.20", ';
const REFUSED: [name: string, text: string, path: string][] = [
  ["userns host", `${STEP}userns: host}}]`, "steps[0].container.userns"],
  ["userns of nobody", `${STEP}userns: "keep-id:root"}}]`, "steps[0].container.userns"],
  ["a secret with a path", `${HEAD}${STEP}secrets: [../x]}}]`, "steps[0].container.secrets[0]"],
  ["a secret that the workflow has not", `${HEAD}${STEP}secrets: [OTHER]}}]`, "steps[0].container.secrets"],
  [
    "a secret that the root container's workflow has not",
    'container: {image: "alpine:3.20", secrets: [OTHER]}\nsteps: [{id: a, run: "true"}]',
    "container.secrets",
  ],
  [
    "secrets of somebody else's container",
    `${HEAD}steps: [{id: a, run: "true", container: {exec: x, secrets: [TOKEN]}}]`,
    "steps[0].container",
  ],
];
for (const [name, text, path] of REFUSED) {
  Deno.test(`B22 B27 ${name} is refused at load`, () => {
    const { problems } = parseWorkflow(text);
    assert.ok(problems.some((one) => one.path === path), JSON.stringify(problems));
  });
}

Deno.test("B22 B27 what is right is read", () => {
  const { workflow, problems } = parseWorkflow(
    `${HEAD}${STEP}userns: "keep-id:uid=5,gid=6", secrets: TOKEN}}]`,
  );
  assert.deepEqual(problems, []);
  const container = workflow?.steps[0]?.container;
  assert.ok(container?.kind === "image");
  assert.deepEqual([container.userns, container.secrets], ["keep-id:uid=5,gid=6", ["TOKEN"]]);
});
