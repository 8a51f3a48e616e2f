/** The container that a run shares, and other people's containers (containers contract 3, 2.11). */
import assert from "node:assert/strict";
import { killContainer, removeContainer } from "../../../src/runner/containers/api/container.ts";
import {
  type ExecRequest,
  openForeignContainer,
  type RootContainer,
} from "../../../src/runner/containers/root-container.ts";
import type { ExecContainer } from "../../../src/workflow/workflow.ts";
import {
  CANCEL,
  collect,
  exitOf,
  IDLE,
  IMAGE,
  onEachEngine,
  reporter,
  stateOf,
  STOP,
  TIMEOUT,
  until,
} from "./bench.ts";
import { exec, openRoot, refusal, sh } from "./root.ts";

/** How many processes of that name run in the container. */
async function countOf(root: RootContainer, pattern: string): Promise<number> {
  const { out } = await exec(root, sh(`ps -o args | grep -c '${pattern}' || true`));
  return Number(out.text("stdout"));
}

const NO_LIMITS = { cpu: null, memoryBytes: null };

onEachEngine(
  "AC-58 3.4.4 all commands share the file system; the container is reported once and then gone",
  async (bench) => {
    const report = reporter();
    {
      await using root = await openRoot(bench, bench.request(), report);
      assert.equal(report.facts.length, 1);
      assert.equal(root.facts.image, IMAGE);
      assert.equal((await exec(root, sh("echo x > /tmp/f"))).end, "0");
      assert.equal((await exec(root, sh("cat /tmp/f"))).out.text("stdout"), "x\n");
      assert.deepEqual((await bench.left()).length, 1);
    }
    assert.deepEqual(await bench.left(), []);
  },
);

onEachEngine("2.10.3 2.10 the keep-alive also holds an image whose entrypoint would end", async (bench) => {
  const begin = performance.now();
  {
    await using root = await openRoot(bench, bench.request({ image: "busybox:1.36" }));
    assert.equal((await exec(root, sh("echo here"))).out.text("stdout"), "here\n");
  }
  assert.ok(performance.now() - begin < 6_000, "it does not wait for a kill");
});

onEachEngine("0.3 exit codes of execs pass through exactly", async (bench) => {
  await using root = await openRoot(bench);
  for (const code of [0, 1, 7, 125, 126, 127, 255]) {
    const { end } = await exec(root, sh(`exit ${code}`));
    assert.equal(end, code === 0 ? "0" : `${code} COMMAND_FAILED`);
  }
  const failed = await exec(root, sh("echo out; echo why >&2; exit 3"));
  assert.equal(failed.out.text("stdout"), "out\n");
  assert.match(failed.text, /3[^]*why/);
});

onEachEngine("F43 a NUL in a command for a shared container is told by name", async (bench) => {
  await using root = await openRoot(bench);
  const { end, text } = await exec(root, sh("echo a\0b"));
  assert.equal(end, "1 OCI_RUNTIME");
  assert.match(text, /its command line holds a NUL character/);
});

onEachEngine("F58 a command in a shared container that is killed from outside is told so", async (bench) => {
  await using root = await openRoot(bench);
  const killed = await exec(root, sh("kill -KILL $$"));
  assert.equal(killed.end, "137 COMMAND_FAILED");
  assert.match(killed.text, /killed from outside \(SIGKILL\)/);
});

onEachEngine("F56 a command over the memory limit of its shared container", async (bench) => {
  const limits = { cpu: 0.5, memoryBytes: 32 * 1024 * 1024 };
  await using root = await openRoot(bench, bench.request({}, { limits }));
  const killed = await exec(root, { ...sh(""), argv: ["tail", "/dev/zero"] });
  assert.equal(killed.end, "137 OOM_KILLED");
  assert.match(killed.text, /limit 32Mi[^]*resources\.limits\.memory/);
  assert.equal((await exec(root, sh("true"))).end, "0");
}, { only: "rootful" });

