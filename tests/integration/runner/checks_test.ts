/** Commands of preconditions and of `eval`, as real processes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { newChecks } from "../../../src/runner/checks.ts";
import { OPEN_POLICY } from "../../../src/runner/policy.ts";
import { systemClock } from "../../../src/runner/clock.ts";
import type { Failure } from "../../../src/run/failure.ts";
import type { CommandPlace, Substituted } from "../../../src/run/ports.ts";

const PATH = "/usr/local/bin:/usr/bin:/bin";
const NEVER = new AbortController().signal;

interface Bench extends AsyncDisposable {
  readonly folder: string;
  command(text: string, place?: Partial<CommandPlace>): Promise<boolean | Failure>;
  substitute(text: string, place?: Partial<CommandPlace>, signal?: AbortSignal): Promise<Substituted>;
}

async function openBench(sourceDir = ""): Promise<Bench> {
  const folder = await Deno.makeTempDir();
  const checks = newChecks({
    attemptId: "checks-test",
    policy: OPEN_POLICY.forRun({ name: "w", trust: "trusted" }, { own: [], secret: [] }),
    clock: systemClock(),
    hostEnv: { PATH },
    runnerEnv: { PATH, SHELL: "/bin/sh" },
    workDir: folder,
    sourceDir,
  });
  const plain: CommandPlace = { shell: null, workingDir: null, env: {} };
  return {
    folder,
    command: (text, place) => checks.command(text, { ...plain, ...place }, NEVER),
    substitute: (text, place, signal = NEVER) => checks.substitute(text, { ...plain, ...place }, signal),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

const printed = (read: Substituted): string => read.ok ? read.text : `! ${read.message}`;

Deno.test("checks: S-71 met when the exit code is 0", async () => {
  await using bench = await openBench();
  assert.equal(await bench.command("true"), true);
  assert.equal(await bench.command("exit 3"), false);
  assert.equal(await bench.command("false; true"), true, "the last command decides");
  assert.equal(await bench.command("no-such-program-here"), false);
  assert.equal(await bench.command("true", { shell: ["/no/such/shell"] }), false);
  assert.equal(await bench.command("true", { workingDir: "/proc/no/such" }), false);
});

Deno.test("checks: S-76 sees the environment and the directory, which is made", async () => {
  await using bench = await openBench();
  assert.equal(await bench.command('test "$A" = a', { env: { A: "a" } }), true);
  assert.equal(await bench.command('test "$(pwd)" = "$PWD" && touch here', { workingDir: "deep/er" }), true);
  assert.ok((await Deno.stat(join(bench.folder, "deep/er/here"))).isFile);
});

Deno.test("checks: 4.6 a relative directory is meant against the workflow's folder, the default is not", async () => {
  const source = await Deno.makeTempDir();
  await using bench = await openBench(source);
  assert.equal(await bench.command("touch here", { workingDir: "sub" }), true);
  assert.equal(await bench.command("touch own"), true);
  assert.ok((await Deno.stat(join(source, "sub/here"))).isFile);
  assert.ok((await Deno.stat(join(bench.folder, "own"))).isFile);
  await Deno.remove(source, { recursive: true });
});

Deno.test("checks: V-60 stdout trimmed, stderr gone, the configured shell", async () => {
  await using bench = await openBench();
  assert.equal(printed(await bench.substitute("printf '\\n a\\n b \\n\\n'; echo no >&2")), "a\n b");
  assert.equal(printed(await bench.substitute("")), "");
  assert.equal(
    printed(await bench.substitute('echo "$0 $A"', { shell: ["/bin/sh"], env: { A: "a" } })),
    "/bin/sh a",
  );
  assert.equal(printed(await bench.substitute("false; echo x")), "x", "no -e");
  assert.equal(printed(await bench.substitute("x", { shell: ["/bin/echo"] })), "-c x");
});

Deno.test("checks: V-61 an exit code fails it", async () => {
  await using bench = await openBench();
  assert.equal(printed(await bench.substitute("echo x; exit 9")), "! exit status 9");
  assert.match(printed(await bench.substitute("x", { shell: ["/no/such/shell"] })), /^! .*not found/);
  assert.match(
    printed(await bench.substitute("x", { workingDir: "/proc/no/such" })),
    /^! cannot use the working dir/,
  );
});

Deno.test("checks: V-61 two seconds, and nothing of it is left", async () => {
  await using bench = await openBench();
  const started = performance.now();
  assert.equal(printed(await bench.substitute("trap '' TERM; sleep 60; echo x")), "! timed out after 2 s");
  assert.ok(performance.now() - started < 10_000);
});

Deno.test("checks: a flood of output fails it and takes no memory", async () => {
  await using bench = await openBench();
  const read = await bench.substitute("head -c 3000000 /dev/zero | tr '\\0' x");
  assert.match(printed(read), /^! printed more than/);
});

Deno.test("checks: a stopped run ends it", async () => {
  await using bench = await openBench();
  const stop = new AbortController();
  const reading = bench.substitute("sleep 60", {}, stop.signal);
  stop.abort({ kind: "cancelled", by: "a test", force: false });
  assert.equal(printed(await reading), "! the run was stopped");
});
