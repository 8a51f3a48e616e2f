/**
 * The test command: brings up what the tests run on, bundles the `dagu` that they call, as `deno task install` does for
 * people, runs them, and ends with one plain line `N passed, N failed`.
 * Arguments are handed to `deno test` (a folder, --filter).
 */
import { newLineCutter } from "../../src/run/lines.ts";
import { bundleDagu } from "../dagu/bundle.ts";

const root = new URL("../../", import.meta.url);

const up = new Deno.Command("bash", {
  args: ["infra/dev/up"],
  cwd: root,
  stdout: "piped",
  stderr: "inherit",
});
const brought = await up.output();
if (!brought.success) {
  console.error("infra/dev/up failed: the tests need Docker, Podman, Postgres and Chromium");
  console.log("0 passed, 1 failed");
  Deno.exit(1);
}
const exported = Object.fromEntries(
  new TextDecoder().decode(brought.stdout).split("\n").flatMap((line) => {
    const match = /^export (\w+)=(.*)$/.exec(line);
    return match === null ? [] : [[match[1] ?? "", match[2] ?? ""]];
  }),
);

/** A third of the time a test waits for a clock or an engine: one more than there are processors keeps them busy. */
const JOBS = Math.min(4, navigator.hardwareConcurrency + 1);

const targets = Deno.args.some((arg) => !arg.startsWith("-")) ? [] : ["tests/"];
const tests = new Deno.Command(Deno.execPath(), {
  // Types are `deno task check`'s: looked at once, not once more for every test file.
  args: ["test", "-A", "--no-check", "--parallel", "--ignore=tests/bench", ...Deno.args, ...targets],
  cwd: root,
  env: {
    ...exported,
    NO_COLOR: "1",
    DAGU_TEST_PROGRAM: await bundleDagu(),
    DENO_JOBS: Deno.env.get("DENO_JOBS") ?? String(JOBS),
  },
  stdout: "piped",
  stderr: "inherit",
}).spawn();

let passed = 0;
let failed = 0;
let hasSummary = false;
const cutter = newLineCutter();
const decoder = new TextDecoder();
for await (const bytes of tests.stdout) {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
  for (const line of cutter.add(decoder.decode(bytes, { stream: true }))) {
    const match = /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed/.exec(line);
    if (match === null) continue;
    passed = Number(match[1]);
    failed = Number(match[2]);
    hasSummary = true;
  }
}
const { success } = await tests.status;
// A file that does not even load has no test to count.
if (!hasSummary || (!success && failed === 0)) failed += 1;
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(success && failed === 0 ? 0 : 1);
