/**
 * What an engine's refusal means, and what to do about it: the failure table of the containers contract (section 8), as a
 * table. Podman answers 500 for most mistakes of users, so words decide, not statuses. Order matters: the first row whose
 * words and phase fit is the answer.
 */
import type { Failure, FailureCode } from "../../run/failure.ts";
import { SETUP_EXIT_CODE } from "../../run/outcome.ts";
import { fullImage, imageText as fullImageText } from "../../workflow/image.ts";
import type { EngineError } from "./api/error.ts";
import { explainConnection } from "./diagnose-connection.ts";
import { type Diagnosis, stopFailure } from "./outcome.ts";
import { addressText, type Runtime, type RuntimeKind } from "./runtime.ts";

/** What was being done, as far as messages want to name it. */
export interface Subject {
  readonly image?: string;
  /** Id of the container. */
  readonly container?: string;
  readonly program?: string;
  readonly user?: string | null;
  readonly network?: string | null;
  readonly name?: string;
  readonly policy?: string;
  readonly platform?: string | null;
  readonly ports?: readonly string[];
  readonly workingDir?: string | null;
  /** Where the credentials of a pull came from. */
  readonly credentials?: string;
}

type Phase = "pull" | "create" | "exec";

interface Row {
  /** Number in the contract's table. */
  readonly id: string;
  readonly phases: readonly Phase[];
  readonly words: RegExp;
  readonly code: FailureCode;
  readonly exitCode?: number;
  readonly message: (subject: Subject, runtime: Runtime) => string;
  readonly remedy: (subject: Subject, runtime: Runtime) => string;
}

const ANY: readonly Phase[] = ["pull", "create", "exec"];
const BUILDING: readonly Phase[] = ["create"];
const STARTING: readonly Phase[] = ["create", "exec"];
const ENGINE_TEXT_MAX = 2_048;

