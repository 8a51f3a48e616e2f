/** `jq.filter`, `data.*` and `template.render` as steps (workflow-language contract 6.4, 6.5). */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";
import { openHostBench } from "../../support/host-actions.ts";
import { namedCall } from "../../support/named-call.ts";

type Given = Readonly<Record<string, unknown>>;

const PEOPLE = [{ name: "Ada", age: 36 }, { name: "Bob, Jr.", age: null, tags: ["x"] }];

const PRINTED: readonly (readonly [NamedAction, Given, string])[] = [
  // jq: one output per result, two spaces, numbers and order as they were
  [
    "jq.filter",
    { filter: ".", data: { b: [1], a: {}, c: [] } },
    '{\n  "b": [\n    1\n  ],\n  "a": {},\n  "c": []\n}\n',
  ],
  [
    "jq.filter",
    { filter: ".a[]", data: '{"a":["x",1.50,100000000000000000001]}' },
    '"x"\n1.50\n100000000000000000001\n',
  ],
  ["jq.filter", { filter: ".a[]", data: '{"a":["x\\n",null]}', raw: true }, "x\n\nnull\n"],
  ["jq.filter", { filter: ". + 1", data: "1 2\n3" }, "2\n3\n4\n"],
  ["jq.filter", { filter: "empty", data: "1" }, ""],
  ["jq.filter", { filter: ".[] as $x | $x | {n: $x}", data: [1] }, '{\n  "n": 1\n}\n'],
  ["jq.filter", { filter: "-1", data: "1" }, "-1\n"],
  ["jq.filter", { filter: '"é" | test("É"; "i")', data: "1" }, "true\n"],
  [
    "jq.filter",
    { filter: "group_by(.k) | map({k: .[0].k, n: length})[0].n", data: [{ k: 1 }, { k: 1 }] },
    "2\n",
  ],
  ["jq.filter", { filter: "def f(x): x * 2; reduce .[] as $x (0; . + f($x))", data: [1, 2] }, "6\n"],
  ["jq.filter", { filter: '" a " | trim, ltrim, rtrim', data: "1", raw: true }, "a\na \n a\n"],
  [
    "jq.filter",
    { filter: "toarray, add(.), [leaf_paths]", data: "[1]" },
    "[\n  1\n]\n[\n  1\n]\n[\n  [\n    0\n  ]\n]\n",
  ],
  ["jq.filter", { filter: '[paths(type == "number")] | @json', data: { a: 1 }, raw: true }, '[["a"]]\n'],
  ["jq.filter", { filter: ".", data: false }, "false\n"],
  // data.convert
  [
    "data.convert",
    { from: "json", to: "yaml", data: '{"a":{"b":[1,"x: y"]}}' },
    'a:\n  b:\n    - 1\n    - "x: y"\n',
  ],
  [
    "data.convert",
    { from: "yaml", to: "json", data: "a: [1, true]\n" },
    '{\n  "a": [\n    1,\n    true\n  ]\n}\n',
  ],
  [
    "data.convert",
    { from: "json", to: "csv", data: PEOPLE },
    'name,age,tags\nAda,36,\n"Bob, Jr.",,"[""x""]"\n',
  ],
  [
    "data.convert",
    { from: "json", to: "tsv", data: PEOPLE, columns: ["age", "name"] },
    "age\tname\n36\tAda\n\tBob, Jr.\n",
  ],
  [
    "data.convert",
    { from: "json", to: "csv", data: PEOPLE, columns: "name", has_header: false },
    'Ada\n"Bob, Jr."\n',
  ],
  [
    "data.convert",
    { from: "csv", to: "tsv", data: '\ufeffa;b\n1;"2;3"\n', delimiter: ";" },
    "a\tb\n1\t2;3\n",
  ],
  ["data.convert", { from: "csv", to: "csv", data: "a,b\n1,2\n", headers: ["x", "y"] }, "x,y\n1,2\n"],
  [
    "data.convert",
    { from: "csv", to: "csv", data: "1,2\n", headers: ["x", "y"], has_header: false },
    "1,2\n",
  ],
  ["data.convert", { from: "tsv", to: "text", data: 'a\n5" pipe\n' }, '{"a":"5\\" pipe"}\n'],
  ["data.convert", { from: "json", to: "text", data: ["a", 1, { b: 2 }] }, 'a\n1\n{"b":2}\n'],
  ["data.convert", { from: "text", to: "json", data: "a\nb" }, '"a\\nb"\n'],
  ["data.convert", { from: "json", to: "text", data: '"a\\n"' }, "a\n"],
  // identifiers that no number of JavaScript can hold
  [
    "data.convert",
    { from: "json", to: "yaml", data: '{"id":12345678901234567890,"n":5,"f":0.1}' },
    "id: 12345678901234567890\nn: 5\nf: 0.1\n",
  ],
  [
    "data.convert",
    { from: "yaml", to: "json", data: "[12345678901234567890, 5, 0x10]" },
    "[\n  12345678901234567890,\n  5,\n  16\n]\n",
  ],
  [
    "data.convert",
    { from: "json", to: "csv", data: '[{"id":9007199254740993,"o":{"id":-9007199254740993}}]' },
    'id,o\n9007199254740993,"{""id"":-9007199254740993}"\n',
  ],
  ["data.pick", { from: "json", select: ".id", data: '{"id":9007199254740993}' }, "9007199254740993\n"],
  // data.pick
  ["data.pick", { from: "json", select: ".a[1].b", data: '{"a":[0,{"b":"hi"}]}' }, '"hi"\n'],
  ["data.pick", { from: "yaml", select: "a[1].b", data: "a: [0, {b: hi}]", raw: true }, "hi\n"],
  ["data.pick", { from: "csv", select: ".[0].name", data: "name\nAda\n", raw: true }, "Ada\n"],
  ["data.pick", { from: "json", select: ".a", data: { a: [{ x: 1 }] }, to: "csv" }, "x\n1\n"],
  ["data.pick", { from: "json", select: ".", data: { a: null } }, '{\n  "a": null\n}\n'],
  ["data.pick", { from: "json", select: ".a", data: { a: null } }, "null\n"],
  // template.render, sharp rule 20
  ["template.render", { template: "Hi {{ .n }} ${params.x}\n", data: { n: "Ada" } }, "Hi Ada ${params.x}\n"],
  ["template.render", { template_ref: "{{ range .l }}{{ . }};{{ end }}", data: { l: [1, 2] } }, "1;2;"],
];

