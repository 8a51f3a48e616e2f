/** One command in a container of its own, from create to removed (containers contract 4, 6, 8). */
import assert from "node:assert/strict";
import { removeContainer } from "../../../src/runner/containers/api/container.ts";
import { runStepContainer } from "../../../src/runner/containers/step-container.ts";
import type { ContainerRequest } from "../../../src/runner/containers/spec.ts";
import type { Outcome } from "../../../src/run/ports.ts";
import {
  type Bench,
  CANCEL,
  collect,
  type Collected,
  exitOf,
  IDLE,
  IMAGE,
  onEachEngine,
  type Reported,
  reporter,
  stateOf,
  STOP,
  textOf,
  TIMEOUT,
  until,
} from "./bench.ts";

interface Ran {
  readonly outcome: Outcome;
  readonly out: Collected;
  readonly report: Reported;
}

async function run(bench: Bench, request: ContainerRequest, stop = STOP, signal = IDLE): Promise<Ran> {
  const out = collect();
  const report = reporter();
  const outcome = await runStepContainer(bench.engine, request, stop, out, report, signal);
  return { outcome, out, report };
}

onEachEngine("0.3 exit codes pass through exactly, the message has the end of stderr", async (bench) => {
  const cases: [text: string, want: string][] = [
    ["true", "0"],
    ["exit 1", "1 COMMAND_FAILED"],
    ["echo out; echo err >&2; exit 7", "7 COMMAND_FAILED"],
    ["exit 126", "126 COMMAND_FAILED"],
    ["exit 127", "127 COMMAND_FAILED"],
    ["exit 255", "255 COMMAND_FAILED"],
    ["kill -TERM $$", "143 COMMAND_FAILED"],
  ];
  const ran = await Promise.all(cases.map(([text]) => run(bench, bench.shell(text))));
  assert.deepEqual(ran.map(({ outcome }) => exitOf(outcome)), cases.map(([, want]) => want));
  const [, , failed] = ran;
  assert.equal(failed?.out.text("stdout"), "out\n");
  assert.equal(failed?.out.text("stderr"), "err\n");
  assert.match(failed?.outcome.failure?.message ?? "", /7[^]*err/);
});

onEachEngine("F10 what really ran is reported with engine, address, id, image and digest", async (bench) => {
  const { report } = await run(bench, bench.shell("true"));
  assert.equal(report.facts.length, 1);
  const [facts] = report.facts;
  assert.equal(facts?.engine, bench.isPodman ? "podman" : "docker");
  assert.equal(facts?.address, `unix://${bench.socketPath}`);
  assert.match(facts?.id ?? "", /^[0-9a-f]{12}$/);
  assert.equal(facts?.image, IMAGE);
  assert.match(facts?.digest ?? "", /^sha256:[0-9a-f]{64}$/);
});

onEachEngine(
  "B03 one that was never started is not told: a runner started anew would miss its work",
  async (bench) => {
    const states: (string | null)[] = [];
    const report = reporter();
    const container: Reported["container"] = async (facts) => {
      states.push(await stateOf(bench.engine, facts.id));
      await report.container(facts);
    };
    const request = bench.shell("sleep 2; echo done");
    const out = collect();
    const outcome = await runStepContainer(bench.engine, request, STOP, out, { ...report, container }, IDLE);
    assert.deepEqual(states, ["running"]);
    assert.equal(exitOf(outcome), "0");
    assert.equal(out.text("stdout"), "done\n");
  },
);