export const ROWS: readonly Row[] = [
  {
    id: "F31",
    phases: BUILDING,
    // Podman looks for the user in what was mounted over its lists.
    words: /mounting .* to rootfs at .*not a directory|unable to find (?:user|group) .*is a directory/i,
    code: "MOUNT_INVALID",
    message: () => "a volume puts a folder where the image has a file, or a file where it has a folder",
    remedy: () =>
      "see of which kind its source is: one that was missing below the work folder was made, as a folder",
  },
  {
    id: "F32",
    phases: BUILDING,
    words: /duplicate mount (?:point|destination)/i,
    code: "MOUNT_INVALID",
    message: () => "two volumes have the same target",
    remedy: () => "give each a target of its own",
  },
  {
    id: "F37",
    phases: STARTING,
    words: /unable to find (?:user|group)|no matching entries in (?:passwd|group) file/i,
    code: "USER_UNKNOWN",
    message: ({ user, image }) =>
      (user ?? "") === ""
        ? `the user that ${imageText(image)} names as its own does not exist in it`
        : `user "${user}" does not exist in ${imageText(image)}`,
    remedy: () => "use a user of the image, or a numeric id",
  },
  {
    id: "F35",
    phases: BUILDING,
    words: /network \S* ?not found|unable to find network|no such network|network not found/i,
    code: "NETWORK_UNKNOWN",
    message: ({ network }, { kind }) => `network "${network ?? ""}" does not exist on ${kind}`,
    remedy: ({ network }, { kind }) =>
      `${kind} network create ${network ?? "NAME"}, or use bridge, host or none`,
  },
  {
    id: "F36",
    phases: BUILDING,
    words: /name \S* ?is already in use|already in use by container|that name is already in use/i,
    code: "NAME_IN_USE",
    message: ({ name }) => `container name "${name ?? ""}" is taken; that container was not touched`,
    remedy: () => "choose another name, or remove the other container",
  },
  {
    id: "F24",
    phases: ANY,
    words: /invalid reference|must be lowercase|repository name .* invalid/i,
    code: "IMAGE_REFERENCE_INVALID",
    message: ({ image }) => `"${image ?? ""}" is not an image reference`,
    remedy: () => "write registry/path:tag in lowercase, for example docker.io/library/alpine:3.20",
  },
  {
    id: "F27",
    phases: ANY,
    words: /short-name .* did not resolve|short-name resolution enforced/i,
    code: "IMAGE_MISSING",
    message: ({ image }) => `the engine does not look up the short name "${image ?? ""}"`,
    remedy: ({ image }) => `write the full reference, for example docker.io/library/${image ?? "NAME"}`,
  },
  {
    id: "F22",
    phases: ["pull"],
    words:
      // A file that an engine may not open is no registry's refusal.
      /unauthorized|no basic auth|authentication required|(?<!permission )denied/i,
    code: "IMAGE_AUTH_FAILED",
    message: ({ image, credentials }) =>
      `the registry refused to give image "${image ?? ""}" (credentials used: ${credentials ?? "none"})`,
    remedy: ({ image }, { kind }) =>
      "give credentials that may pull it: registry_auths of the workflow, or DOCKER_AUTH_CONFIG of the runner" +
      localHint(image, kind),
  },
  {
    id: "F25",
    phases: ANY,
    words:
      /does not match the specified platform|no (?:matching manifest|image found in manifest list) for|exec format error/i,
    code: "IMAGE_PLATFORM_MISMATCH",
    message: ({ image, platform }) =>
      `${imageText(image)} is not for ${platform ?? "the engine's own platform"}`,
    remedy: () => "set platform to one that the image has, or use another image",
  },
  {
    id: "F21",
    phases: ["pull"],
    words:
      // A host, a file or a program that is not found is no image.
      /manifest unknown|name unknown|(?<!(?:host|file|directory|executable|helper) )not found/i,
    code: "IMAGE_MISSING",
    message: ({ image, policy }, runtime) =>
      `image ${inFull(image)} is neither in ${store(runtime)} nor in its registry (pull_policy ${
        policy ?? "missing"
      })`,
    remedy: ({ image }, { kind }) =>
      "check the spelling of name and tag, that the engine reaches the registry, and whether it wants credentials" +
      localHint(image, kind),
  },
  {
    id: "F20",
    phases: ANY,
    words: /no such image|image not known|failed to find image/i,
    code: "IMAGE_MISSING",
    message: ({ image, policy }, runtime) =>
      `image ${inFull(image)} is not in ${store(runtime)} (pull_policy ${policy ?? "missing"})`,
    remedy: ({ image }, { kind }) =>
      `${kind} pull ${image ?? "IMAGE"} into this engine, or pull_policy: missing${localHint(image, kind)}`,
  },
  {
    id: "F26",
    phases: ["pull"],
    words: /no space left on device/i,
    code: "IMAGE_PULL_FAILED",
    message: ({ image }, { kind }) => `no room for image "${image ?? ""}" in the storage of ${kind}`,
    remedy: (_, { kind }) => fullHint(kind, "image prune"),
  },
  {
    id: "F23",
    phases: ["pull"],
    words: /./,
    code: "IMAGE_PULL_FAILED",
    message: ({ image }) => `image "${image ?? ""}" could not be pulled`,
    remedy: () =>
      "check the network of the engine (not of the runner), the registry's name and its certificate",
  },
  {
    id: "F26",
    phases: STARTING,
    words: /no space left on device/i,
    code: "OCI_RUNTIME",
    message: (_, { kind }) => `the storage of ${kind} is full`,
    remedy: (_, { kind }) => fullHint(kind, "system prune"),
  },
  {
    id: "F34",
    phases: BUILDING,
    words: /privileged port|listen (?:tcp|udp)\S* \S*: bind: permission denied/i,
    code: "PORT_IN_USE",
    message: ({ ports }) => `a port below 1024 may not be published here (${portText(ports)})`,
    remedy: () => "publish on a host port of 1024 or more",
  },
  {
    id: "F33",
    phases: BUILDING,
    words: /port is already allocated|address already in use|ports are not available/i,
    code: "PORT_IN_USE",
    message: ({ ports }) => `a host port is taken (${portText(ports)})`,
    remedy: () => "choose another host port; another run of the same workflow may have it",
  },
  {
    id: "F32",
    phases: BUILDING,
    words:
      /invalid characters for a local volume name|names must match|mount path must be absolute|must be an absolute path|invalid volume spec/i,
    code: "MOUNT_INVALID",
    message: () => "the engine does not accept a volume",
    remedy: () => "write source:target with an absolute target; volume names have letters, digits, _ . -",
  },
  {
    id: "F30",
    phases: BUILDING,
    words:
      /bind source path does not exist|mkdir \S+: permission denied|mounts denied|path is not shared|statfs \S+: |(?:error )?mounting .* to rootfs/i,
    code: "MOUNT_SOURCE_UNAVAILABLE",
    message: () => "the engine cannot reach the source of a volume",
    remedy: () => "it must exist on the engine's machine and be readable by the engine's user",
  },
  {
    id: "F40",
    phases: STARTING,
    words: /chdir to cwd/i,
    code: "OCI_RUNTIME",
    exitCode: 126,
    message: ({ workingDir }) => `working directory "${workingDir ?? ""}" does not exist in the container`,
    remedy: () => "create it first, or correct working_dir",
  },
  {
    id: "F43",
    phases: STARTING,
    words: /argument list too long/i,
    code: "OCI_RUNTIME",
    message: () => "an argument or the environment is too long for the system",
    remedy: () => "one argument may have 128 KiB: put long text into a file of a mounted folder",
  },
  {
    id: "F43",
    phases: BUILDING,
    words: /rootfs is marked read-only/i,
    code: "OCI_RUNTIME",
    message: () => "a long text travels as a file, and the container's file system is read-only",
    remedy: () => "mount a folder with the script, or shorten it to 128 KiB",
  },
  {
    id: "F42",
    phases: BUILDING,
    words: /no command specified|no command or entrypoint provided/i,
    code: "OCI_RUNTIME",
    message: ({ image }) => `${imageText(image)} has no command of its own, and none was given`,
    remedy: () => "write run, container.command or use another image",
  },
  {
    id: "F54",
    phases: ["exec"],
    words: /is paused|container state improper.*paused/i,
    code: "CONTAINER_NOT_RUNNING",
    message: ({ name }) => `container ${name ?? ""} is paused`,
    remedy: ({ name }, { kind }) => `${kind} unpause ${name ?? "NAME"}`,
  },
  {
    id: "F61",
    phases: ["exec"],
    words:
      /is not running|container state improper|no such container|no container with|can only create exec sessions/i,
    code: "CONTAINER_NOT_RUNNING",
    message: ({ name }) => `container ${name ?? ""} does not run`,
    remedy: () => "see why it ended; it is not started again within a run",
  },
  {
    id: "F38",
    phases: STARTING,
    words:
      /executable file .*not found|executable file not found|(?:exec \S+ failed|failed to exec pid1): no such file or directory|command that was not found|stat \S+: no such file or directory/i,
    code: "COMMAND_NOT_FOUND",
    exitCode: 127,
    message: ({ program, image }) => `program "${program ?? ""}" is not in ${imageText(image)}`,
    remedy: ({ program }) =>
      program === "/bin/sh"
        ? "the image has no shell: use container.shell: [direct], or another image" // F41
        : "the image must hold the program, in a folder of PATH",
  },
  {
    id: "F39",
    phases: STARTING,
    words: /permission denied|is a directory/i,
    code: "COMMAND_NOT_EXECUTABLE",
    exitCode: 126,
    message: ({ program, image }) => `"${program ?? ""}" of ${imageText(image)} cannot be executed`,
    remedy: () => "chmod +x it; it may lie on a noexec mount, or be a script without an interpreter",
  },
  {
    id: "F44",
    phases: STARTING,
    words: /./,
    code: "OCI_RUNTIME",
    message: (_, { kind }) => `${kind} refused to start it`,
    remedy: () => "the engine's own words say why",
  },
];

