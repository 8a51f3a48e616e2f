/** Laws of references, patterns and parameters that hold for every text. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { matchesExpected, validateExpected } from "../../src/workflow/condition.ts";
import { ancestorsOf, findCycle } from "../../src/workflow/graph.ts";
import { bindParams, readCallerParams, splitParams } from "../../src/workflow/inputs.ts";
import { matchesGlobs } from "../../src/workflow/match.ts";
import { resolveText, type Scope, type Unqualified } from "../../src/workflow/reference.ts";

function scope(value: string): Scope {
  return {
    consts: { c: value },
    params: { p: value, "1": value },
    paramsJson: value,
    env: { A: value, E: "" },
    host: { H: value },
    published: (id) => id === "s" ? { outputs: { o: value }, properties: { output: value } } : null,
    context: { "run.id": value },
  };
}

const QUALIFIED = [
  "${consts.c}",
  "${params.p}",
  "${params}",
  "${env.A}",
  "${steps.s.outputs.o}",
  "${context.run.id}",
];
const modes = fc.constantFrom<Unqualified>("no", "scope", "host", "shell");
/** Dense in everything that means something to the resolver. */
const dense = fc.array(
  fc.oneof(
    fc.constantFrom(
      ...QUALIFIED,
      "${",
      "}",
      "$",
      "\\",
      "'",
      "$A",
      "$1",
      "${E:-",
      "${A#",
      "${E:=",
      "${#",
      "[",
      "]",
      "*",
    ),
    fc.string({ maxLength: 4 }),
  ),
  { maxLength: 24 },
).map((pieces) => pieces.join(""));

Deno.test("V-19 V-33 resolveText answers every text, and changes no scope", () => {
  const given = scope("value");
  const before = JSON.stringify(given);
  fc.assert(
    fc.property(
      dense,
      modes,
      fc.constantFrom("escape", "shell", "text"),
      (text, mode, unqualifiedBackslash) => {
        assert.equal(typeof resolveText(text, given, mode, { unqualifiedBackslash }), "string");
      },
    ),
    { numRuns: 3_000 },
  );
  assert.equal(JSON.stringify(given), before);
});

Deno.test("V-19 V-20 a value comes in as it is, whatever is in it", () => {
  fc.assert(
    fc.property(fc.constantFrom(...QUALIFIED), modes, dense, (reference, mode, value) => {
      assert.equal(resolveText(`<${reference}>`, scope(value), mode), `<${value}>`);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("V-12 of n backslashes an odd number loses one and makes the reference text", () => {
  fc.assert(fc.property(fc.constantFrom(...QUALIFIED), modes, fc.nat(12), (reference, mode, count) => {
    const want = count % 2 === 1 ? "\\".repeat(count - 1) + reference : "\\".repeat(count) + "value";
    assert.equal(resolveText("\\".repeat(count) + reference, scope("value"), mode), want);
  }));
});

Deno.test("V-22 texts without a quote are resolved piece by piece", () => {
  const piece = fc.oneof(fc.constantFrom(...QUALIFIED, "$A", "\\$A "), fc.stringMatching(/^[a-z ]{0,6}$/));
  fc.assert(fc.property(fc.array(piece.map((one) => `${one} `), { maxLength: 8 }), (pieces) => {
    const given = scope("value");
    assert.equal(
      resolveText(pieces.join(""), given, "scope"),
      pieces.map((one) => resolveText(one, given, "scope")).join(""),
    );
  }));
});

Deno.test("P-18 quoted values come back as they were", () => {
  const quote = (value: string): string => `"${value.replace(/[\\"]/g, "\\$&")}"`;
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[A-Z][A-Z0-9_]{0,5}$/), fc.string()), (values) => {
      const text = Object.entries(values).map(([name, value]) => `${name}=${quote(value)}`).join(" ");
      const bound = bindParams({ entries: [] }, { kind: "text", text });
      assert.ok(bound.ok);
      assert.deepEqual({ ...bound.values }, { ...values });
    }),
  );
});

Deno.test("3.1 splitting loses nothing but blanks between tokens, and what is read is bound or refused", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^["'`\\ a=]{0,24}$/), fc.json()), (text) => {
    const squeeze = (given: string): string => given.replace(/\s/g, "");
    assert.equal(squeeze(splitParams(text).join("")), squeeze(text));
    assert.equal(bindParams({ entries: [] }, readCallerParams(text)).ok, true);
  }));
});

Deno.test("FG-51 every list of globs gives an answer", () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[!*?[\]{},()|+@\\a/.-]{0,14}$/), { maxLength: 3 }),
      fc.stringMatching(/^[a/().-]{0,8}$/),
      (globs, value) => {
        assert.equal(typeof matchesGlobs(globs, value), "boolean");
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("S-70 what is accepted at load does not fail when it is checked", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\\ab1k()?<=!:[\]|^$.*-]{0,12}$/), fc.string(), (pattern, value) => {
      const expected = `re:${pattern}`;
      if (validateExpected(expected) === null) matchesExpected(value, expected);
    }),
  );
});

Deno.test("S-16 V-43 a graph is cyclic exactly when some step is upstream of itself", () => {
  const SIZE = 6;
  const edges = fc.array(fc.tuple(fc.nat(SIZE - 1), fc.nat(SIZE - 1)), { maxLength: 9 });
  fc.assert(fc.property(edges, (pairs) => {
    const steps = Array.from({ length: SIZE }, (_, at) => ({
      name: `s${at}`,
      depends: pairs.filter(([from]) => from === at).map(([, to]) => `s${to}`),
    }));
    const reaches = (step: { name: string; depends: readonly string[] }): boolean =>
      step.depends.some((upstream) =>
        upstream === step.name || ancestorsOf(upstream, steps).includes(step.name)
      );
    const cycle = findCycle(steps);
    assert.equal(cycle !== null, steps.some(reaches));
    for (const [at, name] of (cycle ?? []).slice(0, -1).entries()) {
      const upstream = cycle?.[at + 1] ?? "";
      assert.ok(
        steps.find((step) => step.name === name)?.depends.includes(upstream),
        `${name} depends on ${upstream}`,
      );
    }
  }));
});
