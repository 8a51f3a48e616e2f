/** Rules of the language that no numbered case walks through (workflow-language contract, by rule). */
import { accept, acceptEach, START, VALIDATE } from "./harness.ts";

accept(
  "S-02 a group in a chain shares its predecessor",
  `type: chain
steps:
  - {id: a, run: "echo a >> @W/o"}
  - - {id: b, run: "sleep 0.3; echo b >> @W/o"}
    - {id: c, run: "echo c >> @W/o"}
  - {id: d, run: "echo d >> @W/o"}
`,
  [{ args: START, files: { o: "a\nc\nb\nd\n" } }],
);

accept(
  "F-08 the mapping form of steps is loaded, not validated",
  "steps:\n  two: {run: echo two >> @W/o}\n  one: {run: echo one >> @W/o}\n",
  [
    { args: VALIDATE, code: 1, err: ["steps must be a non-empty sequence"] },
    { args: START, files: { o: /one/ } },
  ],
);

accept(
  "1.5 older spellings work and are named",
  `steps:
  - echo bare >> @W/o
  - {name: sh, command: "echo $0 >> @W/o", shell: /bin/sh}
  - {name: kid, call: kid, params: "WHO=x"}
  - {name: with, type: command, command: "true", with: {shell: sh}}
---
name: kid
params: {WHO: ""}
steps:
  - {id: k, command: 'echo "kid $WHO" > @W/kid'}
`,
  [
    {
      args: VALIDATE,
      err: [
        "steps[0] string shorthand is deprecated; use run",
        "steps[1].command is deprecated; use run",
        "steps[1].shell is deprecated; use run with with.shell",
        "steps[2].call is deprecated; use action: dag.run",
        "steps[3].with is deprecated; use action with with",
        "document[1].steps[0].command is deprecated; use run",
      ],
    },
    { args: START, files: { o: /bare/, kid: "kid x\n" }, notErr: ["deprecated"] },
  ],
);

acceptEach("F-26 two ways of saying what a step does", [
  ['steps: [{run: "true", command: "true"}]', { code: 1, err: ["run cannot be used together with command"] }],
  ["steps: [{action: noop, script: x}]", { code: 1, err: ["action cannot be used together with script"] }],
  ['steps: [{run: "true", with: {timeout: 3}}]', { code: 1, err: ['got "timeout"'] }],
  ['steps: [{run: "true", action: noop}]', { code: 1, err: ["run cannot be used together with action"] }],
]);

accept(
  "S-123 defaults fill in what steps leave out",
  `defaults:
  continue_on: failed
  env: [{A: default}, {B: default}]
  retry_policy: {limit: 1, interval_sec: 0}
steps:
  - {id: a, run: 'echo "$A $B" >> @W/o; exit 1', env: [{B: own}]}
  - {id: b, depends: a, run: "echo x >> @W/b; exit 1", retry_policy: {limit: 0, interval_sec: 0}, continue_on: failed}
  - {id: c, depends: b, run: "true"}
`,
  [{
    args: START,
    out: ["Result: Partially Succeeded"],
    files: { o: "default own\ndefault own\n", b: "x\n" },
  }],
);

const CUSTOM = `actions:
  notify.chat:
    input_schema:
      type: object
      properties: {room: {type: string, default: ops}, text: {type: string}, count: {type: integer}}
      required: [text]
    template:
      action: file.write
      with: {path: '@W/{{ .input.room }}', content: '{{ .input.text }}', overwrite: {$input: replace}}
`;
accept(
  "S-124 to S-127 a custom action",
  `${CUSTOM.replace("required: [text]", "required: [text]\n      additionalProperties: true")}params: {N: "7"}
steps:
  - {id: tell, action: notify.chat, with: {text: "build \${params.N} done", replace: true}}
`,
  [{ args: VALIDATE, isSilent: true }, { args: START, files: { ops: "build 7 done" } }],
);
const called = (given: string): string =>
  `${CUSTOM.replace(", overwrite: {$input: replace}", "")}steps: [{id: t, action: notify.chat, ${given}}]\n`;
acceptEach("S-125, S-126 a custom action misused", [
  [called("with: {room: x}"), { code: 1, err: ["input of notify.chat"] }],
  [called("with: {text: x, count: many}"), { code: 1, err: ["count"] }],
  [called("with: {text: x}, container: {image: i}"), { code: 1, err: ["container is not allowed"] }],
  ["actions: {noop: {input_schema: {type: object}, template: {run: x}}}\nsteps: [{run: x}]", {
    code: 1,
    err: ["built-in"],
  }],
  [
    "actions:\n  a: {input_schema: {type: object}, template: {action: b}}\n" +
    "  b: {input_schema: {type: object}, template: {action: a}}\nsteps: [{action: a}]",
    { code: 1, err: ["reaches itself"] },
  ],
]);

