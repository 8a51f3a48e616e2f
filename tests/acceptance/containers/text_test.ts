/** Shell, text and streams (containers contract 10.4). */
import assert from "node:assert/strict";
import { onEngines, removeForeign, runForeign } from "./scene.ts";

onEngines("AC-35 OD-1 operators work without a configured shell", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - {id: a, run: "echo hello | tr a-z A-Z"}
  - {id: b, run: 'echo "a  b"'}
  - {id: c, run: "echo $((1 + 2))"}
`,
  stdout: { a: "HELLO\n", b: "a  b\n", c: "3\n" },
});

onEngines("AC-36 direct mode: words, no operators", {
  yaml: `container: {image: "busybox:1.36", shell: [direct]}
steps: [{id: a, run: "echo a '>' b && c"}]
`,
  stdout: { a: "a > b && c\n" },
});

onEngines("AC-37 a shell without its command flag gets one, wrapped once in every form", {
  yaml: `steps:
  - {id: a, container: {image: "alpine:3.20", shell: [/bin/sh]}, run: 'echo "x y"'}
  - {id: b, container: {image: "alpine:3.20", shell: [/bin/sh, -c]}, run: ['echo "x y"', "true"]}
`,
  stdout: { a: "x y\n", b: "x y\n" },
});

onEngines("AC-38 OD-3 script form ends at its first failing line", {
  yaml: `steps:
  - id: a
    container: {image: "alpine:3.20"}
    run: |
      for i in 1 2; do echo $i; done
      sh -c 'exit 5'
      echo never
`,
  status: "failed",
  stdout: { a: "1\n2\n" },
  steps: { a: "5 COMMAND_FAILED" },
});

onEngines("AC-39 streams, code and message", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20"}, run: "echo out; echo err >&2; exit 7"}]
`,
  status: "failed",
  stdout: { a: "out\n" },
  stderr: { a: "err\n" },
  steps: { a: ["7 COMMAND_FAILED", /err/] },
});

onEngines("AC-40 a list stops at its first failure", {
  yaml: `steps: [{id: a, container: {image: "alpine:3.20"}, run: ["echo one", "exit 4", "echo three"]}]
`,
  status: "failed",
  stdout: { a: "one\n" },
  steps: { a: ["4 COMMAND_FAILED", /command 2/] },
});

onEngines("AC-41 byte-exact output", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - {id: a, run: "seq 1 20000"}
  - {id: b, run: "printf 'no newline'"}
  - {id: c, run: "head -c 100000 /dev/zero | tr '\\\\0' a"}
`,
  stdout: { b: "no newline", c: "a".repeat(100_000) },
  check: (end) => {
    const lines = end.stdout("a").split("\n");
    assert.deepEqual([lines.length, lines.at(-2), lines.at(-1)], [20_001, "20000", ""]);
  },
});

onEngines("AC-42 capture and references", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - {id: a, run: "echo '  hello  '", output: GREETING}
  - {id: b, depends: [a], run: 'echo "$GREETING world"'}
  - {id: c, run: 'echo "[\${UNKNOWN_X}]"'}
`,
  stdout: { b: "hello world\n", c: "[]\n" },
});

onEngines("AC-43 no run: container.command is the command", {
  yaml: `steps:
  - {id: a, container: {image: "alpine:3.20", command: [echo, '{"n": 1}']}, output: OUT}
`,
  check: (end) => assert.deepEqual(end.step("a").variables, { OUT: '{"n": 1}' }),
});

onEngines("AC-44 OD-10 not found and not executable, the same in both containers", {
  yaml: `container: {image: "alpine:3.20", shell: [direct]}
steps:
  - {id: a, run: "nosuchbin --x", continue_on: {failure: true}}
  - {id: b, run: "/etc/passwd", continue_on: {failure: true}}
  - {id: c, container: {image: "alpine:3.20", shell: [direct]}, run: "nosuchbin --x", continue_on: {failure: true}}
  - {id: d, container: {image: "alpine:3.20", shell: [direct]}, run: "/etc/passwd", continue_on: {failure: true}}
`,
  status: "failed",
  steps: {
    a: ["127 COMMAND_NOT_FOUND", /nosuchbin/],
    b: "126 COMMAND_NOT_EXECUTABLE",
    c: ["127 COMMAND_NOT_FOUND", /nosuchbin/],
    d: "126 COMMAND_NOT_EXECUTABLE",
  },
});

