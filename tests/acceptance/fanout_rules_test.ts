/** `parallel`, `foreach`, sub-workflows and custom actions, rule by rule (workflow-language contract 4.16, 4.17, 4.20, 4.21). */
import assert from "node:assert/strict";
import { accept, acceptEach, START } from "./harness.ts";

const KID = `---
name: kid
params: {WHO: nobody}
steps: [{id: k, run: 'printf "%s\\n" "$WHO" >> @W/o'}]
`;
const fan = (parallel: string, params = "{WHO: '${ITEM}'}"): string =>
  `steps:
  - id: fan
    action: dag.run
    with: {dag: kid${params === "" ? "" : `, params: ${params}`}}
    parallel: ${parallel}
    stdout: @W/json
${KID}`;
const sorted = (text: string): string => text.split("\n").filter(Boolean).sort().join(" ");
const printed = (want: string) => async (_result: unknown, folder: string): Promise<void> => {
  assert.equal(sorted(await Deno.readTextFile(`${folder}/o`)), want);
};

acceptEach("S-99 S-100 S-101 S-102 what parallel refuses", [
  [fan("{items: [a], other: 1}"), { code: 1, err: ['unknown parallel field "other"'] }],
  [fan("{items: [a], max_concurrent: two}"), {
    code: 1,
    err: ["parallel.max_concurrent must be an integer"],
  }],
  [fan("{items: [a], max_concurrent: 1001}"), { code: 1, err: ["1 through 1000"] }],
  [fan("[]"), { code: 1, err: ["parallel"] }],
  ...["[true]", "[null]", "[[1]]", "{items: [{a: [1]}]}"].map((items) =>
    [fan(items), { code: 1, err: ["a parallel item must be a string, a number or a flat mapping"] }] as const
  ),
  ...["true", "5"].map((form) =>
    [fan(form), { code: 1, err: ["parallel must be a string, a list or a mapping"] }] as const
  ),
  ["steps: [{id: a, action: log.write, with: {message: x}, parallel: [x]}]", {
    code: 1,
    err: ["parallel currently requires action: dag.run or dag.enqueue"],
  }],
]);

