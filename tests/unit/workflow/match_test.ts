import assert from "node:assert/strict";
import { eventVariables, matchGit, renderTrigger } from "../../../src/workflow/match.ts";
import type {
  ForgeEvent,
  GitTrigger,
  PullRequestFacts,
  TriggerBlock,
} from "../../../src/workflow/trigger.ts";

const PUSH: ForgeEvent = {
  forge: "github",
  event: "push",
  action: "updated",
  rawEvent: "push",
  delivery: "d-1",
  repo: "acme/shop",
  repoId: "7",
  cloneUrl: "https://forge.test/acme/shop.git",
  sshUrl: "git@forge.test:acme/shop.git",
  webUrl: "https://forge.test/acme/shop",
  defaultBranch: "main",
  ref: "refs/heads/main",
  branch: "main",
  tag: "",
  sha: "a".repeat(40),
  before: "b".repeat(40),
  forced: false,
  message: "Sell more",
  title: "",
  author: "Ada",
  authorEmail: "ada@acme.test",
  sender: "ada",
  pullRequest: null,
  isFork: false,
  changedPaths: ["api/main.ts", "README.md"],
  changedPathsComplete: true,
};
const FACTS: PullRequestFacts = {
  number: 12,
  title: "Add a cart",
  isDraft: false,
  labels: ["ready", "area/api"],
  sourceBranch: "feature/cart",
  sourceRepo: "acme/shop",
};
const PULL: ForgeEvent = {
  ...PUSH,
  event: "pull_request",
  action: "opened",
  rawEvent: "pull_request",
  title: FACTS.title,
  message: FACTS.title,
  pullRequest: FACTS,
};
const TAG: ForgeEvent = {
  ...PUSH,
  event: "tag",
  action: "created",
  ref: "refs/tags/v1.2",
  branch: "",
  tag: "v1.2",
};

const DELETED_TAG: ForgeEvent = { ...TAG, event: "delete", action: "tag", sha: "" };
const DELETED_BRANCH: ForgeEvent = { ...PUSH, event: "delete", action: "branch", sha: "" };

const GIT: GitTrigger = {
  endpoints: [],
  events: ["push", "pull_request", "tag", "release"],
  actions: [],
  repo: [],
  branch: [],
  sourceBranch: [],
  tag: [],
  paths: [],
  author: [],
  prLabels: [],
  draft: null,
  fork: null,
};
const BLOCK: TriggerBlock = {
  name: "0",
  git: GIT,
  params: {},
  labels: [],
  queue: null,
  priority: null,
  dagRunId: null,
  concurrency: null,
  enabled: true,
  skipMarkers: true,
  status: "on",
};

// ---- conditions -------------------------------------------------------------------------------------------------

interface Case {
  readonly git?: Partial<GitTrigger>;
  readonly block?: Partial<TriggerBlock>;
  readonly event: ForgeEvent;
}
const decide = ({ git = {}, block = {}, event }: Case): ReturnType<typeof matchGit> =>
  matchGit({ ...BLOCK, ...block, git: { ...GIT, ...git } }, event, "acme");
const pull = (facts: Partial<PullRequestFacts>, more: Partial<ForgeEvent> = {}): ForgeEvent => ({
  ...PULL,
  ...more,
  pullRequest: { ...FACTS, ...facts },
});