Deno.test("6.5 jq, data and template: what they print", async (t) => {
  await using bench = await openHostBench();
  for (const [name, given, expected] of PRINTED) {
    await t.step(`${name} ${JSON.stringify(given)}`, async () => {
      const { outcome, stdout } = await bench.perform({ action: namedCall(name, given) });
      assert.equal(outcome.failure, null);
      assert.equal(stdout, expected);
    });
  }
});

const FAILED: readonly (readonly [NamedAction, Given, RegExp])[] = [
  [
    "jq.filter",
    { filter: ".a | foo", data: "1" },
    /^jq\.filter: foo\/0 is not defined at <top-level>, line 1:\n\.a \| foo$/,
  ],
  ["jq.filter", { filter: ".a.b", data: { a: [1] } }, /^jq\.filter: Cannot index array with string "b"$/],
  ["jq.filter", { filter: '1, error("boom")', data: "1" }, /^jq\.filter: boom$/],
  [
    "jq.filter",
    { filter: ".", data: '{"a":' },
    /^jq\.filter: the data is not JSON: Unfinished JSON term.*; it begins "\{\\"a\\":"/,
  ],
  ["jq.filter", { filter: ".", input: "no.json" }, /no\.json does not exist/],
  ["jq.filter", { filter: 'import "a" as a; .', data: "1" }, /jq\.filter: /],
  ["data.convert", { from: "json", to: "yaml", data: "{" }, /the data is not JSON: /],
  ["data.convert", { from: "yaml", to: "json", data: "a: [" }, /the data is not YAML: /],
  ["data.convert", { from: "yaml", to: "json", data: "a: 1\n---\nb: 2\n" }, /the data is not YAML: [^\n]+$/],
  ["data.convert", { from: "csv", to: "json", data: "a,b\n1\n" }, /the data is not CSV: .*line 2/],
  ["data.convert", { from: "json", to: "csv", data: { a: 1 } }, /csv needs a list of rows/],
  ["data.pick", { from: "json", select: ".a.c", data: { a: {} } }, /there is nothing at \.a\.c/],
  ["template.render", { template: "a\n{{ .gone }}" }, /line 2: map has no entry for key "gone"/],
];

