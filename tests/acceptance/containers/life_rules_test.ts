/** How containers begin and end: clauses of sections 3 and 4 that no numbered case walks through. */
import assert from "node:assert/strict";
import { CREATION, type End, onEngines, PULL, removeForeign, runForeign, stateOf } from "./scene.ts";

/** Where in the story each of them was asked first, in the order of the patterns. */
function firsts(end: End, patterns: readonly RegExp[]): number[] {
  return patterns.map((pattern) => end.requests.findIndex((line) => pattern.test(line)));
}

function assertInOrder(end: End, patterns: readonly RegExp[]): void {
  const at = firsts(end, patterns);
  const story = end.requests.map((line, index) => `${index} ${line}`).join("\n");
  assert.ok(!at.includes(-1), `${at}\n${story}`);
  assert.deepEqual(at, at.toSorted((a, b) => a - b), `${at}\n${story}`);
}

onEngines(
  "3.1.1 4.8.4 name, image, create, start, readiness, then whatever runs inside; in the end stop and removal",
  {
    yaml: `container: {image: "alpine:3.20", name: ac-3-1-1}
handler_on:
  init: {run: "echo init >> /tmp/order"}
  exit: {run: "echo exit >> /tmp/order; cat /tmp/order"}
steps: [{id: a, run: "echo step >> /tmp/order"}]
`,
    before: (scene) => removeForeign(scene, "ac-3-1-1"),
    stdout: { onExit: "init\nstep\nexit\n" },
    created: 1,
    check: (end) =>
      assertInOrder(end, [
        /^GET \S*\/containers\/ac-3-1-1\/json/,
        /^GET \S*\/images\/\S+\/json/,
        CREATION,
        /^POST \S*\/start/,
        /^POST \S*\/containers\/\S+\/exec/,
        /^POST \S*\/stop\?(?:\S*&)?t=5\b/,
        /^DELETE \S*\/containers\/\S+v=(?:1|true)/,
      ]),
  },
);

onEngines("4.1.3 4.1.1 a step container is listened to before its start and asked for its end after it", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20"}, run: "echo x; exit 3"}]
`,
  status: "failed",
  steps: { a: "3 COMMAND_FAILED" },
  check: (end) => {
    assertInOrder(end, [
      /^GET \S*\/images\/\S+\/json/,
      CREATION,
      /^POST \S*\/attach/,
      /^POST \S*\/start/,
      /^DELETE \S*\/containers\//,
    ]);
    const waits = end.requests.findIndex((line) => /\/wait/.test(line));
    const start = end.requests.findIndex((line) => /\/start/.test(line));
    assert.ok(waits === -1 || waits > start);
  },
});

onEngines("3.1.4 a pull that fails is asked for once", {
  yaml: `container: {image: "127.0.0.1:1/library/alpine:3.20"}
steps: [{id: a, run: "true"}]
`,
  pulls: true,
  status: "failed",
  steps: { a: "not_started" },
  created: 0,
  check: (end) => {
    assert.equal(end.state.failure?.code, "IMAGE_PULL_FAILED");
    assert.equal(end.count(PULL), 1);
  },
});

onEngines("3.1.4 8.0.3 a start that fails is tried once, and nothing is left", {
  yaml: `container: {image: "alpine:3.20", startup: command, command: [nosuchbin]}
steps: [{id: a, run: "true"}]
`,
  status: "failed",
  steps: { a: "not_started" },
  created: 1,
  check: (end) => assert.equal(end.state.failure?.code, "COMMAND_NOT_FOUND", end.state.failure?.message),
});

onEngines("3.8 what failed to come up is kept, stopped, where it is to be kept", {
  yaml:
    `container: {image: "alpine:3.20", keep_container: true, startup: command, command: [sh, -c, "exit 9"], log_pattern: x}
steps: [{id: a, run: "true"}]
`,
  status: "failed",
  check: async (end) => {
    const [id = "", ...others] = await end.containers();
    assert.deepEqual([await stateOf(end, id), others.length], ["exited", 0]);
  },
  after: async (scene) => {
    for (const id of await scene.containers()) await removeForeign(scene, id);
  },
});

onEngines("4.9 a kept step container that could not start is left as it was made", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20", keep_container: true, command: [nosuchbin]}}]
`,
  status: "failed",
  steps: { a: "127 COMMAND_NOT_FOUND" },
  check: async (end) => {
    const [id = "", ...others] = await end.containers();
    assert.equal(others.length, 0);
    // Where an init process is put in front it is this that starts, and ends.
    assert.match(await stateOf(end, id) ?? "", /created|exited|initialized/);
    assert.doesNotMatch(end.notes().join(), /CLEANUP_FAILED/);
  },
  after: async (scene) => {
    for (const id of await scene.containers()) await removeForeign(scene, id);
  },
});

onEngines("3.4.5 a list in the shared container stops at its first failure, which is counted", {
  yaml: `container: {image: "alpine:3.20"}
steps: [{id: a, run: ["echo one", "exit 4", "echo three"]}]
`,
  status: "failed",
  stdout: { a: "one\n" },
  steps: { a: ["4 COMMAND_FAILED", /command 2 failed/] },
  created: 1,
});

onEngines("3.6.3 what the root container is given every step can read, agents too", {
  yaml: `container: {image: "alpine:3.20", env: [{TOKEN: everybodys}]}
harnesses: {sh: {binary: sh, prefix_args: [-c]}}
steps:
  - {id: a, run: "echo $(env | sed -n s,^TOKEN=,,p)"}
  - {id: b, env: [{TOKEN: mine}], run: "echo $(env | sed -n s,^TOKEN=,,p)"}
  - {id: c, action: harness.run, with: {provider: sh, prompt: "echo $(env | sed -n s,^TOKEN=,,p)"}}
  - {id: d, container: {image: "alpine:3.20"}, run: "echo [$(env | sed -n s,^TOKEN=,,p)]"}
`,
  stdout: { a: "everybodys\n", b: "everybodys\n", c: "everybodys\n", d: "[]\n" },
});