onEachEngine(
  "4.6.1 all 256 byte values, no line end and a line of 100000 characters arrive as written",
  async (bench) => {
    const octal = Array.from({ length: 256 }, (_, byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join(
      "",
    );
    const bytes = await run(bench, bench.shell(`printf '%b' '${octal}'; printf '%b' '${octal}' >&2`));
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    assert.deepEqual(bytes.out.bytes("stdout"), all);
    assert.deepEqual(bytes.out.bytes("stderr"), all);
    const open = await run(bench, bench.shell("printf 'no newline'"));
    assert.equal(open.out.text("stdout"), "no newline");
    const long = await run(bench, bench.shell("head -c 100000 /dev/zero | tr '\\0' a"));
    assert.equal(long.out.text("stdout"), "a".repeat(100_000));
  },
);

onEachEngine("AC-41 a MiB on both streams at once is complete and in order", async (bench) => {
  const text = "seq 1 150000 & seq 1 150000 >&2; wait";
  const { out, outcome } = await run(bench, bench.shell(text));
  const want = Array.from({ length: 150_000 }, (_, at) => `${at + 1}\n`).join("");
  assert.equal(exitOf(outcome), "0");
  assert.ok(out.text("stdout") === want && out.text("stderr") === want);
});

onEachEngine("4.1.5 the whole output of quick containers arrives, every time", async (bench) => {
  const ran = await Promise.all(
    Array.from({ length: 6 }, (_, at) => run(bench, bench.shell(`echo ${at}; exit ${at}`))),
  );
  ran.forEach(({ out, outcome }, at) => {
    assert.equal(out.text("stdout"), `${at}\n`);
    assert.equal(outcome.exitCode, at);
  });
});

onEachEngine("outputs that close early are not the end of the process", async (bench) => {
  const { out, outcome } = await run(bench, bench.shell("echo before; exec >&- 2>&-; sleep 1; exit 3"));
  assert.equal(out.text("stdout"), "before\n");
  assert.equal(exitOf(outcome), "3 COMMAND_FAILED");
});

onEachEngine(
  "4.6.5 a sink that does not take bytes stops the process, and no byte is lost",
  async (bench) => {
    const size = 48 * 1024 * 1024;
    const gate = Promise.withResolvers<void>();
    const report = reporter();
    let got = 0;
    const sink = {
      write: async (_stream: string, bytes: Uint8Array): Promise<void> => {
        got += bytes.length;
        await gate.promise;
      },
    };
    const request = bench.shell(`head -c ${size} /dev/zero; echo done >&2`);
    const running = runStepContainer(bench.engine, request, STOP, sink, report, IDLE);
    const { id } = await report.started;
    await until(() => Promise.resolve(got > 0), "first bytes");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal(await stateOf(bench.engine, id), "running");
    gate.resolve();
    assert.equal(exitOf(await running), "0");
    assert.equal(got, size + "done\n".length);
  },
);

onEachEngine(
  "F38 F39 programs that are not there or not executable, with and without arguments",
  async (bench) => {
    const cases: [entrypoint: string[], want: string][] = [
      [["nosuchbin"], "127 COMMAND_NOT_FOUND"],
      [["/no/such/bin"], "127 COMMAND_NOT_FOUND"],
      [["/etc/passwd"], "126 COMMAND_NOT_EXECUTABLE"],
      [["/etc"], "126 COMMAND_NOT_EXECUTABLE"],
    ];
    for (const [entrypoint, want] of cases) {
      const { outcome, out } = await run(bench, bench.request({}, { entrypoint, command: ["--x"] }));
      assert.equal(exitOf(outcome), want);
      assert.ok(textOf(outcome).includes(entrypoint[0] ?? "?"), textOf(outcome));
      assert.ok(textOf(outcome).includes(IMAGE), textOf(outcome));
      assert.equal(out.text("stdout") + out.text("stderr"), "", "the engine's words are not the step's");
    }
  },
);

onEachEngine("output that only begins like an engine's words stays the step's", async (bench) => {
  const words = "[FATAL tini (7)] exec x failed: not really";
  const { outcome, out } = await run(
    bench,
    bench.shell(`echo '${words}' >&2; echo 'ERROR (catatonit:6): hm' >&2; exit 4`),
  );
  assert.equal(out.text("stderr"), `${words}\nERROR (catatonit:6): hm\n`);
  assert.equal(exitOf(outcome), "4 COMMAND_FAILED");
});

onEachEngine("AC-46 F37 an unknown user", async (bench) => {
  const { outcome } = await run(bench, bench.shell("id", { user: "ghost" }));
  assert.equal(exitOf(outcome), "1 USER_UNKNOWN");
  assert.match(textOf(outcome), /ghost/);
});

onEachEngine("AC-45 AC-52 user, working directory and environment layers", async (bench) => {
  const env = [{ name: "A", value: "1" }, { name: "SHARED", value: "c" }];
  const text = 'pwd; whoami; echo "$A $SHARED $ONLY"';
  const request = bench.shell(text, { user: "nobody", workingDir: "/data/deep", env });
  const { out } = await run(bench, { ...request, env: { SHARED: "s", ONLY: "s" } });
  assert.equal(out.text("stdout"), "/data/deep\nnobody\n1 c s\n");
});

onEachEngine(
  "AC-47 AC-49 relative binds, read-only and not; missing folders of ours are made",
  async (bench) => {
    const written = await run(bench, bench.shell("echo ok > /m/y", { volumes: ["./d/e:/m"] }));
    assert.equal(exitOf(written.outcome), "0", textOf(written.outcome));
    assert.equal(await Deno.readTextFile(`${bench.folder}/d/e/y`), "ok\n");
    const refused = await run(bench, bench.shell("touch /m/x", { volumes: ["./d/e:/m:ro"] }));
    assert.match(refused.out.text("stderr"), /Read-only file system/);
  },
);

onEachEngine("AC-50 F30 a missing source elsewhere fails before anything is made", async (bench) => {
  const missing = `/tmp/ac50-${crypto.randomUUID()}`;
  const { outcome, report } = await run(bench, bench.shell("true", { volumes: [`${missing}:/m`] }));
  assert.equal(exitOf(outcome), "1 MOUNT_SOURCE_UNAVAILABLE");
  assert.ok(textOf(outcome).includes(missing));
  assert.equal(report.facts.length, 0);
  await assert.rejects(() => Deno.stat(missing), Deno.errors.NotFound);
});

onEachEngine("AC-54 AC-55 F35 network none has only lo; an unknown network is named", async (bench) => {
  const { out } = await run(bench, bench.shell("ls /sys/class/net", { network: "none" }));
  assert.equal(out.text("stdout"), "lo\n");
  const { outcome } = await run(bench, bench.shell("true", { network: "ac55net" }));
  assert.equal(exitOf(outcome), "1 NETWORK_UNKNOWN");
  assert.match(textOf(outcome), /ac55net/);
});

onEachEngine("F20 AC-85 never and absent: no registry, class, engine and remedy", async (bench) => {
  const { outcome } = await run(bench, bench.shell("true", { image: "alpine:no-such-tag" }));
  assert.equal(exitOf(outcome), "1 IMAGE_MISSING");
  assert.match(textOf(outcome), /alpine:no-such-tag/);
  assert.ok(textOf(outcome).includes(bench.socketPath), textOf(outcome));
  assert.match(textOf(outcome), /missing/);
});

onEachEngine("AC-86 a fully qualified name is found locally", async (bench) => {
  const { outcome } = await run(bench, bench.shell("true", { image: `docker.io/library/${IMAGE}` }));
  assert.equal(exitOf(outcome), "0", textOf(outcome));
});

onEachEngine(
  "6.4.3 F25 an image for another platform is refused before create, with both named",
  async (bench) => {
    const { outcome, report } = await run(bench, bench.shell("true", { platform: "linux/s390x" }));
    assert.equal(exitOf(outcome), "1 IMAGE_PLATFORM_MISMATCH");
    assert.match(textOf(outcome), /amd64[^]*s390x|s390x[^]*amd64/);
    assert.equal(report.facts.length, 0);
    const same = await run(bench, bench.shell("true", { platform: "linux/x86_64" }));
    assert.equal(exitOf(same.outcome), "0", textOf(same.outcome));
  },
);

onEachEngine(
  "4.8.2 4.8.3 a cancelled sleep dies at once by its signal; what it wrote is kept",
  async (bench) => {
    const stop = new AbortController();
    const out = collect();
    const running = runStepContainer(
      bench.engine,
      bench.shell("echo awake; sleep 300"),
      STOP,
      out,
      reporter(),
      stop.signal,
    );
    await out.seen("awake\n");
    const begin = performance.now();
    stop.abort(CANCEL);
    const outcome = await running;
    assert.equal(outcome.exitCode, 143);
    assert.equal(outcome.failure?.code, "CANCELLED");
    assert.ok(performance.now() - begin < 4_000, `${performance.now() - begin} ms`);
    assert.equal(out.text("stdout"), "awake\n");
  },
);

onEachEngine(
  "AC-75 F69 a process that ignores SIGTERM is killed after its grace, and that is said",
  async (bench) => {
    const stop = new AbortController();
    const out = collect();
    const report = reporter();
    const text = "trap '' TERM; echo ready; while :; do sleep 1; done";
    const rules = { ...STOP, graceMs: 1_000 };
    const running = runStepContainer(bench.engine, bench.shell(text), rules, out, report, stop.signal);
    await out.seen("ready\n");
    const begin = performance.now();
    stop.abort(TIMEOUT);
    const outcome = await running;
    const took = performance.now() - begin;
    assert.ok(took >= 1_000 && took < 8_000, `${took} ms`);
    assert.equal(outcome.exitCode, 137);
    assert.equal(outcome.failure?.code, "STEP_TIMEOUT");
    assert.ok(report.notes.some((note) => /killed/.test(note)), report.notes.join());
  },
);

onEachEngine("CN-06 a forced stop has no grace, also when it comes during one", async (bench) => {
  const stop = new AbortController();
  const hurry = new AbortController();
  const out = collect();
  const text = "trap 'echo term' TERM; echo ready; while :; do sleep 0.2; done";
  const rules = { signal: "SIGTERM", graceMs: 60_000, hurry: hurry.signal };
  const running = runStepContainer(bench.engine, bench.shell(text), rules, out, reporter(), stop.signal);
  await out.seen("ready\n");
  stop.abort(CANCEL);
  await out.seen("term\n");
  hurry.abort();
  assert.equal((await running).exitCode, 137);
});

onEachEngine(
  "AC-76 signal_on_stop is the first signal, and its handler may end the process well",
  async (bench) => {
    const stop = new AbortController();
    const out = collect();
    const text = "trap 'echo got INT; exit 0' INT; echo ready; while :; do sleep 0.2; done";
    const rules = { ...STOP, signal: "SIGINT" };
    const running = runStepContainer(bench.engine, bench.shell(text), rules, out, reporter(), stop.signal);
    await out.seen("ready\n");
    stop.abort(CANCEL);
    const outcome = await running;
    assert.equal(out.text("stdout"), "ready\ngot INT\n");
    assert.equal(outcome.failure?.code, "CANCELLED");
  },
);

onEachEngine("4.8 a stop before the container is there makes none", async (bench) => {
  const { outcome, report } = await run(bench, bench.shell("true"), STOP, AbortSignal.abort(CANCEL));
  assert.equal(outcome.failure?.code, "CANCELLED");
  assert.equal(report.facts.length, 0);
});

onEachEngine("AC-77 F59 removed behind our back is lost, never succeeded", async (bench) => {
  const report = reporter();
  const out = collect();
  const running = runStepContainer(bench.engine, bench.shell("echo on; sleep 30"), STOP, out, report, IDLE);
  const { id } = await report.started;
  await out.seen("on\n");
  await removeContainer(bench.engine.socket, id, true, IDLE);
  const outcome = await running;
  assert.equal(outcome.failure?.code, "CONTAINER_LOST");
  assert.ok(outcome.exitCode === 137 || outcome.exitCode === 1, `${outcome.exitCode}`);
});

onEachEngine(
  "F43 a NUL, which no word and no variable of a process can hold, is told by name",
  async (bench) => {
    const word = await run(bench, bench.shell("echo a\0b"));
    assert.equal(exitOf(word.outcome), "1 OCI_RUNTIME");
    assert.match(
      textOf(word.outcome),
      /cannot start "\/bin\/sh": its command line holds a NUL character.*tr -d/,
    );
    const variable = await run(bench, bench.shell("true", { env: [{ name: "A", value: "x\0y" }] }));
    assert.match(textOf(variable.outcome), /the variable A holds a NUL character/);
  },
);

onEachEngine("F58 killed from outside is told apart from our own stops", async (bench) => {
  const { outcome } = await run(bench, bench.shell("kill -KILL $$"));
  assert.equal(exitOf(outcome), "137 COMMAND_FAILED");
  assert.match(textOf(outcome), /outside/);
});

onEachEngine("AC-57 F56 a process over its memory limit", async (bench) => {
  const request = bench.request({}, {
    entrypoint: ["tail"],
    command: ["/dev/zero"],
    limits: { cpu: 0.5, memoryBytes: 32 * 1024 * 1024 },
  });
  const { outcome } = await run(bench, request);
  assert.equal(exitOf(outcome), "137 OOM_KILLED");
  assert.match(textOf(outcome), /32 ?Mi/);
}, { only: "rootful" });

onEachEngine("4.9 keep_container leaves it as exited", async (bench) => {
  const { outcome } = await run(bench, bench.shell("exit 2", { keepContainer: true }));
  assert.equal(exitOf(outcome), "2 COMMAND_FAILED");
  const [kept = ""] = await bench.left();
  assert.equal(await stateOf(bench.engine, kept), "exited");
  await removeContainer(bench.engine.socket, kept, true, IDLE);
});

onEachEngine(
  "AC-83 raw settings of docker.run reach the engine, AutoRemove and foreign labels do not win",
  async (bench) => {
    const request = bench.request({ network: null, workingDir: "/w" }, {
      command: ["sh", "-c", 'echo "$(pwd) $K $(ls /sys/class/net)"'],
      env: { K: "below" },
      raw: {
        container: { Env: ["K=v"], Labels: { "dagu-edge.runner": "else" } },
        host: { NetworkMode: "none", AutoRemove: true },
        network: {},
      },
    });
    const { out, outcome } = await run(bench, request);
    assert.equal(exitOf(outcome), "0", textOf(outcome));
    assert.equal(out.text("stdout"), "/w v lo\n");
  },
);

onEachEngine("5.3.3 a terminal's bytes are stdout", async (bench) => {
  const request = bench.request({}, {
    command: ["sh", "-c", "test -t 1 && echo tty; echo err >&2"],
    raw: { container: { Tty: true }, host: {}, network: {} },
  });
  const { out } = await run(bench, request);
  assert.equal(out.text("stdout"), "tty\r\nerr\r\n");
  assert.equal(out.text("stderr"), "");
});

onEachEngine("20 containers at concurrency 4 give their own results and leave nothing", async (bench) => {
  const results: string[] = [];
  const queue = Array.from({ length: 20 }, (_, at) => at);
  const work = async (): Promise<void> => {
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      const { outcome, out } = await run(bench, bench.shell(`echo ${at}; exit ${at}`));
      results.push(`${at} ${outcome.exitCode} ${out.text("stdout").trim()}`);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  const want = Array.from({ length: 20 }, (_, at) => `${at} ${at} ${at}`);
  assert.deepEqual(results.toSorted(), want.toSorted());
});