const matching: readonly [name: string, given: Case][] = [
  ["FG-50 no condition but the event", { event: PUSH }],
  ["FG-50 every condition", {
    git: { endpoints: ["acme"], repo: ["acme/*"], branch: ["main"], paths: ["api/**"], author: ["Ada"] },
    event: PUSH,
  }],
  ["2.13 example 1", {
    git: { repo: ["acme/shop"], branch: ["main", "release/*"], paths: ["api/**", "!**/*.md"] },
    event: PUSH,
  }],
  ["FG-52 any action of a push", { event: { ...PUSH, action: "forced" } }],
  ...["opened", "reopened", "updated", "ready"].map((action): [string, Case] => [
    `FG-52 a pull request that was ${action}`,
    { event: { ...PULL, action } },
  ]),
  ["FG-52 a release that was published", { event: { ...TAG, event: "release", action: "published" } }],
  ["FG-52 a listed action replaces the defaults", {
    git: { actions: ["labeled"] },
    event: { ...PULL, action: "labeled" },
  }],
  ["FG-53 branch is the target of a pull request", { git: { branch: ["main"] }, event: PULL }],
  ["FG-53 sourceBranch is its source", { git: { sourceBranch: ["feature/*"] }, event: PULL }],
  ["FG-53 tag says nothing of a push", { git: { tag: ["v*"] }, event: PUSH }],
  ["FG-53 tag", { git: { tag: ["v[0-9]*"] }, event: TAG }],
  ["FG-53 tag of a tag that was deleted", {
    git: { events: ["delete"], tag: ["v*"] },
    event: DELETED_TAG,
  }],
  ["FG-53 branch of a branch that was deleted", {
    git: { events: ["delete"], branch: ["main"] },
    event: DELETED_BRANCH,
  }],
  ...[PUSH, TAG, { ...TAG, event: "release", action: "published" } as const, DELETED_TAG, DELETED_BRANCH].map(
    (event): [string, Case] => [`FG-53 branch or tag, for a ${event.event} of ${event.ref}`, {
      git: { events: ["push", "tag", "release", "delete"], branch: ["main"], tag: ["v*"] },
      event,
    }],
  ),
  ["2.13 one label is enough", { git: { prLabels: ["area/*"] }, event: PULL }],
  ["2.13 drafts when they are asked for", { git: { draft: true }, event: pull({ isDraft: true }) }],
  ["2.13 ready ones when drafts are excluded", { git: { draft: false }, event: PULL }],
  ["FG-54 an incomplete list counts as matched", {
    git: { paths: ["web/**"] },
    event: { ...PUSH, changedPathsComplete: false },
  }],
  ["FG-42 markers switched off", {
    block: { skipMarkers: false },
    event: { ...PUSH, message: "x [skip ci]" },
  }],
  ["FG-42 tags ignore markers", { event: { ...TAG, message: "x [skip ci]" } }],
  ["FG-42 half a marker is none", { event: { ...PUSH, message: "skip ci" } }],
  ["2.10 a fork that waits for approval is a match", {
    git: { fork: "approval" },
    event: { ...PULL, isFork: true },
  }],
];
for (const [name, given] of matching) {
  Deno.test(`matchGit: ${name}`, () => assert.deepEqual(decide(given), { matched: true }));
}

