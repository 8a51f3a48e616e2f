import * as v from "valibot";
import { readBoolean } from "../boolean.ts";
import { validatePattern } from "../condition.ts";
import { parseDuration } from "../duration.ts";
import { parseImage } from "../image.ts";
import { isMapping } from "../json.ts";
import { parsePort } from "../port.ts";
import { CONTAINER_NAME, refuseTarget } from "../container-name.ts";
import { parseVolume } from "../volume.ts";
import type { Container, PullPolicy } from "../workflow.ts";
import { env } from "./env.ts";
import {
  complain,
  fields,
  flag,
  hasReference,
  integer,
  kindOf,
  name,
  oneOf,
  quote,
  text,
  texts,
} from "./fields.ts";

const POLICIES = ["always", "missing", "never", "fallback"] as const;

/** `pull_policy`, and `pull` of `docker.run` (2.4). */
export const pullPolicy = v.pipe(
  v.unknown(),
  v.transform((value): unknown => {
    const isAlways = typeof value === "string" ? readBoolean(value) : value;
    if (typeof isAlways === "boolean") return isAlways ? "always" : "never";
    return value === "" ? "missing" : value;
  }),
  v.picklist(POLICIES, (issue) => {
    const remedy = issue.input === "IfNotPresent" ? "use missing" : "";
    return complain(`must be one of: ${POLICIES.join(", ")}, got ${kindOf(issue.input)}`, remedy);
  }),
);

const DURATION = v.pipe(
  text,
  v.check(
    (value) => parseDuration(value) !== null,
    (issue) => complain(`must be a duration such as 30s or 1m30s, got ${kindOf(issue.input)}`),
  ),
  v.transform((value) => parseDuration(value) ?? 0),
);

const healthcheck = v.pipe(
  fields({
    test: v.pipe(
      texts,
      v.check(
        isHealthTest,
        (issue) => complain(`test must begin with NONE (alone), CMD or CMD-SHELL, got ${quote(issue.input)}`),
      ),
    ),
    interval: v.optional(DURATION),
    timeout: v.optional(DURATION),
    start_period: v.optional(DURATION),
    retries: v.optional(integer(0, "retries")),
  }, { of: "healthcheck" }),
  v.transform((check) => ({
    test: check.test,
    intervalMs: check.interval ?? null,
    timeoutMs: check.timeout ?? null,
    startPeriodMs: check.start_period ?? null,
    retries: check.retries ?? null,
  })),
);

function isHealthTest(test: string[]): boolean {
  const [kind] = test;
  return kind === "NONE" ? test.length === 1 : (kind === "CMD" || kind === "CMD-SHELL") && test.length > 1;
}

export const image = v.pipe(
  text,
  v.check(
    (value) => hasReference(value) || parseImage(value.trim()) !== null,
    (issue) =>
      complain(
        `${quote(issue.input)} is not an image reference`,
        "for example alpine:3.20",
        "IMAGE_REFERENCE_INVALID",
      ),
  ),
  v.trim(),
);

export const volumes = v.pipe(
  texts,
  v.array(v.pipe(
    v.string(),
    v.check((value) => hasReference(value) || !("error" in parseVolume(value)), (issue) => {
      const parsed = parseVolume(issue.input);
      return complain(
        `invalid volume format: ${"error" in parsed ? parsed.error : ""}`,
        "write source:target or source:target:ro",
        "MOUNT_INVALID",
      );
    }),
  )),
);

const ports = v.pipe(
  texts,
  v.array(v.pipe(
    v.string(),
    v.check((value) => hasReference(value) || !("error" in parsePort(value)), (issue) => {
      const parsed = parsePort(issue.input);
      return complain(`invalid port format: ${"error" in parsed ? parsed.error : ""}`);
    }),
  )),
);

const containerName = v.pipe(
  name,
  v.check(
    (value) => hasReference(value) || CONTAINER_NAME.test(value),
    (issue) =>
      complain(
        `container name ${quote(issue.input)} is invalid`,
        "use letters, digits, _ . -, beginning with a letter or digit",
      ),
  ),
);

const runningName = v.check<string, (issue: v.CheckIssue<string>) => string>(
  (value) => hasReference(value) || refuseTarget(value) === null,
  (issue) => {
    const { message, remedy } = refuseTarget(issue.input) ?? { message: "", remedy: "" };
    return complain(message, remedy);
  },
);

/** Name of a container that may be somebody else's. */
export const target = v.pipe(name, runningName);

const workingDir = v.pipe(
  text,
  v.check(
    (value) => hasReference(value) || value.startsWith("/"),
    (issue) => complain(`must be an absolute path inside the container, got ${kindOf(issue.input)}`),
  ),
);

export const PLATFORM = v.pipe(
  text,
  v.check(
    (value) => /^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/.test(value),
    (issue) => complain(`must be os/arch or os/arch/variant, got ${kindOf(issue.input)}`),
  ),
);

const logPattern = v.pipe(
  text,
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? validatePattern(dataset.value, "log_pattern") : null;
    if (problem !== null) addIssue({ message: complain(problem, 'for example "READY$"') });
  }),
);

export const shell = v.pipe(texts, v.minLength(1, complain("must not be empty")));

const restartPolicy = v.pipe(
  text,
  v.trim(),
  v.toLowerCase(),
  v.picklist(
    ["no", "always", "unless-stopped"],
    (issue) => complain(`invalid restart_policy ${quote(issue.input)}`, "use no, always or unless-stopped"),
  ),
);

