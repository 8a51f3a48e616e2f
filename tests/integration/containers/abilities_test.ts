/** What only some engines can do: done there, refused in words elsewhere (B27, B28). */
import assert from "node:assert/strict";
import { runStepContainer } from "../../../src/runner/containers/step-container.ts";
import type { ImageContainer } from "../../../src/workflow/workflow.ts";
import { type Bench, collect, exitOf, IDLE, onEachEngine, reporter, STOP, textOf } from "./bench.ts";

async function run(bench: Bench, text: string, container: Partial<ImageContainer>) {
  const out = collect();
  const outcome = await runStepContainer(
    bench.engine,
    bench.shell(text, container),
    STOP,
    out,
    reporter(),
    IDLE,
  );
  return { end: exitOf(outcome), text: textOf(outcome), out: out.text("stdout") };
}

onEachEngine("B27 userns keep-id: files are the user's own, inside and out", async (bench) => {
  const volumes = [`${bench.folder}:/x`];
  const text = "id -u; stat -c %u /x; touch /x/made";
  const { end, text: why, out } = await run(bench, text, { userns: "keep-id:uid=1234,gid=1234", volumes });
  if (!bench.isRootless) {
    assert.equal(end, "1 OCI_RUNTIME", why);
    assert.match(why, bench.isPodman ? /rootless Podman, and this one runs as root/ : /Docker does not know/);
    return;
  }
  assert.equal(end, "0", why);
  assert.equal(out, "1234\n1234\n");
  const [made, socket] = [await Deno.stat(`${bench.folder}/made`), await Deno.stat(bench.socketPath)];
  assert.equal(made.uid, socket.uid);
});

onEachEngine("B27 U gives a mount to the container's user", async (bench) => {
  const volumes = [`${bench.folder}/given:/x:U`];
  const { end, text: why, out } = await run(bench, "id -u; stat -c %u /x; touch /x/made", {
    user: "1234",
    volumes,
  });
  if (bench.isPodman) assert.deepEqual([end, out], ["0", "1234\n1234\n"], why);
  else {
    assert.equal(end, "1 OCI_RUNTIME", why);
    assert.match(why, /mount option U/);
  }
});

onEachEngine("B28 z and Z are accepted, with ro as well", async (bench) => {
  await Deno.mkdir(`${bench.folder}/s`);
  await Deno.chmod(`${bench.folder}/s`, 0o777);
  await Deno.writeTextFile(`${bench.folder}/s/f`, "read\n");
  for (const mode of ["z", "Z", "ro,z", "rw,Z"]) {
    const { end, out, text } = await run(bench, "cat /x/f; touch /x/made", {
      volumes: [`${bench.folder}/s:/x:${mode}`],
    });
    assert.equal(out, "read\n", text);
    assert.equal(end, mode.startsWith("ro") ? "1 COMMAND_FAILED" : "0", `${mode}: ${text}`);
  }
});
