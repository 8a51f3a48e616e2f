/** `git.worktree.add` and `git.worktree.remove` on real repositories (workflow-language contract 6.4). */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";
import { readCall } from "../../../src/workflow/named-action.ts";
import { commitFile, git, makeRepository, openGitFolder } from "../../support/git.ts";
import { openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall, resultOf } from "../../support/named-call.ts";

type Given = Readonly<Record<string, unknown>>;

interface Bench extends AsyncDisposable {
  readonly top: string;
  readonly repo: string;
  add(given?: Given, workingDir?: string, step?: string): Promise<Performed>;
  remove(given: Given, workingDir?: string): Promise<Performed>;
}

async function openBench(): Promise<Bench> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await openGitFolder());
  const host = stack.use(await openHostBench());
  const repo = await makeRepository(join(folder.path, "repo"));
  const scopeEnv = { DAG_RUN_ID: "run-1" };
  return {
    top: folder.path,
    repo,
    add: (given = {}, workingDir = repo, step = "tree") =>
      host.perform({ action: namedCall("git.worktree.add", given), workingDir, scopeEnv, step }),
    remove: (given, workingDir = repo) =>
      host.perform({ action: namedCall("git.worktree.remove", given), workingDir, scopeEnv }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function assertDone(performed: Performed, expected: Given): void {
  assert.equal(performed.outcome.failure, null);
  assert.deepEqual(resultOf(performed.stdout), expected);
  const texts = Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, String(value)]));
  assert.deepEqual(performed.outcome.outputs, texts);
}

function assertRefused({ outcome, stdout }: Performed, pattern: RegExp): void {
  assert.equal(outcome.exitCode, 1);
  assert.equal(outcome.failure?.code, "ACTION_FAILED");
  assert.match(outcome.failure?.message ?? "", pattern);
  assert.equal(stdout, "");
}

const exists = (path: string): Promise<boolean> => Deno.lstat(path).then(() => true, () => false);
const hasBranch = async (repo: string, name: string): Promise<boolean> =>
  (await git(repo, "branch", "--list", name)) !== "";

Deno.test("6.4 git.worktree.add makes a tree and a branch at the default path, and finds both again", async () => {
  await using bench = await openBench();
  const commit = await git(bench.repo, "rev-parse", "HEAD");
  const path = `${bench.repo}.worktrees/feature/login`;
  const facts = { path, branch: "feature/login", commit };
  const given = { branch: "feature/login", create_branch: true };
  assertDone(await bench.add(given), { ...facts, worktree_created: true, branch_created: true });
  assertDone(await bench.add(given), { ...facts, worktree_created: false, branch_created: false });
  assertDone(await bench.add({ branch: "feature/login" }, path), {
    ...facts,
    worktree_created: false,
    branch_created: false,
  });
  assert.equal(await git(path, "branch", "--show-current"), "feature/login");
});

Deno.test("6.4 git.worktree.add finds the repository from a folder inside it, or from another working tree", async () => {
  await using bench = await openBench();
  await Deno.mkdir(join(bench.repo, "sub/deep"), { recursive: true });
  const first = await bench.add({ branch: "a", create_branch: true }, join(bench.repo, "sub/deep"));
  assert.equal(first.outcome.outputs?.["path"], `${bench.repo}.worktrees/a`);
  const second = await bench.add({ branch: "b", create_branch: true }, `${bench.repo}.worktrees/a`);
  assert.equal(second.outcome.outputs?.["path"], `${bench.repo}.worktrees/b`);
});

Deno.test("6.4 git.worktree.add takes an existing branch, a path of its own and a base", async () => {
  await using bench = await openBench();
  const old = await git(bench.repo, "rev-parse", "HEAD");
  await git(bench.repo, "branch", "ready");
  await commitFile(bench.repo, "readme", "two\n");
  const ready = await bench.add({ branch: "ready", create_branch: true, path: "../elsewhere/ready" });
  assertDone(ready, {
    path: join(bench.top, "elsewhere/ready"),
    branch: "ready",
    commit: old,
    worktree_created: true,
    branch_created: false,
  });
  const based = await bench.add({ branch: "based", create_branch: true, base: "ready" });
  assert.equal(based.outcome.outputs?.["commit"], old);
  const stray = await bench.add({ branch: "stray", create_branch: "true", base: "no-such" });
  assertRefused(stray, /base "no-such" names no commit/);
  assert.equal(await hasBranch(bench.repo, "stray"), false);
});