/** The engine has no init binary to put into containers (F45). */
export function isInitMissing(error: EngineError): boolean {
  return /docker-init": executable file not found|mounting .* at "?\/sbin\/docker-init|init binary|container-init|stat \S*catatonit/i
    .test(`${error.cause} ${error.message}`);
}

export function diagnose(
  runtime: Runtime,
  error: EngineError,
  subject: Subject,
  signal: AbortSignal,
): Diagnosis {
  if (error.kind === "aborted") return { failure: stopFailure(signal), exitCode: SETUP_EXIT_CODE };
  const connection = explainConnection(runtime, error);
  if (connection !== null) {
    return { failure: describe(runtime, connection, subject, error.message), exitCode: SETUP_EXIT_CODE };
  }
  return diagnoseWords(runtime, error.operation, `${error.message}\n${error.cause}`, subject, error.message);
}

/** Also for words that came through a container's output instead of an answer (F38, F39). */
export function diagnoseWords(
  runtime: Runtime,
  operation: string,
  words: string,
  subject: Subject,
  shown: string = words,
): Diagnosis {
  const phase = phaseOf(operation);
  const row = ROWS.find((each) => each.phases.includes(phase) && each.words.test(words));
  const found = row === undefined
    ? { code: "OCI_RUNTIME" as const, message: `${runtime.kind} refused: ${operation}`, remedy: "" }
    : { code: row.code, message: row.message(subject, runtime), remedy: row.remedy(subject, runtime) };
  return { failure: describe(runtime, found, subject, shown), exitCode: row?.exitCode ?? SETUP_EXIT_CODE };
}

