/** Which engine a runner uses: a matrix of its environment (containers contract 10.2), with the workflow of AC-03. */
import assert from "node:assert/strict";
import { readRuntime } from "../../../src/runner/containers/runtime.ts";
import type { EngineClient } from "../../support/engine-client.ts";
import { openEngineClient } from "../../support/engine-client.ts";
import { dagu } from "../../support/dagu.ts";
import { engineUnderTest } from "../../support/engines.ts";
import { newGrant, openRunnerBench, type RunnerBench } from "../../support/runner-bench.ts";
import { type EngineLine, openEngineLine } from "./line.ts";

const WORKFLOW = `container: {image: "alpine:3.20", pull_policy: never}
steps: [{id: a, run: "echo local"}]
`;
const PLAIN = `steps: [{id: a, run: "echo on the host"}]
`;

interface Ended {
  readonly status: string;
  readonly code: string;
  readonly text: string;
  readonly events: readonly string[];
}

interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly docker: EngineLine;
  readonly podman: EngineLine;
  run(env: Readonly<Record<string, string>>, yaml?: string): Promise<Ended>;
}

/** Both engines behind lines that write down what reaches them: `@D` and `@P` are their sockets. */
async function openStage(): Promise<Stage> {
  const folder = await Deno.makeTempDir({ dir: "/tmp", prefix: "dagu-ac-" });
  const clients: EngineClient[] = [];
  const lineTo = (name: "docker" | "podman"): EngineLine => {
    const { socket } = engineUnderTest(name);
    const client = openEngineClient(socket);
    clients.push(client);
    return openEngineLine(`${folder}/${name}.sock`, socket, client);
  };
  const [docker, podman] = [lineTo("docker"), lineTo("podman")];
  const place = (text: string): string =>
    text.replace("@D", `unix://${folder}/docker.sock`).replace("@P", `unix://${folder}/podman.sock`)
      .replace("@W", folder);
  return {
    folder,
    docker,
    podman,
    run: async (env, yaml = WORKFLOW) => {
      await using bench = await openRunnerBench();
      bench.plane.grants.push(await newGrant(yaml));
      const placed = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, place(value)]));
      await bench.start({ once: true, runtime: readRuntime(placed) }).end;
      return endOf(bench);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([docker, podman].map((line) => line[Symbol.asyncDispose]()));
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function endOf({ plane }: RunnerBench): Ended {
  const data: Record<string, unknown> = plane.events.find(({ type }) => type === "attempt.finished")?.data ??
    {};
  const { code, message, remedy } = (data["error"] ?? {}) as Record<string, string>;
  const events = plane.events.map(({ type }) => type);
  return { status: String(data["status"]), code: code ?? "", text: `${message} | ${remedy}`, events };
}

type Row = readonly [title: string, env: Readonly<Record<string, string>>, used: "docker" | "podman"];

const USED: readonly Row[] = [
  ["AC-04 unset", { DOCKER_HOST: "@D" }, "docker"],
  ["AC-04 empty", { DAGU_CONTAINER_RUNTIME: "", DOCKER_HOST: "@D" }, "docker"],
  ["AC-04 blank", { DAGU_CONTAINER_RUNTIME: "  ", DOCKER_HOST: "@D" }, "docker"],
  ["AC-04 docker", { DAGU_CONTAINER_RUNTIME: "docker", DOCKER_HOST: "@D" }, "docker"],
  ["AC-04 DOCKER", { DAGU_CONTAINER_RUNTIME: "DOCKER", DOCKER_HOST: "@D" }, "docker"],
  ["AC-05 podman", { DAGU_CONTAINER_RUNTIME: "podman", DAGU_PODMAN_HOST: "@P" }, "podman"],
  ["AC-05 Podman with blanks", { DAGU_CONTAINER_RUNTIME: " Podman ", DAGU_PODMAN_HOST: "@P" }, "podman"],
  ["AC-07 1.2.1 stale settings of Docker beside Podman", {
    DAGU_CONTAINER_RUNTIME: "podman",
    DAGU_PODMAN_HOST: "@P",
    DOCKER_HOST: "@D",
    DOCKER_TLS_VERIFY: "1",
    DOCKER_CERT_PATH: "/does/not/exist",
  }, "podman"],
  ["AC-08 a malformed address of Podman beside Docker", {
    DAGU_CONTAINER_RUNTIME: "docker",
    DOCKER_HOST: "@D",
    DAGU_PODMAN_HOST: "::garbage",
  }, "docker"],
  ["1.2.2 Podman's socket in docker mode", { DOCKER_HOST: "@P" }, "podman"],
];
for (const [title, env, used] of USED) {
  Deno.test(`${title}: ${used}`, async () => {
    await using stage = await openStage();
    const { status, text } = await stage.run(env);
    assert.equal(status, "succeeded", text);
    const unused = used === "docker" ? stage.podman : stage.docker;
    assert.ok(stage[used].requests.length > 0, "nothing arrived");
    assert.deepEqual(unused.requests, []);
  });
}