Deno.test("6.4 git.worktree.add without branch generates one per run and step, and a retry finds it", async () => {
  await using bench = await openBench();
  const first = await bench.add();
  const { branch, path } = first.outcome.outputs ?? {};
  assert.equal(branch, "dagu/tree-run-1");
  assert.equal(path, `${bench.repo}.worktrees/${branch}`);
  assert.equal(first.outcome.outputs?.["branch_created"], "true");
  const again = await bench.add();
  assert.deepEqual([again.outcome.outputs?.["path"], again.outcome.outputs?.["worktree_created"]], [
    path,
    "false",
  ]);
  const others = await Promise.all(
    ["fan[a b].x", "fan[a_b].x"].map((step) => bench.add({}, bench.repo, step)),
  );
  const branches = new Set(others.map(({ outcome }) => outcome.outputs?.["branch"]));
  assert.equal(branches.size, 2);
  const placed = await bench.add({ path: "../placed" }, bench.repo, "other");
  const same = await bench.add({ path: "../placed" }, bench.repo, "third");
  assert.equal(same.outcome.outputs?.["branch"], placed.outcome.outputs?.["branch"]);
});

Deno.test("6.4 git.worktree.add refuses what it cannot do, and leaves nothing behind", async () => {
  await using bench = await openBench();
  await bench.add({ branch: "held", create_branch: true });
  await Deno.mkdir(join(bench.top, "full"));
  await Deno.writeTextFile(join(bench.top, "full/file"), "mine");
  await git(bench.repo, "update-ref", "refs/remotes/origin/far", "HEAD");
  const create_branch = true;
  const cases: readonly (readonly [Given, RegExp])[] = [
    [{ branch: "missing" }, /branch "missing" does not exist/],
    [{ branch: "far" }, /branch "far" does not exist/],
    [{ branch: "main" }, /checked out in the main working tree/],
    [{ branch: "held", path: "../second" }, /already checked out at .*repo\.worktrees\/held/],
    [
      { branch: "fresh", create_branch, path: `${bench.repo}.worktrees/held` },
      /has branch "held" checked out/,
    ],
    [{ branch: "fresh", create_branch, path: "../full" }, /full exists and is not a working tree/],
    [{ branch: "fresh", create_branch, path: "." }, /is the main working tree/],
    [{ branch: "-f", create_branch }, /begins with a dash/],
    [{ branch: "fresh", create_branch, base: "--all" }, /begins with a dash/],
    [{ branch: "../../up", create_branch }, /not a valid branch name/],
    [{ branch: "held/below", create_branch }, /git worktree failed/],
  ];
  for (const [given, pattern] of cases) assertRefused(await bench.add(given), pattern);
  assertRefused(await bench.add({ branch: "a", create_branch }, bench.top), /is not in a git repository/);
  assertRefused(await bench.add({ branch: "a", create_branch }, join(bench.top, "none")), /does not exist/);
  assert.equal(await hasBranch(bench.repo, "fresh"), false);
  assert.equal((await git(bench.repo, "worktree", "list")).split("\n").length, 2);
});

Deno.test("6.4 git.worktree.add makes a tree again whose folder somebody deleted", async () => {
  await using bench = await openBench();
  const given = { branch: "a", create_branch: true };
  const path = (await bench.add(given)).outcome.outputs?.["path"] ?? "";
  await Deno.remove(path, { recursive: true });
  const again = await bench.add(given);
  assert.deepEqual(
    [again.outcome.outputs?.["worktree_created"], again.outcome.outputs?.["branch_created"]],
    ["true", "false"],
  );
  assert.ok(await exists(join(path, "readme")));
});