accept("S-103 a list of numbers and texts", fan("[1, b, '3 4']"), [{
  args: START,
  check: printed("1 3 4 b"),
}]);
accept(
  "S-103 a text that is a JSON array",
  `params: {LIST: '["a b", 2]'}\n${fan('"${params.LIST}"')}`,
  [{ args: START, check: printed("2 a b") }],
);
accept(
  "S-102 S-103 what is in a text is held to the same",
  `params: {LIST: "[true]"}\n${fan('"${params.LIST}"')}`,
  [
    { args: START, code: 1, err: ["a parallel item must be a string, a number or a flat mapping, got true"] },
  ],
);
accept(
  "S-103 a text is cut at its separators, quotes keep words together, empty parts are dropped",
  `params: {LIST: 'a,b;;c|d "e f"'}\n${fan('"${params.LIST}"')}`,
  [{ args: START, check: printed("a b c d e f") }],
);
accept("S-103 blank text fails the step", `params: {LIST: " "}\n${fan('"${params.LIST}"')}`, [
  { args: START, code: 1, files: { o: false } },
]);
accept(
  "S-104 without params a text is the first positional parameter",
  fan("[x]", ""),
  [
    { args: START, files: { o: "x\n" } },
  ],
);
accept("S-104 and a mapping gives parameters by name", fan("[{WHO: ann}]", ""), [
  { args: START, files: { o: "ann\n" } },
]);
accept(
  "S-104 a field of the item, and the item as JSON",
  fan("[{a: 1, b: x}]", "{WHO: '${ITEM.b} ${ITEM}'}"),
  [
    { args: START, files: { o: 'x {"a":1,"b":"x"}\n' } },
  ],
);
accept("S-105 S-106 items with the same parameters are one run, told as JSON of two blanks", fan("[a, a]"), [{
  args: START,
  files: { o: "a\n" },
  check: async (_result, folder) => {
    const text = await Deno.readTextFile(`${folder}/json`);
    const value = JSON.parse(text);
    assert.equal(text, `${JSON.stringify(value, null, 2)}\n`);
    assert.deepEqual(value.summary, { total: 1, succeeded: 1, failed: 0 });
    assert.deepEqual(Object.keys(value), ["summary", "results", "outputs"]);
    assert.deepEqual(Object.keys(value.results[0]).sort(), [
      "dagRunId",
      "name",
      "outputValues",
      "outputs",
      "params",
      "status",
    ]);
    assert.deepEqual([value.results[0].name, value.results[0].status, value.outputs], ["kid", "succeeded", [
      {},
    ]]);
  },
}]);
accept("S-107 all run even when one fails", fan("[a, b, c]").replace("'printf", "'test $WHO != b; printf"), [
  { args: START, code: 1, check: printed("a c"), out: ["[failed]"] },
]);
accept(
  "S-107 a partial success of a child is one of the step",
  `steps:
  - {id: fan, action: dag.run, with: {dag: kid}}
---
name: kid
steps:
  - {id: bad, run: "exit 1", continue_on: {failure: true}}
  - {id: good, run: "true"}
`,
  [{ args: START, out: ["Result: Partially Succeeded"] }],
);
accept(
  "S-106 S-133 dag.enqueue tells what it queued and waits for nothing",
  `steps:
  - id: fan
    action: dag.enqueue
    with: {dag: kid, params: {WHO: '\${ITEM}'}, queue: kids}
    parallel: [a, b]
    stdout: @W/json
  - {id: one, action: dag.enqueue, with: {dag: kid}, stdout: @W/one}
---
name: kid
params: {WHO: nobody}
steps: [{id: k, run: "exit 1"}]
`,
  [{
    args: START,
    check: async (_result, folder) => {
      const { summary, runs } = JSON.parse(await Deno.readTextFile(`${folder}/json`));
      assert.deepEqual(summary, { total: 2, queued: 2 });
      assert.deepEqual(Object.keys(runs[0]).sort(), [
        "alreadyExists",
        "dagRunId",
        "name",
        "params",
        "queue",
        "status",
      ]);
      assert.deepEqual([runs[0].queue, runs[0].status, runs[0].alreadyExists], ["kids", "queued", false]);
      assert.equal(JSON.parse(await Deno.readTextFile(`${folder}/one`)).status, "queued");
    },
  }],
);
accept(
  "S-108 R-47 a retry finds the children of the run again",
  `steps:
  - {id: fan, action: dag.run, with: {dag: kid, params: {WHO: '\${ITEM}'}}, parallel: [a, b], stdout: @W/json}
---
name: kid
params: {WHO: nobody}
steps: [{id: k, run: 'printf "%s\\n" "$WHO" >> @W/o; test -e @W/go || test $WHO = a'}]
`,
  [
    { args: [...START, "-r", "r1"], code: 1, check: printed("a b") },
    {
      args: ["retry", "w", "-r", "r1"],
      write: { go: "" },
      check: async (_result, folder) => {
        assert.equal(
          sorted(await Deno.readTextFile(`${folder}/o`)),
          "a b b",
          "the child that succeeded is not run again",
        );
        const [first = "", second = ""] = (await Deno.readTextFile(`${folder}/json`)).split("\n}\n");
        const ids = (text: string): string[] =>
          [...text.matchAll(/"dagRunId": "(\w+)"/g)].map(([, id = ""]) => id).sort();
        assert.deepEqual(ids(first), ids(second));
      },
    },
  ],
);

// ---- foreach ----------------------------------------------------------------------------------------------------

const each = (rest: string, body = '[{id: b, run: "true"}]'): string =>
  `steps: [{id: e, foreach: {items: [1], steps: ${body}}${rest}}]`;