const userns = v.pipe(
  text,
  v.trim(),
  v.check(
    (value) => /^keep-id(:(uid|gid)=\d+(,(uid|gid)=\d+)?)?$/.test(value),
    (issue) =>
      complain(
        `invalid userns ${quote(issue.input)}`,
        "use keep-id or keep-id:uid=1000,gid=1000 (rootless Podman)",
      ),
  ),
);

const secretNames = v.pipe(
  texts,
  v.array(v.pipe(
    v.string(),
    v.check(
      (value) => /^[A-Za-z_]\w*$/.test(value),
      (issue) =>
        complain(`${quote(issue.input)} is not the name of a secret`, "name one of the workflow's secrets"),
    ),
  )),
);

const RUNTIME_HINT =
  "the engine is chosen by DAGU_CONTAINER_RUNTIME in the environment of the runner's process, never by a workflow";

const map = fields({
  image: v.optional(image),
  exec: v.optional(target),
  name: v.optional(containerName),
  pull_policy: v.optional(pullPolicy),
  env: v.optional(env),
  volumes: v.optional(volumes),
  user: v.optional(text),
  working_dir: v.optional(workingDir),
  platform: v.optional(PLATFORM),
  ports: v.optional(ports),
  network: v.optional(text),
  keep_container: v.optional(flag),
  startup: v.optional(oneOf(["keepalive", "entrypoint", "command"], true)),
  command: v.optional(texts),
  wait_for: v.optional(oneOf(["running", "healthy"], true)),
  log_pattern: v.optional(logPattern),
  ready_timeout_sec: v.optional(integer(1, "ready_timeout_sec")),
  restart_policy: v.optional(restartPolicy),
  healthcheck: v.optional(healthcheck),
  userns: v.optional(userns),
  secrets: v.optional(secretNames),
  shell: v.optional(shell),
}, { of: "container", hints: { runtime: RUNTIME_HINT, engine: RUNTIME_HINT, socket: RUNTIME_HINT } });

type ContainerMap = v.InferOutput<typeof map>;

/** Keys that say how a container is created: none of them means anything for somebody else's container (2.3). */
const CREATION_KEYS = [
  "name",
  "pull_policy",
  "volumes",
  "ports",
  "network",
  "platform",
  "startup",
  "command",
  "wait_for",
  "log_pattern",
  "ready_timeout_sec",
  "restart_policy",
  "healthcheck",
  "userns",
  "secrets",
] as const;

const checkedMap = v.pipe(
  map,
  v.check(
    (given) => given.image !== undefined || given.exec !== undefined,
    complain(
      "container: either 'exec' or 'image' must be specified",
      "write image: NAME to create a container, exec: NAME to use a running one",
    ),
  ),
  v.check(
    (given) => given.image === undefined || given.exec === undefined,
    complain("container: 'exec' and 'image' are mutually exclusive", "keep one of them"),
  ),
  v.check(
    (given) => creationKeys(given).length === 0,
    (issue) =>
      complain(
        `container: ${creationKeys(issue.input).join(", ")} cannot be used with 'exec'`,
        "these describe a container that is created; use image",
      ),
  ),
  v.check(
    (given) => given.startup !== "command" || (given.command?.length ?? 0) > 0,
    complain("startup: command requires non-empty command array", "add command: [...]"),
  ),
  v.transform(toContainer),
);

function creationKeys(given: ContainerMap): string[] {
  if (given.exec === undefined) return [];
  const present = CREATION_KEYS.filter((key) => {
    const value = given[key];
    return Array.isArray(value) ? value.length > 0 : value !== undefined;
  });
  return given.keep_container === true ? [...present, "keep_container"] : present;
}

function toContainer(given: ContainerMap): Container {
  const shared = {
    env: given.env ?? [],
    user: given.user ?? null,
    workingDir: given.working_dir ?? null,
    shell: given.shell ?? null,
  };
  if (given.image === undefined) return { kind: "exec", target: given.exec ?? "", ...shared };
  const policy: PullPolicy = given.pull_policy ?? "missing";
  return {
    kind: "image",
    image: given.image,
    containerName: given.name ?? null,
    pullPolicy: policy,
    volumes: given.volumes ?? [],
    platform: given.platform ?? null,
    ports: given.ports ?? [],
    network: given.network === undefined || given.network === "" ? null : given.network,
    keepContainer: given.keep_container ?? false,
    startup: given.startup ?? "keepalive",
    command: given.command ?? [],
    waitFor: given.wait_for ?? "running",
    logPattern: given.log_pattern ?? null,
    restartPolicy: given.restart_policy ?? null,
    healthcheck: given.healthcheck ?? null,
    ...(given.ready_timeout_sec === undefined ? {} : { readyTimeoutSec: given.ready_timeout_sec }),
    ...(given.userns === undefined ? {} : { userns: given.userns }),
    ...(given.secrets === undefined ? {} : { secrets: given.secrets }),
    ...shared,
  };
}

/** `container:` as a name, or as a mapping with `image` or `exec` (2.1). */
export const container: v.GenericSchema<unknown, Container> = v.lazy((input) =>
  typeof input === "string"
    ? v.pipe(
      v.string(),
      v.trim(),
      v.nonEmpty(
        complain(
          "container must not be blank",
          "write the name of a running container, or a mapping with image",
        ),
      ),
      runningName,
      v.transform((target): Container => ({
        kind: "exec",
        target,
        env: [],
        user: null,
        workingDir: null,
        shell: null,
      })),
    )
    : isMapping(input)
    ? checkedMap
    : v.custom<Container>(
      () => false,
      complain(`container must be a string or a mapping, got ${kindOf(input)}`),
    )
);
