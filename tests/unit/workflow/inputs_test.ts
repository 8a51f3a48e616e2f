import assert from "node:assert/strict";
import {
  bindParams,
  type CallerParams,
  changedParams,
  completePayload,
  readCallerParams,
  resolveConsts,
  resolveEnv,
  splitParams,
} from "../../../src/workflow/inputs.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import type { Scope } from "../../../src/workflow/reference.ts";
import type { ParamDeclaration, ParamDeclarations } from "../../../src/workflow/workflow.ts";

function param(name: string, rules: Partial<ParamDeclaration> = {}): ParamDeclaration {
  return {
    name,
    type: "string",
    default: null,
    eval: null,
    required: false,
    description: null,
    enum: null,
    minimum: null,
    maximum: null,
    minLength: null,
    maxLength: null,
    pattern: null,
    ...rules,
  };
}

const declare = (...entries: ParamDeclaration[]): ParamDeclarations => ({ entries });
const text = (given: string): CallerParams => ({ kind: "text", text: given });
const json = (given: string): CallerParams => ({ kind: "json", json: given });
const tokens = (...given: string[]): CallerParams => ({ kind: "tokens", tokens: given });
const NONE: CallerParams = { kind: "none" };

// ---- what a caller gives ----------------------------------------------------------------------------------------

const splits: readonly [name: string, given: string, want: readonly string[]][] = [
  ["3.1 blanks separate", " a=1  b=2\tc\n", ["a=1", "b=2", "c"]],
  ["P-18 quotes group", `a="x y" b='z w' "p q"`, [`a="x y"`, `b='z w'`, `"p q"`]],
  ["P-18 an escaped quote does not close", `a="x \\" y" b`, [`a="x \\" y"`, "b"]],
  ["P-18 a backslash means nothing in single quotes", `a='x\\' b`, [`a='x\\'`, "b"]],
  ["P-18 backticks group", "a=`date -u` b", ["a=`date -u`", "b"]],
  ["P-18 a quote that is not closed is a character", `a=it's b=5" c`, [`a=it's`, `b=5"`, "c"]],
  ["3.1 nothing", "   ", []],
];
for (const [name, given, want] of splits) {
  Deno.test(`splitParams: ${name}`, () => assert.deepEqual(splitParams(given), want));
}

const reads: readonly [given: string, want: CallerParams["kind"]][] = [
  ["", "none"],
  ["  ", "none"],
  ['{"a":1}', "json"],
  [' ["x","k=v"] ', "json"],
  ["{not json", "text"],
  ["[x] a=1", "text"],
  ["a=1 b", "text"],
];
for (const [given, want] of reads) {
  Deno.test(`readCallerParams: 3.1 ${JSON.stringify(given)} is ${want}`, () => {
    assert.equal(readCallerParams(given).kind, want);
  });
}

// ---- values -----------------------------------------------------------------------------------------------------

const A = param("A", { default: "a" });
const B = param("B", { default: "b" });
const N = param("N", { type: "integer", default: "2", minimum: 1, maximum: 5 });
const FLAG = param("FLAG", { type: "boolean" });
const RATE = param("RATE", { type: "number" });
const KEY = param("KEY", { required: true });
const COMPUTED = param("C", { eval: "$(date)", default: "c" });