accept(
  "A-40, A-42 a router",
  `params: {KIND: ""}
steps:
  - {id: r, action: router.route, with: {value: "\${params.KIND}", routes: {"re:^b": [big], small: [little, also]}}}
  - {id: big, run: "touch @W/big"}
  - {id: little, run: "touch @W/little"}
  - {id: also, run: "touch @W/also"}
  - {id: after, depends: [big, little], run: "touch @W/after"}
`,
  [
    { args: [...START, "--", "KIND=small"], files: { big: false, little: true, also: true, after: true } },
    { args: [...START, "--", "KIND=bulk"], files: { big: true } },
  ],
);
acceptEach("A-41 a router misused", [
  ["steps: [{id: r, action: router.route, with: {value: x, routes: [r]}}]", {
    code: 1,
    err: ["routes must be a mapping of patterns to steps"],
  }],
  ["steps: [{id: r, action: router.route, with: {value: x, routes: {a: [none]}}}]", {
    code: 1,
    err: ["references non-existent step"],
  }],
  [
    'steps: [{id: r, action: router.route, with: {value: x, routes: {a: [s], b: [s]}}}, {id: s, run: "true"}]',
    { code: 1, err: ["is targeted by multiple routes"] },
  ],
]);

accept(
  "S-53, S-56, S-58 structured outputs",
  `steps:
  - id: p
    run: echo '{"a":{"b":[10,20]},"t":"x"}'
    output_schema: {type: object, required: [a], properties: {t: {type: string}}}
    stdout:
      artifact: logs/out.json
      outputs:
        fields:
          whole: {decode: json}
          second: {decode: json, select: ".a.b[1]"}
          given: "\${context.dag.name}!"
  - {id: q, output: {made: {value: {x: ["\${context.step.id}"]}}, n: 3}}
  - id: c
    depends: [p, q]
    run: |
      echo '\${steps.p.outputs.second} \${steps.p.outputs.whole} \${steps.p.outputs.given}' > @W/o
      echo '\${q.output} \${q.output.made.x} \${q.outputs.n}' >> @W/o
      cat "$DAG_RUN_ARTIFACTS_DIR/logs/out.json" >> @W/o
`,
  [{
    args: START,
    files: {
      o: '20 {"a":{"b":[10,20]},"t":"x"} w!\n{"made":{"x":["q"]},"n":3} ["q"] 3\n{"a":{"b":[10,20]},"t":"x"}\n',
    },
  }],
);
accept(
  "S-56 stdout is not what the schema says",
  "steps: [{id: p, run: 'echo []', output_schema: {type: object}}]\n",
  [
    { args: START, code: 1, err: ["stdout JSON does not match output_schema"] },
  ],
);

accept(
  "V-46 to V-48 short forms and slices",
  `steps:
  - {id: p, run: 'echo "{\\"k\\":{\\"v\\":[1,2]}}"', output: DOC}
  - {id: c, depends: p, action: file.write, with: {path: @W/o, content: "\${DOC.k.v} \${DOC.k.v[1]} \${p.output.k} \${p.output:2:3}"}}
`,
  [{ args: START, files: { o: '[1,2] 2 {"v":[1,2]} k":' } }],
);

accept(
  "R-03, R-02, TO-04 delay and a limit of steps",
  `max_active_steps: 1
steps:
  - {id: a, run: "echo a >> @W/o; sleep 0.2; echo A >> @W/o"}
  - {id: b, run: "echo b >> @W/o"}
`,
  [{ args: START, files: { o: "a\nA\nb\n" } }],
);

accept(
  "R-21 to R-23 the whole run is retried",
  `retry_policy: {limit: 2, interval_sec: 1}
handler_on:
  failure: {run: "echo F >> @W/h"}
  exit: {run: "echo E >> @W/h"}
steps:
  - {id: a, run: "echo a >> @W/o"}
  - {id: b, depends: a, run: "echo b >> @W/o; exit 1"}
`,
  [{ args: START, code: 1, files: { o: "a\nb\nb\nb\n", h: "E\nE\nF\nE\n" } }],
);

accept(
  "F-09 anchors and merge keys",
  'steps:\n  - &base {id: a, run: "echo $V >> @W/o", env: {V: one}}\n  - {<<: *base, id: b, depends: a, env: {V: two}}\n',
  [{ args: START, files: { o: "one\ntwo\n" } }],
);

accept(
  "S-133 dag.enqueue returns at once and does not fail with the child",
  `steps:
  - {id: q, action: dag.enqueue, with: {dag: kid, params: {N: 1}}, stdout: @W/o}
---
name: kid
params: {N: ""}
steps: [{id: k, run: "exit 1"}]
`,
  [{
    args: START,
    files: {
      o: /^\{\n {2}"name": "kid",\n {2}"dagRunId": "\w{22}",\n {2}"params": "N=1",\n {2}"queue": "kid",\n/,
    },
  }],
);

accept(
  "S-135 a workflow that calls itself without end",
  "steps: [{id: me, action: dag.run, with: {dag: ./w.yaml}}]\n",
  [{ args: START, code: 1, err: ["nested deeper than 32"] }],
);

acceptEach("S-63 artifacts are switched off and used", [
  ["artifacts: {enabled: false}\nhandler_on: {exit: {run: x, stdout: {artifact: a}}}\nsteps: [{run: x}]", {
    code: 1,
    err: ["artifacts are disabled", 'step "exit"'],
  }],
  ["artifacts: {enabled: false}\nsteps: [{id: a, action: artifact.list}]", {
    code: 1,
    err: ["artifacts are disabled"],
  }],
  ["artifacts: {enabled: false}\nsteps: [{id: a, run: x, stdout: {artifact: o}}]", {
    code: 1,
    err: ["artifacts are disabled"],
  }],
]);
