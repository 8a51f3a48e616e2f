import assert from "node:assert/strict";
import { systemClock } from "../../../src/runner/clock.ts";
import { killLeftovers, type ProcessRequest, runProcess } from "../../../src/runner/process.ts";
import type { OutputSink } from "../../../src/run/ports.ts";

const clock = systemClock();
const NEVER = new AbortController().signal;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Sleeps of 987xx seconds get a number that no other process on the machine sleeps for. */
function shell(script: string, more: Partial<ProcessRequest> = {}): ProcessRequest {
  const marked = script.replace(/\b987\d\d\b/g, (seconds) => unique(Number(seconds)));
  return { argv: ["sh", "-c", marked], env: { PATH }, cwd: "/tmp", stdin: null, owner: "test", ...more };
}

function collect(): {
  sink: OutputSink;
  text(stream: "stdout" | "stderr"): string;
  said(text: string): Promise<void>;
} {
  const bytes = { stdout: "", stderr: "" };
  const waiters: { text: string; resolve(): void }[] = [];
  return {
    sink: {
      write: (stream, chunk) => {
        bytes[stream] += new TextDecoder().decode(chunk);
        for (const waiter of waiters) if (bytes.stdout.includes(waiter.text)) waiter.resolve();
        return Promise.resolve();
      },
    },
    text: (stream) => bytes[stream],
    said: (text) => new Promise((resolve) => waiters.push({ text, resolve })),
  };
}

function rules(signal = "SIGTERM", graceMs = 5_000): { signal: string; graceMs: number; hurry: AbortSignal } {
  return { signal, graceMs, hurry: NEVER };
}

function unique(seconds: number): string {
  return `${seconds}.${Deno.pid}`;
}

/** Whether such a process runs; one that was just killed may need a moment to be taken down by the kernel. */
async function isGone(pattern: string): Promise<boolean> {
  const deadline = clock.mono() + 2_000;
  while (await isThere(pattern)) {
    if (clock.mono() > deadline) return false;
    await clock.sleep(20);
  }
  return true;
}

async function isThere(pattern: string): Promise<boolean> {
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const line = await Deno.readTextFile(`/proc/${entry.name}/cmdline`).catch(() => "");
    if (line.includes(pattern)) return true;
  }
  return false;
}

const CODES: readonly [string, string, number][] = [
  ["S-30 success", "true", 0],
  ["S-30 its own code", "exit 42", 42],
  ["S-30 the highest code", "exit 255", 255],
  ["S-30 killed by SIGKILL", "kill -9 $$", 137],
  ["S-30 killed by SIGTERM", "kill -15 $$", 143],
  ["S-30 killed by SIGSEGV", "kill -11 $$", 139],
  ["not found inside the shell", "no-such-program", 127],
];
for (const [name, script, code] of CODES) {
  Deno.test(`${name}: exit code ${code}`, async () => {
    const end = await runProcess(clock, shell(script), rules(), collect().sink, NEVER);
    assert.deepEqual(end, { kind: "exited", exitCode: code });
  });
}

