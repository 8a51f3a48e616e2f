/** Does this event start this workflow, and if not, why (control-plane contract 2.6 to 2.8, 2.13). */
import { sha256 } from "./digest.ts";
import { compileGlob, type Matches } from "./glob.ts";
import { isRunId } from "./names.ts";
import type { Concurrency, ForgeEvent, GitTrigger, TriggerBlock } from "./trigger.ts";

export type Match =
  | { readonly matched: true }
  /** `condition`: the key of the trigger that did not hold; `detail`: the value that was seen. */
  | { readonly matched: false; readonly condition: string; readonly detail: string };

const MATCHED: Match = { matched: true };

/** Whether the block's git conditions all hold for the event of an endpoint. */
export function matchGit(block: TriggerBlock, event: ForgeEvent, endpoint: string): Match {
  const { git } = block;
  const pr = event.pullRequest;
  if (!block.enabled) return no("enabled", "the trigger is switched off");
  if (git.endpoints.length > 0 && !git.endpoints.includes(endpoint)) return no("endpoint", endpoint);
  if (!git.events.some((name) => name === event.event)) return no("event", event.event);
  const actions = git.actions.length > 0 ? git.actions : defaultActions(event.event);
  if (actions !== null && !actions.includes(event.action)) return no("action", event.action);
  if (!matchesGlobs(git.repo, event.repo)) return no("repo", event.repo);
  const asked = refConditions(git, event);
  if (asked.branch && !holds(git.branch, event.branch)) return no("branch", event.branch);
  if (!holds(git.sourceBranch, pr?.sourceBranch ?? "")) return no("sourceBranch", pr?.sourceBranch ?? "");
  if (asked.tag && !holds(git.tag, event.tag)) return no("tag", event.tag);
  if (!matchesGlobs(git.author, event.author)) return no("author", event.author);
  if (git.prLabels.length > 0 && !(pr?.labels ?? []).some(compileGlobs(git.prLabels))) {
    return no("labels", (pr?.labels ?? []).join(", "));
  }
  if (git.draft !== null && git.draft !== (pr?.isDraft ?? false)) {
    return no("draft", String(pr?.isDraft ?? false));
  }
  if (git.fork === "ignore" && event.isFork) return no("fork", "the pull request comes from a fork");
  const marker = block.skipMarkers ? skipMarker(event) : null;
  if (marker !== null) return no("skipMarkers", marker);
  return matchPaths(git.paths, event);
}

/**
 * `tag` is asked of what can have one (FG-53): one trigger may take every push and the tags of a pattern. A ref is
 * a branch or a tag, so a block that gives conditions on both means either, and asks the one that fits.
 */
function refConditions(
  git: GitTrigger,
  event: ForgeEvent,
): { readonly branch: boolean; readonly tag: boolean } {
  const canHaveTag = event.event === "tag" || event.event === "release" || event.event === "delete";
  const givesBoth = git.branch.length > 0 && git.tag.length > 0;
  if (!givesBoth || !canHaveTag) return { branch: true, tag: canHaveTag };
  return { branch: event.tag === "", tag: event.branch === "" };
}

/** A condition on what the event has not (a tag has no branch) does not hold, whatever its globs are. */
function holds(globs: readonly string[], value: string): boolean {
  return globs.length === 0 || (value !== "" && matchesGlobs(globs, value));
}

/** FG-52; null: any. */
function defaultActions(event: ForgeEvent["event"]): readonly string[] | null {
  if (event === "pull_request") return ["opened", "reopened", "updated", "ready"];
  return event === "release" ? ["published"] : null;
}

/** One changed path is enough; an incomplete list counts as matched: running once too often beats silently not running (FG-54). */
function matchPaths(globs: readonly string[], event: ForgeEvent): Match {
  if (globs.length === 0 || !event.changedPathsComplete) return MATCHED;
  if (event.changedPaths.some(compileGlobs(globs))) return MATCHED;
  const shown = event.changedPaths.slice(0, 5).join(", ");
  return no(
    "paths",
    `${event.changedPaths.length} changed: ${shown}${event.changedPaths.length > 5 ? ", ..." : ""}`,
  );
}

/** `[skip ci]` and its kin in the head commit's message or the pull request's title (FG-42). */
function skipMarker(event: ForgeEvent): string | null {
  if (event.event !== "push" && event.event !== "pull_request") return null;
  const text = event.event === "push" ? event.message : event.title;
  return /\[(?:skip ci|ci skip|no ci)\]/i.exec(text)?.[0] ?? null;
}

