import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { normalizeGithub } from "../../../../src/server/triggers/github.ts";

/** GitHub's published example bodies, by event. */
const published: { name: string; examples: Record<string, unknown>[] }[] = createRequire(import.meta.url)(
  "@octokit/webhooks-examples",
);

for (const { name, examples } of published) {
  Deno.test(`FG-01 every published ${name} body has a normal form`, () => {
    for (const example of examples) {
      const event = normalizeGithub(name, "d-1", example);
      assert.notEqual(event, null);
      assert.equal(event?.rawEvent, name);
      assert.equal(event?.delivery, "d-1");
    }
  });
}

const branch = {
  ref: "refs/heads/main",
  before: "0".repeat(40),
  after: "a".repeat(40),
  repository: { id: 7, full_name: "o/r" },
  commits: [{ id: "a", added: ["x"], modified: ["y"], removed: [] }],
};
const cases: [name: string, body: unknown, want: Record<string, unknown>][] = [
  ["2.5 a push names repository, ref and sha", branch, {
    event: "push",
    repo: "o/r",
    branch: "main",
    sha: "a".repeat(40),
    changedPaths: ["x", "y"],
    changedPathsComplete: true,
  }],
  ["2.5 a pushed tag is event tag", { ...branch, ref: "refs/tags/v1" }, {
    event: "tag",
    tag: "v1",
    branch: "",
  }],
  ["2.6 an annotated tag is of its commit, whose statuses a forge shows", {
    ...branch,
    ref: "refs/tags/v1",
    head_commit: { id: "c".repeat(40), message: "m" },
  }, { event: "tag", sha: "c".repeat(40) }],
  ["2.5 a deleted branch is event delete", { ...branch, deleted: true }, { event: "delete", sha: "" }],
  ["FG-54 a forced push has an incomplete path list", { ...branch, forced: true }, {
    changedPathsComplete: false,
  }],
];
for (const [name, body, want] of cases) {
  Deno.test(name, () => {
    const event: Record<string, unknown> = { ...normalizeGithub("push", "", body) };
    for (const [key, value] of Object.entries(want)) assert.deepEqual(event[key], value, key);
  });
}

const deletions: [name: string, body: unknown, want: Record<string, unknown>][] = [
  ["a deleted tag", { ref: "v1", ref_type: "tag" }, { action: "tag", tag: "v1", branch: "" }],
  ["a deleted branch", { ref: "next", ref_type: "branch" }, { action: "branch", tag: "", branch: "next" }],
];
for (const [name, body, want] of deletions) {
  Deno.test(`2.5 ${name} is named`, () => {
    const event: Record<string, unknown> = { ...normalizeGithub("delete", "", body) };
    for (const [key, value] of Object.entries(want)) assert.deepEqual(event[key], value, key);
  });
}

const pushOf = (added: readonly string[]): ReturnType<typeof normalizeGithub> =>
  normalizeGithub("push", "", {
    ...branch,
    commits: [{ id: "a", added, modified: [], removed: added.slice(0, 1) }],
  });
const numbered = (count: number, name: string): string[] =>
  Array.from({ length: count }, (_, index) => `${name}${index}`);
const lists: [name: string, added: readonly string[], kept: number, isComplete: boolean][] = [
  ["5,000 paths are a whole list", numbered(5_000, "p"), 5_000, true],
  ["more paths are cut, and the list is incomplete", numbered(5_001, "p"), 5_000, false],
  ["long paths are a whole list up to 512 KiB", numbered(100, "x".repeat(5_000)), 100, true],
  ["longer ones are cut", numbered(110, "x".repeat(5_000)), 104, false],
  ["it is bytes that count", numbered(110, "ü".repeat(2_500)), 104, false],
];
for (const [name, added, kept, isComplete] of lists) {
  Deno.test(`FG-62 ${name}`, () => {
    const event = pushOf(added);
    assert.deepEqual([event?.changedPaths.length, event?.changedPathsComplete], [kept, isComplete]);
    assert.deepEqual(event?.changedPaths, added.slice(0, kept));
  });
}

const side = (id: number | null) => ({
  ref: "b",
  sha: "c".repeat(40),
  repo: id === null ? null : { id, full_name: "o/r" },
});
const forks: [name: string, head: number | null, want: boolean][] = [
  ["FK-01 the same repository is no fork", 7, false],
  ["FK-01 another repository is a fork", 8, true],
  ["FK-01 an unknown head repository is a fork", null, true],
];
for (const [name, head, want] of forks) {
  Deno.test(name, () => {
    const body = { action: "opened", pull_request: { number: 1, head: side(head), base: side(7) } };
    assert.equal(normalizeGithub("pull_request", "", body)?.isFork, want);
  });
}

for (const body of [null, 1, "x", [], { ref: 5 }]) {
  Deno.test(`a push body ${JSON.stringify(body)} is answered, never thrown`, () => {
    assert.doesNotThrow(() => normalizeGithub("push", "", body));
  });
}

Deno.test("FG-54 a push that lists as many commits as GitHub lists may have had more", () => {
  const commit = { id: "a", added: ["x"], modified: [], removed: [] };
  const complete = [2_047, 2_048].map((count) =>
    normalizeGithub("push", "d-1", { ...branch, commits: new Array(count).fill(commit) })
      ?.changedPathsComplete
  );
  assert.deepEqual(complete, [true, false]);
});

Deno.test("FK-01 a pull request of which one side's repository is not known is a fork's", () => {
  const repo = { id: 7, full_name: "o/r" };
  const other = { id: 8, full_name: "p/r" };
  const side = { ref: "a", sha: "b" };
  for (
    const [head, base, isFork] of [
      [repo, repo, false],
      [other, repo, true],
      [null, repo, true],
      [repo, null, true],
      [null, null, true],
    ] as const
  ) {
    const pull = { number: 1, title: "t", head: { ...side, repo: head }, base: { ...side, repo: base } };
    const event = normalizeGithub("pull_request", "d-1", { action: "opened", pull_request: pull });
    assert.equal(event?.isFork, isFork, JSON.stringify([head, base]));
  }
});
