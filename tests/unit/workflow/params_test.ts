import assert from "node:assert/strict";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import { findSchemaReferences, writeSchemas } from "../../../src/workflow/schema-reference.ts";
import type { ParamDeclaration, ParamDeclarations } from "../../../src/workflow/workflow.ts";

const STEPS = "\nsteps: [{id: a, run: x}]\n";

function declared(params: string): ParamDeclarations {
  const { workflow, problems } = parseWorkflow(`params: ${params}${STEPS}`, "validate");
  assert.ok(workflow !== null, problems.map((problem) => problem.message).join("; "));
  return workflow.params;
}

/** `NAME=default` of each, `NAME` without one. */
function summary({ entries }: ParamDeclarations): string[] {
  return entries.map(({ name, default: value }) => value === null ? name : `${name}=${value}`);
}

const shapes: readonly [name: string, params: string, want: readonly string[]][] = [
  ["a text", '"eu 3 MODE=fast"', ["1=eu", "2=3", "MODE=fast"]],
  ["a text with quotes", `A="x y" 'p q' B='z' C=\`date\``, ["A=x y", "1=p q", "B=z", "C=`date`"]],
  ["a list of texts, one entry each", '["eu west", "MODE=fast", 3]', ["1=eu west", "MODE=fast", "2=3"]],
  ["a list of mappings", "[{REGION: eu}, {COUNT: 3}, {FLAG: true}, {NONE: null}]", [
    "REGION=eu",
    "COUNT=3",
    "FLAG=true",
    "NONE=",
  ]],
  ["a mapping", "{REGION: eu, COUNT: 3, RATE: 1e21}", [
    "REGION=eu",
    "COUNT=3",
    "RATE=1000000000000000000000",
  ]],
  ["a mapping that holds the names of a schema", "{schema: public, type: object, table: users}", [
    "schema=public",
    "type=object",
    "table=users",
  ]],
  ["declarations", "[{name: COUNT, type: integer, default: 3}, {name: KEY, required: true}]", [
    "COUNT=3",
    "KEY",
  ]],
  ["P-07 a default is exposed as any other value", "[{name: F, type: boolean, default: 'TRUE'}]", ["F=true"]],
  ["a mixed list", "[eu, {A: 1}, {name: B, default: 2}, us]", ["1=eu", "A=1", "B=2", "2=us"]],
  [
    "an inline schema",
    "{type: object, properties: {REGION: {type: string, default: eu}, COUNT: {type: integer}}}",
    [
      "REGION=eu",
      "COUNT",
    ],
  ],
  [
    "a schema beside its values",
    "{schema: {type: object, properties: {A: {default: 1}, B: {}}}, values: {B: 2}}",
    [
      "A=1",
      "B=2",
    ],
  ],
  ["nothing", "[]", []],
];
for (const [name, params, want] of shapes) {
  Deno.test(`params: 3.1 ${name}`, () => assert.deepEqual(summary(declared(params)), want));
}

Deno.test("params: 3.1 a declaration whole", () => {
  const { entries } = declared(`
  - {name: COUNT, type: integer, default: 3, minimum: 1, maximum: 5, enum: [1, 3, 5], description: How many}
  - {name: NAME, eval: "$(hostname)", default: none, min_length: 1, max_length: 9, pattern: "(?i)^[a-z]+$"}`);
  const [count, name] = entries;
  const want: ParamDeclaration = {
    name: "COUNT",
    type: "integer",
    default: "3",
    eval: null,
    required: false,
    description: "How many",
    enum: ["1", "3", "5"],
    minimum: 1,
    maximum: 5,
    minLength: null,
    maxLength: null,
    pattern: null,
  };
  assert.deepEqual(count, want);
  assert.equal(name?.eval, "$(hostname)");
  assert.equal(name?.pattern, "(?i)^[a-z]+$");
});

Deno.test("params: P-12 what a schema says of each name is there for a form", () => {
  const { entries, schema } = declared(
    "{type: object, required: [N], properties: {N: {type: integer, enum: [1, 2], description: How many}}}",
  );
  assert.deepEqual(
    entries.map(({ name, type, required, enum: options, description }) => ({
      name,
      type,
      required,
      options,
      description,
    })),
    [{ name: "N", type: "integer", required: true, options: ["1", "2"], description: "How many" }],
  );
  assert.deepEqual(schema?.defaults, {});
});