const bound: readonly [
  name: string,
  declared: ParamDeclarations,
  given: CallerParams,
  want: Record<string, string>,
][] = [
  ["P-03 defaults when nothing is given", declare(A, B), NONE, { A: "a", B: "b" }],
  ["P-03 a caller value wins", declare(A, B), text("A=z"), { A: "z", B: "b" }],
  ["P-03 a given empty text is a value", declare(A), text("A="), { A: "" }],
  ["P-03 without value and default a parameter is missing", declare(param("X")), NONE, {}],
  ["P-06 values are literal", declare(A), tokens("A=$HOME `date` ${params.x}"), {
    A: "$HOME `date` ${params.x}",
  }],
  ["P-07 a boolean in any case", declare(FLAG), text("FLAG=TRUE"), { FLAG: "true" }],
  ["P-07 a number", declare(RATE), text("RATE=-1.5e3"), { RATE: "-1.5e3" }],
  ["T-24 within the bounds", declare(N), tokens("N=5"), { N: "5" }],
  ["T-25 a required value", declare(KEY), tokens("KEY=1"), { KEY: "1" }],
  ["P-09 nothing declared, everything accepted", declare(), text("a=1 b"), { a: "1", "1": "b" }],
  ["P-10 positional values fill declared parameters in order", declare(A, B), text("x y"), {
    A: "x",
    B: "y",
  }],
  ["P-10 a name beats a position", declare(A, B), text("x A=z"), { A: "z", B: "b" }],
  [
    "P-02 positional defaults",
    declare(param("1", { default: "eu" }), param("2", { default: "3" })),
    text("us"),
    {
      "1": "us",
      "2": "3",
    },
  ],
  [
    "3.1 with positional declarations only, names are free",
    declare(param("1", { default: "eu" })),
    text("MODE=fast"),
    {
      "1": "eu",
      MODE: "fast",
    },
  ],
  ["P-16 a webhook's values need no declaration", declare(A), json('{"WEBHOOK_PAYLOAD":"{}"}'), {
    A: "a",
    WEBHOOK_PAYLOAD: "{}",
  }],
  ["P-18 quotes are dropped", declare(A, B), text(`A="x y" B='z w'`), { A: "x y", B: "z w" }],
  ["P-18 quotes around name and value", declare(A, B), text(`A=1 "B=z w" `), { A: "1", B: "z w" }],
  ["P-18 only the outer quotes", declare(A), text(`"A='x'"`), { A: "'x'" }],
  ["P-18 an escaped quote stays", declare(A), text(`A="say \\"hi\\""`), { A: 'say "hi"' }],
  ["P-18 backticks are text", declare(A), text("A=`date -u`"), { A: "`date -u`" }],
  ["3.1 only the first = splits", declare(A), text("A=x=y"), { A: "x=y" }],
  ["3.1 nested JSON is kept as text", declare(A, B), json('{"A":{"k":[1]},"B":2}'), {
    A: '{"k":[1]}',
    B: "2",
  }],
  ["3.1 a JSON array is tokens", declare(A, B), json('["x","B=v"]'), { A: "x", B: "v" }],
  ["3.1 mappings in a JSON array are named", declare(A, B), json('["x",{"B":[1]}]'), { A: "x", B: "[1]" }],
  ["V-21 numbers without exponent", declare(A, B), json('{"A":1e21,"B":1e-7}'), {
    A: "1000000000000000000000",
    B: "0.0000001",
  }],
  ["P-03 an eval is left to the runner", declare(COMPUTED, A), NONE, { A: "a" }],
  ["P-05 a value that was given is there at once", declare(COMPUTED, A), text("C=x"), { C: "x", A: "a" }],
  [
    "3.1 numbers are the same when equal",
    declare(param("E", { type: "number", enum: ["5"] })),
    text("E=5.0"),
    {
      E: "5.0",
    },
  ],
  ["3.1 pattern is RE2's", declare(param("S", { pattern: "(?i)^[[:alpha:]]+$" })), text("S=Ab"), { S: "Ab" }],
];
for (const [name, declared, given, want] of bound) {
  Deno.test(`bindParams: ${name}`, () => {
    const got = bindParams(declared, given);
    assert.ok(got.ok, got.ok ? "" : got.messages.join("; "));
    assert.deepEqual({ ...got.values }, want);
  });
}

const refused: readonly [
  name: string,
  declared: ParamDeclarations,
  given: CallerParams,
  ...tokens: string[],
][] = [
  ["P-07 two is no integer", declare(N), text("N=two"), "N", "cannot coerce", "integer"],
  ["P-07 1.5 is no integer", declare(N), text("N=1.5"), "N", "cannot coerce"],
  ["P-07 yes is no boolean", declare(FLAG), text("FLAG=yes"), "FLAG", "cannot coerce"],
  ["P-07 NaN is no number", declare(RATE), text("RATE=NaN"), "RATE", "cannot coerce"],
  ["T-24 above the maximum", declare(N), text("N=6"), "N", "at most 5"],
  ["3.1 below the minimum", declare(N), text("N=0"), "N", "at least 1"],
  ["3.1 enum", declare(param("E", { enum: ["eu", "us"] })), text("E=mars"), "E", "eu, us"],
  ["3.1 min_length", declare(param("S", { minLength: 3 })), text("S=ab"), "S", "at least 3"],
  [
    "3.1 max_length counts characters",
    declare(param("S", { maxLength: 1 })),
    text("S=🙂🙂"),
    "S",
    "at most 1",
  ],
  ["3.1 pattern", declare(param("S", { pattern: "^v\\d+$" })), text("S=x1"), "S", "^v\\d+$"],
  ["T-25 a required value that is missing", declare(KEY), NONE, "KEY", "required"],
  ["T-26 unknown name", declare(A), text("B=1"), "unknown parameter(s)", "B", "A"],
  [
    "T-26 surplus values",
    declare(A),
    json('["1","2"]'),
    "too many positional params: expected at most 1, got 2",
  ],
  ["3.1 a JSON scalar", declare(A), json("5"), "JSON object"],
  ["P-08 all mistakes at once", declare(N, KEY), text("N=9 Q=1"), "unknown parameter(s)", "at most 5", "KEY"],
];
for (const [name, declared, given, ...wanted] of refused) {
  Deno.test(`bindParams refuses: ${name}`, () => {
    const got = bindParams(declared, given);
    assert.equal(got.ok, false);
    const told = got.ok ? "" : got.messages.join("\n");
    for (const token of wanted) assert.ok(told.includes(token), `${told} should tell ${token}`);
  });
}

