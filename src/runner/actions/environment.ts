/**
 * What a step's process finds in its environment, by where it runs: the tables of the containers contract, 3.6 and 4.7,
 * and X-08 for the host. Later layers win. The runner's own environment reaches nothing but host processes.
 */
import type { StepCall } from "../../run/ports.ts";
import type { NamedText } from "../../workflow/workflow.ts";

export type Environment = Readonly<Record<string, string>>;

const HOST_NAMES: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "TZ",
  "SHELL",
  "TMPDIR",
  "XDG_RUNTIME_DIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
]);
const PROXY_NAMES: ReadonlySet<string> = new Set(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]);

/** The part of the runner's process environment that steps may see: nothing of the service itself. */
export function filterHostEnv(env: Readonly<Record<string, string | undefined>>): Environment {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const isKept = HOST_NAMES.has(name) || name.startsWith("LC_") || PROXY_NAMES.has(name.toUpperCase());
    if (isKept && value !== undefined) kept[name] = value;
  }
  return kept;
}

/**
 * What an author may name of the runner's environment where host processes are allowed, which could read it anyway: all
 * but what sets up the service itself.
 */
export function withoutServiceEnv(env: Readonly<Record<string, string | undefined>>): Environment {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !/^(DAGU?_|DATABASE_URL$|DOCKER_AUTH_CONFIG$)/.test(name)) kept[name] = value;
  }
  return kept;
}

/** Name paths on the runner that mean nothing inside a container (3.6.2). */
export const HOST_PATH_NAMES: readonly string[] = [
  "PWD",
  "DAG_WIKI_DIR",
  "DAG_DOCS_DIR",
  "DAG_RUN_ARTIFACTS_DIR",
  "DAG_RUN_LOG_FILE",
  "DAG_RUN_STEP_STDOUT_FILE",
  "DAG_RUN_STEP_STDERR_FILE",
  "DAG_RUN_WORK_DIR",
  "DAG_PUSHBACK_PREVIOUS_STDOUT_FILE",
  "DAGU_OUTPUT_FILE",
];

/** Where one try on the host takes place. */
export interface HostPlaces {
  readonly cwd: string;
  readonly outputFile: string;
}

/** On the host: the filtered process environment, and the workflow's scope with the paths of this try. */
export function hostEnvironment(host: Environment, call: StepCall): Environment {
  return { ...host, ...call.scopeEnv };
}

type ContainerAction = "run" | "harness.run";

/**
 * In the root container, or in somebody else's: what is added to the container's own environment (3.6). The container's
 * `env` beats the step's, which beats the workflow's; only a harness sees the workflow's scope.
 */
export function execEnvironment(
  action: ContainerAction,
  call: StepCall,
  container: readonly NamedText[],
  files: readonly string[] = [],
): Environment {
  const own = asRecord(container);
  return { ...layersBelow(action, call, files), ...own };
}

/** In a container of its own: the layers between the image's environment and `container.env` (4.7). */
export function ownEnvironment(
  action: ContainerAction,
  call: StepCall,
  files: readonly string[] = [],
): Environment {
  return layersBelow(action, call, files);
}

/** `files`: secrets that the container has as files, which are then no variables. */
function layersBelow(action: ContainerAction, call: StepCall, files: readonly string[]): Environment {
  if (action === "run") return call.stepEnv;
  const hidden = new Set([...HOST_PATH_NAMES, ...files]);
  return Object.fromEntries(Object.entries(call.scopeEnv).filter(([name]) => !hidden.has(name)));
}

export function asRecord(env: readonly NamedText[]): Environment {
  return Object.fromEntries(env.map(({ name, value }) => [name, value]));
}
