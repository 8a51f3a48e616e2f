/** `jq.filter`, `data.*`, `template.render` and `wait.*` as an author meets them (6.1, 6.4, 6.5, 9.20). */
import assert from "node:assert/strict";
import { freePort } from "../support/dagu.ts";
import { openCase } from "./case.ts";
import { accept, acceptEach, START, VALIDATE } from "./harness.ts";

/** For the end of a run that is stopped. */
const LIMIT_MS = 10_000;

// ---- values -----------------------------------------------------------------------------------------------

accept(
  "6.5 jq.filter over an output, a value and a file; its results feed other steps (A-03, A-05)",
  `params: [{name: bare, default: "true"}]
steps:
  - {id: made, run: 'echo ''[{"n":"Ada","a":36},{"n":"Bob","a":17}]''', output: PEOPLE}
  - id: names
    depends: made
    action: jq.filter
    with: {filter: ".[].n", data: "\${env.PEOPLE}", raw: "\${params.bare}"}
    output: NAMES
  - id: value
    action: jq.filter
    with: {filter: ".list, .text", data: {list: [1, {b: 2}], text: hi}}
    output: VALUE
  - {id: put, run: 'printf ''{"k":{"v":"deep"}}'' > in.json'}
  - id: file
    depends: put
    action: jq.filter
    with: {filter: "{got: .k.v}", input: in.json}
    stdout: {outputs: {field: got, decode: json, select: .got}}
  - id: told
    depends: [names, value, file]
    run: |
      printf '%s' "$NAMES" > @W/names
      printf '%s' "$VALUE" > @W/value
      printf '%s' "\${steps.file.outputs.got}" > @W/got
`,
  [{
    args: START,
    files: {
      names: "Ada\nBob",
      value: '[\n  1,\n  {\n    "b": 2\n  }\n]\n"hi"',
      got: "deep",
    },
  }],
);

accept(
  "6.5, A-04 jq.filter: a filter that fails ends its step with 1 and says why",
  `steps:
  - {id: j, action: jq.filter, with: {filter: .a.b, data: "[1]"}, continue_on: {exit_code: [1]}}
  - {id: after, depends: j, run: "touch @W/o"}
`,
  [{ args: START, out: ['jq.filter: Cannot index array with string "a"'], files: { o: true } }],
);

accept(
  "6.5 data.convert and data.pick through every notation",
  `steps:
  - {id: put, run: 'printf "name;city\\nAda;London\\nBob;\\"Paris; Texas\\"\\n" > in.csv'}
  - id: yaml
    depends: put
    action: data.convert
    with: {from: csv, to: yaml, input: in.csv, delimiter: ";"}
    output: YAML
  - id: tsv
    depends: yaml
    action: data.convert
    with: {from: yaml, to: tsv, data: "\${env.YAML}", columns: [city, name]}
    output: TSV
  - id: json
    depends: tsv
    action: data.convert
    with: {from: tsv, to: json, data: "\${env.TSV}"}
    output: JSON
    output_schema: {type: array, items: {type: object, required: [city, name]}}
  - id: city
    depends: json
    action: data.pick
    with: {from: json, select: ".[1].city", raw: true, data: "\${env.JSON}"}
    output: CITY
  - id: told
    depends: city
    run: |
      printf '%s\\n' "$YAML" > @W/yaml
      printf '%s\\n' "$TSV" > @W/tsv
      printf '%s' "$CITY" > @W/city
`,
  [{
    args: START,
    files: {
      yaml: "- name: Ada\n  city: London\n- name: Bob\n  city: Paris; Texas\n",
      tsv: "city\tname\nLondon\tAda\nParis; Texas\tBob\n",
      city: "Paris; Texas",
    },
  }],
);

accept(
  "6.5 data.pick of nothing fails its step",
  "steps: [{id: p, action: data.pick, with: {from: yaml, select: .a.c, data: {a: {b: 1}}}}]\n",
  [{ args: START, code: 1, err: ["there is nothing at .a.c"] }],
);

// ---- templates --------------------------------------------------------------------------------------------

accept(
  "6.4, 9.20 template.render: the text stays as written, data is resolved, template_ref too",
  `params:
  - {name: x, default: resolved}
  - {name: stored, default: "{{ .a | upper }}!"}
steps:
  - id: printed
    action: template.render
    with:
      template: "{{ range $i, $one := .list }}{{ $i }}={{ $one }} {{ end }}\${params.x} $HOME {{ .a }}"
      data: {a: "\${params.x}", list: [p, q]}
    output: TEXT
  - id: stored
    action: template.render
    with: {template_ref: "\${params.stored}", data: {a: "\${params.x}"}, output: out/text}
    working_dir: @W
    preconditions: [{condition: mkdir -p @W/out}]
  - id: told
    depends: printed
    run: printenv TEXT > @W/printed
`,
  [{
    args: START,
    notErr: ["stored │"],
    files: { printed: "0=p 1=q ${params.x} $HOME resolved\n", "out/text": "RESOLVED!" },
    check: async (_, folder) => {
      assert.equal(((await Deno.stat(`${folder}/out/text`)).mode ?? 0) & 0o777, 0o600);
    },
  }],
);

accept(
  "6.4 template.render: a key that data lacks is an error, and no file is left",
  `steps: [{id: t, action: template.render, with: {template: "a\\n{{ .gone }}", output: @W/o}}]\n`,
  [{ args: START, code: 1, err: ['line 2: map has no entry for key "gone"'], files: { o: false } }],
);