const REFUSED: readonly (readonly [title: string, env: Readonly<Record<string, string>>, RegExp[]])[] = [
  ["AC-06 OD-14 a runtime that there is not", { DAGU_CONTAINER_RUNTIME: "nerdctl" }, [
    /DAGU_CONTAINER_RUNTIME/,
    /nerdctl/,
    /docker/,
    /podman/,
  ]],
  ["AC-10 a bare path", { DAGU_CONTAINER_RUNTIME: "podman", DAGU_PODMAN_HOST: "/run/x.sock" }, [
    /DAGU_PODMAN_HOST=unix:\/\/\/run\/x\.sock/,
  ]],
  ["AC-10 ssh", { DAGU_CONTAINER_RUNTIME: "podman", DAGU_PODMAN_HOST: "ssh://h/x" }, [/unix:\/\//]],
];
for (const [title, env, words] of REFUSED) {
  Deno.test(`${title}: nothing with a container runs, everything else does`, async () => {
    await using stage = await openStage();
    const ended = await stage.run(env);
    assert.deepEqual([ended.status, ended.code], ["failed", "RUNTIME_CONFIG_INVALID"], ended.text);
    for (const word of words) assert.match(ended.text, word);
    assert.ok(!ended.events.includes("step.started"), "a step was started");
    assert.equal((await stage.run(env, PLAIN)).status, "succeeded");
    assert.deepEqual([...stage.docker.requests, ...stage.podman.requests], []);
  });
}

const BROKEN: readonly (readonly [
  title: string,
  make: (path: string) => Promise<void>,
  code: string,
  words: RegExp,
])[] = [
  ["AC-09 F02 absent", () => Promise.resolve(), "ENGINE_UNREACHABLE", /does not exist.*podman\.socket/],
  [
    "AC-09 F03 stale",
    async (path) => {
      const listener = Deno.listen({ transport: "unix", path: `${path}.new` });
      await Deno.rename(`${path}.new`, path);
      listener.close();
    },
    "ENGINE_UNREACHABLE",
    /nobody listens/,
  ],
  ["AC-09 1.4.1 F04 a folder", (path) => Deno.mkdir(path), "RUNTIME_CONFIG_INVALID", /not a socket/],
];
for (const [title, make, code, words] of BROKEN) {
  Deno.test(`${title}: the run fails, no step was started`, async () => {
    await using stage = await openStage();
    await make(`${stage.folder}/broken.sock`);
    const ended = await stage.run({
      DAGU_CONTAINER_RUNTIME: "podman",
      DAGU_PODMAN_HOST: "unix://@W/broken.sock",
    });
    assert.deepEqual([ended.status, ended.code], ["failed", code], ended.text);
    assert.match(ended.text, words);
    assert.ok(!ended.events.includes("step.started"), "a step was started");
  });
}

Deno.test("AC-09 F05 another user's socket: the run fails, and says whose it is", async () => {
  const folder = await Deno.makeTempDir({ dir: "/tmp", prefix: "dagu-ac-" });
  try {
    using _listener = Deno.listen({ transport: "unix", path: `${folder}/other.sock` });
    await Deno.chmod(`${folder}/other.sock`, 0o600);
    await Deno.chown(`${folder}/other.sock`, NOBODY, NOBODY);
    await Deno.writeTextFile(`${folder}/w.yaml`, WORKFLOW);
    const { code, stdout } = await dagu({
      args: ["start", "w.yaml"],
      cwd: folder,
      env: {
        DAGU_HOME: `${folder}/home`,
        DAGU_CONTAINER_RUNTIME: "podman",
        DAGU_PODMAN_HOST: `unix://${folder}/other.sock`,
      },
      // Root that is held to the modes of files like everybody.
      through: ["setpriv", "--bounding-set=-dac_override,-dac_read_search"],
    });
    assert.equal(code, 1, stdout);
    assert.match(stdout, /ENGINE_PERMISSION/);
    assert.match(stdout, /0600 65534:65534/);
    assert.match(stdout, /a \[not_started\]/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const NOBODY = 65_534;