acceptEach("S-109 what a foreach step refuses", [
  [each(', run: "true"'), { code: 1, err: ["foreach cannot be combined with"] }],
  [each(", action: noop"), { code: 1, err: ["foreach cannot be combined with"] }],
  [each(", parallel: [a]"), { code: 1, err: ["foreach cannot be combined with"] }],
  [each(", container: alpine"), { code: 1, err: ["foreach cannot be combined with"] }],
  ["steps: [{id: e, foreach: {items: [1], as: key, steps: [{id: b, run: x}]}}]", { code: 1, err: ["key"] }],
  ["steps: [{id: e, foreach: {items: [1], max_concurrent: 0, steps: [{id: b, run: x}]}}]", {
    code: 1,
    err: ["1000"],
  }],
  ["steps: [{id: e, foreach: {items: [1], steps: []}}]", { code: 1, err: ["steps"] }],
  [each("", "[{id: b, run: x}, {id: b, run: x}]"), { code: 1, err: ["duplicate step ID: b"] }],
  [each("", "[{id: e, run: x}]"), { code: 1, err: ["duplicate step ID: e"] }],
  [each("", "[{id: t, action: human.task, with: {prompt: p}}]"), { code: 1, err: ["human.task"] }],
]);
accept(
  "S-110 S-111 no item is a success, told in one line",
  "steps: [{id: e, foreach: {items: [], steps: [{id: b, run: 'true'}]}, stdout: @W/o}]",
  [{
    args: START,
    files: { o: '{"summary":{"total":0,"succeeded":0,"failed":0},"items":[],"outputs":[]}\n' },
  }],
);
accept(
  "S-111 S-112 S-114 items, collected outputs, one failure",
  `type: graph
steps:
  - {id: before, run: 'echo "seen=yes" >> "$DAGU_OUTPUT_FILE"', outputs: [{name: seen}]}
  - id: e
    depends: before
    foreach:
      items: [{n: a}, {n: b}, {n: c}]
      as: it
      key: '\${foreach.it.n}'
      collect: {v: '\${steps.b.outputs.v}'}
      steps:
        - {id: a, run: 'test "\${foreach.it.n}" != b'}
        - {id: b, depends: a, run: 'echo "v=\${foreach.it.n}-\${foreach.index}-\${steps.before.outputs.seen}-\${ITEM}" >> "$DAGU_OUTPUT_FILE"', outputs: [{name: v}]}
    stdout: @W/o
`,
  [{
    args: START,
    code: 1,
    check: async (_result, folder) => {
      const { summary, items, outputs } = JSON.parse(await Deno.readTextFile(`${folder}/o`));
      assert.deepEqual(summary, { total: 3, succeeded: 2, failed: 1 });
      assert.deepEqual(items.map((one: { key: string; status: string }) => [one.key, one.status]), [
        ["a", "succeeded"],
        ["b", "failed"],
        ["c", "succeeded"],
      ]);
      assert.deepEqual(outputs.map((one: { v: string }) => one.v.replace("${ITEM}", "")), [
        "a-0-yes-",
        "c-2-yes-",
      ]);
    },
  }],
);
accept(
  "S-113 S-123 defaults are not for the steps of a body",
  `defaults: {continue_on: {failure: true}}
steps:
  - id: e
    foreach: {items: [1], steps: [{id: a, run: "exit 1"}, {id: b, depends: a, run: "touch @W/b"}]}
  - {id: after, depends: e, run: "touch @W/after"}
`,
  [{ args: START, files: { b: false, after: true }, out: ["Result: Partially Succeeded"] }],
);
accept(
  "S-113 S-123 the env of defaults is the foreach step's, not its body's; what the step has of its own is both's",
  `defaults: {env: [{D: "[1, 2]"}, {BOTH: default}]}
env: [{BOTH: root}]
steps:
  - id: e
    env: [{OWN: "own \$D"}]
    foreach:
      items: "$D"
      steps: [{id: a, run: 'echo "\${D-none}|$BOTH|$OWN" >> @W/o'}]
`,
  [{ args: START, files: { o: "none|root|own [1, 2]\n".repeat(2) } }],
);
accept(
  "A-40 A-42 S-112 a router of a foreach body routes to steps of the body, for each item by its own value",
  `
type: chain
params: [{V: v}]
steps:
  - id: each
    foreach:
      items: [x, y]
      steps:
        - {id: pre, run: 'echo "o=\${foreach.item}" >> "$DAGU_OUTPUT_FILE"', outputs: [{name: o}]}
        - id: r
          depends: pre
          action: router.route
          with: {value: "\${steps.pre.outputs.o}-\${params.V}", routes: {x-v: to_x, "re:^y": [to_y]}}
        - {id: to_x, run: 'echo "x \${foreach.item}" >> @W/x'}
        - {id: to_y, run: 'echo "y \${foreach.item}" >> @W/y'}
        - {id: after, depends: [to_x, to_y], run: "touch '@W/after-\${foreach.item}'"}
`,
  [{ args: START, files: { x: "x x\n", y: "y y\n", "after-x": "", "after-y": "" } }],
);
acceptEach("A-41 S-112 what a router of a foreach body cannot route to", [
  [
    "steps: [{id: out, run: x}, {foreach: {items: [1], steps: [{action: router.route, with: {value: a, routes: {a: out}}}]}}]",
    { code: 1, err: ['route references non-existent step "out"'] },
  ],
  [
    "steps: [{foreach: {items: [1], steps: [{action: router.route, with: {routes: {a: b}}}, {id: b, run: x}]}}]",
    { code: 1, err: ["value is required"] },
  ],
]);
accept(
  "S-16 S-112 a cycle in a foreach body starts no step",
  `
steps:
  - {id: first, run: "touch @W/ran"}
  - id: outer
    foreach:
      items: [1]
      steps:
        - foreach: {items: [1], steps: [{id: a, run: x, depends: b}, {id: b, run: x, depends: a}]}
`,
  [{ args: START, code: 1, err: ["cyclic", "a -> b -> a"], files: { ran: false } }],
);
accept(
  "S-112 a foreach in another's body knows the item around it too; a same alias, index and key are its own",
  `
steps:
  - foreach:
      items: [{l: [1, 2], n: a}, {l: [3], n: b}]
      as: group
      key: "\${foreach.group.n}"
      steps:
        - foreach:
            items: "\${foreach.group.l}"
            key: "\${foreach.group.n}-\${foreach.item}"
            steps: [{run: "echo '\${foreach.group.n} \${foreach.item} \${foreach.index} \${foreach.key}' > '@W/\${foreach.key}'"}]
            collect: {both: "\${foreach.group.n}\${foreach.item}"}
          stdout: "@W/\${foreach.group.n}"
  - foreach:
      items: [{f: outer}]
      steps: [{foreach: {items: [x], steps: [{run: "echo '\${foreach.item} \${foreach.item.f}' > @W/same"}]}}]
`,
  [{
    args: START,
    files: {
      "a-1": "a 1 0 a-1\n",
      "a-2": "a 2 1 a-2\n",
      "b-3": "b 3 0 b-3\n",
      same: "x \${foreach.item.f}\n",
    },
    check: async (_result, folder) => {
      const { outputs } = JSON.parse(await Deno.readTextFile(`${folder}/a`));
      assert.deepEqual(outputs, [{ both: "a1" }, { both: "a2" }]);
    },
  }],
);
acceptEach("S-123 unknown defaults", [["defaults: {other: 1}\nsteps: [{id: a, run: x}]", {
  code: 1,
  err: ["other"],
}]]);

