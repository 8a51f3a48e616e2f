/** The shared container's life (containers contract 10.6). */
import assert from "node:assert/strict";
import { CREATION, makeForeign, onEngines, removeForeign, runForeign, stateOf } from "./scene.ts";

onEngines("AC-58 the same container for all, then gone", {
  yaml: `type: graph
container: {image: "alpine:3.20"}
steps:
  - {id: a, run: "hostname; echo x > /tmp/f"}
  - {id: b, depends: [a], run: "hostname; cat /tmp/f"}
`,
  created: 1,
  check: (end) => assert.equal(end.stdout("b"), `${end.stdout("a")}x\n`),
});

onEngines("AC-59 4.1.2 a step container replaces the shared one", {
  yaml: `container: {image: "busybox:1.36", env: [{MARK: root}]}
steps:
  - {id: a, run: "test -f /etc/alpine-release && echo yes || echo no"}
  - {id: b, container: {image: "alpine:3.20"}, run: "cat /etc/alpine-release; env | grep -c '^MARK=' || true"}
`,
  stdout: { a: "no\n", b: /^3\.20\.\d+\n0\n$/ },
  created: 2,
});

onEngines("AC-60 keep_container: it is stopped and stays", {
  yaml: `container: {image: "alpine:3.20", keep_container: true}
steps: [{id: a, run: "true"}]
`,
  check: async (end) => {
    const [id = "", ...others] = await end.containers();
    assert.deepEqual([await stateOf(end, id), others.length], ["exited", 0]);
  },
  after: async (scene) => {
    for (const id of await scene.containers()) await removeForeign(scene, id);
  },
});

onEngines("AC-61 a failure still cleans up; handlers run inside", {
  yaml: `container: {image: "alpine:3.20"}
handler_on:
  failure: {run: "cat /tmp/f"}
steps: [{id: a, run: "echo left behind > /tmp/f; exit 3"}]
`,
  status: "failed",
  steps: { a: "3 COMMAND_FAILED" },
  stdout: { onFailure: "left behind\n" },
});

