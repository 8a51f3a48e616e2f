import assert from "node:assert/strict";
import { ancestorsOf, findCycle, indexSteps, isAncestor } from "../../../src/workflow/graph.ts";

type Node = { readonly name: string; readonly depends: readonly string[] };

/** `a<-b,c`: a depends on b and c. */
function graph(...lines: string[]): Node[] {
  return lines.map((line) => {
    const [name = "", depends = ""] = line.split("<-");
    return { name, depends: depends === "" ? [] : depends.split(",") };
  });
}

const cycles: readonly [name: string, steps: Node[], want: readonly string[] | null][] = [
  ["no steps", [], null],
  ["no edges", graph("a", "b"), null],
  ["a diamond", graph("a", "b<-a", "c<-a", "d<-b,c"), null],
  ["a step on itself", graph("a<-a"), ["a", "a"]],
  ["two steps", graph("a<-b", "b<-a"), ["a", "b", "a"]],
  ["only the cycle is told, not the way to it", graph("x<-a", "a<-b", "b<-c", "c<-a"), ["a", "b", "c", "a"]],
  ["behind a finished branch", graph("a", "b<-a", "c<-b,d", "d<-c"), ["c", "d", "c"]],
  ["an unknown name is no cycle", graph("a<-ghost"), null],
  ["a name given twice is no cycle", graph("a", "b<-a,a"), null],
];
for (const [name, steps, want] of cycles) {
  Deno.test(`findCycle: S-16 ${name}`, () => assert.deepEqual(findCycle(steps), want));
}

const ancestors: readonly [name: string, of: string, steps: Node[], want: readonly string[]][] = [
  ["none", "a", graph("a", "b"), []],
  ["in the written order of depends", "r", graph("p", "q", "r<-q,p"), ["q", "p"]],
  ["nearest first", "d", graph("a", "b<-a", "c", "d<-b,c"), ["b", "c", "a"]],
  ["each once", "d", graph("a", "b<-a", "c<-a", "d<-b,c"), ["b", "c", "a"]],
  ["an unrelated step is none", "b", graph("a", "b<-a", "side"), ["a"]],
  ["an unknown step has none", "ghost", graph("a"), []],
  ["never the step itself", "a", graph("a<-b", "b<-a"), ["b"]],
];
for (const [name, of, steps, want] of ancestors) {
  Deno.test(`ancestorsOf: V-43 ${name}`, () => {
    assert.deepEqual(ancestorsOf(of, steps), want);
    assert.deepEqual(ancestorsOf(of, indexSteps(steps)), want);
    for (const { name } of steps) {
      assert.equal(isAncestor(name, of, indexSteps(steps)), want.includes(name), name);
    }
  });
}

const MANY = 10_000;
const step = (at: number, depends: readonly number[]): Node => ({
  name: `s${at}`,
  depends: depends.map((other) => `s${other}`),
});
const chain = (last: readonly number[]): Node[] =>
  Array.from({ length: MANY }, (_, at) => step(at, at === 0 ? last : [at - 1]));

Deno.test("graph: S-16 a chain of 10,000 steps does not exhaust the stack", () => {
  assert.equal(findCycle(chain([])), null);
  assert.equal(ancestorsOf(`s${MANY - 1}`, chain([])).length, MANY - 1);
});

Deno.test("graph: S-16 a cycle through 10,000 steps is told whole", () => {
  assert.equal(findCycle(chain([MANY - 1]))?.length, MANY + 1);
});

Deno.test("graph: S-16 paths that share steps are walked once, not once for each path", () => {
  // 2^5000 paths lead through these diamonds.
  const diamonds = Array.from({ length: MANY }, (_, at) => {
    const layer = Math.floor(at / 2) * 2;
    return step(at, layer === 0 ? [] : [layer - 2, layer - 1]);
  });
  assert.equal(findCycle(diamonds), null);
  assert.equal(ancestorsOf(`s${MANY - 1}`, diamonds).length, MANY - 2);
});