Deno.test("6.4 many git.worktree.add at once: one makes the tree, the others find it whole", async () => {
  await using bench = await openBench();
  const same = await Promise.all([1, 2, 3].map(() => bench.add({ branch: "one", create_branch: true })));
  const made = same.map(({ outcome }) => outcome.outputs?.["worktree_created"]).sort();
  assert.deepEqual(made, ["false", "false", "true"]);
  const different = await Promise.all(
    ["x", "y", "z"].map((branch) => bench.add({ branch, create_branch: true })),
  );
  assert.ok(different.every(({ outcome }) => outcome.failure === null));
});

Deno.test("6.4 git.worktree.add works in a bare repository and is not led astray by GIT_DIR", async () => {
  await using bench = await openBench();
  const bare = join(bench.top, "bare.git");
  await git(bench.top, "clone", "--quiet", "--bare", bench.repo, bare);
  const { outcome } = await bench.add({ branch: "a", create_branch: true }, bare);
  assert.equal(outcome.outputs?.["path"], `${bare}.worktrees/a`);
  await using host = await openHostBench();
  const led = await host.perform({
    action: namedCall("git.worktree.add", { branch: "b", create_branch: true }),
    workingDir: bench.repo,
    scopeEnv: { GIT_DIR: bare, GIT_WORK_TREE: bench.top },
  });
  assert.equal(led.outcome.outputs?.["path"], `${bench.repo}.worktrees/b`);
});

Deno.test("6.4 git.worktree.remove takes the tree away, by branch or by path, and may be repeated", async () => {
  await using bench = await openBench();
  for (const name of ["branch", "path"] as const) {
    const branch = `by/${name}`;
    const path = `${bench.repo}.worktrees/${branch}`;
    await bench.add({ branch, create_branch: true });
    const given = name === "branch" ? { branch } : { path };
    assertDone(await bench.remove(given), { path, branch, worktree_removed: true, branch_deleted: false });
    assert.ok(await hasBranch(bench.repo, branch));
    assert.equal(await exists(`${bench.repo}.worktrees`), false);
    const again = await bench.remove({ branch, path, delete_branch: true });
    assertDone(again, { path, branch, worktree_removed: false, branch_deleted: true });
    assertDone(await bench.remove({ branch, path, delete_branch: true }), {
      path,
      branch,
      worktree_removed: false,
      branch_deleted: false,
    });
  }
});

Deno.test("6.4 git.worktree.remove takes a dirty tree only with force", async () => {
  for (const [name, isTracked] of [["readme", true], ["new file", false]] as const) {
    await using bench = await openBench();
    await bench.add({ branch: "a", create_branch: true });
    await git(bench.repo, "config", "status.showUntrackedFiles", "no");
    const path = `${bench.repo}.worktrees/a`;
    await Deno.writeTextFile(join(path, name), "changed");
    const refused = await bench.remove({ branch: "a", delete_branch: true });
    assertRefused(refused, /is dirty: 1 modified or untracked file/);
    assert.ok(await exists(path) && await hasBranch(bench.repo, "a"), `tracked: ${isTracked}`);
    const forced = await bench.remove({ branch: "a", force: true });
    assert.equal(forced.outcome.outputs?.["worktree_removed"], "true");
    assert.equal(await exists(path), false);
  }
});

Deno.test("6.4 git.worktree.remove deletes an unmerged branch only with force_delete_branch", async () => {
  await using bench = await openBench();
  await bench.add({ branch: "a", create_branch: true });
  const path = `${bench.repo}.worktrees/a`;
  await commitFile(path, "work", "precious\n");
  // Also from inside the tree itself, whose HEAD is the branch.
  for (const workingDir of [bench.repo, path]) {
    assertRefused(await bench.remove({ path, delete_branch: true }, workingDir), /"a" is not fully merged/);
    assert.ok(await exists(path) && await hasBranch(bench.repo, "a"));
  }
  const forced = await bench.remove({ path, delete_branch: true, force_delete_branch: true }, path);
  assertDone(forced, { path, branch: "a", worktree_removed: true, branch_deleted: true });
  assert.equal(await hasBranch(bench.repo, "a"), false);
});

