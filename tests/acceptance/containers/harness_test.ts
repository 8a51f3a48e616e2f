/** `harness.run` (containers contract 10.9). */
import assert from "node:assert/strict";
import { onEngines, removeForeign, runForeign } from "./scene.ts";

onEngines("AC-88 flags and layout", {
  yaml: `container: {image: "alpine:3.20"}
harnesses:
  e1: {binary: echo, prefix_args: [run]}
  e2: {binary: echo, prompt_position: after_flags, flag_style: single_dash, option_flags: {model: --MODEL}}
  e3: {binary: echo, prompt_mode: flag, prompt_flag: --prompt}
steps:
  - {id: a, action: harness.run, with: {provider: e1, prompt: hello, model: x, count: 3, flag: true, mute: false, empty: "", tag: [a, b]}}
  - {id: b, action: harness.run, with: {provider: e2, prompt: hello, model: x, count: 3}}
  - {id: c, action: harness.run, with: {provider: e3, prompt: two words, dry_run: "true"}}
`,
  stdout: {
    a: "run hello --count 3 --flag --model x --tag a --tag b\n",
    b: "-count 3 --MODEL x hello\n",
    c: "--prompt two words --dry_run\n",
  },
});

onEngines("AC-89 2.12.6 no shell between prompt and program; container.shell is ignored", {
  yaml: `container: {image: "alpine:3.20", shell: [/bin/sh, -e, -c]}
harnesses: {e: {binary: echo}}
steps: [{id: a, action: harness.run, with: {provider: e, prompt: 'a  "b" $(id) ; | > c'}}]
`,
  stdout: { a: 'a  "b" $(id) ; | > c\n' },
});

onEngines("AC-90 a fallback", {
  yaml: `harnesses:
  bad: {binary: sh, prefix_args: [-c, "echo partial; echo why >&2; exit 5", x]}
  good: {binary: sh, prefix_args: [-c, "echo second", x]}
steps:
  - id: a
    action: harness.run
    container: {image: "alpine:3.20"}
    with: {provider: bad, prompt: p, fallback: [{provider: good}]}
`,
  stdout: { a: "second\n" },
  check: (end) => {
    for (const words of ["partial", "1/2", "bad", "2/2", "good"]) {
      assert.ok(end.stderr("a").includes(words), `${words} is not in: ${end.stderr("a")}`);
    }
  },
});

onEngines("AC-91 all fail: the last one's end is the step's", {
  yaml: `harnesses:
  bad: {binary: sh, prefix_args: [-c, "exit 5", x]}
  worse: {binary: sh, prefix_args: [-c, "echo z >&2; exit 6", x]}
steps: [{id: a, action: harness.run, container: {image: "alpine:3.20"}, with: {provider: bad, prompt: p, fallback: [{provider: worse}]}}]
`,
  status: "failed",
  steps: { a: ["6 COMMAND_FAILED", /z/] },
  created: 2,
});

onEngines("AC-92 defaults and merge", {
  yaml: `harnesses: {e: {binary: echo}, f: {binary: "false"}}
harness: {provider: e, model: m, level: low, fallback: [{provider: e}]}
container: {image: "alpine:3.20"}
steps:
  - {id: a, action: harness.run, with: {prompt: p}}
  - {id: b, action: harness.run, with: {prompt: p, level: high, fallback: []}}
  - {id: c, action: harness.run, with: {prompt: p, provider: f, fallback: []}, continue_on: {failure: true}}
`,
  status: "partially_succeeded",
  stdout: { a: "p --level low --model m\n", b: "p --level high --model m\n", c: "" },
  steps: { c: "1 COMMAND_FAILED" },
  check: (end) => assert.doesNotMatch(end.stderr("c"), /attempt/),
});

onEngines("AC-93 7.7.4 the provider's program is not in the image", {
  yaml:
    `steps: [{id: a, action: harness.run, container: {image: "alpine:3.20"}, with: {provider: claude, prompt: hi}}]
`,
  status: "failed",
  steps: { a: ["127 COMMAND_NOT_FOUND", /claude.*alpine:3\.20/] },
});

const EXEC = /^POST \S*\/containers\/[^/]+\/exec/;
onEngines("AC-94 stdin mode under a root container: the engine is not asked", {
  yaml: `container: {image: "alpine:3.20"}
harnesses: {c: {binary: cat, prompt_mode: stdin}}
steps: [{id: a, action: harness.run, with: {provider: c, prompt: hi}}]
`,
  status: "failed",
  steps: { a: ["1 SPEC_INVALID", /does not support stdin input/] },
  check: (end) => assert.equal(end.count(EXEC), 0),
});

onEngines("AC-95 stdin mode on the host", {
  yaml: `harnesses: {c: {binary: cat, prompt_mode: stdin}}
steps: [{id: a, action: harness.run, with: {provider: c, prompt: "line 1\\nline 2", stdin: "  extra\\n"}}]
`,
  stdout: { a: "line 1\nline 2\n\nextra" },
  check: (end) => assert.deepEqual(end.requests.filter((line) => !/_ping|\/info|\/json\?/.test(line)), []),
});

