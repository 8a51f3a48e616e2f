/** P-37: a workflow that prints its own secrets, in every way it has, shows them nowhere. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { dagu, type DaguResult, freePort, spawnDagu } from "../support/dagu.ts";
import { getText } from "../support/http.ts";

const SECRET = "Tr0ub4dor-and-3";
const LINES = "first-secret-line\nsecond-secret-line";
const SPEC = `
secrets:
  - {name: PLAIN, provider: env, key: ORIGIN}
  - {name: LINES, provider: file, key: ./lines}
type: graph
steps:
  - id: streams
    run: |
      echo "out $PLAIN"; echo "err $PLAIN" >&2; echo "$LINES"
      printf 'cut %s' "\${PLAIN%-and-3}"; sleep 0.2; echo "\${PLAIN#Tr0ub4dor}"
  - id: captured
    depends: [streams]
    output: TAKEN
    run: echo "$PLAIN"
  - id: object
    depends: [streams]
    output: {key: "\${env.PLAIN}"}
    run: "true"
  - id: declared
    depends: [streams]
    outputs: [{name: told}]
    run: echo "told=$PLAIN" >> "$DAGU_OUTPUT_FILE"
  - id: inserted
    depends: [captured]
    run: echo "\${env.PLAIN} and \${env.TAKEN}"
  - id: files
    depends: [streams]
    stdout: taken.txt
    run: echo "$PLAIN"
  - id: missing
    depends: [streams]
    continue_on: {failure: true}
    action: exec
    with: {command: "\${env.PLAIN}"}
  - id: failing
    depends: [streams]
    continue_on: {failure: true}
    run: echo "bad $PLAIN" >&2; exit 3
  - id: refused
    depends: [streams]
    continue_on: {failure: true}
    action: http.request
    with: {method: GET, url: "http://127.0.0.1:1/\${env.PLAIN}"}
  - id: gate
    depends: [streams]
    preconditions: [{condition: "\${env.PLAIN}", expected: other}]
    run: "true"
handler_on:
  exit: {run: 'echo "bye $PLAIN"'}
`;

/** Every text of a folder, but for the secret's own file and the database's pages. */
async function textsIn(folder: string): Promise<string> {
  let all = "";
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) all += await textsIn(path);
    else if (entry.isFile && entry.name !== "lines") {
      all += `\n${path}\n${new TextDecoder().decode(await Deno.readFile(path))}`;
    }
  }
  return all;
}

Deno.test("P-37 S-62 a workflow that prints its secrets shows them in no stream, event, error, page or file", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dagu-secrets-" });
  const env = { DAGU_HOME: join(folder, "home"), ORIGIN: SECRET };
  await Deno.writeTextFile(join(folder, "lines"), `${LINES}\n`);
  await Deno.writeTextFile(join(folder, "w.yaml"), SPEC);
  const call = (...args: string[]): Promise<DaguResult> => dagu({ args, env, cwd: folder });
  const started = await call("start", "--run-id", "one", "--name", "leak", "w.yaml");
  assert.equal(started.code, 0, started.stderr);
  const shown: unknown[] = [started];
  shown.push(await call("status", "--run-id", "one", "leak"));
  shown.push(await call("history", "--format", "json", "leak"));
  const port = freePort();
  {
    await using server = spawnDagu({ args: ["server", "--port", `${port}`], env, cwd: folder });
    await server.said("dagu server on");
    const url = `http://127.0.0.1:${port}`;
    const run = `${url}/api/v1/dag-runs/leak/one`;
    for (
      const path of ["", "/events", "/outputs", "/steps/streams/log", "/steps/failing/log?stream=stderr"]
    ) {
      shown.push(await getText(run + path));
    }
    shown.push(
      await getText(`${url}/runs/leak/one`),
      await getText(`${url}/runs/leak/one/steps/streams/log`),
    );
    shown.push(server.stderr());
  }
  shown.push(await textsIn(folder));
  const text = JSON.stringify(shown);
  assert.match(text, /out \*{7}/);
  assert.match(text, /bad \*{7}/);
  for (const secret of [SECRET, ...LINES.split("\n")]) {
    const at = text.indexOf(secret);
    assert.equal(at, -1, text.slice(Math.max(0, at - 300), at + 60));
  }
  await Deno.remove(folder, { recursive: true });
});

const FANNED = `
secrets: [{name: PLAIN, provider: env, key: ORIGIN}]
steps:
  - id: each
    foreach:
      items: ["\${env.PLAIN}"]
      steps:
        - id: one
          outputs: [{name: told}]
          run: echo "told=$PLAIN" >> "$DAGU_OUTPUT_FILE"
      collect: {told: "\${steps.one.outputs.told}"}
  - id: below
    depends: each
    action: dag.run
    with: {dag: child, params: {GIVEN: "\${env.PLAIN}"}}
  - id: behind
    depends: below
    action: dag.enqueue
    with: {dag: child, params: {GIVEN: "\${env.PLAIN}", OTHER: "1"}}
---
name: child
params: {GIVEN: "", OTHER: ""}
steps: [{id: a, run: "true"}]
`;

Deno.test("P-37 what a fan-out and a sub-run tell holds no secret, and one among parameters is warned of", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dagu-secrets-" });
  const env = { DAGU_HOME: join(folder, "home"), ORIGIN: SECRET };
  await Deno.writeTextFile(join(folder, "w.yaml"), FANNED);
  const started = await dagu({
    args: ["start", "--run-id", "one", "--name", "fan", "w.yaml"],
    env,
    cwd: folder,
  });
  assert.equal(started.code, 0, started.stderr);
  const logs = await textsIn(join(folder, "home", "logs", "fan"));
  assert.match(logs, /"params": "GIVEN=\*{7}"/);
  assert.match(logs, /"told":"\*{7}"/);
  assert.match(
    started.stderr,
    /a secret is among the parameters of child, which are kept and shown with its run/,
  );
  assert.equal(logs.indexOf(SECRET), -1);
  assert.equal(JSON.stringify(started).indexOf(SECRET), -1);
  await Deno.remove(folder, { recursive: true });
});