/** Adds what every failure of a container carries (0.4.1). */
export function describe(
  runtime: Runtime,
  found: Pick<Failure, "code" | "message" | "remedy">,
  subject: Subject,
  engineText: string = "",
): Failure {
  const text = engineText.trim().slice(0, ENGINE_TEXT_MAX);
  return {
    code: found.code,
    message: found.message,
    remedy: found.remedy,
    engine: runtime.kind,
    address: addressText(runtime.address),
    ...(subject.container === undefined ? {} : { container: subject.container.slice(0, 12) }),
    ...(subject.image === undefined ? {} : { image: subject.image }),
    ...(text === "" ? {} : { engineText: text }),
  };
}

function phaseOf(operation: string): Phase {
  if (operation.startsWith("image")) return "pull";
  return operation.startsWith("exec") ? "exec" : "create";
}

/** As written, and as the engine takes it (6.3). */
export function inFull(written = ""): string {
  const full = fullImage(written);
  const text = full === null ? written : fullImageText(full);
  return text === written ? `"${written}"` : `"${written}" (${text})`;
}

function imageText(image: string | undefined): string {
  return image === undefined ? "the container" : `image "${image}"`;
}

function store(runtime: Runtime): string {
  return `the store of ${runtime.kind} at ${addressText(runtime.address)}`;
}

/** Podman keeps what was built on the machine under a name that people do not write (6.3). */
export function localHint(image: string | undefined, kind: RuntimeKind): string {
  return kind === "podman" && image !== undefined && !image.includes("/")
    ? `; a locally built one may be called localhost/${image}`
    : "";
}

function fullHint(kind: RuntimeKind, prune: string): string {
  const folder = kind === "docker" ? "{{.DockerRootDir}}" : "{{.Store.GraphRoot}}";
  return `${kind} system df shows what fills it, ${kind} info --format '${folder}' where it is; ${kind} ${prune} makes room`;
}

function portText(ports: readonly string[] | undefined): string {
  return ports === undefined || ports.length === 0 ? "ports" : ports.join(", ");
}