Deno.test("6.5 jq, data and template: how they fail, with exit code 1 (A-04)", async (t) => {
  await using bench = await openHostBench();
  for (const [name, given, expected] of FAILED) {
    await t.step(`${name} ${JSON.stringify(given)}`, async () => {
      const { outcome } = await bench.perform({ action: namedCall(name, given) });
      assert.match(outcome.failure?.message ?? "", expected);
    });
  }
});

Deno.test("6.5 jq and data read a file of the step's directory; debug goes to stderr", async () => {
  await using bench = await openHostBench();
  await Deno.writeTextFile(join(bench.workspace.workDir, "in.json"), '{"a":1}');
  const filtered = await bench.perform({
    action: namedCall("jq.filter", { filter: ".a | debug", input: "in.json" }),
  });
  assert.deepEqual([filtered.stdout, filtered.stderr], ["1\n", '["DEBUG:",1]\n']);
  const picked = await bench.perform({
    action: namedCall("data.pick", { from: "json", select: "a", input: "in.json" }),
  });
  assert.equal(picked.stdout, "1\n");
});

Deno.test("6.5 jq: a filter without end stops with its step, one without measure by itself", async (t) => {
  await using bench = await openHostBench();
  await t.step("stop", async () => {
    const stop = new AbortController();
    const running = bench.perform(
      { action: namedCall("jq.filter", { filter: "def f: f; f", data: "1" }) },
      stop.signal,
    );
    setTimeout(() => stop.abort(), 300);
    assert.notEqual((await running).outcome.failure, null);
  });
  await t.step("memory", async () => {
    const given = { filter: "[range(100000000)]", data: "1" };
    const { outcome } = await bench.perform({ action: namedCall("jq.filter", given) });
    assert.match(outcome.failure?.message ?? "", /out of memory|cannot allocate memory/);
  });
});

Deno.test("6.4 template.render writes its output atomically, mode 0600, and prints nothing", async () => {
  await using bench = await openHostBench();
  const given = { template: "{{ .a }}\n", data: { a: "x" }, output: "out.txt" };
  const { outcome, stdout } = await bench.perform({ action: namedCall("template.render", given) });
  assert.deepEqual([outcome.failure, stdout], [null, ""]);
  const path = join(bench.workspace.workDir, "out.txt");
  assert.equal(await Deno.readTextFile(path), "x\n");
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(bench.workspace.workDir))).map(({ name }) => name), [
    "out.txt",
  ]);
});

Deno.test("6.5 S-97 data of a long text is made on a thread of its own: as of a short one, and a stop ends it", async (t) => {
  await using bench = await openHostBench();
  const numbers = Array.from({ length: 60_000 }, (_, at) => at);
  const long = JSON.stringify(numbers);
  await t.step("data.convert", async () => {
    const action = namedCall("data.convert", { from: "json", to: "text", data: long });
    assert.equal((await bench.perform({ action })).stdout, numbers.map((one) => `${one}\n`).join(""));
  });
  await t.step("data.pick", async () => {
    const action = namedCall("data.pick", { from: "json", select: "[59999]", data: long });
    assert.equal((await bench.perform({ action })).stdout, "59999\n");
  });
  await t.step("what is wrong with it", async () => {
    const action = namedCall("data.convert", { from: "json", to: "text", data: `${long},` });
    const { outcome } = await bench.perform({ action });
    assert.match(outcome.failure?.message ?? "", /^data.convert: the data is not JSON/);
    assert.equal(outcome.failure?.remedy, "correct the data, or from");
  });
  await t.step("a stop", async () => {
    const rows = JSON.stringify(Array.from({ length: 300_000 }, (_, a) => ({ a, b: "x" })));
    const stop = new AbortController();
    const action = namedCall("data.convert", { from: "json", to: "yaml", data: rows });
    const performed = bench.perform({ action }, stop.signal);
    setTimeout(() => stop.abort(), 100);
    const { outcome, stdout } = await performed;
    assert.match(outcome.failure?.message ?? "", /stopped/);
    assert.equal(stdout, "");
  });
});