/** FG-56: the condition that failed and the value that was seen. */
const failing: readonly [name: string, given: Case, condition: string, detail: string][] = [
  ["a disabled block", { block: { enabled: false }, event: PUSH }, "enabled", "switched off"],
  ["another endpoint", { git: { endpoints: ["other"] }, event: PUSH }, "endpoint", "acme"],
  ["another event", { git: { events: ["tag"] }, event: PUSH }, "event", "push"],
  ["a ping", { event: { ...PUSH, event: "ping" } }, "event", "ping"],
  ["2.5 metadata only", { event: { ...PULL, action: "labeled" } }, "action", "labeled"],
  [
    "FG-52 a release that was not published",
    { event: { ...TAG, event: "release", action: "edited" } },
    "action",
    "edited",
  ],
  ["another repository", { git: { repo: ["acme/web"] }, event: PUSH }, "repo", "acme/shop"],
  ["another branch", { git: { branch: ["release/*"] }, event: PUSH }, "branch", "main"],
  ["FG-53 branch is not the source", { git: { branch: ["feature/*"] }, event: PULL }, "branch", "main"],
  [
    "another source branch",
    { git: { sourceBranch: ["fix/*"] }, event: PULL },
    "sourceBranch",
    "feature/cart",
  ],
  ["a tag has no branch", { git: { branch: ["!next"] }, event: TAG }, "branch", ""],
  ["a push has no source branch", { git: { sourceBranch: ["*"] }, event: PUSH }, "sourceBranch", ""],
  [
    "a tag of a release",
    { git: { tag: ["v2*"] }, event: { ...TAG, event: "release", action: "published" } },
    "tag",
    "v1.2",
  ],
  ["another tag", { git: { tag: ["v2*"] }, event: TAG }, "tag", "v1.2"],
  [
    "another tag that was deleted",
    { git: { events: ["delete"], tag: ["v2*"] }, event: DELETED_TAG },
    "tag",
    "v1.2",
  ],
  [
    "a deleted branch has no tag",
    { git: { events: ["delete"], tag: ["!v2*"] }, event: DELETED_BRANCH },
    "tag",
    "",
  ],
  ["another branch beside a tag", { git: { branch: ["next"], tag: ["v*"] }, event: PUSH }, "branch", "main"],
  ["another tag beside a branch", { git: { branch: ["main"], tag: ["v2*"] }, event: TAG }, "tag", "v1.2"],
  [
    "another deleted branch beside a tag",
    { git: { events: ["delete"], branch: ["next"], tag: ["v*"] }, event: DELETED_BRANCH },
    "branch",
    "main",
  ],
  ["another author", { git: { author: ["!Ada"] }, event: PUSH }, "author", "Ada"],
  ["another label", { git: { prLabels: ["wip"] }, event: PULL }, "labels", "ready, area/api"],
  ["a draft", { git: { draft: false }, event: pull({ isDraft: true }) }, "draft", "true"],
  ["no draft", { git: { draft: true }, event: PULL }, "draft", "false"],
  [
    "a fork that is ignored",
    { git: { fork: "ignore" }, event: { ...PULL, isFork: true } },
    "fork",
    "from a fork",
  ],
  ...["[skip ci]", "[ci skip]", "[No CI]"].map((marker): [string, Case, string, string] => [
    `FG-42 ${marker} in a commit message`,
    { event: { ...PUSH, message: `Fix a typo\n\n${marker}` } },
    "skipMarkers",
    marker,
  ]),
  [
    "FG-42 a pull request's title",
    { event: { ...PULL, title: "WIP [skip ci]" } },
    "skipMarkers",
    "[skip ci]",
  ],
  [
    "no changed path",
    { git: { paths: ["web/**"] }, event: PUSH },
    "paths",
    "2 changed: api/main.ts, README.md",
  ],
  [
    "FG-54 nothing changed",
    { git: { paths: ["web/**"] }, event: { ...PUSH, changedPaths: [] } },
    "paths",
    "0 changed",
  ],
];
for (const [name, given, condition, detail] of failing) {
  Deno.test(`matchGit: FG-56 ${name}`, () => {
    const decided = decide(given);
    assert.ok(!decided.matched);
    assert.equal(decided.condition, condition);
    assert.ok(decided.detail.includes(detail), decided.detail);
  });
}

Deno.test("matchGit: FG-56 what was seen is told in at most 500 characters", () => {
  const decided = decide({ git: { branch: ["x"] }, event: { ...PUSH, branch: "b".repeat(5_000) } });
  assert.equal(!decided.matched && decided.detail.length, 500);
});

// ---- what a match makes -----------------------------------------------------------------------------------------

const render = (
  block: Partial<TriggerBlock>,
  event = PUSH,
  payload: unknown = {},
): ReturnType<typeof renderTrigger> => renderTrigger({ ...BLOCK, ...block }, event, payload);

const texts: readonly [name: string, template: string, want: string][] = [
  ["a fact", "${event.sha}", "a".repeat(40)],
  ["inside other text", "on ${event.branch} by ${ event.sender }", "on main by ada"],
  ["a payload's field", "${event.payload.order.id}", "42"],
  ["a payload's list", "${event.payload.list.1}", "b"],
  ["structures as JSON", "${event.payload.order}", '{"id":42,"gift":false}'],
  ["booleans", "${event.payload.order.gift}", "false"],
  ["TR-02 a missing path is empty", "[${event.payload.a.b}${event.nope}${event.prNumber}]", "[]"],
  ["TR-02 null is empty", "[${event.payload.none}]", "[]"],
  ["what every object inherits is no field", "[${event.constructor}${event.payload.toString.name}]", "[]"],
  ["FG-40 one pass", "${event.payload.live}", "${event.sha}"],
  ["FG-40 nothing else is replaced", "$HOME ${params.x} `id`", "$HOME ${params.x} `id`"],
];
const PAYLOAD = {
  order: { id: 42, gift: false },
  list: ["a", "b"],
  none: null,
  live: "${event.sha}",
};
for (const [name, template, want] of texts) {
  Deno.test(`renderTrigger: 2.6 ${name}`, async () => {
    assert.equal((await render({ params: { P: template } }, PUSH, PAYLOAD)).params["P"], want);
  });
}