/** For one value; who has many compiles the list once. */
export function matchesGlobs(globs: readonly string[], value: string): boolean {
  return compileGlobs(globs)(value);
}

/**
 * The last matching entry decides, `!` excludes; a list of exclusions only implies a leading `**`; an empty list matches
 * (FG-51).
 */
export function compileGlobs(globs: readonly string[]): Matches {
  const entries = globs.map((glob) => {
    const isExclusion = glob.startsWith("!");
    return { isExclusion, matches: compileGlob(isExclusion ? glob.slice(1) : glob) };
  });
  const isOtherwise = entries.every((entry) => entry.isExclusion);
  return (value) => {
    const decisive = entries.findLast((entry) => entry.matches(value));
    return decisive === undefined ? isOtherwise : !decisive.isExclusion;
  };
}

function no(condition: string, detail: string): Match {
  return { matched: false, condition, detail: detail.slice(0, 500) };
}

// ---- what a matching block makes ---------------------------------------------------------------------------------

export interface Rendered {
  readonly params: Readonly<Record<string, string>>;
  readonly labels: readonly string[];
  readonly queue: string | null;
  readonly dagRunId: string | null;
  /** null: none, or its group came out empty. */
  readonly concurrency: Concurrency | null;
}

/** `${event.*}` in the few fields that may hold it; a missing path is an empty string (FG-40, TR-02). */
export async function renderTrigger(
  block: TriggerBlock,
  event: ForgeEvent,
  payload: unknown,
): Promise<Rendered> {
  const facts = { ...eventFacts(event), payload };
  const text = (template: string): string =>
    template.replace(/\$\{\s*event\.([A-Za-z0-9_.]+)\s*\}/g, (_match, path: string) => lookUp(facts, path));
  const { concurrency } = block;
  const group = concurrency === null ? "" : text(concurrency.group);
  return {
    params: Object.fromEntries(Object.entries(block.params).map(([name, value]) => [name, text(value)])),
    labels: block.labels.map((label) => text(label).toLowerCase()),
    queue: block.queue === null ? null : text(block.queue),
    dagRunId: block.dagRunId === null ? null : await toRunId(text(block.dagRunId)),
    concurrency: concurrency === null || group === "" ? null : { ...concurrency, group },
  };
}

function lookUp(facts: Readonly<Record<string, unknown>>, path: string): string {
  let value: unknown = facts;
  for (const key of path.split(".")) {
    value = typeof value === "object" && value !== null && Object.hasOwn(value, key)
      ? Object.entries(value).find(([name]) => name === key)?.[1]
      : undefined;
  }
  if (value === undefined || value === null) return "";
  return typeof value === "string"
    ? value
    : typeof value === "object"
    ? JSON.stringify(value)
    : String(value);
}

/** A text that is no run id is made one that stays distinct (TR-04). */
async function toRunId(text: string): Promise<string> {
  if (isRunId(text)) return text;
  const digest = await sha256(text);
  return `${text.replace(/[^-\w]/g, "-").slice(0, 51)}-${digest.slice(0, 12)}`;
}

/** The event's facts by the names of 2.6. */
export function eventFacts(event: ForgeEvent): Readonly<Record<string, string>> {
  const pr = event.pullRequest;
  return {
    forge: event.forge,
    event: event.event,
    action: event.action,
    delivery: event.delivery,
    repo: event.repo,
    repoId: event.repoId,
    cloneUrl: event.cloneUrl,
    sshUrl: event.sshUrl,
    webUrl: event.webUrl,
    defaultBranch: event.defaultBranch,
    ref: event.ref,
    branch: event.branch,
    tag: event.tag,
    sha: event.sha,
    before: event.before,
    forced: String(event.forced),
    message: event.message,
    title: event.title,
    author: event.author,
    authorEmail: event.authorEmail,
    sender: event.sender,
    isFork: String(event.isFork),
    ...(pr === null ? {} : {
      prNumber: String(pr.number),
      prTitle: pr.title,
      prDraft: String(pr.isDraft),
      prLabels: pr.labels.join(","),
      sourceBranch: pr.sourceBranch,
      sourceRepo: pr.sourceRepo,
    }),
  };
}

/** `cloneUrl` is `DAGU_EVENT_CLONE_URL`; the event itself is `DAGU_EVENT`. */
export function eventVariables(event: ForgeEvent): Record<string, string> {
  return Object.fromEntries(
    Object.entries(eventFacts(event)).map(([key, value]) => [
      key === "event"
        ? "DAGU_EVENT"
        : `DAGU_EVENT_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
      value,
    ]),
  );
}
