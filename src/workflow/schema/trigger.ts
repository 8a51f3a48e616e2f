import * as v from "valibot";
import { findGlobFault } from "../glob.ts";
import type { Concurrency, GitTrigger, TriggerBlock } from "../trigger.ts";
import {
  complain,
  fields,
  flag,
  hasReference,
  integer,
  oneOf,
  quote,
  string,
  text,
  textMap,
} from "./fields.ts";
import { LABEL, LABEL_FORM } from "./policies.ts";

const EVENTS = [
  "push",
  "tag",
  "delete",
  "pull_request",
  "comment",
  "review",
  "release",
  "deployment",
  "manual",
] as const;

const NO_REFERENCES = complain(
  "references are not allowed here",
  "references work in params, labels, queue, dagRunId and concurrency.group",
);

const globs = v.pipe(
  v.unknown(),
  v.transform((value): unknown => Array.isArray(value) ? value : [value]),
  v.array(v.pipe(
    text,
    v.nonEmpty(complain("must not be empty")),
    v.maxLength(500, complain("must have at most 500 characters")),
    v.check((glob) => !glob.includes("${"), NO_REFERENCES),
    v.check((glob) => findGlobFault(glob) === null, (issue) => explainGlob(issue.input)),
  )),
  v.minLength(1, complain("must not be an empty list")),
);

function explainGlob(glob: string): string {
  const fault = findGlobFault(glob);
  return complain(`${quote(glob)} is no glob: ${fault?.message ?? ""}`, fault?.remedy);
}

/** Changed paths begin at the repository's root, which people also write `./`. */
const paths = v.pipe(
  globs,
  v.transform((given) => given.map((glob) => glob.replace(/^(!?)(?:\.\/)+(?=.)/, "$1"))),
);

const events = v.pipe(
  v.unknown(),
  v.transform((value): unknown => Array.isArray(value) ? value : [value]),
  v.array(oneOf(EVENTS)),
  v.minLength(1, complain("event must not be an empty list")),
);

/** Labels of the run to be; what holds a reference is checked when the event is there. */
const runLabels = v.pipe(
  v.unknown(),
  v.transform((value): unknown => Array.isArray(value) ? value : [value]),
  v.array(v.pipe(
    text,
    v.transform((label) => hasReference(label) ? label : label.toLowerCase()),
    v.check(
      (label) => hasReference(label) || LABEL.test(label),
      (issue) => complain(`label ${quote(issue.input)} is invalid`, LABEL_FORM),
    ),
  )),
);

const git = v.pipe(
  fields({
    endpoint: v.optional(globs),
    event: v.optional(events),
    action: v.optional(globs),
    repo: v.optional(globs),
    branch: v.optional(globs),
    sourceBranch: v.optional(globs),
    tag: v.optional(globs),
    paths: v.optional(paths),
    author: v.optional(globs),
    labels: v.optional(globs),
    draft: v.optional(flag),
    fork: v.optional(oneOf(["approval", "ignore", "run-untrusted"])),
  }, { of: "git trigger" }),
  v.check(
    (given) => given.event !== undefined,
    complain("git trigger needs an event", `one of ${EVENTS.join(", ")}`),
  ),
  v.transform((given): GitTrigger => ({
    endpoints: given.endpoint ?? [],
    events: given.event ?? [],
    actions: given.action ?? [],
    repo: given.repo ?? [],
    branch: given.branch ?? [],
    sourceBranch: given.sourceBranch ?? [],
    tag: given.tag ?? [],
    paths: given.paths ?? [],
    author: given.author ?? [],
    prLabels: given.labels ?? [],
    draft: given.draft ?? null,
    fork: given.fork ?? null,
  })),
);

const concurrency = v.pipe(
  fields({
    group: v.pipe(text, v.nonEmpty(complain("group must not be empty"))),
    cancel: v.optional(oneOf(["none", "queued", "running"])),
  }, { of: "concurrency" }),
  v.transform(({ group, cancel = "queued" }): Concurrency => ({ group, cancel })),
);

/** FG-73, FG-74. */
const status = v.pipe(
  v.custom<boolean | string>(
    (value) => value === "required" || v.is(flag, value),
    complain("status must be true, false or required"),
  ),
  v.transform((value) => value === "required" ? value : v.parse(flag, value) ? "on" : "off"),
);

const block = v.pipe(
  fields({
    git,
    name: v.optional(
      v.pipe(text, v.regex(/^[a-z0-9][a-z0-9-]*$/, complain("name must be a slug of a-z, 0-9 and -"))),
    ),
    params: v.optional(textMap),
    labels: v.optional(runLabels),
    queue: v.optional(string),
    priority: v.optional(v.pipe(integer(0, "priority"), v.maxValue(9, complain("priority must be 0 to 9")))),
    dagRunId: v.optional(string),
    concurrency: v.optional(concurrency),
    enabled: v.optional(flag),
    skipMarkers: v.optional(flag),
    status: v.optional(status),
  }, {
    of: "trigger",
    unsupported: ["standard", "cloudevent", "if", "profile", "debounce", "once"],
    hints: { webhook: "a workflow's own webhook needs no trigger: dagu webhook create NAME" },
  }),
  v.transform((given) => (index: number): TriggerBlock => ({
    name: given.name ?? String(index),
    git: given.git,
    params: given.params ?? {},
    labels: given.labels ?? [],
    queue: given.queue ?? null,
    priority: given.priority ?? null,
    dagRunId: given.dagRunId ?? null,
    concurrency: given.concurrency ?? null,
    enabled: given.enabled ?? true,
    skipMarkers: given.skipMarkers ?? true,
    status: given.status ?? "on",
  })),
);

/** `triggers:` (control-plane contract 2.13). */
export const triggers = v.pipe(
  v.array(block, complain("triggers must be a list")),
  v.transform((blocks) => blocks.map((make, index) => make(index))),
  v.check(
    (blocks) => new Set(blocks.map((one) => one.name)).size === blocks.length,
    complain(
      "two triggers have the same name",
      "each trigger has a name of its own; the default is its index",
    ),
  ),
);

const NEVER_FORWARDED =
  /^(authorization|x-dagu-profile|cookie|proxy-authorization|x-dagu-signature|webhook-signature|x-hub-signature.*|x-gitlab-token|x-gitea-signature|x-forgejo-signature)$/;

/** `webhook.forward_headers` at the root: names of headers that reach the run, lowercased (WH-14, WH-15). */
export const webhookRoot = v.pipe(
  fields({
    forward_headers: v.optional(v.array(
      v.pipe(
        string,
        v.trim(),
        v.toLowerCase(),
        v.regex(
          /^[!#$%&'*+.^_`|~0-9a-z-]+$/,
          complain("forward_headers holds a text that is no header name"),
        ),
        v.check(
          (header) => !NEVER_FORWARDED.test(header),
          (issue) => complain(`header ${issue.input} is never forwarded`, "it carries a credential"),
        ),
      ),
      complain("forward_headers must be a list"),
    )),
  }, { of: "webhook" }),
  v.transform((given) => given.forward_headers ?? []),
);