Deno.test("renderTrigger: FG-40 params, labels, queue, run id and group", async () => {
  assert.deepEqual(
    await render({
      params: { SHA: "${event.sha}", FIXED: "x" },
      labels: ["repo=${event.repo}", "By=${event.author}"],
      queue: "q-${event.branch}",
      dagRunId: "release-${event.tag}",
      concurrency: { group: "${event.repo} ${event.tag}", cancel: "running" },
    }, TAG),
    {
      params: { SHA: TAG.sha, FIXED: "x" },
      labels: ["repo=acme/shop", "by=ada"],
      queue: "q-",
      dagRunId: (await render({ dagRunId: "release-v1.2" })).dagRunId,
      concurrency: { group: "acme/shop v1.2", cancel: "running" },
    },
  );
  const nothing = { params: {}, labels: [], queue: null, dagRunId: null, concurrency: null };
  assert.deepEqual(await render({}), nothing);
  assert.deepEqual(await render({ concurrency: { group: "${event.nope}", cancel: "queued" } }), nothing);
});

Deno.test("renderTrigger: TR-04 a text that is a run id stays one", async () => {
  assert.equal((await render({ dagRunId: "${event.repoId}-${event.delivery}_x" })).dagRunId, "7-d-1_x");
});

for (const dagRunId of ["v1.2", "a/b", "latest", "x".repeat(65), "ü", "${event.payload.nope}"]) {
  Deno.test(`renderTrigger: TR-04 ${dagRunId.slice(0, 20)} is made a run id`, async () => {
    const id = (await render({ dagRunId })).dagRunId ?? "";
    assert.match(id, /^[-\w]{0,51}-[0-9a-f]{12}$/);
    assert.equal((await render({ dagRunId })).dagRunId, id, "the same text gives the same id");
  });
}

Deno.test("renderTrigger: TR-04 texts that differ only in what was replaced stay distinct", async () => {
  const ids = await Promise.all(
    ["v1.2", "v1/2", "v1 2"].map(async (dagRunId) => (await render({ dagRunId })).dagRunId),
  );
  assert.equal(new Set(ids).size, 3);
});

Deno.test("eventVariables: 2.6 a push", () => {
  const variables = eventVariables(PUSH);
  assert.equal(variables["DAGU_EVENT"], "push");
  assert.equal(variables["DAGU_EVENT_FORGE"], "github");
  assert.equal(variables["DAGU_EVENT_ACTION"], "updated");
  assert.equal(variables["DAGU_EVENT_DELIVERY"], "d-1");
  assert.equal(variables["DAGU_EVENT_REPO"], "acme/shop");
  assert.equal(variables["DAGU_EVENT_REPO_ID"], "7");
  assert.equal(variables["DAGU_EVENT_CLONE_URL"], "https://forge.test/acme/shop.git");
  assert.equal(variables["DAGU_EVENT_DEFAULT_BRANCH"], "main");
  assert.equal(variables["DAGU_EVENT_FORCED"], "false");
  assert.equal(variables["DAGU_EVENT_AUTHOR_EMAIL"], "ada@acme.test");
  assert.equal(variables["DAGU_EVENT_IS_FORK"], "false");
  assert.equal("DAGU_EVENT_PR_NUMBER" in variables, false);
});

Deno.test("eventVariables: 2.6 a pull request", () => {
  const variables = eventVariables(PULL);
  assert.equal(variables["DAGU_EVENT_PR_NUMBER"], "12");
  assert.equal(variables["DAGU_EVENT_PR_TITLE"], "Add a cart");
  assert.equal(variables["DAGU_EVENT_PR_DRAFT"], "false");
  assert.equal(variables["DAGU_EVENT_PR_LABELS"], "ready,area/api");
  assert.equal(variables["DAGU_EVENT_SOURCE_BRANCH"], "feature/cart");
  assert.equal(variables["DAGU_EVENT_SOURCE_REPO"], "acme/shop");
});
