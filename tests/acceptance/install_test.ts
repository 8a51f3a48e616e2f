/** The `dagu` that `deno task install` puts on the PATH: bundled, called from anywhere, with all that it loads later. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/dagu.ts";

const INSTALL = fileURLToPath(new URL("../../infra/dagu/install.ts", import.meta.url));

const WORKFLOW = `
steps:
  - id: filter
    action: jq.filter
    with: { filter: .a, data: { a: 42 } }
  - id: query
    action: sqlite.query
    with: { dsn: ":memory:", query: select 7 as n }
  - id: said
    run: echo said
`;

Deno.test("C-01 an installed dagu runs from any folder, and finds its workers, migrations and pages", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dagu-install-" });
  try {
    const env = { DAGU_HOME: `${folder}/home`, NO_COLOR: "1" };
    const call = async (program: string, ...args: string[]) => {
      const output = await new Deno.Command(program, { args, cwd: folder, env, stdin: "null" }).output();
      const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
      return { code: output.code, stdout: text(output.stdout), stderr: text(output.stderr) };
    };
    const installed = await call(Deno.execPath(), "run", "-A", INSTALL, "bin");
    assert.equal(installed.code, 0, installed.stderr);
    assert.match(installed.stdout, /^installed \S+\/bin\/dagu\n\S+\/bin is not in your PATH: export PATH=/);
    const dagu = `${folder}/bin/dagu`;
    await Deno.writeTextFile(`${folder}/w.yaml`, WORKFLOW);

    const started = await call(dagu, "start", "w.yaml");
    assert.equal(started.code, 0, started.stdout + started.stderr);
    for (const said of [/ 42\n/, / {"n":7}\n/, / {5}said\n/]) assert.match(started.stdout, said);
    const history = await call(dagu, "history", "w");
    assert.match(history.stdout, /succeeded/, history.stderr);
    const unknown = await call(dagu, "begin");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /^dagu: [^]*begin/);

    const port = freePort();
    await using server = new Deno.Command(dagu, {
      args: ["server", "--port", String(port)],
      cwd: folder,
      env,
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const lines = server.stderr.pipeThrough(new TextDecoderStream()).getReader();
    for (let said = ""; !said.includes(" on http://");) {
      const { value, done } = await lines.read();
      assert.equal(done, false, said);
      said += value;
    }
    await lines.cancel();
    const page = await fetch(`http://127.0.0.1:${port}/runs`);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<table[^]*>w</);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
