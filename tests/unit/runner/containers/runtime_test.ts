import assert from "node:assert/strict";
import { addressText, readRuntime, type Runtime } from "../../../../src/runner/containers/runtime.ts";

type Env = Record<string, string>;

function runtimeOf(env: Env): Runtime {
  const read = readRuntime(env);
  assert.ok("kind" in read, `refused: ${JSON.stringify(read)}`);
  return read;
}

function refusalOf(env: Env): { code: string; message: string; remedy: string } {
  const read = readRuntime(env);
  assert.ok("code" in read, `accepted: ${JSON.stringify(read)}`);
  return read;
}

const PODMAN = { DAGU_CONTAINER_RUNTIME: "podman" };
const TOO_LONG = `unix:///${"s".repeat(107)}`;

const SELECTED: [name: string, env: Env, kind: string, address: string, source: string][] = [
  ["AC-04 unset is docker at its default", {}, "docker", "unix:///var/run/docker.sock", "default"],
  [
    "AC-04 empty is docker",
    { DAGU_CONTAINER_RUNTIME: "" },
    "docker",
    "unix:///var/run/docker.sock",
    "default",
  ],
  [
    "AC-04 blank is docker",
    { DAGU_CONTAINER_RUNTIME: "  " },
    "docker",
    "unix:///var/run/docker.sock",
    "default",
  ],
  [
    "AC-04 DOCKER is docker",
    { DAGU_CONTAINER_RUNTIME: "DOCKER" },
    "docker",
    "unix:///var/run/docker.sock",
    "default",
  ],
  ["AC-05 podman at its default", PODMAN, "podman", "unix:///run/podman/podman.sock", "default"],
  [
    "AC-05 whitespace and case of podman are ignored, the address is trimmed",
    { DAGU_CONTAINER_RUNTIME: " Podman ", DAGU_PODMAN_HOST: " unix:///run/user/1000/podman.sock " },
    "podman",
    "unix:///run/user/1000/podman.sock",
    "DAGU_PODMAN_HOST",
  ],
  [
    "1.1 a blank DAGU_PODMAN_HOST is the default",
    { ...PODMAN, DAGU_PODMAN_HOST: " " },
    "podman",
    "unix:///run/podman/podman.sock",
    "default",
  ],
  [
    "AC-07 podman mode never looks at DOCKER_HOST",
    {
      ...PODMAN,
      DOCKER_HOST: "unix:///trap.sock",
      DOCKER_TLS_VERIFY: "1",
      DOCKER_CERT_PATH: "/does/not/exist",
    },
    "podman",
    "unix:///run/podman/podman.sock",
    "default",
  ],
  [
    "AC-08 docker mode never looks at DAGU_PODMAN_HOST",
    { DAGU_CONTAINER_RUNTIME: "docker", DAGU_PODMAN_HOST: "::garbage" },
    "docker",
    "unix:///var/run/docker.sock",
    "default",
  ],
  ["1.4 tcp", { DOCKER_HOST: "tcp://10.0.0.1:2375" }, "docker", "tcp://10.0.0.1:2375", "DOCKER_HOST"],
  [
    "1.4 a written port 80 is that port",
    { DOCKER_HOST: "http://e:80" },
    "docker",
    "tcp://e:80",
    "DOCKER_HOST",
  ],
  ["1.4 without a port", { DOCKER_HOST: "tcp://[::1]/" }, "docker", "tcp://[::1]:2375", "DOCKER_HOST"],
  ["1.4 http is tcp", { DOCKER_HOST: "http://engine:1234" }, "docker", "tcp://engine:1234", "DOCKER_HOST"],
  [
    "1.4 tcp in podman mode",
    { ...PODMAN, DAGU_PODMAN_HOST: "tcp://h:1" },
    "podman",
    "tcp://h:1",
    "DAGU_PODMAN_HOST",
  ],
];
for (const [name, env, kind, address, source] of SELECTED) {
  Deno.test(name, () => {
    const runtime = runtimeOf(env);
    assert.deepEqual([runtime.kind, addressText(runtime.address), runtime.source], [kind, address, source]);
  });
}

