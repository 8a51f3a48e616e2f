import assert from "node:assert/strict";
import { findSchemaMistake, findViolations } from "../../../src/workflow/json-schema.ts";

const tell = (schema: unknown, value: unknown): string[] =>
  findViolations(schema, value).map(({ path, message }) => [...path.map(String), message].join(" "));

const cases: readonly [name: string, schema: unknown, value: unknown, want: readonly string[]][] = [
  ["true allows, false forbids", { properties: { a: true, b: false } }, { a: 1, b: 1 }, ["b is not allowed"]],
  ["type", { type: "integer" }, 1.5, ["must be integer"]],
  ["types", { type: ["integer", "null"] }, null, []],
  ["a whole number is an integer", { type: "integer" }, 2.0, []],
  ["enum", { enum: ["a", 1, { k: [1], l: 2 }] }, { l: 2, k: [1] }, []],
  ["not in enum", { enum: ["a", 1] }, "1", ["must be one of a, 1"]],
  ["const", { const: "x" }, "y", ["must be x"]],
  ["minimum and maximum", { minimum: 1, maximum: 3 }, 0, ["must be >= 1"]],
  ["exclusive bounds", { exclusiveMinimum: 1, exclusiveMaximum: 3 }, 3, ["must be < 3"]],
  ["multipleOf", { multipleOf: 0.1 }, 0.3, []],
  ["lengths count characters", { minLength: 2, maxLength: 2 }, "🙂🙂", []],
  ["too long", { maxLength: 1 }, "ab", ["must have a length <= 1"]],
  ["pattern", { pattern: "^v\\d+$" }, "x1", ["must match ^v\\d+$"]],
  ["items", { items: { type: "string" } }, ["a", 1], ["1 must be string"]],
  ["prefixItems", { prefixItems: [{ type: "string" }], items: { type: "number" } }, ["a", 1], []],
  ["minItems", { minItems: 2 }, [1], ["must have a number of items >= 2"]],
  ["uniqueItems", { uniqueItems: true }, [{ a: 1, b: 2 }, { b: 2, a: 1 }], ["must not have an item twice"]],
  ["contains", { contains: { const: 1 } }, [2], ["must have an item that satisfies contains"]],
  ["required", { required: ["a", "b"] }, { a: 1 }, ["b is required"]],
  ["additionalProperties false", { properties: { a: {} }, additionalProperties: false }, { a: 1, b: 1 }, [
    "b is not allowed",
  ]],
  ["additionalProperties schema", { additionalProperties: { type: "number" } }, { a: "x" }, [
    "a must be number",
  ]],
  ["patternProperties", { patternProperties: { "^x": { type: "number" } }, additionalProperties: false }, {
    x1: 1,
  }, []],
  ["propertyNames", { propertyNames: { maxLength: 1 } }, { ab: 1 }, ["ab must have a length <= 1"]],
  ["nested paths", { properties: { a: { items: { required: ["k"] } } } }, { a: [{}] }, ["a 0 k is required"]],
  ["allOf", { allOf: [{ minimum: 1 }, { maximum: 0 }] }, 5, ["must be <= 0"]],
  ["anyOf", { anyOf: [{ type: "string" }, { type: "null" }] }, 5, ["must satisfy one of anyOf"]],
  ["oneOf", { oneOf: [{ minimum: 1 }, { minimum: 2 }] }, 5, ["must satisfy exactly one of oneOf"]],
  ["not", { not: { type: "string" } }, "x", ["must not satisfy not"]],
  ["if then else", { if: { const: 1 }, then: true, else: { const: 2 } }, 3, ["must be 2"]],
  ["$ref", { $defs: { p: { minimum: 1 } }, properties: { a: { $ref: "#/$defs/p" } } }, { a: 0 }, [
    "a must be >= 1",
  ]],
];
for (const [name, schema, value, want] of cases) {
  Deno.test(`findViolations: P-12 ${name}`, () => assert.deepEqual(tell(schema, value), want));
}

Deno.test("findViolations: schemas that go round or branch at every level come to an end", () => {
  const told = tell({ anyOf: [{ $ref: "#" }, { $ref: "#" }] }, 1);
  assert.equal(told.length, 1);
  assert.match(tell({ allOf: [{ $ref: "#" }] }, 1)[0] ?? "", /take too long/);
});

const mistakes: readonly [name: string, schema: unknown, want: string | null][] = [
  ["a good one", { type: "object", properties: { a: { type: ["string", "null"], pattern: "^a" } } }, null],
  ["an unknown type", { properties: { a: { type: "int" } } }, "properties.a: type must be one of"],
  [
    "a pattern that does not compile",
    { properties: { a: { pattern: "(" } } },
    "properties.a: pattern is invalid",
  ],
  ["a pattern of another engine", { items: { pattern: "a(?=b)" } }, "items: pattern is invalid"],
  ["an empty enum", { enum: [] }, "enum must not be empty"],
  ["a limit that is text", { minimum: "1" }, "minimum must be a number"],
  ["required as a flag", { properties: { a: { required: true } } }, "properties.a: required must be a list"],
  ["a reference to nothing", { $ref: "#/$defs/x" }, '$ref "#/$defs/x" names nothing'],
  ["a remote reference", { $ref: "https://example.com/s" }, "names nothing in this schema"],
  ["no schema", { anyOf: [1] }, "anyOf[0] must be a mapping"],
];
for (const [name, schema, want] of mistakes) {
  Deno.test(`findSchemaMistake: ${name}`, () => {
    const told = findSchemaMistake(schema);
    if (want === null) assert.equal(told, null);
    else assert.ok(told?.includes(want), told ?? "accepted");
  });
}

Deno.test("P-11 a schema is looked through whatever the number of its parts", () => {
  assert.equal(findSchemaMistake({ anyOf: new Array(200_000).fill(true) }), null);
});
