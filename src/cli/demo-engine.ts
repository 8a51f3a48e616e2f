/** Which engine the demo uses: the one that the environment names, else the first default socket that answers. */
import { readRuntime } from "../runner/containers/runtime.ts";

export interface DemoEngine {
  /** The environment for the runner. */
  readonly variables: Readonly<Record<string, string>>;
  readonly hasEngine: boolean;
  /** What was chosen and why, for the person. */
  readonly sentence: string;
}

type Environment = Readonly<Record<string, string>>;

export async function chooseEngine(env: Environment): Promise<DemoEngine> {
  const isNamed = ["DAGU_CONTAINER_RUNTIME", "DAGU_PODMAN_HOST", "DOCKER_HOST"].some((name) =>
    (env[name] ?? "") !== ""
  );
  const candidates: Environment[] = isNamed ? [{}] : [
    { DAGU_CONTAINER_RUNTIME: "podman" },
    ...rootlessSocket(env),
    { DAGU_CONTAINER_RUNTIME: "docker" },
  ];
  for (const candidate of candidates) {
    const variables = { ...env, ...candidate };
    const runtime = readRuntime(variables);
    if ("code" in runtime || runtime.address.kind !== "unix" || !await answers(runtime.address.path)) {
      continue;
    }
    const how = isNamed ? "as the environment says" : "its default socket answers";
    return {
      variables,
      hasEngine: true,
      sentence: `Containers run on ${runtime.kind} at unix://${runtime.address.path}: ${how}.`,
    };
  }
  const runtime = readRuntime(env);
  const why = "code" in runtime ? runtime.message : "no default socket of Podman or Docker answers";
  return {
    variables: env,
    hasEngine: false,
    sentence: `No container engine: ${why}. The demo runs a step on this machine's host instead;\n` +
      "   start Podman or Docker (or set DAGU_CONTAINER_RUNTIME and DAGU_PODMAN_HOST) to see it sandboxed.",
  };
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