Deno.test("6.4 git.worktree.remove counts a branch as merged that the main tree or the upstream has", async () => {
  await using bench = await openBench();
  await bench.add({ branch: "a", create_branch: true });
  await commitFile(`${bench.repo}.worktrees/a`, "work", "done\n");
  await git(bench.repo, "merge", "--quiet", "a");
  assert.equal((await bench.remove({ branch: "a", delete_branch: true })).outcome.failure, null);

  await bench.add({ branch: "b", create_branch: true });
  await commitFile(`${bench.repo}.worktrees/b`, "work", "pushed\n");
  await git(bench.top, "init", "--quiet", "--bare", "origin.git");
  await git(bench.repo, "remote", "add", "origin", join(bench.top, "origin.git"));
  await git(bench.repo, "push", "--quiet", "--set-upstream", "origin", "b");
  assert.equal((await bench.remove({ branch: "b", delete_branch: true })).outcome.failure, null);
});

Deno.test("6.4 git.worktree.remove never takes the main tree, a locked one, or what is none", async () => {
  await using bench = await openBench();
  await bench.add({ branch: "a", create_branch: true });
  await bench.add({ branch: "b", create_branch: true });
  await git(bench.repo, "worktree", "lock", "--reason", "on a stick", `${bench.repo}.worktrees/b`);
  await Deno.mkdir(join(bench.top, "plain"));
  const force = { force: true, delete_branch: true, force_delete_branch: true };
  const cases: readonly (readonly [Given, RegExp])[] = [
    [{ branch: "main" }, /main working tree, which is never removed/],
    [{ path: "." }, /main working tree, which is never removed/],
    [{ path: bench.repo, branch: "a" }, /main working tree, which is never removed/],
    [{ branch: "b" }, /is locked \(on a stick\)/],
    [{ path: "../plain" }, /plain is not a working tree/],
    [{ path: "readme" }, /readme is not a working tree/],
    [{ branch: "b", path: `${bench.repo}.worktrees/a` }, /does not have branch "b" checked out/],
    [{ branch: "a", path: "../gone" }, /is checked out at .*\/a, not at .*\/gone/],
    [{ branch: "--all" }, /begins with a dash/],
  ];
  for (const [given, pattern] of cases) assertRefused(await bench.remove({ ...given, ...force }), pattern);
  // From inside another tree, the main one is still the main one.
  const inside = `${bench.repo}.worktrees/a`;
  assertRefused(await bench.remove({ path: bench.repo, ...force }, inside), /main working tree/);
  assert.ok(await exists(join(bench.repo, "readme")) && await hasBranch(bench.repo, "main"));
});

Deno.test("6.4 A-02 what no git.worktree action can mean is refused when the workflow is loaded", () => {
  const cases: readonly (readonly [NamedAction, Given, RegExp | null])[] = [
    ["git.worktree.remove", {}, /needs branch or path/],
    ["git.worktree.remove", { branch: "" }, /needs branch or path/],
    ["git.worktree.remove", { path: "x", force_delete_branch: true }, /requires delete_branch/],
    ["git.worktree.remove", { path: "x", force_delete_branch: "true", delete_branch: "true" }, null],
    ["git.worktree.remove", { path: "x", force_delete_branch: false }, null],
    ["git.worktree.add", {}, null],
    ["git.worktree.add", { branch: 12, create_branch: "yes" }, /create_branch: must be a boolean/],
    ["git.worktree.add", { brunch: "x" }, /invalid keys: brunch/],
  ];
  for (const [name, given, pattern] of cases) {
    const read = readCall(name, given);
    if (pattern === null) assert.ok(read.ok);
    else assert.match(read.ok ? "" : read.message, pattern);
  }
});
