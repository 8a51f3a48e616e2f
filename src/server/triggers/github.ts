/** GitHub's webhook bodies in normal form (2.2, 2.5, 2.6). What a body lacks is empty; nothing is guessed. */
import * as v from "valibot";
import type { ForgeEvent, PullRequestFacts } from "../../workflow/trigger.ts";
import { own } from "../../workflow/own.ts";

const text = v.optional(v.nullish(v.string(), ""), "");
const Person = v.optional(v.nullish(v.object({ login: text, name: text, email: text })));

const Repository = v.object({
  id: v.optional(v.number()),
  full_name: text,
  clone_url: text,
  ssh_url: text,
  html_url: text,
  default_branch: text,
});

const Commit = v.object({
  id: text,
  message: text,
  author: Person,
  added: v.optional(v.array(v.string()), []),
  removed: v.optional(v.array(v.string()), []),
  modified: v.optional(v.array(v.string()), []),
});

const Side = v.object({
  ref: text,
  sha: text,
  repo: v.nullish(v.object({ id: v.number(), full_name: text })),
});

const Body = v.object({
  action: text,
  repository: v.optional(Repository),
  sender: Person,
  ref: text,
  ref_type: text,
  before: text,
  after: text,
  forced: v.optional(v.boolean(), false),
  created: v.optional(v.boolean(), false),
  deleted: v.optional(v.boolean(), false),
  commits: v.optional(v.nullish(v.array(Commit))),
  head_commit: v.optional(v.nullish(Commit)),
  pull_request: v.optional(v.object({
    number: v.number(),
    title: text,
    draft: v.optional(v.nullish(v.boolean(), false)),
    merged: v.optional(v.nullish(v.boolean(), false)),
    user: Person,
    head: Side,
    base: Side,
    labels: v.optional(v.array(v.object({ name: text })), []),
  })),
  release: v.optional(v.object({ tag_name: text, name: text, target_commitish: text })),
});
type Body = v.InferOutput<typeof Body>;

/** GitHub lists at most this many commits of a push. */
const LISTED_COMMITS = 2_048;
/** What one event keeps of its changed paths, in number and in UTF-8; beyond that the list is incomplete (FG-62). */
const KEPT_PATHS = 5_000;
const KEPT_PATH_BYTES = 524_288;

/** null: the body is not one of GitHub's. */
export function normalizeGithub(rawEvent: string, delivery: string, body: unknown): ForgeEvent | null {
  const parsed = v.safeParse(Body, body);
  if (!parsed.success) return null;
  const given = parsed.output;
  const base = newEvent(rawEvent, delivery, given);
  switch (rawEvent) {
    case "push":
      return fromPush(base, given);
    case "pull_request":
      return given.pull_request === undefined ? null : fromPullRequest(base, given, given.pull_request);
    case "delete":
      return fromDelete(base, given);
    case "release":
      return {
        ...base,
        event: "release",
        action: given.action,
        tag: given.release?.tag_name ?? "",
        title: given.release?.name ?? "",
      };
    case "ping":
      return { ...base, event: "ping" };
    default:
      return { ...base, event: "other" };
  }
}

function newEvent(rawEvent: string, delivery: string, body: Body): ForgeEvent {
  const { repository } = body;
  return {
    forge: "github",
    event: "other",
    action: body.action,
    rawEvent,
    delivery,
    repo: repository?.full_name ?? "",
    repoId: repository?.id === undefined ? "" : String(repository.id),
    cloneUrl: repository?.clone_url ?? "",
    sshUrl: repository?.ssh_url ?? "",
    webUrl: repository?.html_url ?? "",
    defaultBranch: repository?.default_branch ?? "",
    ref: "",
    branch: "",
    tag: "",
    sha: "",
    before: "",
    forced: false,
    message: "",
    title: "",
    author: "",
    authorEmail: "",
    sender: body.sender?.login ?? "",
    pullRequest: null,
    isFork: false,
    changedPaths: [],
    changedPathsComplete: false,
  };
}

function fromDelete(base: ForgeEvent, body: Body): ForgeEvent {
  return {
    ...base,
    event: "delete",
    action: body.ref_type,
    ref: body.ref,
    branch: body.ref_type === "branch" ? body.ref : "",
    tag: body.ref_type === "tag" ? body.ref : "",
  };
}

function fromPush(base: ForgeEvent, body: Body): ForgeEvent {
  const isTag = body.ref.startsWith("refs/tags/");
  const tail = body.ref.replace(/^refs\/(heads|tags)\//, "");
  const commits = body.commits ?? [];
  const isListed = !body.forced && !body.created && commits.length < LISTED_COMMITS && commits.length > 0;
  const where = {
    ref: body.ref,
    branch: isTag ? "" : tail,
    tag: isTag ? tail : "",
    sha: body.deleted ? "" : shaOf(body, isTag),
    before: body.before,
    forced: body.forced,
  };
  if (body.deleted) return { ...base, ...where, event: "delete", action: isTag ? "tag" : "branch" };
  const changed = changedPaths(commits);
  return {
    ...base,
    ...where,
    event: isTag ? "tag" : "push",
    action: isTag || body.created ? "created" : body.forced ? "forced" : "updated",
    message: body.head_commit?.message ?? "",
    author: body.head_commit?.author?.name ?? "",
    authorEmail: body.head_commit?.author?.email ?? "",
    changedPaths: changed.paths,
    changedPathsComplete: isListed && changed.isWhole,
  };
}

/** `after` of an annotated tag is the tag's own, where people mean the commit, and only that one has statuses. */
function shaOf({ after, head_commit: head }: Body, isTag: boolean): string {
  const commit = head?.id ?? "";
  return isTag ? commit || after : after || commit;
}

function changedPaths(
  commits: readonly v.InferOutput<typeof Commit>[],
): { readonly paths: readonly string[]; readonly isWhole: boolean } {
  const utf8 = new TextEncoder();
  const paths = new Set<string>();
  let bytes = 0;
  for (const commit of commits) {
    for (const list of [commit.added, commit.modified, commit.removed]) {
      for (const path of list) {
        if (paths.has(path)) continue;
        bytes += utf8.encode(path).length;
        if (paths.size === KEPT_PATHS || bytes > KEPT_PATH_BYTES) {
          return { paths: [...paths], isWhole: false };
        }
        paths.add(path);
      }
    }
  }
  return { paths: [...paths], isWhole: true };
}

const PR_ACTIONS: Readonly<Record<string, string>> = {
  synchronize: "updated",
  ready_for_review: "ready",
};

function fromPullRequest(base: ForgeEvent, body: Body, pr: NonNullable<Body["pull_request"]>): ForgeEvent {
  const isMerged = pr.merged === true;
  const facts: PullRequestFacts = {
    number: pr.number,
    title: pr.title,
    isDraft: pr.draft === true,
    labels: pr.labels.map((label) => label.name),
    sourceBranch: pr.head.ref,
    sourceRepo: pr.head.repo?.full_name ?? "",
  };
  return {
    ...base,
    event: "pull_request",
    action: body.action === "closed"
      ? isMerged ? "merged" : "closed"
      : own(PR_ACTIONS, body.action) ?? body.action,
    ref: `refs/pull/${pr.number}/head`,
    branch: pr.base.ref,
    sha: pr.head.sha,
    before: body.before,
    title: pr.title,
    author: pr.user?.login ?? "",
    pullRequest: facts,
    // Unknown means fork: a deleted head repository tells nothing (FK-01).
    isFork: pr.head.repo == null || pr.base.repo == null || pr.head.repo.id !== pr.base.repo.id,
  };
}
