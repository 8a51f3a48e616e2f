/**
 * The runner's policy as its owner writes it: YAML text -> rules, or every problem in it with its line. A key that is not
 * known is a problem: a misspelt rule must not be one that is not there.
 */
import * as v from "valibot";
import { formatPath, readDocuments, type SourceDocument } from "../workflow/document.ts";
import { parseDuration } from "../workflow/duration.ts";
import { isMapping } from "../workflow/json.ts";
import type { Problem } from "../workflow/problem.ts";
import {
  complain,
  fields,
  flag,
  integer,
  name,
  oneOf,
  quote,
  readComplaint,
  texts,
} from "../workflow/schema/fields.ts";
import { cpuLimit, memoryLimit } from "../workflow/schema/policies.ts";
import { imagePatternProblem } from "./policy-image.ts";

export interface MountRule {
  readonly source: string;
  readonly isReadOnly: boolean;
}

/** Inclusive. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export interface Choice {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface PolicyRules {
  readonly workflows: Choice;
  readonly steps: Choice;
  /** Whether steps may run processes of the machine and use its files. */
  readonly host: boolean;
  readonly untrusted: "deny" | "container-only" | "allow";
  readonly images: { readonly allow: readonly string[]; readonly requireDigest: boolean };
  readonly mounts: { readonly allow: readonly MountRule[]; readonly volumes: readonly string[] };
  readonly networks: readonly string[];
  readonly ports: readonly PortRange[];
  readonly capabilities: readonly string[];
  readonly privileged: boolean;
  readonly devices: readonly string[];
  /** Names of containers that are not the run's own and may be entered. */
  readonly exec: readonly string[];
  /** Raw engine settings that are let through as they are. */
  readonly settings: readonly string[];
  readonly limits: {
    readonly cpu: number | null;
    readonly memoryBytes: number | null;
    readonly pids: number | null;
  };
  readonly secrets: {
    readonly env: readonly string[];
    readonly files: readonly string[];
    /** References of the control plane's secrets. */
    readonly managed: readonly string[];
  };
  /** Whose definitions are executed; null: anybody's. `keys`: path of a JWK set. */
  readonly signing: SigningRules | null;
}

export interface SigningRules {
  readonly keys: string;
  readonly mode: "off" | "warn" | "block";
  /** By how much a definition may be older than the newest one of its name that was executed here; null: by anything. */
  readonly maxRollbackMs: number | null;
}

const ANYTHING: Choice = { allow: ["**"], deny: [] };

function choice(of: string) {
  return v.pipe(
    fields({ allow: v.optional(texts), deny: v.optional(texts) }, { of }),
    v.transform((given): Choice => ({ allow: given.allow ?? ["**"], deny: given.deny ?? [] })),
  );
}

const imagePatterns = v.pipe(
  texts,
  v.array(v.pipe(
    v.string(),
    v.check(
      (pattern) => imagePatternProblem(pattern) === null,
      (issue) =>
        complain(
          `image pattern ${quote(issue.input)} ${imagePatternProblem(issue.input)}`,
          "write the whole name, for example docker.io/library/alpine:3.20, ghcr.io/acme/** or ** for any",
        ),
    ),
  )),
);

const duration = v.pipe(
  name,
  v.check(
    (text) => parseDuration(text) !== null,
    (issue) => complain(`must be a duration, for example 24h, got ${quote(issue.input)}`),
  ),
  v.transform((text) => parseDuration(text) ?? 0),
);

const absolute = v.pipe(
  name,
  v.check(
    (path) => path.startsWith("/"),
    (issue) => complain(`must be an absolute path, got ${quote(issue.input)}`),
  ),
);

const absolutes = v.pipe(
  texts,
  v.array(v.pipe(
    v.string(),
    v.check(
      (path) => path.startsWith("/"),
      (issue) => complain(`must be an absolute path, got ${quote(issue.input)}`),
    ),
  )),
);

const mountRule = v.lazy((input) =>
  isMapping(input)
    ? v.pipe(
      fields({ source: absolute, read_only: v.optional(flag) }, { of: "a mount" }),
      v.transform((given): MountRule => ({ source: given.source, isReadOnly: given.read_only ?? false })),
    )
    : v.pipe(absolute, v.transform((source): MountRule => ({ source, isReadOnly: false })))
);

const portRange = v.pipe(
  v.unknown(),
  v.check(
    (value) => readPorts(value) !== null,
    complain("must be a port or a range of ports such as 8000-8999"),
  ),
  v.transform((value): PortRange => readPorts(value) ?? { from: 0, to: 0 }),
);

function readPorts(value: unknown): PortRange | null {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(value).trim());
  if (match === null) return null;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return from >= 1 && from <= to && to <= 65_535 ? { from, to } : null;
}