// ---- waiting ----------------------------------------------------------------------------------------------

accept(
  "6.4 wait.* end when it has come about, and print nothing",
  `steps:
  - {id: later, run: "sleep 0.2; touch @W/ready; sleep 0.2; rm @W/gone"}
  - {id: ready, action: wait.file, with: {path: ready, poll_interval: 50ms}, working_dir: @W}
  - {id: gone, action: wait.file, with: {path: @W/gone, state: missing, poll_interval: 50ms}}
  - {id: pause, action: wait.duration, with: {duration: 300ms}}
  - {id: passed, action: wait.until, with: {until: "2001-01-01T00:00:00+02:00"}}
`,
  [{
    args: START,
    write: { gone: "" },
    notErr: ["ready │", "gone │", "pause │", "passed │"],
    files: { ready: true, gone: false },
  }],
);

const ENDLESS: Readonly<Record<string, string>> = {
  "wait.duration": "{duration: 10h}",
  "wait.until": '{until: "2999-01-01T00:00:00Z"}',
  "wait.file": "{path: @W/no, poll_interval: 1h}",
  "wait.http": '{url: "http://127.0.0.1:9/", poll_interval: 1h}',
};

/** `s0`, `s1` and so on; `more` is what else each of them says. */
const waits = (more: string): string =>
  Object.entries(ENDLESS).map(([action, given], at) =>
    `  - {id: s${at}, action: ${action}, with: ${given}, ${more}}\n`
  ).join("");

accept(
  "6.4 wait.*: timeout_sec ends them with 124",
  `steps:
${waits("timeout_sec: 1, continue_on: {exit_code: [124]}")}
  - {id: after, depends: [s0, s1, s2, s3], run: "touch @W/o"}
`,
  [{ args: START, files: { o: true } }],
);

Deno.test("6.4 wait.* end at once when the run is stopped", async () => {
  await using on = await openCase(`handler_on: {abort: {run: "touch @W/ab"}}
steps:
  - {id: first, run: "echo under way"}
${waits("depends: first")}`);
  await using running = on.spawn(["start", "w.yaml"]);
  await running.said("under way");
  const asked = performance.now();
  running.kill("SIGTERM");
  assert.equal((await running.status).code, 1);
  assert.ok(performance.now() - asked < LIMIT_MS, running.stderr());
  assert.equal(await on.read("ab"), "", "the abort handler has run");
});

Deno.test("6.4 wait.http waits for the status of a server that comes later", async () => {
  const port = freePort();
  await using on = await openCase(`params: [{name: want, default: "204"}]
steps:
  - {id: first, run: "echo under way"}
  - id: h
    depends: first
    action: wait.http
    with:
      url: http://127.0.0.1:${port}/health
      method: POST
      status: "\${params.want}"
      headers: {X-Key: k}
      body: hi
      poll_interval: 50ms
    timeout_sec: 60
  - {id: told, depends: h, run: "touch @W/o"}
`);
  await using running = on.spawn(["start", "w.yaml"]);
  await running.said("under way");
  const seen: string[] = [];
  const server = Deno.serve({ port, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    seen.push(`${request.method} ${request.headers.get("x-key")} ${await request.text()}`);
    return new Response(null, { status: seen.length < 3 ? 503 : 204 });
  });
  const { code } = await running.status;
  await server.shutdown();
  assert.equal(code, 0, running.stderr());
  assert.deepEqual(seen, Array(3).fill("POST k hi"));
  assert.equal(await on.read("o"), "");
});

// ---- what is refused --------------------------------------------------------------------------------------

/** One step with one action, as flow YAML. */
const step = (action: string, given: string): string =>
  `steps: [{id: a, action: ${action}, with: ${given}}]\n`;
const refused = (...err: readonly string[]) => ({ code: 1, err });

const DECLARED = "params: [{name: url, default: x}, {name: status, default: x}]\nsteps";

acceptEach("6.4, 6.5 what the actions for data refuse when the file is loaded (A-02)", [
  [step("data.convert", "{from: json, to: yaml}"), refused("either data or input is required")],
  [
    step("data.convert", '{from: json, to: yaml, data: "1", input: f}'),
    refused("data and input are mutually exclusive"),
  ],
  [
    step("data.convert", '{from: csv, to: json, data: "", delimiter: ";;"}'),
    refused("delimiter must be a single character"),
  ],
  [step("data.pick", '{from: json, data: "1"}'), refused("select")],
  [step("jq.filter", '{data: "1"}'), refused("filter")],
  [step("jq.filter", '{filter: ., data: "1", colour: red}'), refused("invalid keys: colour")],
  [step("template.render", '{template: a, template_ref: "${params.b}"}'), refused("mutually exclusive")],
  [step("template.render", "{template_ref: plain}"), refused("template_ref must be one whole reference")],
  [step("template.render", '{template: "{{ if .a }}"}'), refused("{{end}} is missing")],
  [step("wait.duration", "{duration: 0s}"), refused("must be a duration above zero")],
  [step("wait.until", "{until: tomorrow}"), refused("RFC 3339")],
  [step("wait.http", "{url: /health}"), refused("absolute http or https address")],
  [step("http.request", "{url: /health}"), refused("absolute http or https address")],
  [step("wait.http", '{url: "${params.url}", status: "${params.status}"}').replace("steps", DECLARED), {}],
], VALIDATE);
