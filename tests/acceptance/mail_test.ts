/** Mail about runs (workflow-language contract R-42). */
import assert from "node:assert/strict";
import { dagu, type DaguResult } from "../support/dagu.ts";
import { openMailServer } from "../support/mail-server.ts";

async function start(yaml: string): Promise<DaguResult> {
  const home = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${home}/w.yaml`, yaml);
    return await dagu({ args: ["start", "w.yaml"], env: { DAGU_HOME: home, SHELL: "/bin/sh" }, cwd: home });
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const head = (port: number): string =>
  `smtp: {host: 127.0.0.1, port: ${port}}
error_mail: {from: robot@example.com, to: ops@example.com, prefix: "[BAD]", attach_logs: true}
info_mail: {from: robot@example.com, to: [a@example.com, b@example.com], prefix: "[GOOD]"}
wait_mail: {from: robot@example.com, to: ask@example.com}
mail_on: {failure: true, success: true, wait: true}
`;

Deno.test("R-42 a failure is mailed with its logs, a step's own at once", async () => {
  await using server = await openMailServer(null);
  const { code } = await start(
    `${head(server.port)}steps:\n  - {id: a, run: "echo why; exit 3", mail_on_error: true}\n`,
  );
  assert.equal(code, 1);
  const subjects = server.delivered.map(({ text }) => /^Subject: (.*)$/m.exec(text)?.[1]?.trim());
  assert.deepEqual(subjects, ["[BAD] w: a (failed)", "[BAD] w (failed)"]);
  assert.deepEqual(server.delivered[1]?.to, ["ops@example.com"]);
  assert.match(server.delivered[1]?.text ?? "", /- a \[failed\]: exit status 3/);
  assert.match(server.delivered[1]?.text ?? "", /filename=a\.out/);
});

Deno.test("R-42 success and waiting are mailed to whom they concern", async () => {
  await using server = await openMailServer(null);
  await start(`${head(server.port)}steps:\n  - {id: a, run: "true"}\n`);
  await start(`${head(server.port)}steps:\n  - {id: a, action: human.task, with: {prompt: Go on?}}\n`);
  assert.deepEqual(server.delivered.map(({ to }) => to), [["a@example.com", "b@example.com"], [
    "ask@example.com",
  ]]);
  assert.match(server.delivered[1]?.text ?? "", /^Subject: w \(waiting\)/m);
});

Deno.test("R-42 a mail that cannot be sent is noted and changes nothing", async () => {
  const { code, stderr } = await start(`${head(1)}steps:\n  - {id: a, run: "true"}\n`);
  assert.equal(code, 0);
  assert.match(stderr, /note: mail about the run was not sent/);
});