const REFUSED: [name: string, env: Env, tokens: string[]][] = [
  [
    "AC-06 an unknown runtime names the variable, the value and both legal ones",
    { DAGU_CONTAINER_RUNTIME: "nerdctl" },
    ["DAGU_CONTAINER_RUNTIME", "nerdctl", "docker", "podman"],
  ],
  ["1.1 two runtimes are none", { DAGU_CONTAINER_RUNTIME: "docker,podman" }, ["docker,podman"]],
  [
    "AC-10 a bare path shows the unix:// form",
    { ...PODMAN, DAGU_PODMAN_HOST: "/run/x.sock" },
    ["DAGU_PODMAN_HOST", "unix:///run/x.sock"],
  ],
  ["AC-10 ssh says to forward the socket", { ...PODMAN, DAGU_PODMAN_HOST: "ssh://h/x" }, [
    "ssh",
    "forward",
    "unix://",
  ]],
  ["1.4 an empty host", { DOCKER_HOST: "tcp://" }, ["DOCKER_HOST", "tcp://"]],
  ["1.4 a relative socket path", { DOCKER_HOST: "unix://run/x.sock" }, ["absolute"]],
  ["1.4 npipe is for Windows", { DOCKER_HOST: "npipe:////./pipe/docker_engine" }, ["npipe"]],
  ["1.4 https needs certificates", { DOCKER_HOST: "https://h:1" }, ["DOCKER_CERT_PATH"]],
  [
    "1.4 https is docker's alone, certificates or not",
    { ...PODMAN, DAGU_PODMAN_HOST: "https://h:1", DOCKER_CERT_PATH: "/c" },
    ["DAGU_PODMAN_HOST"],
  ],
  ["1.4 a path of more than 107 bytes", { DOCKER_HOST: TOO_LONG }, ["socket path too long"]],
  ["1.1 a pinned version that is none", { DOCKER_API_VERSION: "latest" }, ["DOCKER_API_VERSION", "latest"]],
];
for (const [name, env, tokens] of REFUSED) {
  Deno.test(`${name} is refused`, () => {
    const { code, message, remedy } = refusalOf(env);
    assert.equal(code, "RUNTIME_CONFIG_INVALID");
    for (const token of tokens) assert.ok(`${message} | ${remedy}`.includes(token), `${message} | ${remedy}`);
  });
}

Deno.test("1.1.1 the settings of other clients are not consulted", () => {
  const others = {
    DOCKER_CONTEXT: "elsewhere",
    CONTAINER_HOST: "unix:///elsewhere.sock",
    CONTAINER_CONNECTION: "elsewhere",
    PODMAN_HOST: "unix:///elsewhere.sock",
  };
  for (const env of [{}, PODMAN]) assert.deepEqual(runtimeOf({ ...others, ...env }), runtimeOf(env));
});

Deno.test("1.1.2 Podman takes one setting, and a second one where its socket is another", () => {
  const one = runtimeOf(PODMAN);
  assert.equal(addressText(one.address), "unix:///run/podman/podman.sock");
  const path = "unix:///run/user/1000/podman/podman.sock";
  assert.equal(addressText(runtimeOf({ ...PODMAN, DAGU_PODMAN_HOST: path }).address), path);
});

Deno.test("1.2 certificates belong to docker mode, and only a cert path turns them on", () => {
  const base = { DOCKER_HOST: "tcp://h:2376", DOCKER_TLS_VERIFY: "1" };
  const plain = runtimeOf(base).address;
  assert.ok(plain.kind === "tcp" && plain.tls === null);
  const secured = runtimeOf({ ...base, DOCKER_CERT_PATH: "/certs" }).address;
  assert.ok(secured.kind === "tcp");
  assert.deepEqual(secured.tls, { certPath: "/certs", isVerified: true });
});

Deno.test("F11 the start-up note says that DOCKER_HOST is ignored, without its value", () => {
  const { notes } = runtimeOf({ ...PODMAN, DOCKER_HOST: "tcp://user:pass@h:1" });
  assert.equal(notes.length, 1);
  assert.match(notes[0] ?? "", /DOCKER_HOST.*ignored/);
  assert.doesNotMatch(notes[0] ?? "", /pass/);
});

Deno.test("0.4.1 no address is shown with its credentials", () => {
  assert.doesNotMatch(JSON.stringify(readRuntime({ DOCKER_HOST: "ssh://me:secret@h/x" })), /secret/);
});

Deno.test("1.1 OD-8 version pin and registry credentials are read in both modes", () => {
  for (const mode of ["docker", "podman"]) {
    const env = { DAGU_CONTAINER_RUNTIME: mode, DOCKER_API_VERSION: "1.41", DOCKER_AUTH_CONFIG: "{}" };
    const { apiVersion, authConfig } = runtimeOf(env);
    assert.deepEqual([apiVersion, authConfig], ["1.41", "{}"]);
  }
});
