/** The engines that container tests run on. A missing one is a failure that says how to get it, never a skip. */
export interface EngineUnderTest {
  readonly name: "docker" | "podman" | "podman-rootless";
  readonly kind: "docker" | "podman";
  readonly socket: string;
  /** What a runner's environment says to use it. */
  readonly env: Readonly<Record<string, string>>;
  /** User whose engine it is, when it is not ours. */
  readonly user: string | null;
}

const TABLE = [
  { name: "docker", kind: "docker", variable: "DOCKER_SOCK", user: null },
  { name: "podman", kind: "podman", variable: "PODMAN_SOCK", user: null },
  { name: "podman-rootless", kind: "podman", variable: "PODMAN_ROOTLESS_SOCK", user: "PODMAN_ROOTLESS_USER" },
] as const;

export const ENGINE_NAMES = TABLE.map((row) => row.name);

export function engineUnderTest(name: EngineUnderTest["name"]): EngineUnderTest {
  const row = TABLE.find((one) => one.name === name);
  if (row === undefined) throw new Error(`there is no engine ${name}`);
  const socket = required(row.variable);
  const host = row.kind === "docker" ? "DOCKER_HOST" : "DAGU_PODMAN_HOST";
  return {
    name: row.name,
    kind: row.kind,
    socket,
    env: { DAGU_CONTAINER_RUNTIME: row.kind, [host]: `unix://${socket}` },
    user: row.user === null ? null : required(row.user),
  };
}

/** A variable that `infra/dev/up` exports. */
export function required(variable: string): string {
  const value = Deno.env.get(variable) ?? "";
  if (value === "") throw new Error(`${variable} is not set: eval "$(infra/dev/up)"`);
  return value;
}