onEngines("3.9.1 repetitions reuse the shared container", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - {id: a, repeat_policy: {repeat: until, exit_code: [7], limit: 5, interval_sec: 0}, continue_on: {exit_code: [7]}, run: 'echo x >> /tmp/n; test $(wc -l < /tmp/n) -lt 3 || exit 7'}
  - {id: b, depends: a, run: "wc -l < /tmp/n"}
`,
  status: "partially_succeeded",
  stdout: { b: "3\n" },
  created: 1,
});

onEngines("3.8.2 3.9.3 a handler whose container is gone fails by itself", {
  yaml: `container: {image: "alpine:3.20"}
handler_on: {failure: {run: "echo never"}}
steps: [{id: a, run: "echo up; sleep 30"}]
`,
  meanwhile: async (scene) => {
    await scene.printed("a", "up");
    for (const id of await scene.containers()) await scene.client.ask("POST", `/containers/${id}/kill`);
  },
  status: "failed",
  check: (end) => {
    assert.equal(end.step("a").failure?.code, "CONTAINER_LOST");
    assert.equal(end.step("onFailure").failure?.code, "CONTAINER_NOT_RUNNING");
    assert.match(end.step("onFailure").failure?.message ?? "", /exited with code 137 at \d{4}-/);
    assert.equal(end.stdout("onFailure"), "");
    // Somebody else has stopped it already: that is no failure of the clean-up.
    assert.doesNotMatch(end.notes().join("\n"), /CLEANUP_FAILED/);
  },
});

onEngines("3.7.4 where nothing can be signalled the step ends all the same, and says what may be left", {
  yaml: `container: {exec: ac-3-7-4, shell: [direct]}
max_clean_up_time_sec: 1
steps: [{id: a, timeout_sec: 1, run: "sleep 3600"}]
`,
  before: (scene) => runForeign(scene, "ac-3-7-4", ["sh", "-c", "rm /bin/sh; exec sleep 3600"]),
  status: "failed",
  steps: { a: ["124 STEP_TIMEOUT", /timed out after .*; processes may be left in the container/] },
  check: async (end) => assert.equal(await stateOf(end, "ac-3-7-4"), "running"),
  after: (scene) => removeForeign(scene, "ac-3-7-4"),
});

onEngines("3.7.2 F69 who outlasts the grace of a shared exec is killed, and that is said", {
  yaml: `container: {image: "alpine:3.20"}
max_clean_up_time_sec: 1
steps: [{id: a, timeout_sec: 1, run: "trap '' TERM; while :; do sleep 1; done"}]
`,
  status: "failed",
  steps: { a: ["124 STEP_TIMEOUT", /killed after 1 s: it did not end by SIGTERM/] },
});

onEngines(
  "0.4.1 4.8.2 F67 a time limit is told with both times and the place; what was written before is kept",
  {
    yaml: `container: {image: "alpine:3.20"}
steps:
  - {id: a, timeout_sec: 4, continue_on: {failure: true}, run: "echo kept; sleep 60"}
  - {id: b, timeout_sec: 4, continue_on: {failure: true}, container: {image: "alpine:3.20"}, run: "echo kept; sleep 60"}
`,
    status: "failed",
    stdout: { a: "kept\n", b: "kept\n" },
    check: (end) => {
      for (const name of ["a", "b"]) {
        const { failure, exitCode } = end.step(name);
        assert.equal(exitCode, 124);
        assert.match(failure?.message ?? "", /^step timed out after \d+\.\d s \(timeout_sec is 4\)/);
        assert.equal(failure?.engine, end.engine.kind);
        assert.match(failure?.address ?? "", /^unix:\/\//);
        assert.match(failure?.container ?? "", /^[0-9a-f]{12}$/);
        assert.equal(failure?.image, "alpine:3.20");
      }
    },
  },
);

onEngines("4.8.1 a grace of more than ten seconds is honoured", {
  yaml: `max_clean_up_time_sec: 15
steps:
  - {id: a, container: {image: "alpine:3.20"}, run: "trap 'sleep 11; echo tidy; exit 0' TERM; echo up; while :; do sleep 0.1; done"}
`,
  meanwhile: async (scene) => {
    await scene.printed("a", "up");
    scene.stop();
  },
  status: "aborted",
  stdout: { a: "up\ntidy\n" },
});

onEngines("0.4.2 a failure quotes the last 1024 bytes of stderr", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - {id: a, continue_on: {failure: true}, run: "seq 1000 1999 >&2; exit 3"}
  - {id: b, continue_on: {failure: true}, container: {image: "alpine:3.20"}, run: "seq 1000 1999 >&2; exit 3"}
`,
  status: "failed",
  check: (end) => {
    const all = Array.from({ length: 1000 }, (_, at) => `${1000 + at}\n`).join("");
    for (const name of ["a", "b"]) {
      assert.equal(
        end.step(name).failure?.message,
        `exit status 3\nrecent stderr:\n${all.slice(-1024).trimEnd()}`,
      );
    }
  },
});

onEngines("2.10.2 an init process reaps what a shared container's commands leave", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - {id: a, run: "(sleep 0.2 &)"}
  - {id: b, depends: a, run: "sleep 1; ps -o stat,args | grep -c '^Z' || true"}
`,
  stdout: { b: "0\n" },
});
