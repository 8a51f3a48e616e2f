/** Rows of the failure table that take a whole run to show (containers contract 8). */
import assert from "node:assert/strict";
import { onEngines } from "./scene.ts";

onEngines("F57 a child killed for memory while the command ends well", {
  yaml: `resources: {limits: {memory: 32Mi}}
steps: [{id: a, container: {image: "alpine:3.20"}, run: "tail /dev/zero || true; echo on"}]
`,
  stdout: { a: "on\n" },
  steps: { a: "0" },
  check: (end) => assert.match(end.step("a").notes.join("\n"), /killed for memory/),
  except: {
    "podman": {
      why: "Podman has the flag of the main process only",
      stdout: { a: "on\n" },
      steps: { a: "0" },
    },
    "podman-rootless": {
      why: "Podman has the flag of the main process only",
      stdout: { a: "on\n" },
      steps: { a: "0" },
    },
  },
});

onEngines("F66 more captured output than max_output_size, of which the command knows nothing", {
  yaml: `max_output_size: 1000
steps:
  - {id: a, container: {image: "alpine:3.20"}, output: X, run: "yes 123456789 | head -n 1000; echo end >&2"}
`,
  status: "failed",
  steps: { a: ["1 COMMAND_FAILED", /limit of 1000 bytes/] },
  stderr: { a: "end\n" },
  check: (end) => assert.equal(end.stdout("a").length, 10_000),
});

onEngines("F70 4.9.1 a kill that the engine refuses changes no result, and what is left is named", {
  yaml: `steps:
  - id: a
    container: {image: "alpine:3.20"}
    run: "trap '' TERM; echo up; while true; do sleep 0.1; done"
max_clean_up_time_sec: 1
`,
  status: "aborted",
  meanwhile: async (scene) => {
    await scene.printed("a", "up");
    scene.line.spoil(/^POST \S*\/kill/);
    scene.stop();
  },
  check: (end) => assert.equal(end.step("a").status, "aborted"),
});

onEngines("3.8.4 4.9.1 F71 a removal that the engine refuses changes no result, and what is left is named", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20"}, run: "echo done"}]
`,
  before: (scene) => {
    scene.line.spoil(/^DELETE \S*\/containers\//);
    return Promise.resolve();
  },
  stdout: { a: "done\n" },
  steps: { a: "0" },
  check: async (end) => {
    const [left = "", ...more] = await end.containers();
    assert.deepEqual(more, []);
    const told = end.notes().join("\n");
    assert.match(told, /CLEANUP_FAILED: container [0-9a-f]{12} may be left/);
    assert.ok(told.includes(left.slice(0, 12)), told);
  },
  after: async (scene) => {
    for (const id of await scene.containers()) {
      await scene.client.ask("DELETE", `/containers/${id}?force=1&v=1`, undefined, [404]);
    }
  },
});

onEngines("F75 a root container whose restart policy only starts it again and again", {
  yaml:
    `container: {image: "alpine:3.20", startup: command, command: [sh, -c, "echo no; exit 3"], restart_policy: always}
steps: [{id: a, run: "echo never"}]
`,
  status: "failed",
  check: ({ state }) => {
    assert.equal(state.failure?.code, "READINESS_FAILED", state.failure?.message);
    assert.match(
      state.failure?.message ?? "",
      /restarted \d+ times by its restart_policy(; its main process last ended with code 3)?/,
    );
  },
});