// ---- sub-workflows ----------------------------------------------------------------------------------------------

accept("S-128 other keys of with", "steps: [{id: a, action: dag.run, with: {dag: kid, extra: 1}}]", [
  { args: START, code: 1, err: ["dag.run does not support with.extra"] },
]);
accept(
  "S-128 a file, and a local document that goes before it",
  "steps:\n  - {id: a, action: dag.run, with: {dag: other.yaml}}\n  - {id: b, action: dag.run, with: {dag: kid}}\n" +
    "---\nname: kid\nsteps: [{id: k, run: 'echo local >> @W/o'}]\n",
  [{
    args: START,
    write: {
      "other.yaml": "steps: [{id: k, run: 'echo file'}]\n",
      "kid.yaml": "steps: [{id: k, run: 'echo wrong'}]\n",
    },
    files: { o: "local\n" },
    out: ["sub-run: other:"],
  }],
);
accept(
  "S-128 C-04 a name is looked for where start looks for it",
  "steps:\n  - {id: a, action: dag.run, with: {dag: stored, params: A=1}}\n" +
    "  - {id: b, depends: a, action: dag.run, with: {dag: none}}\n",
  [{
    args: START,
    env: { DAGU_DAGS_DIR: "." },
    write: { "stored.yaml": "params: {A: ''}\nsteps: [{id: k, run: 'echo $A > @W/o'}]\n" },
    code: 1,
    files: { o: "1\n" },
    out: ["sub-run: stored:", 'there is no workflow "none"'],
  }],
);
accept(
  "S-112 S-131 what runs below the items of a foreach is listed at its step",
  "steps:\n  - id: each\n    foreach:\n      items: [x, y]\n      steps: [{id: sub, action: dag.run, with: {dag: kid}}]\n" +
    "---\nname: kid\nsteps: [{id: k, run: 'true'}]\n",
  [
    { args: [...START, "--run-id", "r"], out: ["sub-run: kid:"] },
    { args: ["status", "w", "--run-id", "r"], out: ["    sub-run: kid:"] },
  ],
);
accept(
  "S-129 params as text, list and mapping; what is nested becomes JSON",
  `type: chain
env: [{V: parent}]
steps:
  - {id: a, action: dag.run, with: {dag: kid, params: 'A=\${env.V} B="x y"'}}
  - {id: b, action: dag.run, with: {dag: kid, params: ["A=1", "B=2"]}}
  - {id: c, action: dag.run, with: {dag: kid, params: {A: {k: [1, "two"]}, B: true}}}
---
name: kid
params: {A: "", B: ""}
steps: [{id: k, run: 'printf "%s|%s\\n" "$A" "$B" >> @W/o'}]
`,
  [{ args: START, files: { o: 'parent|x y\n1|2\n{"k":[1,"two"]}|true\n' } }],
);
accept(
  "S-130 S-131 X-04 the child is a run of its own, which knows where it comes from",
  `name: top
steps:
  - {id: call, action: dag.run, with: {dag: kid}, stdout: @W/json}
  - {id: use, depends: call, run: 'printf "%s %s" "\${steps.call.outputs.v}" "\${call.outputs.BUILD_TAG}" > @W/use'}
---
name: kid
steps:
  - id: k
    output: BUILD_TAG
    run: |
      echo 1.2
      echo "\${context.trigger.type} \${context.run.root_name} \${context.run.root_id} \${context.run.id}" > @W/o
      echo "v=7" >> "$DAGU_OUTPUT_FILE"
    outputs: [{name: v}]
`,
  [{
    args: [...START, "-r", "r9"],
    files: { use: "7 1.2" },
    check: async (_result, folder) => {
      const text = await Deno.readTextFile(`${folder}/json`);
      const value = JSON.parse(text);
      assert.equal(text, `${JSON.stringify(value, null, 2)}\n`);
      assert.deepEqual([value.name, value.status, value.outputs], ["kid", "succeeded", {
        BUILD_TAG: "1.2",
        v: "7",
      }]);
      assert.equal(await Deno.readTextFile(`${folder}/o`), `subdag top r9 ${value.dagRunId}\n`);
    },
  }],
);
accept(
  "S-135 a workflow that calls itself without end is refused",
  "name: again\nsteps: [{id: a, action: dag.run, with: {dag: w.yaml}}]",
  [{ args: START, code: 1, err: ["32"] }],
);

