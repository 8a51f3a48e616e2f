/** `git.checkout`: a clone with the wanted commit checked out, made or brought up to date (contract 6.4). */
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError, printResult } from "./deed.ts";
import { type Git, openGit, refuseOption } from "./git-process.ts";
import { openRemote, type Remote } from "./git-remote.ts";
import { realPath } from "./git-repository.ts";
import { joinDir, stepDir } from "./host.ts";
import type { Work } from "./work.ts";

type Checkout = With<"git.checkout">;

export async function gitCheckout(given: Checkout, work: Work): Promise<Outcome> {
  const path = joinDir(stepDir(work), given.path);
  await using remote = await openRemote(given, work);
  const isNew = await isVacant(path);
  try {
    if (isNew) await Deno.mkdir(path, { recursive: true });
    const git = openGit(work, path, remote.env);
    await (isNew ? begin(git, remote) : checkClone(git, path, remote));
    const isDirty = !isNew && await refuseChanges(git, path, given.force);
    const before = await git.try("rev-parse", "--verify", "--quiet", "HEAD");
    const goal = await findGoal(git, given);
    const mayLose = await hasOwnCommits(git, goal);
    const commit = await fetchGoal(git, given, goal);
    if (mayLose && !given.force && await hasOwnCommits(git, goal)) throw ownCommits(path, goal);
    await switchTo(git, given.force, goal, commit);
    return await printResult(work, {
      operation: "checkout",
      path,
      ref: given.ref ?? goal.name,
      commit,
      cloned: isNew,
      changed: isNew || isDirty || before !== commit,
    });
  } catch (error) {
    // Half a clone would look like one to the next try.
    if (isNew) await empty(path);
    throw error;
  }
}

// ---- the clone --------------------------------------------------------------------------------------------------

async function isVacant(path: string): Promise<boolean> {
  const info = await Deno.lstat(path).catch(() => null);
  if (info === null) return true;
  return info.isDirectory && (await Array.fromAsync(Deno.readDir(path))).length === 0;
}

async function empty(path: string): Promise<void> {
  for (const entry of await Array.fromAsync(Deno.readDir(path)).catch(() => [])) {
    await Deno.remove(`${path}/${entry.name}`, { recursive: true }).catch(() => {});
  }
}

async function begin(git: Git, remote: Remote): Promise<void> {
  await git.ask("init", "--quiet");
  await git.ask("remote", "add", "--", "origin", remote.url);
}

async function checkClone(git: Git, path: string, remote: Remote): Promise<void> {
  const info = await Deno.stat(path);
  const root = info.isDirectory ? await git.try("rev-parse", "--show-toplevel") : null;
  if (root === null || await realPath(root) !== await realPath(path)) {
    throw new ActionError(`${path} exists and is not a clone`, "empty it, or use another path");
  }
  const url = await git.try("config", "--get", "remote.origin.url");
  if (url === null || bare(url) !== bare(remote.url)) {
    throw new ActionError(`${path} is a clone of another repository`, "remove it, or use another path");
  }
}

function bare(url: string): string {
  return url.replace(/\/+$/, "").replace(/\.git$/, "");
}

/** Says whether there were changes that `force` throws away. Files that git does not know stay. */
async function refuseChanges(git: Git, path: string, isForced: boolean): Promise<boolean> {
  const changes = await git.ask("status", "--porcelain", "--untracked-files=no");
  if (changes === "") return false;
  if (!isForced) {
    throw new ActionError(
      `${path} has local changes in ${changes.split("\n").length} files`,
      "commit them, or set force: true to throw them away",
    );
  }
  await git.run("reset", "--hard", "--quiet");
  return true;
}

function ownCommits(path: string, goal: Goal): ActionError {
  return new ActionError(
    `branch "${goal.name}" in ${path} has commits that the repository has not`,
    "push them, or set force: true to lose them",
  );
}

// ---- what is wanted ---------------------------------------------------------------------------------------------

interface Goal {
  readonly kind: "branch" | "tag" | "commit" | "other";
  /** Of a branch or tag its short name, of a commit its id, otherwise the whole ref. */
  readonly name: string;
}

