import assert from "node:assert/strict";
import fc from "fast-check";
import { newLaunchGuard } from "../../../../src/runner/containers/output.ts";

const TINI = "[FATAL tini (7)] exec nosuchbin failed: No such file or directory\n";
const CATATONIT = "ERROR (catatonit:6): failed to exec pid1: Permission denied\n";
const DOCKER_EXEC =
  'OCI runtime exec failed: exec failed: exec: "x": executable file not found in $PATH: unknown\r\n';
const DOCKER_USER = "unable to find user ghost: no matching entries in passwd file\r\n";
const PODMAN_EXEC =
  'Error: /usr/sbin/runc: exec failed: exec: "x": permission denied: OCI permission denied\n' +
  "Error: read unixpacket @->/proc/self/fd/14/attach: read: connection reset by peer\n";

const TOO_LONG = "exec /sbin/docker-init: argument list too long\n";

type Write = [stream: "stdout" | "stderr", text: string];

async function guarded(
  writes: readonly Write[],
  exitCode: number,
): Promise<{ words: string | null; passed: Write[] }> {
  const passed: Write[] = [];
  const guard = newLaunchGuard({
    write: (stream, bytes) => {
      passed.push([stream, new TextDecoder().decode(bytes)]);
      return Promise.resolve();
    },
  });
  for (const [stream, text] of writes) await guard.write(stream, new TextEncoder().encode(text));
  return { words: await guard.settle(exitCode), passed };
}

const LAUNCHES: [name: string, write: Write, exitCode: number][] = [
  ["Docker's init", ["stderr", TINI], 127],
  ["Podman's init, whose code is 1", ["stderr", CATATONIT], 1],
  ["a runtime that cannot start the init", ["stderr", TOO_LONG], 1],
  ["an exec on Docker", ["stdout", DOCKER_EXEC], 126],
  ["an unknown user of an exec on Docker", ["stdout", DOCKER_USER], 126],
  ["an exec on Podman", ["stderr", PODMAN_EXEC], 126],
];
for (const [name, [stream, text], exitCode] of LAUNCHES) {
  Deno.test(`F38 F39 the words of ${name} are no output, in whatever pieces they come`, async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: text.length }), async (cut) => {
      const pieces: Write[] = [[stream, text.slice(0, cut)], [stream, text.slice(cut)]];
      const { words, passed } = await guarded(pieces, exitCode);
      assert.equal(words, text);
      assert.deepEqual(passed, []);
    }));
  });
}

const OWN: [name: string, writes: Write[], exitCode: number][] = [
  ["the same words and another code", [["stderr", TINI]], 0],
  ["catatonit's words with 127", [["stderr", CATATONIT]], 127],
  ["no line end of a terminal", [["stdout", "OCI runtime exec failed: no\n"]], 127],
  ["more output after the words", [["stderr", TINI], ["stderr", "and so on\n"]], 127],
  ["a line about an error", [["stderr", "Error: cannot open x\n"]], 127],
  ["nothing at all", [], 127],
  ["ordinary output", [["stdout", "O"], ["stdout", "rdinary\n"], ["stderr", "x"]], 126],
];
for (const [name, writes, exitCode] of OWN) {
  Deno.test(`a program's own output is passed on in order: ${name}`, async () => {
    const { words, passed } = await guarded(writes, exitCode);
    assert.equal(words, null);
    assert.deepEqual(
      passed.map((write) => write.join(" ")).join(""),
      writes.map((write) => write.join(" ")).join(""),
    );
  });
}

Deno.test("what cannot be such words is not held back", async () => {
  const passed: string[] = [];
  const guard = newLaunchGuard({
    write: (_stream, bytes) => {
      passed.push(new TextDecoder().decode(bytes));
      return Promise.resolve();
    },
  });
  await guard.write("stdout", new TextEncoder().encode("E"));
  assert.deepEqual(passed, []);
  await guard.write("stdout", new TextEncoder().encode("at"));
  assert.deepEqual(passed, ["E", "at"]);
  await guard.write("stderr", new TextEncoder().encode("Error: late"));
  assert.deepEqual(passed, ["E", "at", "Error: late"]);
});

Deno.test("a line that is none of theirs is passed on at once, however it begins", async () => {
  const passed: string[] = [];
  const guard = newLaunchGuard({
    write: (_stream, bytes) => {
      passed.push(new TextDecoder().decode(bytes));
      return Promise.resolve();
    },
  });
  await guard.write("stderr", new TextEncoder().encode("Error: still trying"));
  assert.deepEqual(passed, []);
  await guard.write("stderr", new TextEncoder().encode("\n"));
  assert.deepEqual(passed, ["Error: still trying", "\n"]);
});

Deno.test("F38 a line that is too long for words of a launch is not waited for", async () => {
  const passed: number[] = [];
  const guard = newLaunchGuard({
    write: (_stream, bytes) => {
      passed.push(bytes.length);
      return Promise.resolve();
    },
  });
  await guard.write("stderr", new TextEncoder().encode(`Error: ${"x".repeat(8_185)}`));
  assert.deepEqual(passed, []);
  await guard.write("stderr", new TextEncoder().encode("x"));
  assert.deepEqual(passed, [8_192, 1]);
});