const schema = v.pipe(
  fields({
    workflows: v.optional(choice("workflows")),
    steps: v.optional(choice("steps")),
    host: v.optional(flag),
    untrusted: v.optional(oneOf(["deny", "container-only", "allow"])),
    images: v.optional(
      fields({ allow: v.optional(imagePatterns), require_digest: v.optional(flag) }, { of: "images" }),
    ),
    mounts: v.optional(
      fields({
        allow: v.optional(v.array(mountRule, complain("must be a list"))),
        volumes: v.optional(texts),
      }, { of: "mounts" }),
    ),
    networks: v.optional(fields({ allow: v.optional(texts) }, { of: "networks" })),
    ports: v.optional(
      fields({ allow: v.optional(v.array(portRange, complain("must be a list"))) }, { of: "ports" }),
    ),
    capabilities: v.optional(fields({ allow: v.optional(texts) }, { of: "capabilities" })),
    privileged: v.optional(flag),
    devices: v.optional(fields({ allow: v.optional(absolutes) }, { of: "devices" })),
    exec: v.optional(fields({ allow: v.optional(texts) }, { of: "exec" })),
    settings: v.optional(fields({ allow: v.optional(texts) }, { of: "settings" })),
    limits: v.optional(
      fields({
        cpu: v.optional(cpuLimit),
        memory: v.optional(memoryLimit),
        pids: v.optional(integer(1, "pids")),
      }, { of: "limits" }),
    ),
    secrets: v.optional(
      fields({ env: v.optional(texts), files: v.optional(absolutes), managed: v.optional(texts) }, {
        of: "secrets",
      }),
    ),
    signing: v.optional(
      fields({
        keys: absolute,
        mode: v.optional(oneOf(["off", "warn", "block"])),
        max_rollback: v.optional(duration),
      }, { of: "signing" }),
    ),
  }, { of: "a runner policy" }),
  v.transform((given): PolicyRules => ({
    workflows: given.workflows ?? ANYTHING,
    steps: given.steps ?? ANYTHING,
    host: given.host ?? false,
    untrusted: given.untrusted ?? "deny",
    images: { allow: given.images?.allow ?? [], requireDigest: given.images?.require_digest ?? false },
    mounts: { allow: given.mounts?.allow ?? [], volumes: given.mounts?.volumes ?? [] },
    networks: given.networks?.allow ?? ["none", "bridge", "private"],
    ports: given.ports?.allow ?? [],
    capabilities: (given.capabilities?.allow ?? []).map(capabilityName),
    privileged: given.privileged ?? false,
    devices: given.devices?.allow ?? [],
    exec: given.exec?.allow ?? [],
    settings: given.settings?.allow ?? [],
    limits: {
      cpu: given.limits?.cpu ?? null,
      memoryBytes: given.limits?.memory ?? null,
      pids: given.limits?.pids ?? null,
    },
    signing: given.signing === undefined ? null : {
      keys: given.signing.keys,
      mode: given.signing.mode ?? "block",
      maxRollbackMs: given.signing.max_rollback ?? null,
    },
    secrets: {
      env: given.secrets?.env ?? [],
      files: given.secrets?.files ?? [],
      managed: given.secrets?.managed ?? ["**"],
    },
  })),
);

/** `cap_net_admin` and `NET_ADMIN` are one. */
export function capabilityName(text: string): string {
  return text.trim().toUpperCase().replace(/^CAP_/, "");
}

export type ReadPolicy =
  | { readonly ok: true; readonly rules: PolicyRules }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function parsePolicy(text: string): ReadPolicy {
  const read = readDocuments(text);
  if (!read.ok) return { ok: false, problems: read.problems };
  const [document, second] = read.documents;
  if (document === undefined || second !== undefined) {
    const message = document === undefined ? "the policy is empty" : "a policy is one document";
    const remedy = "to refuse whatever a policy can refuse, write host: false";
    return { ok: false, problems: [problem(null, [], message, remedy)] };
  }
  const parsed = v.safeParse(schema, document.value);
  if (parsed.success) return { ok: true, rules: parsed.output };
  return {
    ok: false,
    problems: parsed.issues.map((issue) => {
      const path = (issue.path ?? []).flatMap(({ key }) =>
        typeof key === "string" || typeof key === "number" ? [key] : []
      );
      const { message, remedy } = readComplaint(issue.message);
      return problem(document, path, message, remedy);
    }),
  };
}

function problem(
  document: SourceDocument | null,
  path: readonly (string | number)[],
  message: string,
  remedy: string,
): Problem {
  return {
    code: "SPEC_INVALID",
    severity: "error",
    path: formatPath(path),
    position: document?.positionOf(path) ?? { line: 1, column: 1 },
    message,
    remedy,
  };
}
