/** `git.worktree.add` and `git.worktree.remove`: both may be repeated and then find their work done (contract 6.4). */
import { dirname } from "node:path";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError, printResult } from "./deed.ts";
import { openGit, refuseOption } from "./git-process.ts";
import {
  branchCommit,
  checkBranchName,
  defaultTreePath,
  isMerged,
  lockTrees,
  openRepository,
  realPath,
  removeEmptyFolders,
  type Repository,
  type Tree,
  treesOf,
} from "./git-repository.ts";
import { joinDir, stepDir } from "./host.ts";
import type { Work } from "./work.ts";

type Add = With<"git.worktree.add">;
type Remove = With<"git.worktree.remove">;

// ---- add --------------------------------------------------------------------------------------------------------

export async function gitWorktreeAdd(given: Add, work: Work): Promise<Outcome> {
  const repository = await openRepository(work);
  using _lock = await lockTrees(repository, work);
  const trees = await treesOf(repository.git);
  const path = await pathOf(given, work);
  const branch = given.branch ?? treeAt(trees, path)?.branch ?? generatedBranch(work);
  await checkBranchName(repository.git, branch);
  const wanted = { branch, path: path ?? await realPath(defaultTreePath(repository, branch)) };
  const known = findAdded(trees, given, wanted);
  if (known !== null && await isFolder(known.path)) {
    return await tellAdded(work, { path: known.path, branch }, { tree: false, branch: false });
  }
  // Somebody deleted the folder: git still counts the tree and would refuse to make it again.
  if (known !== null) await forget(repository, known);
  const isNewBranch = await makeTree(repository, given, wanted);
  return await tellAdded(work, wanted, { tree: true, branch: isNewBranch });
}

interface Wanted {
  readonly branch: string;
  readonly path: string;
}

/** The tree that already is what is wanted, or was; everything in between is refused. */
function findAdded(trees: readonly Tree[], given: Add, wanted: Wanted): Tree | null {
  const { branch, path } = wanted;
  const at = treeAt(trees, path);
  if (at?.isMain === true) {
    throw new ActionError(`${path} is the main working tree`, "give the new working tree a path of its own");
  }
  if (at !== null && at.branch !== branch) {
    const held = at.branch === null ? "a detached commit" : `branch "${at.branch}"`;
    throw new ActionError(
      `working tree ${path} has ${held} checked out, not "${branch}"`,
      "use another path",
    );
  }
  const holder = at ?? trees.find((tree) => tree.branch === branch) ?? null;
  if (holder?.lock === "initializing") {
    throw new ActionError(
      `working tree ${holder.path} is half made: git was killed while it made it, or is at it`,
      `git worktree remove -f -f ${holder.path}`,
    );
  }
  if (holder?.isMain === true) {
    throw new ActionError(
      `branch "${branch}" is checked out in the main working tree ${holder.path}`,
      "use another branch, or check another one out there",
    );
  }
  if (holder !== null && given.path !== null && holder.path !== path) {
    throw new ActionError(
      `branch "${branch}" is already checked out at ${holder.path}`,
      "leave path out to use that working tree, or remove it first",
    );
  }
  return holder;
}

/** Says whether the branch is new. A branch that was made for a tree that could not be made does not stay. */
async function makeTree(repository: Repository, given: Add, { branch, path }: Wanted): Promise<boolean> {
  const { git } = repository;
  const start = await branchCommit(git, branch) === null ? await startOf(repository, given, branch) : null;
  await refuseOccupied(path);
  await Deno.mkdir(dirname(path), { recursive: true });
  try {
    if (start === null) await git.run("worktree", "add", "--", path, branch);
    else await git.run("worktree", "add", "--no-track", "-b", branch, "--", path, start);
  } catch (error) {
    // Left alone when another tree has it: then it is not ours.
    if (start !== null) await git.try("branch", "-D", "--", branch).catch(() => null);
    await removeEmptyFolders(repository, path);
    throw error;
  }
  return start !== null;
}