const COUNTING = `echo x >> /tmp/n; test $(wc -l < /tmp/n) -ge 2`;
onEngines("AC-62 3.9.1 a retry sees the shared state", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - {id: a, retry_policy: {limit: 2, interval_sec: 0}, run: "${COUNTING}"}
`,
  created: 1,
  check: (end) => assert.equal(end.step("a").retryCount, 1),
});

onEngines("AC-63 4.1.1 a step container starts fresh at each retry", {
  yaml: `steps:
  - {id: a, container: {image: "alpine:3.20"}, retry_policy: {limit: 2, interval_sec: 0}, run: "${COUNTING}"}
`,
  status: "failed",
  steps: { a: "1 COMMAND_FAILED" },
  created: 3,
});

onEngines("AC-64 a time limit kills only its step's tree", {
  yaml: `type: graph
container: {image: "alpine:3.20"}
steps:
  - {id: a, timeout_sec: 1, continue_on: {failure: true}, run: "sleep 4242 & sleep 4243; echo late"}
  - {id: b, depends: [a], run: "ps | grep -c '[s]leep 424' || true"}
`,
  status: "partially_succeeded",
  steps: { a: "124 STEP_TIMEOUT" },
  stdout: { a: "", b: "0\n" },
  check: (end) => assert.ok(end.seconds < 8, `${end.seconds} s`),
});

onEngines("AC-65 3.8.1 a stop: step and run aborted, the exit handler still runs", {
  yaml: `container: {image: "alpine:3.20"}
handler_on: {exit: {run: "echo bye"}}
steps: [{id: a, run: "echo up; sleep 300"}]
`,
  meanwhile: async (scene) => {
    await scene.printed("a", "up");
    scene.stop();
  },
  status: "aborted",
  stdout: { onExit: "bye\n" },
  check: (end) => {
    assert.equal(end.step("a").status, "aborted");
    assert.ok(end.seconds < 10, `${end.seconds} s`);
  },
});

/** Seconds between two events of the run. */
function between(from: number | null, to: number | null): number {
  assert.ok(from !== null && to !== null);
  return (to - from) / 1_000;
}

onEngines("AC-66 readiness by a line of the log", {
  yaml: `container:
  image: "alpine:3.20"
  startup: command
  command: [sh, -c, "sleep 2; echo server READY; exec sleep 3600"]
  log_pattern: "READY$"
steps: [{id: a, run: "echo ok"}]
`,
  stdout: { a: "ok\n" },
  check: (end) => assert.ok(between(end.state.startedAt, end.step("a").startedAt) >= 2),
});

onEngines("AC-67 health, also where the engine probes nothing", {
  yaml: `container:
  image: alpine:3.20
  startup: command
  command: [sh, -c, "sleep 1; touch /tmp/ready; exec sleep 3600"]
  healthcheck: {test: [CMD-SHELL, "test -f /tmp/ready"], interval: 1s, timeout: 2s, retries: 20}
  wait_for: healthy
steps: [{id: a, run: "echo healthy"}]
`,
  stdout: { a: "healthy\n" },
  check: (end) => {
    const seconds = between(end.state.startedAt, end.step("a").startedAt);
    assert.ok(seconds >= 1 && seconds <= 10, `${seconds} s`);
  },
});

onEngines("AC-68 healthy without a health check falls back with one warning", {
  yaml: `container: {image: "alpine:3.20", wait_for: healthy}
steps: [{id: a, run: "echo ok"}]
`,
  stdout: { a: "ok\n" },
  check: (end) => {
    assert.ok(end.seconds < 15, `${end.seconds} s`);
    assert.equal(end.notes().filter((note) => /health/.test(note)).length, 1, end.notes().join("\n"));
  },
});

onEngines("AC-69 8.0.2 the main process dies", {
  yaml: `container: {image: "alpine:3.20", startup: command, command: [sh, -c, "echo boom >&2; exit 9"]}
handler_on: {exit: {run: "echo never"}}
steps: [{id: a, run: "true"}]
`,
  status: "failed",
  steps: { a: "not_started", onExit: "not_started" },
  check: (end) => {
    assert.equal(end.state.failure?.code, "READINESS_FAILED");
    assert.match(end.state.failure?.message ?? "", /9[^]*boom/);
  },
});

onEngines("AC-70 a name that is taken", {
  yaml: `container: {image: "alpine:3.20", name: ac70}
steps: [{id: a, run: "true"}]
`,
  before: (scene) => makeForeign(scene, "ac70", ["sleep", "1"]),
  status: "failed",
  steps: { a: "not_started" },
  check: async (end) => {
    assert.equal(end.state.failure?.code, "NAME_IN_USE");
    assert.match(end.state.failure?.message ?? "", /created/);
    assert.equal(await stateOf(end, "ac70"), "created");
  },
  after: (scene) => removeForeign(scene, "ac70"),
});

onEngines("AC-71 a foreign container is used and left alone", {
  yaml: `container: {exec: ac71, working_dir: /tmp, env: [{X: "1"}]}
steps: [{id: a, run: 'echo "$(pwd) $X"'}]
`,
  before: (scene) => runForeign(scene, "ac71", ["sleep", "3600"]),
  stdout: { a: "/tmp 1\n" },
  created: 0,
  check: async (end) => {
    assert.equal(await stateOf(end, "ac71"), "running");
    assert.doesNotMatch(JSON.stringify(await end.client.ask("GET", "/containers/ac71/json")), /"X=1"/);
  },
  after: (scene) => removeForeign(scene, "ac71"),
});

onEngines("AC-72 a foreign container that comes late", {
  yaml: `container: ac72
steps: [{id: a, run: "echo here"}]
`,
  before: (scene) => removeForeign(scene, "ac72"),
  meanwhile: async (scene) => {
    await scene.asked(/^GET \S*\/containers\/ac72\/json/);
    await runForeign(scene, "ac72", ["sleep", "3600"]);
  },
  stdout: { a: "here\n" },
  after: (scene) => removeForeign(scene, "ac72"),
});

onEngines("AC-73 the shared container is removed behind our back", {
  yaml: `container: {image: "alpine:3.20"}
type: graph
steps:
  - {id: a, continue_on: {failure: true}, run: "echo up; sleep 30"}
  - {id: b, depends: [a], run: "echo unreachable"}
`,
  meanwhile: async (scene) => {
    await scene.printed("a", "up");
    for (const id of await scene.containers()) await removeForeign(scene, id);
  },
  status: "failed",
  check: (end) => {
    assert.equal(end.step("a").failure?.code, "CONTAINER_LOST");
    assert.equal(end.step("b").failure?.code, "CONTAINER_NOT_RUNNING");
    // It is gone, which is all that a clean-up wants (3.8.2).
    assert.doesNotMatch(end.notes().join("\n"), /CLEANUP_FAILED/);
  },
});

const LANE = `type: graph
container: {image: "alpine:3.20"}
steps: [{id: a, run: "sleep 2"}, {id: b, run: "sleep 2"}]
`;
onEngines("AC-74 OD-2 one lane in the shared container", {
  yaml: LANE,
  check: (end) => assert.ok(end.seconds >= 4, `${end.seconds} s`),
});

onEngines("AC-74 max_active_steps opens the lane", {
  yaml: `max_active_steps: 2\n${LANE}`,
  check: (end) => assert.ok(between(end.state.startedAt, end.state.finishedAt) < 4 || isOverlapping(end)),
});

function isOverlapping(end: { step(name: string): { startedAt: number | null; finishedAt: number | null } }) {
  const [a, b] = [end.step("a"), end.step("b")];
  return between(b.startedAt, a.finishedAt) > 0 && between(a.startedAt, b.finishedAt) > 0;
}

onEngines("AC-75 a process that ignores SIGTERM", {
  yaml:
    `steps: [{id: a, timeout_sec: 1, container: {image: "alpine:3.20"}, run: "trap '' TERM; while :; do sleep 1; done"}]
`,
  status: "failed",
  steps: { a: "124 STEP_TIMEOUT" },
  check: (end) => {
    assert.ok(end.seconds > 1 && end.seconds < 12, `${end.seconds} s`);
    assert.match(end.notes().join("\n"), /killed/);
  },
});

onEngines("AC-76 signal_on_stop", {
  yaml: `steps:
  - id: a
    signal_on_stop: SIGINT
    container: {image: "alpine:3.20"}
    run: "trap 'echo got INT; exit 0' INT; echo up; while :; do sleep 1; done"
`,
  meanwhile: async (scene) => {
    await scene.printed("a", "up");
    scene.stop();
  },
  status: "aborted",
  stdout: { a: "up\ngot INT\n" },
  check: (end) => {
    assert.equal(end.step("a").status, "aborted");
    assert.ok(end.seconds < 7, `${end.seconds} s`);
  },
});

onEngines("AC-77 a step container is removed behind our back", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20"}, run: "echo up; sleep 30"}]
`,
  meanwhile: async (scene) => {
    await scene.printed("a", "up");
    for (const id of await scene.containers()) await removeForeign(scene, id);
  },
  status: "failed",
  check: (end) => assert.equal(end.step("a").failure?.code, "CONTAINER_LOST"),
});

onEngines("AC-78 several commands in a kept container: it is stopped and stays", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20", keep_container: true}, run: ["echo 1", "echo 2"]}]
`,
  stdout: { a: "1\n2\n" },
  check: async (end) => {
    const [id = "", ...others] = await end.containers();
    assert.deepEqual([await stateOf(end, id), others.length, end.count(CREATION)], ["exited", 0, 1]);
  },
  after: async (scene) => {
    for (const id of await scene.containers()) await removeForeign(scene, id);
  },
});