Deno.test("0.3 a program that is not there, and one that may not be executed, are told apart", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/plain`, "hello", { mode: 0o644 });
  const missing = await runProcess(
    clock,
    shell("", { argv: ["no-such-program"] }),
    rules(),
    collect().sink,
    NEVER,
  );
  assert.equal(missing.kind === "not_started" && missing.reason, "not_found");
  const plain = shell("", { argv: ["./plain"], cwd: folder });
  const denied = await runProcess(clock, plain, rules(), collect().sink, NEVER);
  assert.equal(denied.kind === "not_started" && denied.reason, "not_executable");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("0.3 a NUL, which no word and no variable of a process can hold, is told by name", async () => {
  const word = await runProcess(clock, shell("echo a\0b"), rules(), collect().sink, NEVER);
  assert.deepEqual(word, {
    kind: "not_started",
    reason: "unfit",
    message: 'cannot start "sh": its command line holds a NUL character',
  });
  const env = { PATH, A: "a\0b" };
  const variable = await runProcess(clock, shell("true", { env }), rules(), collect().sink, NEVER);
  assert.equal(
    variable.kind === "not_started" && variable.message,
    'cannot start "sh": the variable A holds a NUL character',
  );
});

Deno.test("4.6.1 both streams arrive apart and byte for byte; nothing of the environment is inherited", async () => {
  const out = collect();
  await runProcess(
    clock,
    shell("printf 'a\\nb'; printf c >&2; env | sort >&2", { env: { PATH, X: "1" } }),
    rules(),
    out.sink,
    NEVER,
  );
  assert.equal(out.text("stdout"), "a\nb");
  assert.match(
    out.text("stderr"),
    /^cDAGU_PROCESS_TOKEN=.*\n(OLDPWD=.*\n)?PATH=.*\nPWD=\/tmp\n(SHLVL=.*\n)?X=1\n(_=.*\n)?$/,
  );
});

Deno.test("S-32 stdin is empty, or exactly the given text", async () => {
  const empty = collect();
  await runProcess(clock, shell("cat; echo end"), rules(), empty.sink, NEVER);
  assert.equal(empty.text("stdout"), "end\n");
  const given = collect();
  await runProcess(clock, shell("cat", { stdin: "é\n\nlast" }), rules(), given.sink, NEVER);
  assert.equal(given.text("stdout"), "é\n\nlast");
  const unread = await runProcess(
    clock,
    shell("exec true", { stdin: "x".repeat(1 << 20) }),
    rules(),
    given.sink,
    NEVER,
  );
  assert.deepEqual(unread, { kind: "exited", exitCode: 0 });
});

Deno.test("S-97 a stop signals the whole group", async () => {
  const out = collect();
  const stop = new AbortController();
  const script =
    "trap 'echo parent; exit 3' TERM; sh -c 'trap \"echo child; exit\" TERM; sleep 98701 & echo ready; wait' & wait; wait";
  const running = runProcess(clock, shell(script), rules(), out.sink, stop.signal);
  await out.said("ready");
  stop.abort();
  assert.deepEqual(await running, { kind: "exited", exitCode: 3 });
  assert.match(out.text("stdout"), /parent/);
  assert.match(out.text("stdout"), /child/);
  assert.equal(await isGone(unique(98701)), true);
});

Deno.test("S-97 what ignores the signal is killed after the grace, detached children too", async () => {
  const out = collect();
  const stop = new AbortController();
  let hours = 0;
  let isOver = false;
  // It stands still, and then an hour passes between any two looks at it.
  const held = { ...clock, mono: () => 3_600_000 * (isOver ? ++hours : hours) };
  const script =
    "trap 'echo heard' TERM; setsid sh -c 'trap \"\" TERM; sleep 98702; sleep 98702' & echo ready; " +
    "while :; do sleep 98702 & wait $!; done";
  const running = runProcess(held, shell(script), rules("SIGTERM", 600_000), out.sink, stop.signal);
  await out.said("ready");
  const heard = out.said("heard");
  stop.abort();
  await heard;
  assert.equal(await isThere(unique(98702)), true, "it has the whole grace");
  isOver = true;
  assert.deepEqual(await running, { kind: "exited", exitCode: 137 });
  assert.equal(await isGone(unique(98702)), true);
});

Deno.test("S-97 what left the group with its pipes in hand is not waited for, however slow the sink", async () => {
  let bytes = 0;
  const sink: OutputSink = {
    write: async (_stream, chunk) => {
      // Longer than output may follow its process.
      await clock.sleep(1_500);
      bytes += chunk.length;
    },
  };
  const never = new AbortController().signal;
  const script = "setsid env -i sleep 98716 & head -c 60000 /dev/zero";
  const end = await runProcess(clock, shell(script), rules(), sink, never);
  assert.deepEqual([end, bytes], [{ kind: "exited", exitCode: 0 }, 60_000]);
  assert.equal(await isThere(unique(98716)), true, "it goes on");
  await new Deno.Command("pkill", { args: ["-f", `sleep ${unique(98716)}`] }).output();
});

Deno.test("CN-06 a forced stop skips the grace", async () => {
  const out = collect();
  const stop = new AbortController();
  const hurry = new AbortController();
  const request = shell("trap '' TERM; echo ready; sleep 98703; sleep 98703");
  const running = runProcess(
    clock,
    request,
    { signal: "SIGTERM", graceMs: 60_000, hurry: hurry.signal },
    out.sink,
    stop.signal,
  );
  await out.said("ready");
  stop.abort();
  hurry.abort();
  assert.deepEqual(await running, { kind: "exited", exitCode: 137 });
});

Deno.test("signal_on_stop is the first signal", async () => {
  const out = collect();
  const stop = new AbortController();
  const request = shell("trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done");
  const running = runProcess(clock, request, rules("SIGUSR1"), out.sink, stop.signal);
  await out.said("ready");
  stop.abort();
  assert.deepEqual(await running, { kind: "exited", exitCode: 7 });
});

Deno.test("nothing of the group is left after a normal end", async () => {
  const end = await runProcess(
    clock,
    shell("sleep 98704 >/dev/null 2>&1 & exit 0"),
    rules(),
    collect().sink,
    NEVER,
  );
  assert.deepEqual(end, { kind: "exited", exitCode: 0 });
  assert.equal(await isGone(unique(98704)), true);
});

Deno.test("50 MB pass a slow sink whole", async () => {
  let size = 0;
  const sink: OutputSink = {
    write: async (_stream, bytes) => {
      size += bytes.length;
      if (size < 4_000_000) await clock.sleep(5);
    },
  };
  await runProcess(clock, shell("head -c 52428800 /dev/zero"), rules(), sink, NEVER);
  assert.equal(size, 52_428_800);
});

Deno.test("a sink that fails ends the process and is heard", async () => {
  const sink: OutputSink = { write: () => Promise.reject(new Error("disk is gone")) };
  await assert.rejects(runProcess(clock, shell("echo x; sleep 98705"), rules(), sink, NEVER), /disk is gone/);
  assert.equal(await isGone(unique(98705)), true);
});

Deno.test("RS-01 what runs for an attempt is found and killed by another process", async () => {
  const out = collect();
  const owner = crypto.randomUUID();
  const running = runProcess(clock, shell("echo ready; sleep 98706", { owner }), rules(), out.sink, NEVER);
  await out.said("ready");
  await killLeftovers(clock, crypto.randomUUID());
  assert.equal(await isThere(unique(98706)), true);
  await killLeftovers(clock, owner);
  assert.deepEqual(await running, { kind: "exited", exitCode: 137 });
});