const refused: readonly [name: string, params: string, ...tokens: string[]][] = [
  ["P-01 a name alone", "[{name: A}]", "more than a name"],
  ["3.1 a declaration without a name", "[{type: integer, default: 3}]", "needs a name"],
  ["3.1 a name that is none", "[{name: a-b, default: x}]", '"a-b"', "must match ^[A-Za-z][A-Za-z0-9_]*$"],
  ["3.1 a name that is none in a mapping", "{a-b: x}", '"a-b"', "must match ^[A-Za-z][A-Za-z0-9_]*$"],
  ["3.1 an empty mapping", "[{}]", "needs a name"],
  ["3.1 a list of one-key mappings", "[{REGION: eu, COUNT: 3}]", "invalid keys: REGION", "needs a name"],
  ["P-01 camelCase", "[{name: A, minLength: 1}]", "minLength", "min_length"],
  ["P-01 the nested shape", "[{count: {type: integer}}]", '"count"', "name:"],
  ["P-02 a name twice", "[{A: 1}, {name: A, default: 2}]", '"A"', "twice"],
  ["3.1 an unknown type", "[{name: A, type: float}]", "type must be string, integer, number or boolean"],
  ["3.1 an unknown key", "[{name: A, default: 1, colour: red}]", "colour"],
  ["3.1 a default of another type", "[{name: A, type: integer, default: x}]", "A", "cannot coerce"],
  ["3.1 a default outside the range", "[{name: A, type: integer, default: 9, maximum: 5}]", "A", "at most 5"],
  ["3.1 a default outside enum", "[{name: A, default: x, enum: [y]}]", "A", "one of y"],
  ["3.1 an empty enum", "[{name: A, enum: []}]", "enum must not be empty"],
  ["3.1 enum of another type", "[{name: A, type: integer, enum: [1, x]}]", "enum", '"x"', "integer"],
  ["3.1 minimum of a text", "[{name: A, minimum: 1}]", "minimum and maximum need type"],
  ["3.1 min_length of a number", "[{name: A, type: integer, min_length: 1}]", "need type string"],
  ["3.1 inverted range", "[{name: A, type: number, minimum: 2, maximum: 1}]", "minimum is above maximum"],
  ["3.1 inverted lengths", "[{name: A, min_length: 2, max_length: 1}]", "min_length is above max_length"],
  ["3.1 a pattern that does not compile", "[{name: A, pattern: '('}]", "pattern is invalid"],
  ["3.1 a required that is no flag", "[{name: A, required: maybe}]", "required"],
  ["3.1 an eval that is no text", "[{name: A, eval: 5}]", "eval must be a string"],
  ["P-15 a reserved name", "{DAGU_PARAMS_JSON: x}", "DAGU_PARAMS_JSON", "reserved"],
  [
    "P-12 a schema that is none",
    "{type: object, properties: {A: {type: int}}}",
    "properties.A: type must be one of",
  ],
  ["P-12 a schema of something else", "{type: array, properties: {A: {}}}", "must have type: object"],
  [
    "P-12 a default that breaks the schema",
    "{type: object, properties: {A: {type: integer, default: x}}}",
    '"A"',
    "must be integer",
  ],
  [
    "P-12 a value that is not in the schema",
    "{schema: {properties: {A: {}}, additionalProperties: false}, values: {B: 1}}",
    '"B"',
    "not in the schema",
  ],
  ["P-13 a schema that nobody read", "{schema: params.json}", '"params.json"', "was not read"],
];
for (const [name, params, ...wanted] of refused) {
  Deno.test(`params refuses: ${name}`, () => {
    const { workflow, problems } = parseWorkflow(`params: ${params}${STEPS}`, "validate");
    assert.equal(workflow, null);
    const told = problems.map((problem) => `${problem.path}: ${problem.message} ${problem.remedy}`).join(
      "\n",
    );
    for (const token of wanted) assert.ok(told.includes(token), `${told} should tell ${token}`);
  });
}

Deno.test("params: T-25, P-08 a missing required value is no mistake of the definition", () => {
  assert.deepEqual(summary(declared("{type: object, properties: {A: {type: integer}}, required: [A]}")), [
    "A",
  ]);
});

// ---- schemas elsewhere ------------------------------------------------------------------------------------------

Deno.test("findSchemaReferences: P-13 finds the sources of every document", () => {
  const text = `working_dir: /srv
params: {schema: "a.json", values: {A: 1}}
steps: []
---
name: other
params:
  schema: https://example.com/b.json # remote
steps: []
`;
  const found = findSchemaReferences(text);
  assert.deepEqual(found.map(({ source, workingDir }) => ({ source, workingDir })), [
    { source: "a.json", workingDir: "/srv" },
    { source: "https://example.com/b.json", workingDir: null },
  ]);
  const written = writeSchemas(
    text,
    found.map((reference) => ({ reference, schema: { title: reference.source } })),
  );
  assert.match(written, /^params: \{schema: \{"title":"a.json"\}, values: \{A: 1\}\}$/m);
  assert.match(written, /^ {2}schema: \{"title":"https:\/\/example.com\/b.json"\} # remote$/m);
});

for (
  const [name, text] of [
    ["a schema that is written out", "params: {schema: {type: object}}"],
    ["a value named schema", "params: {schema: public, table: users}"],
    ["a schema of something else", "steps: [{id: a, output_schema: {schema: x}}]"],
    ["no YAML", "params: {schema: x"],
    ["nothing", ""],
  ] as const
) {
  Deno.test(`findSchemaReferences: P-13 leaves ${name}`, () => {
    if (name !== "no YAML") assert.deepEqual(findSchemaReferences(text), []);
    else assert.doesNotThrow(() => findSchemaReferences(text));
  });
}