onEngines("AC-96 a time limit skips the fallbacks", {
  yaml: `harnesses: {slow: {binary: sh, prefix_args: [-c, "sleep 60", x]}, e: {binary: echo}}
steps: [{id: a, timeout_sec: 1, action: harness.run, container: {image: "alpine:3.20"}, with: {provider: slow, prompt: p, fallback: [{provider: e}]}}]
`,
  status: "failed",
  steps: { a: "124 STEP_TIMEOUT" },
  check: (end) => {
    assert.ok(end.seconds < 9, `${end.seconds} s`);
    assert.doesNotMatch(end.stderr("a"), /next|attempt/);
  },
});

onEngines("AC-97 the step's container wins over the root one, and its env over the step's", {
  yaml: `env: [{V: w}]
container: {image: "alpine:3.20", env: [{V: root}]}
harnesses: {sh: {binary: sh, prefix_args: [-c]}}
steps:
  - id: a
    env: [{V: s}]
    action: harness.run
    container: {image: "busybox:1.36", env: [{V: c}]}
    with: {provider: sh, prompt: "test -f /etc/alpine-release && echo alp || printf busy; env | sed -n 's/^V=/ /p'"}
`,
  stdout: { a: "busy c\n" },
});

onEngines("AC-98 a provider that stays unresolved", {
  yaml: `steps: [{id: a, action: harness.run, with: {provider: "\${NO_SUCH_PROVIDER}", prompt: hi}}]
`,
  status: "failed",
  steps: { a: ["1 SPEC_INVALID", /\$\{NO_SUCH_PROVIDER\}/] },
});

onEngines("7.8 a failure quotes the ends of both streams, wherever the harness ran", {
  yaml: `container: {image: "alpine:3.20"}
harnesses: {h: {binary: sh, prefix_args: [-c, "echo said; echo cried >&2; exit 3", x]}}
steps:
  - {id: a, action: harness.run, with: {provider: h, prompt: p}, continue_on: {failure: true}}
  - {id: b, action: harness.run, container: {image: "alpine:3.20"}, with: {provider: h, prompt: p}, continue_on: {failure: true}}
  - {id: c, action: harness.run, container: {exec: ac-7-8}, with: {provider: h, prompt: p}, continue_on: {failure: true}}
`,
  before: (scene) => runForeign(scene, "ac-7-8", ["sleep", "3600"]),
  status: "failed",
  steps: {
    a: ["3 COMMAND_FAILED", /cried[^]*said/],
    b: ["3 COMMAND_FAILED", /cried[^]*said/],
    c: ["3 COMMAND_FAILED", /cried[^]*said/],
  },
  after: (scene) => removeForeign(scene, "ac-7-8"),
});

onEngines("7.9.1 the transcript is kept as an artifact when the step asks for it", {
  yaml: `container: {image: "alpine:3.20"}
harnesses: {h: {binary: sh, prefix_args: [-c, "echo thought >&2; echo answer", x]}}
steps:
  - id: a
    action: harness.run
    with: {provider: h, prompt: p}
    stdout: {artifact: transcripts/a.txt}
    stderr: {artifact: transcripts/a.err}
`,
  check: async (end) => {
    const folder = `${end.workDir}/../artifacts/transcripts`;
    assert.equal(await Deno.readTextFile(`${folder}/a.txt`), "answer\n");
    assert.equal(await Deno.readTextFile(`${folder}/a.err`), "thought\n");
    assert.equal(end.stdout("a"), "answer\n");
  },
});

onEngines("7.6.6 what a try writes is seen while it runs, as provisional", {
  yaml: `harnesses:
  bad: {binary: sh, prefix_args: [-c, "echo early; while [ ! -e /w/go ]; do sleep 0.1; done; exit 5", x]}
  good: {binary: echo}
steps:
  - id: a
    action: harness.run
    container: {image: "alpine:3.20", volumes: [".:/w"]}
    with: {provider: bad, prompt: p, fallback: [{provider: good}]}
`,
  meanwhile: async (scene) => {
    await scene.noted(/^harness attempt 1\/2 \(bad\), provisional stdout:\nearly$/);
    await Deno.writeTextFile(`${scene.workDir}/go`, "");
  },
  stdout: { a: "p\n" },
  check: (end) => {
    // The second may take long enough to be told of, too.
    const notes = end.step("a").notes.slice(1).filter((note) => !note.startsWith("harness attempt 2/2"));
    assert.deepEqual(notes, ["harness attempt 1/2 (bad) failed", "harness good: echo p"]);
  },
});

onEngines("7.9.3 prompt and arguments are on the step, secrets in them masked", {
  yaml: `secrets: [{name: TOKEN, provider: env, key: HOME}]
container: {image: "alpine:3.20"}
harnesses: {h: {binary: echo}}
steps:
  - {id: a, action: harness.run, with: {provider: h, prompt: "Use ${"${TOKEN}"} well.", model: large}}
`,
  check: (end) => {
    const [note = "", ...more] = end.step("a").notes;
    assert.deepEqual(more, []);
    assert.match(note, /^harness h: echo "Use \*+ well\." --model large$/);
  },
});
