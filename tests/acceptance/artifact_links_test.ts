/** A run that goes on where a container of its own has been: what it left there leads nowhere (7.12, 7.13). */
import assert from "node:assert/strict";
import { openCase } from "./case.ts";

// The folder is a container's to change; commands on the machine do here what it could do.
const SPEC = `artifacts: {enabled: true}
type: chain
steps:
  - id: keep
    run: |
      mkdir -p "$DAG_RUN_ARTIFACTS_DIR/x" && cd "$DAG_RUN_ARTIFACTS_DIR"
      echo through a folder > x/key; echo through a part > part; echo itself > itself; echo good > good
  - {id: one, action: human.task, with: {prompt: go on}}
  - id: lead
    run: |
      cd "$DAG_RUN_ARTIFACTS_DIR" && rm -r x part itself good
      ln -s @W/out x; ln -s @W/out/part part.part; ln -s @W/out/itself itself
  - {id: two, action: human.task, with: {prompt: go on}}
  - id: look
    run: cat "$DAG_RUN_ARTIFACTS_DIR/good" "$DAG_RUN_ARTIFACTS_DIR/part"
    output: SEEN
`;

Deno.test("M10 AP-71 artifacts that are fetched back are written into their folder only, whatever links stand in it", async () => {
  await using on = await openCase(SPEC);
  await Deno.mkdir(`${on.folder}/out`);
  await Deno.writeTextFile(`${on.folder}/out/part`, "mine\n");
  const started = await on.run(["start", "--run-id", "r1", "w.yaml"]);
  assert.match(started.stdout, /waiting/i, started.stderr);
  for (const step of ["one", "two"]) {
    const done = await on.run(["human-task", "complete", "w", "--run-id", "r1", "--step", step]);
    assert.equal(done.code, 0, done.stderr);
  }
  const names = (await Array.fromAsync(Deno.readDir(`${on.folder}/out`))).map(({ name }) => name);
  assert.deepEqual(names, ["part"]);
  assert.equal(await on.read("out/part"), "mine\n");
  const status = await on.run(["status", "w", "--run-id", "r1"]);
  assert.match(status.stdout, /good\n.*through a part/, status.stdout);
});
