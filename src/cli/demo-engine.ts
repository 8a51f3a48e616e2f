/** Which engine the demo uses: the one that the environment names, else the first default socket that answers. */
import { addressText, readRuntime } from "../runner/containers/runtime.ts";

export interface DemoEngine {
  /** The environment for the runner. */
  readonly variables: Readonly<Record<string, string>>;
  readonly hasEngine: boolean;
  /** What was chosen and why, for the person. */
  readonly sentence: string;
}

type Environment = Readonly<Record<string, string>>;

export async function chooseEngine(env: Environment): Promise<DemoEngine> {
  const candidates = candidatesIn(env);
  const refusals: string[] = [];
  for (const candidate of candidates) {
    const variables = { ...env, ...candidate };
    const runtime = readRuntime(variables);
    if ("code" in runtime) {
      refusals.push(runtime.message);
      continue;
    }
    const address = addressText(runtime.address);
    if (runtime.address.kind === "tcp" || await answers(runtime.address.path)) {
      const how = runtime.source === "default" ? "its default socket answers" : "as the environment says";
      return {
        variables,
        hasEngine: true,
        sentence: `Containers run on ${runtime.kind} at ${address}: ${how}.`,
      };
    }
    refusals.push(`nobody answers for ${runtime.kind} at ${address}`);
  }
  return {
    variables: env,
    hasEngine: false,
    sentence: `No container engine: ${refusals.join(", ")}.\n` +
      "   The demo runs a step on this machine's host instead. Start Podman or Docker to see it sandboxed; one with another\n" +
      "   socket is named by DAGU_CONTAINER_RUNTIME=podman and DAGU_PODMAN_HOST, or by DOCKER_HOST.",
  };
}

/** What the environment names, and nothing else then; a socket alone names its engine. */
function candidatesIn(env: Environment): Environment[] {
  const isSet = (name: string): boolean => (env[name] ?? "") !== "";
  if (isSet("DAGU_CONTAINER_RUNTIME")) return [{}];
  const named = [
    ...(isSet("DAGU_PODMAN_HOST") ? [{ DAGU_CONTAINER_RUNTIME: "podman" }] : []),
    ...(isSet("DOCKER_HOST") ? [{ DAGU_CONTAINER_RUNTIME: "docker" }] : []),
  ];
  if (named.length > 0) return named;
  return [
    { DAGU_CONTAINER_RUNTIME: "podman" },
    ...rootlessSocket(env),
    { DAGU_CONTAINER_RUNTIME: "docker" },
  ];
}

function rootlessSocket(env: Environment): Environment[] {
  const folder = env["XDG_RUNTIME_DIR"] ?? "";
  return folder === ""
    ? []
    : [{ DAGU_CONTAINER_RUNTIME: "podman", DAGU_PODMAN_HOST: `unix://${folder}/podman/podman.sock` }];
}

async function answers(path: string): Promise<boolean> {
  try {
    using _connection = await Deno.connect({ transport: "unix", path });
    return true;
  } catch {
    return false;
  }
}