const payloads: readonly [name: string, declared: ParamDeclarations, given: CallerParams, want: string][] = [
  [
    "T-27 texts with sorted keys",
    declare(param("b", { default: "2" }), param("a", { default: "one" })),
    NONE,
    '{"a":"one","b":"2"}',
  ],
  [
    "P-15 the caller's JSON, types and all, over the defaults",
    declare(A, N),
    json('{"N":3}'),
    '{"A":"a","N":3}',
  ],
  ["P-15 nothing", declare(), NONE, "{}"],
  [
    "P-15 exactly the payload when nothing is left out",
    declare(A, B),
    json(' {"B": {"k": [1, 2]}, "A":1} '),
    '{"B": {"k": [1, 2]}, "A":1}',
  ],
  [
    "P-15 merged with defaults, keys sorted",
    declare(B, A, N),
    json('{"N":3,"A":[1]}'),
    '{"A":[1],"B":"b","N":3}',
  ],
  [
    "P-15 keys that are numbers are sorted as texts",
    declare(),
    tokens(..."abcdefghij"),
    '{"1":"a","10":"j","2":"b","3":"c","4":"d","5":"e","6":"f","7":"g","8":"h","9":"i"}',
  ],
  ["47 tokens are texts", declare(A, N), text("N=3"), '{"A":"a","N":"3"}'],
  ["P-03 an eval's value is not in it yet", declare(COMPUTED, A), NONE, '{"A":"a"}'],
];
for (const [name, declared, given, want] of payloads) {
  Deno.test(`bindParams: ${name}`, () => {
    const got = bindParams(declared, given);
    assert.equal(got.ok && got.json, want);
  });
}

const givens: readonly [name: string, given: CallerParams, want: readonly string[]][] = [
  ["nothing", NONE, []],
  ["by position and by name", text("x C=1"), ["A", "C"]],
  ["as JSON", json('{"C":1}'), ["C"]],
];
for (const [name, given, want] of givens) {
  Deno.test(`bindParams: P-05 tells what the caller gave: ${name}`, () => {
    const got = bindParams(declare(A, COMPUTED), given);
    assert.deepEqual(got.ok && got.given, want);
  });
}

Deno.test("completePayload: P-15 computed values join the payload, keys sorted", () => {
  assert.equal(completePayload('{"b": 1, "a": "x"}', { aa: "1" }), '{"a":"x","aa":"1","b":1}');
  assert.equal(completePayload('{"b": 1, "a": "x"}', {}), '{"b": 1, "a": "x"}');
});

const changes: readonly [name: string, given: CallerParams, want: readonly string[]][] = [
  ["nothing", NONE, []],
  ["the defaults themselves", text("A=a N=2"), []],
  ["another value", text("A=b N=2"), ["A"]],
  ["a value of what is computed", text("C=x"), ["C"]],
];
for (const [name, given, want] of changes) {
  Deno.test(`changedParams: P-19 ${name}`, () => {
    const declared = declare(A, N, COMPUTED);
    const got = bindParams(declared, given);
    assert.ok(got.ok);
    assert.deepEqual(changedParams(declared, got), want);
  });
}

// ---- a schema ---------------------------------------------------------------------------------------------------

const SCHEMA: ParamDeclarations = {
  entries: [param("region", { default: "eu" }), param("count", { type: "integer", default: "2" })],
  schema: {
    schema: {
      type: "object",
      properties: {
        region: { type: "string", enum: ["eu", "us"] },
        count: { type: "integer", minimum: 1 },
        tags: { type: "array", items: { type: "string" } },
        dry: { type: ["boolean", "null"] },
      },
      required: ["region"],
      additionalProperties: false,
    },
    defaults: { region: "eu", count: 2 },
  },
};