// ---- custom actions ---------------------------------------------------------------------------------------------

const GREET = `actions:
  say.hello:
    input_schema:
      type: object
      properties: {name: {type: string}, times: {type: integer, default: 2}}
      required: [name]
    template:
      run: 'for i in $(seq {{ .input.times }}); do echo "hello {{ .input.name }}" >> @W/o; done'
`;
accept(
  "S-124 S-125 S-127 a custom action: defaults, references at run time",
  `params: {WHO: ann}\n${GREET}steps: [{id: a, action: say.hello, with: {name: "\${params.WHO}"}}]`,
  [{ args: START, files: { o: "hello ann\nhello ann\n" } }],
);
accept(
  "S-125 a custom action's text is a template: choices, loops, functions, and braces that stay",
  `actions:
  show.it:
    input_schema:
      type: object
      properties: {loud: {type: boolean, default: false}, words: {type: array}, text: {type: string}}
    template:
      run: |
        printf '%s\\n' '{{ if .input.loud }}{{ .input.text | upper }}{{ else }}{{ .input.text }}{{ end }}' >> @W/o
        printf '%s\\n' {{ range .input.words }}'<{{ . }}>' {{ end }} '{{ "{{.Names}}" }}' >> @W/o
steps:
  - {id: a, action: show.it, with: {text: hi, loud: true, words: [x, 2]}}
`,
  [{ args: START, files: { o: "HI\n<x>\n<2>\n{{.Names}}\n" } }],
);
acceptEach("S-124 S-125 S-126 what a custom action refuses", [
  [`${GREET.replace("input.times", "input.time")}steps: [{id: a, action: say.hello, with: {name: x}}]`, {
    code: 1,
    err: ['map has no entry for key "time"'],
  }],
  [`${GREET}steps: [{id: a, action: say.hello}]`, { code: 1, err: ["name"] }],
  [`${GREET}steps: [{id: a, action: say.hello, with: {name: x, times: many}}]`, { code: 1, err: ["times"] }],
  [`${GREET}steps: [{id: a, action: say.hello, with: {name: x}, run: "true"}]`, { code: 1, err: ["run"] }],
  ["actions: {noop: {input_schema: {type: object}, template: {run: x}}}\nsteps: [{id: a, run: x}]", {
    code: 1,
    err: ["noop"],
  }],
  ["actions: {a.b: {template: {run: x}}}\nsteps: [{id: a, run: x}]", { code: 1, err: ["input_schema"] }],
  [
    "actions: {a.b: {input_schema: {type: object}, template: {action: a.b}}}\nsteps: [{id: a, action: a.b}]",
    { code: 1, err: ["a.b"] },
  ],
  [
    "actions: {a.b: {input_schema: {type: object}, template: {run: x, action: noop}}}\nsteps: [{id: a, action: a.b}]",
    { code: 1, err: ["template"] },
  ],
]);