async function findGoal(git: Git, given: Checkout): Promise<Goal> {
  if (given.ref === null) return await remoteHead(git);
  const ref = refuseOption("ref", given.ref);
  if (/[\s~^:?*[\\]|\.\.|@\{/.test(ref)) {
    throw new ActionError(`ref "${ref}" is not a name`, "name a branch, a tag or a commit");
  }
  const names = await remoteRefs(git, ref, `refs/heads/${ref}`, `refs/tags/${ref}`);
  if (names.has(`refs/heads/${ref}`)) return { kind: "branch", name: ref };
  if (names.has(`refs/tags/${ref}`)) return { kind: "tag", name: ref };
  if (ref.startsWith("refs/") && names.has(ref)) return goalOf(ref);
  if (/^[0-9a-f]{4,64}$/i.test(ref)) return { kind: "commit", name: ref };
  throw new ActionError(`ref "${ref}" is no branch, tag or commit of the repository`, "correct ref");
}

function goalOf(ref: string): Goal {
  const [, place, name] = /^refs\/(heads|tags)\/(.+)$/.exec(ref) ?? [];
  if (name === undefined) return { kind: "other", name: ref };
  return { kind: place === "heads" ? "branch" : "tag", name };
}

async function remoteHead(git: Git): Promise<Goal> {
  const lines = (await git.ask("ls-remote", "--symref", "--", "origin", "HEAD")).split("\n");
  for (const line of lines) {
    const name = /^ref: (\S+)\tHEAD$/.exec(line)?.[1];
    if (name !== undefined) return goalOf(name);
  }
  const commit = /^([0-9a-f]+)\tHEAD$/m.exec(lines.join("\n"))?.[1];
  if (commit !== undefined) return { kind: "commit", name: commit };
  throw new ActionError("the repository has no commit yet", "push something to it, or name a ref");
}

async function remoteRefs(git: Git, ...names: string[]): Promise<ReadonlySet<string>> {
  const lines = (await git.ask("ls-remote", "--", "origin", ...names)).split("\n");
  return new Set(lines.map((line) => line.split("\t")[1] ?? ""));
}

// ---- fetching and switching ---------------------------------------------------------------------------------------

const BRANCHES = "+refs/heads/*:refs/remotes/origin/*";
const TAGS = "+refs/tags/*:refs/tags/*";
const FULL_ID = /^([0-9a-f]{40}|[0-9a-f]{64})$/i;

/** Everything, or with `depth` the end of what is wanted. Returns the wanted commit. */
async function fetchGoal(git: Git, given: Checkout, goal: Goal): Promise<string> {
  const isEnough = given.depth > 0 && await fetchEnd(git, given.depth, goal);
  if (!isEnough) await fetchAll(git);
  if (!isEnough && goal.kind === "other") await fetch(git, [], goal.name);
  const commit = await commitOf(git, goal);
  if (commit !== null) return commit;
  // A commit that no branch or tag leads to; many servers give it to who knows its name.
  if (FULL_ID.test(goal.name)) await fetch(git, [], goal.name);
  const found = await commitOf(git, goal);
  if (found === null) throw new ActionError(`commit ${goal.name} is not in the repository`, "correct ref");
  return found;
}

/** False: the server does not give just this. */
async function fetchEnd(git: Git, depth: number, goal: Goal): Promise<boolean> {
  const options = ["--depth", String(depth)];
  switch (goal.kind) {
    case "branch":
      await fetch(git, options, BRANCHES.replaceAll("*", goal.name));
      return true;
    case "tag":
      await fetch(git, options, TAGS.replaceAll("*", goal.name));
      return true;
    case "other":
      await fetch(git, options, goal.name);
      return true;
    case "commit":
      if (!FULL_ID.test(goal.name)) return false;
      return await fetch(git, options, goal.name).then(() => true, () => false);
    default:
      return goal.kind satisfies never;
  }
}

async function fetchAll(git: Git): Promise<void> {
  const isShallow = await git.ask("rev-parse", "--is-shallow-repository") === "true";
  await fetch(git, isShallow ? ["--unshallow"] : [], BRANCHES, TAGS);
}

/** Never with a collection of garbage, which would go on behind the step's back. */
async function fetch(git: Git, options: readonly string[], ...specs: string[]): Promise<void> {
  await git.run("fetch", "--no-auto-gc", "--no-tags", ...options, "--", "origin", ...specs);
}

async function commitOf(git: Git, goal: Goal): Promise<string | null> {
  const name = {
    branch: `refs/remotes/origin/${goal.name}`,
    tag: `refs/tags/${goal.name}`,
    commit: goal.name,
    other: "FETCH_HEAD",
  }[goal.kind];
  return await git.try("rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`);
}

async function switchTo(git: Git, isForced: boolean, goal: Goal, commit: string): Promise<void> {
  const target = goal.kind === "branch"
    ? ["-B", goal.name, `refs/remotes/origin/${goal.name}`]
    : ["--detach", commit];
  await git.run("checkout", "--quiet", ...(isForced ? ["--force"] : []), ...target, "--");
}

/** Whether the local branch has commits that its remote, as far as we know it, has not: they would be lost. */
async function hasOwnCommits(git: Git, goal: Goal): Promise<boolean> {
  if (goal.kind !== "branch") return false;
  const name = `refs/heads/${goal.name}`;
  if (await git.try("rev-parse", "--verify", "--quiet", name) === null) return false;
  return await git.try("merge-base", "--is-ancestor", name, `refs/remotes/origin/${goal.name}`) === null;
}
