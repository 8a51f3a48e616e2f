/** A repository and its working trees, as git tells them. */
import { basename, dirname, join, relative, resolve } from "node:path";
import { ActionError } from "./deed.ts";
import { type Git, openGit, refuseOption } from "./git-process.ts";
import { stepDir } from "./host.ts";
import type { Work } from "./work.ts";

export interface Tree {
  readonly path: string;
  /** Without `refs/heads/`; null: a detached or bare one. */
  readonly branch: string | null;
  readonly isMain: boolean;
  /** Why it is locked, perhaps ""; null: it is not. */
  readonly lock: string | null;
}

export interface Repository {
  /** git in the step's folder: what `HEAD` means there. */
  readonly here: Git;
  /** git in the main tree, which no action takes away. */
  readonly git: Git;
  /** Folder of the main tree; of a bare repository its own. */
  readonly root: string;
  readonly commonDir: string;
}

/** The repository around the step's working directory. */
export async function openRepository(work: Work): Promise<Repository> {
  const folder = stepDir(work);
  const info = await Deno.stat(folder).catch(() => null);
  if (info?.isDirectory !== true) {
    throw new ActionError(
      `working_dir ${folder} does not exist`,
      "set working_dir to a folder of the repository",
    );
  }
  const here = openGit(work, folder);
  const places = await here.try("rev-parse", "--git-dir", "--git-common-dir", "--is-inside-work-tree");
  if (places === null) {
    // Asked again for git's reason: there may be a repository that git does not trust.
    const why = await here.ask("rev-parse", "--git-dir").catch((error: Error) => error.message);
    throw new ActionError(
      `${folder} is not in a git repository (${why})`,
      "set working_dir to a folder of the repository",
    );
  }
  const [gitDir = "", common = "", isInside] = places.split("\n");
  const commonDir = await realPath(resolve(folder, common));
  const isMain = isInside === "true" && await realPath(resolve(folder, gitDir)) === commonDir;
  // For a submodule, the list of trees names its git folder instead of its main tree.
  const root = isMain
    ? await here.ask("rev-parse", "--show-toplevel")
    : (await treesOf(here))[0]?.path ?? commonDir;
  return { here, git: openGit(work, root), root, commonDir };
}

/** Main tree first. */
export async function treesOf(git: Git): Promise<Tree[]> {
  const blocks = (await git.ask("worktree", "list", "--porcelain")).split("\n\n");
  return await Promise.all(blocks.filter((block) => block !== "").map(readTree));
}

async function readTree(block: string, index: number): Promise<Tree> {
  const facts = new Map(
    block.split("\n").map((line) => {
      const space = line.indexOf(" ");
      return space < 0 ? [line, ""] as const : [line.slice(0, space), line.slice(space + 1)] as const;
    }),
  );
  return {
    path: await realPath(facts.get("worktree") ?? ""),
    branch: facts.get("branch")?.replace(/^refs\/heads\//, "") ?? null,
    isMain: index === 0,
    lock: facts.get("locked") ?? null,
  };
}

/** Where a path leads, links followed as far as it exists. */
export async function realPath(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await realPath(parent), basename(path));
  }
}

// ---- branches ---------------------------------------------------------------------------------------------------

export async function checkBranchName(git: Git, branch: string): Promise<string> {
  refuseOption("branch", branch);
  if (branch === "HEAD" || await git.try("check-ref-format", `refs/heads/${branch}`) === null) {
    throw new ActionError(`"${branch}" is not a valid branch name`, "git check-ref-format tells the rules");
  }
  return branch;
}

/** The branch's commit; null: there is no such branch. */
export async function branchCommit(git: Git, branch: string): Promise<string | null> {
  return await git.try(
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `refs/heads/${branch}^{commit}`,
  );
}

/** As `git branch -d` sees it: its upstream has it, or what the main tree has checked out. */
export async function isMerged(git: Git, branch: string): Promise<boolean> {
  const name = `refs/heads/${branch}`;
  const upstream = await git.try(
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${branch}@{upstream}`,
  );
  for (const target of upstream === null ? ["HEAD"] : [upstream, "HEAD"]) {
    if (await git.try("merge-base", "--is-ancestor", name, target) !== null) return true;
  }
  return false;
}

// ---- places of working trees --------------------------------------------------------------------------------------

/** All working trees that got no path of their own live beside the repository. */
export function defaultTreePath(repository: Repository, branch: string): string {
  return join(`${repository.root}.worktrees`, branch);
}

/** Folders that a removed tree leaves empty below `REPO.worktrees`, and that one itself. */
export async function removeEmptyFolders(repository: Repository, treePath: string): Promise<void> {
  const top = `${repository.root}.worktrees`;
  const way = relative(top, treePath);
  if (way === "" || way.startsWith("..")) return;
  for (let folder = dirname(treePath);; folder = dirname(folder)) {
    const isGone = await Deno.remove(folder).then(() => true, () => false);
    if (!isGone || folder === top) return;
  }
}

// ---- one at a time -----------------------------------------------------------------------------------------------

const LOCK_PAUSE_MS = 50;

/** Changes of the working trees of one repository wait for each other, whichever runner makes them. */
export async function lockTrees(repository: Repository, work: Work): Promise<Disposable> {
  const file = await Deno.open(join(repository.commonDir, "dagu-worktrees.lock"), {
    create: true,
    write: true,
  });
  while (!(await file.tryLock(true))) {
    await work.attempt.clock.sleep(LOCK_PAUSE_MS, work.signal);
    if (work.signal.aborted) {
      file.close();
      throw new ActionError("stopped");
    }
  }
  return file;
}
