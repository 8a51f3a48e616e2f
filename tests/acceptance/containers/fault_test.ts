/** A broken line and a killed runner (containers contract 10.7, AC-79 and AC-80). */
import assert from "node:assert/strict";
import { ENGINE_NAMES, engineUnderTest } from "../../support/engines.ts";
import { leftContainers } from "../../support/left-containers.ts";
import { openCase, openService, until } from "../case.ts";
import { onEngines } from "./scene.ts";

const COUNT = `for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 1; done`;
const COUNTED = "1\n2\n3\n4\n5\n6\n7\n8\n";
const CUT_MS = 5_000;

onEngines("AC-79 the line to the engine is cut for five seconds", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20"}, run: "${COUNT}"}]
`,
  meanwhile: async (scene) => {
    await scene.printed("a", "2");
    await scene.line.cut();
    await new Promise((resolve) => setTimeout(resolve, CUT_MS));
    scene.line.mend();
  },
  stdout: { a: COUNTED },
});

for (const name of ENGINE_NAMES) {
  Deno.test(`AC-80 the runner is killed and started again: told whole, or as lost and cleaned up (${name})`, async () => {
    const engine = engineUnderTest(name);
    await using on = await openCase(`steps: [{id: a, container: {image: "alpine:3.20"}, run: "${COUNT}"}]
`);
    const runId = `ac80-${name}`;
    {
      await using killed = await openService(on, engine.env);
      const { code, stderr } = await on.run(["enqueue", "--run-id", runId, "w.yaml"]);
      assert.equal(code, 0, stderr);
      await until("the step has written", async () => await killed.stdout(runId, "a") === "" ? null : true);
      await killed.kill();
    }
    await using service = await openService(on, engine.env);
    const status = await until("the run has ended", async () => {
      const seen = await service.status(runId);
      return ["queued", "not_started", "running"].includes(seen) ? null : seen;
    });
    assert.ok(["succeeded", "failed"].includes(status), status);
    if (status === "succeeded") assert.equal(await service.stdout(runId, "a"), COUNTED);
    const clean = async (): Promise<true | null> =>
      (await leftContainers(engine, runId)).length === 0 ? true : null;
    await until("its container is gone", clean);
  });
}
