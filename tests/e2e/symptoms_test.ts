/** Each known reason why a container cannot run is told by class, message and remedy: in the CLI, the API and the page. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { dagu, freePort, spawnDagu } from "../support/dagu.ts";
import { engineUnderTest } from "../support/engines.ts";

interface Symptom {
  readonly name: string;
  readonly yaml: string;
  /** The runner's environment; null: a working Podman. */
  readonly socket: ((home: string) => Promise<Readonly<Record<string, string>>>) | null;
  readonly code: string;
  /** A part of the message, and a part of the remedy. */
  readonly says: readonly [message: string, remedy: string];
}

const STEP = (more: string, run = "echo x"): string =>
  `steps: [{id: a, run: "${run}", container: {image: "alpine:3.20"${more}}}]`;
const podman = (path: string): Record<string, string> => ({
  DAGU_CONTAINER_RUNTIME: "podman",
  DAGU_PODMAN_HOST: `unix://${path}`,
});

const SYMPTOMS: readonly Symptom[] = [
  {
    name: "F02 socket missing",
    yaml: STEP(""),
    socket: (home) => Promise.resolve(podman(join(home, "absent.sock"))),
    code: "ENGINE_UNREACHABLE",
    says: ["socket does not exist", "podman.socket"],
  },
  {
    name: "F04 not a socket",
    yaml: STEP(""),
    socket: async (home) => {
      await Deno.writeTextFile(join(home, "plain"), "");
      return podman(join(home, "plain"));
    },
    code: "RUNTIME_CONFIG_INVALID",
    says: ["not a socket", "DAGU_PODMAN_HOST"],
  },
  {
    name: "F03 refused",
    yaml: STEP(""),
    socket: (home) => {
      // A closed listener takes its path along; another name of the same socket stays, as after a killed engine.
      const path = join(home, "stale.sock");
      const listener = Deno.listen({ transport: "unix", path: join(home, "live.sock") });
      Deno.linkSync(join(home, "live.sock"), path);
      listener.close();
      return Promise.resolve(podman(path));
    },
    code: "ENGINE_UNREACHABLE",
    says: ["nobody listens", "podman machine start"],
  },
  {
    name: "F09 an engine that is none",
    yaml: STEP(""),
    socket: () => Promise.resolve({ DAGU_CONTAINER_RUNTIME: "nerdctl" }),
    code: "RUNTIME_CONFIG_INVALID",
    says: ["nerdctl", "DAGU_CONTAINER_RUNTIME"],
  },
  {
    name: "F20 image absent with never",
    yaml: `steps: [{id: a, run: x, container: {image: "absent/image:9", pull_policy: never}}]`,
    socket: null,
    code: "IMAGE_MISSING",
    says: ["absent/image:9", "pull_policy: missing"],
  },
  {
    name: "F30 mount source missing",
    yaml: STEP(', volumes: ["/no/such/folder:/data"]'),
    socket: null,
    code: "MOUNT_SOURCE_UNAVAILABLE",
    says: ["/no/such/folder", "create"],
  },
  {
    name: "F38 binary absent",
    yaml: STEP(", shell: [direct]", "nosuchbin --x"),
    socket: null,
    code: "COMMAND_NOT_FOUND",
    says: ["nosuchbin", "PATH"],
  },
];

Deno.test("8 each symptom says its class, its message and its remedy in the CLI, the API and the page", async () => {
  const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
  const working = engineUnderTest("podman").env;
  for (const [index, symptom] of SYMPTOMS.entries()) {
    const file = join(home, `s${index}.yaml`);
    await Deno.writeTextFile(file, symptom.yaml);
    const env = symptom.socket === null ? working : await symptom.socket(home);
    const result = await dagu({ args: ["start", "--run-id", "r", file], env: { ...env, DAGU_HOME: home } });
    assert.equal(result.code, 1, `${symptom.name}: ${result.stdout}${result.stderr}`);
    for (const part of [symptom.code, ...symptom.says]) {
      assert.ok(
        result.stdout.includes(part),
        `${symptom.name}: the CLI does not say "${part}":\n${result.stdout}`,
      );
    }
  }
  const port = freePort();
  {
    await using server = spawnDagu({ args: ["server", "--port", String(port)], env: { DAGU_HOME: home } });
    await server.said("dagu server on");
    for (const [index, symptom] of SYMPTOMS.entries()) {
      const api = await (await fetch(`http://127.0.0.1:${port}/api/v1/dag-runs/s${index}/r`)).json();
      const { failure } = api.dagRunDetails.nodes[0];
      assert.equal(failure.code, symptom.code, symptom.name);
      assert.ok(
        failure.message.includes(symptom.says[0]) && failure.remedy.includes(symptom.says[1]),
        JSON.stringify(failure),
      );
      const page = await (await fetch(`http://127.0.0.1:${port}/runs/s${index}/r`)).text();
      for (const part of [symptom.code, ...symptom.says]) {
        assert.ok(page.includes(part), `${symptom.name}: the page does not say "${part}"`);
      }
    }
  }
  await Deno.remove(home, { recursive: true });
});