const bySchema: readonly [name: string, given: CallerParams, want: Record<string, string>, json: string][] = [
  ["defaults", NONE, { region: "eu", count: "2" }, '{"count":"2","region":"eu"}'],
  ["named texts take the schema's types", text(`count=3 tags='["a"]' dry=TRUE`), {
    region: "eu",
    count: "3",
    tags: '["a"]',
    dry: "true",
  }, '{"count":"3","dry":"true","region":"eu","tags":"[\\"a\\"]"}'],
  ["JSON keeps its kinds and takes typed defaults", json('{"tags":["a","b"]}'), {
    region: "eu",
    count: "2",
    tags: '["a","b"]',
  }, '{"count":2,"region":"eu","tags":["a","b"]}'],
  ["a webhook's values", json('{"WEBHOOK_PAYLOAD":"{}"}'), {
    region: "eu",
    count: "2",
    WEBHOOK_PAYLOAD: "{}",
  }, '{"WEBHOOK_PAYLOAD":"{}","count":2,"region":"eu"}'],
];
for (const [name, given, want, wantJson] of bySchema) {
  Deno.test(`bindParams: P-12 ${name}`, () => {
    const got = bindParams(SCHEMA, given);
    assert.ok(got.ok, got.ok ? "" : got.messages.join("; "));
    assert.deepEqual({ ...got.values }, want);
    assert.equal(got.json, wantJson);
  });
}

const refusedBySchema: readonly [name: string, given: CallerParams, ...tokens: string[]][] = [
  ["P-11 positional values", text("us"), "positional params"],
  ["P-11 positional values in JSON", json('["us"]'), "positional params"],
  ["P-12 a type", text("count=two"), "count", "cannot coerce", "integer"],
  ["P-12 a type in JSON", json('{"tags":"a"}'), "tags", "cannot coerce"],
  ["P-12 a kind in JSON", json('{"region":5}'), "region", "must be string"],
  ["P-12 a limit", text("count=0"), "count", "must be >= 1"],
  ["P-12 enum", text("region=mars"), "region", "eu, us"],
  ["P-12 inside a value", json('{"tags":["a",5]}'), "tags", "1 must be string"],
  ["P-12 unknown keys", text("zone=a"), "unknown parameter(s): zone", "region, count, tags, dry"],
];
for (const [name, given, ...wanted] of refusedBySchema) {
  Deno.test(`bindParams refuses: ${name}`, () => {
    const got = bindParams(SCHEMA, given);
    assert.equal(got.ok, false);
    const told = got.ok ? "" : got.messages.join("\n");
    for (const token of wanted) assert.ok(told.includes(token), `${told} should tell ${token}`);
  });
}

Deno.test("bindParams: P-12 a required value that is missing, and others where they may be", () => {
  const declared: ParamDeclarations = {
    entries: [param("key", { required: true })],
    schema: { schema: { type: "object", properties: { key: {} }, required: ["key"] }, defaults: {} },
  };
  const missing = bindParams(declared, NONE);
  assert.deepEqual(missing.ok ? [] : missing.messages, ['parameter "key" is required']);
  const more = bindParams(declared, text("key=1 other=2"));
  assert.deepEqual(more.ok && { ...more.values }, { key: "1", other: "2" });
});

Deno.test("bindParams: 3.1 a hostile text is split in time that grows with its length", () => {
  const given = `"${'\\"'.repeat(300_000)}`;
  assert.equal(splitParams(given).length, 1);
});

// ---- constants and environment ----------------------------------------------------------------------------------

Deno.test("resolveConsts: T-29 P-23 earlier constants only", () => {
  assert.deepEqual(
    resolveConsts([
      { name: "base", value: "img" },
      { name: "full", value: "${consts.base}:9" },
      { name: "early", value: "${consts.late}" },
      { name: "self", value: "${consts.self}" },
      { name: "run", value: "${params.p} ${env.HOME} $HOME" },
      { name: "late", value: "x" },
    ]),
    {
      base: "img",
      full: "img:9",
      early: "${consts.late}",
      self: "${consts.self}",
      run: "${params.p} ${env.HOME} $HOME",
      late: "x",
    },
  );
});