/** The commit at which a branch that does not exist yet is to begin. */
async function startOf(repository: Repository, given: Add, branch: string): Promise<string> {
  if (given.branch !== null && !given.create_branch) {
    throw new ActionError(`branch "${branch}" does not exist`, "set create_branch: true to make it");
  }
  const base = refuseOption("base", given.base ?? "HEAD");
  const commit = await repository.here.try(
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${base}^{commit}`,
  );
  if (commit !== null) return commit;
  throw given.base === null
    ? new ActionError("the repository has no commit yet", "commit something first")
    : new ActionError(`base "${base}" names no commit of the repository`, "fetch it first, or correct base");
}

/** The same for every try of the step, so that a retry finds what it made before. */
function generatedBranch(work: Work): string {
  const run = work.call.scopeEnv["DAG_RUN_ID"] ?? work.attempt.attemptId;
  return `dagu/${plain(work.call.step)}-${plain(run)}`;
}

const PLAIN_MAX = 60;

/** Letters that every file system and git take. What was changed gets a sum, so that two names stay two. */
function plain(name: string): string {
  const cut = name.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, PLAIN_MAX);
  if (cut === name) return name;
  let sum = 0;
  for (const letter of name) sum = (Math.imul(sum, 31) + (letter.codePointAt(0) ?? 0)) >>> 0;
  return `${cut}-${sum.toString(36)}`;
}

async function refuseOccupied(path: string): Promise<void> {
  const info = await Deno.lstat(path).catch(() => null);
  if (info === null) return;
  const isEmpty = info.isDirectory && (await Array.fromAsync(Deno.readDir(path))).length === 0;
  if (!isEmpty) {
    throw new ActionError(`${path} exists and is not a working tree of this repository`, "use another path");
  }
}

async function forget(repository: Repository, tree: Tree): Promise<void> {
  refuseLocked(tree);
  await repository.git.run("worktree", "remove", "--force", "--", tree.path);
}

async function tellAdded(
  work: Work,
  { path, branch }: Wanted,
  created: { readonly tree: boolean; readonly branch: boolean },
): Promise<Outcome> {
  const commit = await openGit(work, path).ask("rev-parse", "HEAD");
  return await publish(work, {
    path,
    branch,
    commit,
    worktree_created: created.tree,
    branch_created: created.branch,
  });
}

// ---- remove -----------------------------------------------------------------------------------------------------

export async function gitWorktreeRemove(given: Remove, work: Work): Promise<Outcome> {
  const repository = await openRepository(work);
  using _lock = await lockTrees(repository, work);
  if (given.branch !== null) await checkBranchName(repository.git, given.branch);
  const path = await pathOf(given, work);
  const tree = await findRemovable(await treesOf(repository.git), given.branch, path);
  const branch = given.branch ?? tree?.branch ?? null;
  // All that speaks against it is looked for first: a refusal leaves everything as it was.
  if (tree !== null) await refuseLoss(work, tree, given.force);
  const isDoomed = given.delete_branch && branch !== null &&
    await branchCommit(repository.git, branch) !== null;
  if (isDoomed && !given.force_delete_branch) await refuseUnmerged(repository, branch);

  if (tree !== null) await removeTree(repository, tree, given.force);
  if (isDoomed) await repository.git.run("branch", "-D", "--", branch);
  return await publish(work, {
    path: tree?.path ?? path ?? await realPath(defaultTreePath(repository, branch ?? "")),
    branch: branch ?? "",
    worktree_removed: tree !== null,
    branch_deleted: isDoomed,
  });
}

/** The tree that is meant; null: it is gone already. */
async function findRemovable(
  trees: readonly Tree[],
  branch: string | null,
  path: string | null,
): Promise<Tree | null> {
  const at = treeAt(trees, path);
  const holder = branch === null ? null : trees.find((tree) => tree.branch === branch) ?? null;
  for (const tree of [at, holder]) {
    if (tree?.isMain === true) {
      throw new ActionError(
        `${tree.path} is the main working tree, which is never removed`,
        "name another one",
      );
    }
  }
  if (path === null) return holder;
  if (at === null && await Deno.lstat(path).then(() => true, () => false)) {
    throw new ActionError(`${path} is not a working tree of this repository`, "git worktree list shows them");
  }
  if (branch === null || at === holder) return at;
  throw at === null
    ? new ActionError(`branch "${branch}" is checked out at ${holder?.path}, not at ${path}`, "correct path")
    : new ActionError(`working tree ${path} does not have branch "${branch}" checked out`, "correct branch");
}

/** Whatever the configuration of the repository hides. */
const EVERYTHING = ["--untracked-files=normal", "--ignore-submodules=none"];

async function refuseLoss(work: Work, tree: Tree, isForced: boolean): Promise<void> {
  refuseLocked(tree);
  if (isForced || !(await isFolder(tree.path))) return;
  const changes = await openGit(work, tree.path).ask("status", "--porcelain", ...EVERYTHING);
  if (changes === "") return;
  const count = changes.split("\n").length;
  throw new ActionError(
    `working tree ${tree.path} is dirty: ${count} modified or untracked ${count === 1 ? "file" : "files"}`,
    "commit them, or set force: true to throw them away",
  );
}

async function refuseUnmerged(repository: Repository, branch: string): Promise<void> {
  if (await isMerged(repository.git, branch)) return;
  throw new ActionError(
    `branch "${branch}" is not fully merged`,
    "merge it, or set force_delete_branch: true to lose its commits",
  );
}

function refuseLocked({ path, lock }: Tree): void {
  if (lock === null) return;
  const why = lock === "" ? "" : ` (${lock})`;
  throw new ActionError(`working tree ${path} is locked${why}`, `git worktree unlock ${path}`);
}

async function removeTree(repository: Repository, tree: Tree, isForced: boolean): Promise<void> {
  await repository.git.run("worktree", "remove", ...(isForced ? ["--force"] : []), "--", tree.path);
  await removeEmptyFolders(repository, tree.path);
}

// ---- both -------------------------------------------------------------------------------------------------------

async function pathOf(given: { readonly path: string | null }, work: Work): Promise<string | null> {
  return given.path === null ? null : await realPath(joinDir(stepDir(work), given.path));
}

function treeAt(trees: readonly Tree[], path: string | null): Tree | null {
  return trees.find((tree) => tree.path === path) ?? null;
}

async function isFolder(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => null))?.isDirectory === true;
}

/** Prints the facts, and publishes each as an output: texts as they are, booleans as JSON. */
async function publish(work: Work, facts: Readonly<Record<string, string | boolean>>): Promise<Outcome> {
  const outputs = Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value)]));
  return { ...await printResult(work, facts), outputs };
}