onEachEngine("4.6.1 exec output is byte-exact, streams apart", async (bench) => {
  await using root = await openRoot(bench);
  const octal = Array.from({ length: 256 }, (_, byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("");
  const bytes = await exec(root, sh(`printf '%b' '${octal}'; printf '%b' '${octal}' >&2`));
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  assert.deepEqual(bytes.out.bytes("stdout"), all);
  assert.deepEqual(bytes.out.bytes("stderr"), all);
  const big = await exec(root, sh("seq 1 150000 & seq 1 150000 >&2; wait"));
  const want = Array.from({ length: 150_000 }, (_, at) => `${at + 1}\n`).join("");
  assert.ok(big.out.text("stdout") === want && big.out.text("stderr") === want);
  assert.equal((await exec(root, sh("printf 'no newline'"))).out.text("stdout"), "no newline");
});

onEachEngine(
  "AC-44 F38 F39 F40 F37 what cannot start is classified, its words are nobody's output",
  async (bench) => {
    await using root = await openRoot(bench);
    const direct = (argv: string[], more: Partial<ExecRequest> = {}): ExecRequest => ({
      ...sh(""),
      argv,
      ...more,
    });
    const cases: [request: ExecRequest, want: string, token: string][] = [
      [direct(["nosuchbin", "--x"]), "127 COMMAND_NOT_FOUND", "nosuchbin"],
      [direct(["/etc/passwd"]), "126 COMMAND_NOT_EXECUTABLE", "/etc/passwd"],
      [direct(["pwd"], { workingDir: "/no/such/dir" }), "126 OCI_RUNTIME", "/no/such/dir"],
      [direct(["id"], { user: "ghost" }), "1 USER_UNKNOWN", "ghost"],
    ];
    for (const [request, want, token] of cases) {
      const { end, text, out } = await exec(root, request);
      assert.equal(end, want, text);
      assert.ok(text.includes(token), text);
      assert.equal(out.text("stdout") + out.text("stderr"), "");
    }
  },
);

onEachEngine("output that begins like an engine's words stays the step's", async (bench) => {
  await using root = await openRoot(bench);
  for (const words of ["OCI runtime exec failed: no", "Error: runc: exec failed: no"]) {
    const { out, end } = await exec(root, sh(`echo '${words}'; echo '${words}' >&2; exit 127`));
    assert.equal(out.text("stdout"), `${words}\n`);
    assert.equal(out.text("stderr"), `${words}\n`);
    assert.equal(end, "127 COMMAND_FAILED");
  }
});

onEachEngine("3.6 3.4.2 environment, user and directory of an exec", async (bench) => {
  const env = [{ name: "TOK", value: "root" }];
  await using root = await openRoot(bench, bench.request({ env, workingDir: "/w" }));
  const own = await exec(root, sh('echo "$TOK $X $(pwd) $(whoami)"', { env: { X: "a b" } }));
  assert.equal(own.out.text("stdout"), "root a b /w root\n");
  const other = await exec(root, sh('echo "$(pwd) $(whoami)"', { workingDir: "/tmp", user: "nobody" }));
  assert.equal(other.out.text("stdout"), "/tmp nobody\n");
});

onEachEngine("a child in the background does not keep its exec from ending, and lives on", async (bench) => {
  await using root = await openRoot(bench);
  const begin = performance.now();
  const { end, out } = await exec(root, sh("sleep 4141 >/dev/null 2>&1 & echo started"));
  assert.equal(end, "0");
  assert.equal(out.text("stdout"), "started\n");
  assert.ok(performance.now() - begin < 10_000);
  assert.equal(await countOf(root, "[s]leep 4141"), 1);
});

onEachEngine("3.4.6 outputs that close early are not the end of an exec", async (bench) => {
  await using root = await openRoot(bench);
  const { end, out } = await exec(root, sh("echo before; exec >&- 2>&-; sleep 1; exit 3"));
  assert.equal(out.text("stdout"), "before\n");
  assert.equal(end, "3 COMMAND_FAILED");
});

for (const user of [null, "nobody"]) {
  onEachEngine(
    `AC-64 3.7.1 3.7.3 a stop kills the tree of its own step only, as ${user ?? "root"}`,
    async (bench) => {
      await using root = await openRoot(bench);
      const stop = new AbortController();
      const out = collect();
      const sibling = collect();
      const text = "(setsid sleep 4242 &) ; sleep 4243 & echo on; sleep 4244; echo late";
      const running = root.exec(sh(text, { user }), STOP, out, stop.signal);
      const other = root.exec(sh("echo on; sleep 3; echo alive", { user }), STOP, sibling, IDLE);
      await Promise.all([out.seen("on\n"), sibling.seen("on\n")]);
      stop.abort(TIMEOUT);
      const outcome = await running;
      assert.equal(outcome.failure?.code, "STEP_TIMEOUT");
      assert.equal(out.text("stdout"), "on\n");
      assert.equal(await countOf(root, "[s]leep 424"), 0);
      assert.equal(exitOf(await other), "0");
      assert.equal(sibling.text("stdout"), "on\nalive\n");
    },
  );
}

onEachEngine("3.7.2 who ignores the signal is killed after the grace", async (bench) => {
  await using root = await openRoot(bench);
  const stop = new AbortController();
  const out = collect();
  const text = "trap '' TERM; echo on; while :; do sleep 4545; done";
  const running = root.exec(sh(text), { ...STOP, graceMs: 1_000 }, out, stop.signal);
  await out.seen("on\n");
  const begin = performance.now();
  stop.abort(CANCEL);
  assert.equal((await running).failure?.code, "CANCELLED");
  const took = performance.now() - begin;
  assert.ok(took >= 900 && took < 10_000, `${took} ms`);
  assert.equal(await countOf(root, "[s]leep 4545"), 0);
});

onEachEngine("CN-06 a hurry ends the grace of an exec", async (bench) => {
  await using root = await openRoot(bench);
  const stop = new AbortController();
  const hurry = new AbortController();
  const out = collect();
  const text = "trap 'echo term' TERM; echo on; while :; do sleep 0.2; done";
  const rules = { signal: "SIGTERM", graceMs: 60_000, hurry: hurry.signal };
  const running = root.exec(sh(text), rules, out, stop.signal);
  await out.seen("on\n");
  stop.abort(CANCEL);
  await out.seen("term\n");
  hurry.abort();
  assert.equal((await running).failure?.code, "CANCELLED");
});

onEachEngine("3.7.3 3.7.5 signal_on_stop is the first signal of an exec", async (bench) => {
  await using root = await openRoot(bench);
  const stop = new AbortController();
  const out = collect();
  const text = "trap 'echo got INT; exit 0' INT; echo on; while :; do sleep 0.2; done";
  const running = root.exec(sh(text), { ...STOP, signal: "SIGINT" }, out, stop.signal);
  await out.seen("on\n");
  stop.abort(CANCEL);
  assert.equal((await running).failure?.code, "CANCELLED");
  assert.equal(out.text("stdout"), "on\ngot INT\n");
});

onEachEngine(
  "AC-73 3.4.1 F60 F61 removed behind our back: the step is lost, the next one finds nothing running",
  async (bench) => {
    await using root = await openRoot(bench);
    const out = collect();
    const running = root.exec(sh("echo on; sleep 30"), STOP, out, IDLE);
    await out.seen("on\n");
    await removeContainer(bench.engine.socket, root.facts.id, true, IDLE);
    assert.equal((await running).failure?.code, "CONTAINER_LOST");
    const after = await exec(root, sh("echo unreachable"));
    assert.equal(after.end, "1 CONTAINER_NOT_RUNNING", after.text);
  },
);

onEachEngine("3.9.2 3.4.1 F61 the main process gone: code and time of its end are said", async (bench) => {
  await using root = await openRoot(bench);
  await killContainer(bench.engine.socket, root.facts.id, "KILL", IDLE);
  await until(async () => await stateOf(bench.engine, root.facts.id) === "exited", "exited");
  const after = await exec(root, sh("true"));
  assert.equal(after.end, "1 CONTAINER_NOT_RUNNING");
  assert.match(after.text, /137/);
});

onEachEngine("AC-60 keep_container is stopped and stays", async (bench) => {
  const root = await openRoot(bench, bench.request({ keepContainer: true }));
  await root[Symbol.asyncDispose]();
  assert.equal(await stateOf(bench.engine, root.facts.id), "exited");
  await removeContainer(bench.engine.socket, root.facts.id, true, IDLE);
});

onEachEngine(
  "AC-70 F36 a name that is taken is named with its state, and its holder left alone",
  async (bench) => {
    const name = `dagu-test-${crypto.randomUUID()}`;
    const kept = await openRoot(bench, bench.request({ containerName: name, keepContainer: true }));
    assert.equal(kept.facts.name, name);
    const running = await refusal(bench, bench.request({ containerName: name }));
    assert.equal(running.code, "NAME_IN_USE");
    assert.match(running.message, new RegExp(`${name}[^]*running|running[^]*${name}`));
    await kept[Symbol.asyncDispose]();
    const stopped = await refusal(bench, bench.request({ containerName: name }));
    assert.equal(stopped.code, "NAME_IN_USE");
    assert.equal(await stateOf(bench.engine, name), "exited");
    await removeContainer(bench.engine.socket, name, true, IDLE);
  },
);

onEachEngine("3.1.3 what cannot start leaves nothing", async (bench) => {
  const failure = await refusal(bench, bench.request({ user: "ghost" }));
  assert.equal(failure.code, "USER_UNKNOWN");
  assert.match(failure.message, /ghost/);
});

function foreign(target: string, more: Partial<ExecContainer> = {}): ExecContainer {
  return { kind: "exec", target, env: [], user: null, workingDir: null, shell: null, ...more };
}

onEachEngine("AC-71 2.3.4 a foreign container is used, and left as it was", async (bench) => {
  await using owned = await openRoot(bench);
  {
    const opened = await openForeignContainer(
      bench.engine,
      foreign(owned.facts.name),
      "owner",
      NO_LIMITS,
      reporter(),
      IDLE,
    );
    assert.ok("facts" in opened, JSON.stringify(opened));
    await using theirs = opened;
    const { out } = await exec(theirs, sh('echo "$(pwd) $X"', { workingDir: "/tmp", env: { X: "1" } }));
    assert.equal(out.text("stdout"), "/tmp 1\n");
  }
  assert.equal(await stateOf(bench.engine, owned.facts.id), "running");
});

onEachEngine("2.3 nobody waits for what is no container's name", async (bench) => {
  for (const target of ["", "${NOPE}", "alpine:3.20"]) {
    const refused = await openForeignContainer(
      bench.engine,
      foreign(target),
      "owner",
      NO_LIMITS,
      reporter(),
      IDLE,
    );
    assert.ok("code" in refused);
    assert.equal(refused.code, "SPEC_INVALID");
  }
}, { limits: { readyMs: 2_500 } });

onEachEngine("AC-72 2.3.3 a foreign container that never comes, and one that comes late", async (bench) => {
  const name = `dagu-test-${crypto.randomUUID()}`;
  const never = await openForeignContainer(bench.engine, foreign(name), "owner", NO_LIMITS, reporter(), IDLE);
  assert.ok("code" in never);
  assert.equal(never.code, "CONTAINER_NOT_RUNNING");
  assert.match(never.message, /not found/);
  const late = openForeignContainer(bench.engine, foreign(name), "owner", NO_LIMITS, reporter(), IDLE);
  await using _owned = await openRoot(bench, bench.request({ containerName: name }));
  const opened = await late;
  assert.ok("facts" in opened, JSON.stringify(opened));
  await opened[Symbol.asyncDispose]();
}, { limits: { readyMs: 2_500 } });