const SCOPE: Scope = {
  consts: {},
  params: { p: "param" },
  paramsJson: "{}",
  env: { OUTER: "outer" },
  host: { FROM_HOST: "host" },
  published: (id) => id === "build" ? { outputs: { image: "app:1" }, properties: {} } : null,
  context: {},
};

const layers: readonly [name: string, entries: readonly [string, string][], want: Record<string, string>][] =
  [
    [
      "T-31 later entries see earlier ones",
      [["ONE", "1"], ["TWO", "${env.ONE}2"], ["EARLY", "${env.LATE}"], ["LATE", "z"]],
      { ONE: "1", TWO: "12", EARLY: "${env.LATE}", LATE: "z" },
    ],
    [
      "V-36 a protected name is visible to later entries",
      [["DAG_NAME", "fake"], ["COPY", "${env.DAG_NAME}"]],
      { DAG_NAME: "fake", COPY: "fake" },
    ],
    ["V-39 a redefinition may use the old value", [["P", "a"], ["P", "$P:b"]], { P: "a:b" }],
    ["V-39 also the outer one", [["OUTER", "${OUTER}+"]], { OUTER: "outer+" }],
    ["V-39 an entry does not see itself", [["NEW", "$NEW"]], { NEW: "$NEW" }],
    ["2.6 root env falls back to the process", [["A", "$FROM_HOST"]], { A: "host" }],
    ["3.3 only the entries are answered", [["A", "${params.p}"]], { A: "param" }],
  ];
for (const [name, entries, want] of layers) {
  Deno.test(`resolveEnv: ${name}`, () => {
    const named = entries.map(([key, value]) => ({ name: key, value }));
    assert.deepEqual(resolveEnv(named, SCOPE, "host"), want);
  });
}

Deno.test("resolveEnv: 2.6 step env does not see the process", () => {
  assert.deepEqual(resolveEnv([{ name: "A", value: "$FROM_HOST" }], SCOPE, "scope"), { A: "$FROM_HOST" });
});

Deno.test("inputs: 2.6 a worker selector knows consts, keys and values", () => {
  const { workflow } = parseWorkflow(
    'consts: [{z: eu}, {k: zone}]\nworker_selector: {"${consts.k}": "${consts.z}-${params.p} $HOME"}\nsteps: [{run: x}]\n',
  );
  assert.deepEqual(workflow?.workerSelector, { zone: "eu-${params.p} $HOME" });
});

// ---- integers beyond 2^53 ---------------------------------------------------------------------------------------

const LONG = "9007199254740993";

Deno.test("P-15 V-21 long integers of a JSON array and of a merged payload keep their digits", () => {
  const array = bindParams(declare(), json(`[${LONG}, "N=-${LONG}", {"B": ${LONG}, "C": [${LONG}]}]`));
  assert.deepEqual(array.ok && array.values, {
    "1": LONG,
    N: `-${LONG}`,
    B: LONG,
    C: `[${LONG}]`,
  });
  const merged = bindParams(
    declare(param("A"), param("B", { default: "b" })),
    json(`{"A": {"x": [${LONG}]}}`),
  );
  assert.equal(merged.ok && merged.json, `{"A":{"x":[${LONG}]},"B":"b"}`);
  assert.equal(completePayload(`{"A":${LONG}}`, { B: "b" }), `{"A":${LONG},"B":"b"}`);
});

Deno.test("P-11 P-12 V-21 long integers pass a schema with all their digits", () => {
  const { workflow } = parseWorkflow(
    `
params:
  schema:
    type: object
    properties:
      id: {type: integer, minimum: 1}
      list: {type: array, items: {type: integer}}
      other: {type: string, default: o}
steps: [{id: a, run: x}]`,
    "load",
  );
  assert.ok(workflow);
  const given = bindParams(workflow.params, json(`{"id": ${LONG}, "list": [${LONG}, 1]}`));
  assert.deepEqual(given.ok && [given.values, given.json], [
    { id: LONG, list: `[${LONG},1]`, other: "o" },
    `{"id":${LONG},"list":[${LONG},1],"other":"o"}`,
  ]);
  const words = bindParams(workflow.params, tokens(`id=+00${LONG}`, `list=[${LONG}]`));
  assert.deepEqual(words.ok && words.values, { id: LONG, list: `[${LONG}]`, other: "o" });
  const low = bindParams(workflow.params, json(`{"id": -${LONG}}`));
  assert.match(low.ok ? "" : low.messages.join(), /"id" must be >= 1/);
});