onEngines("4.6.1 streams of a container step go to files as well", {
  yaml: `steps:
  - {id: a, container: {image: "alpine:3.20"}, run: "echo out; echo err >&2", stdout: a.out, stderr: a.err}
  - {id: b, container: {image: "alpine:3.20"}, run: ["echo one", "echo two"], stdout: b.out}
  - {id: c, action: docker.run, with: {image: "alpine:3.20", auto_remove: true, command: "echo raw"}, stdout: c.out}
`,
  stdout: { a: "out\n", b: "one\ntwo\n", c: "raw\n" },
  check: async ({ workDir }) => {
    const files = await Promise.all(
      ["a.out", "a.err", "b.out", "c.out"].map((name) => Deno.readTextFile(`${workDir}/${name}`)),
    );
    assert.deepEqual(files, ["out\n", "err\n", "one\ntwo\n", "raw\n"]);
  },
});

onEngines("4.6.3 output over its limit fails the step; the process is not blocked", {
  yaml: `max_output_size: 100
steps:
  - {id: a, container: {image: "alpine:3.20"}, run: "seq 1 20000", output: OUT}
`,
  status: "failed",
  check: (end) => {
    assert.match(end.step("a").failure?.message ?? "", /output/);
    assert.equal(end.stdout("a").split("\n").length, 20_001);
  },
});

onEngines("4.6.4 captured output is that of the last try", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - id: a
    retry_policy: {limit: 1, interval_sec: 0}
    run: 'test -e /tmp/f && echo second && exit; touch /tmp/f; echo first; exit 1'
    output: OUT
`,
  check: (end) => assert.deepEqual(end.step("a").variables, { OUT: "second" }),
});

onEngines("4.4.3 a script with a shebang is a file for its interpreter", {
  yaml: `container: {image: "alpine:3.20"}
steps:
  - id: a
    run: |
      #!/bin/sed -n 2,3p
      two
      three
      four
  - id: b
    container: {image: "alpine:3.20"}
    run: |
      #!/bin/sed -n 2p
      own
`,
  stdout: { a: "two\nthree\n", b: "own\n" },
});

// Longer than an argument may be (4.4.2).
const FILLER = Array.from({ length: 4_000 }, (_, line) => `# ${"comment ".repeat(5)}${line}`).join(
  "\n      ",
);
const LONG = `|
      ${FILLER}
      echo "$(whoami) is $((40 + 2)) of $(pwd)"
      exit 3
      echo never
`;
onEngines("4.4.2 a script of any length runs, in every kind of container, and leaves nothing", {
  yaml: `type: chain
container: {image: "alpine:3.20"}
steps:
  - id: shared
    continue_on: {failure: true}
    run: ${LONG}
  - id: own
    continue_on: {failure: true}
    container: {image: "alpine:3.20", user: nobody, working_dir: /tmp}
    run: ${LONG}
  - id: foreign
    continue_on: {failure: true}
    container: {exec: ac-4-4-2, user: nobody}
    run: ${LONG}
  - {id: left, run: "ls -d /.dagu-* || true"}
  - {id: left_there, container: {exec: ac-4-4-2}, run: "ls -d /.dagu-* || true"}
`,
  before: (scene) => runForeign(scene, "ac-4-4-2", ["sleep", "3600"]),
  status: "partially_succeeded",
  steps: { shared: "3 COMMAND_FAILED", own: "3 COMMAND_FAILED", foreign: "3 COMMAND_FAILED" },
  stdout: { shared: "root is 42 of /\n", own: "nobody is 42 of /tmp\n", foreign: "nobody is 42 of /\n" },
  check: (end) => assert.deepEqual([end.stdout("left"), end.stdout("left_there")], ["", ""]),
  after: (scene) => removeForeign(scene, "ac-4-4-2"),
});

onEngines("4.4.2 F43 a prompt that is longer than an argument may be", {
  yaml: `harnesses: {e: {binary: echo}}
steps:
  - {id: a, action: harness.run, container: {image: "alpine:3.20"}, with: {provider: e, prompt: "${
    "p".repeat(200_000)
  }"}}
`,
  status: "failed",
  steps: { a: ["1 OCI_RUNTIME", /too long[^]*128 KiB/] },
});
