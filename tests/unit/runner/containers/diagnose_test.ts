import assert from "node:assert/strict";
import { type EngineError, engineError } from "../../../../src/runner/containers/api/error.ts";
import { diagnose, diagnoseWords, isInitMissing, ROWS } from "../../../../src/runner/containers/diagnose.ts";
import type { Runtime } from "../../../../src/runner/containers/runtime.ts";

const DOCKER: Runtime = {
  kind: "docker",
  address: { kind: "unix", path: "/run/d.sock" },
  source: "DOCKER_HOST",
  apiVersion: null,
  authConfig: null,
  registryConfig: null,
  network: "bridge",
  notes: [],
};
const PODMAN: Runtime = {
  ...DOCKER,
  kind: "podman",
  address: { kind: "unix", path: "/run/podman/podman.sock" },
  source: "default",
};
const IDLE = new AbortController().signal;
const SUBJECT = {
  image: "acme/tool:1",
  program: "nosuchbin",
  user: "ghost",
  network: "ac55net",
  name: "taken",
  ports: ["127.0.0.1:18056:80"],
  workingDir: "/nope",
  policy: "never",
};

/** Words as real engines wrote them, or as the contract's table quotes them. */
const WORDS: [id: string, operation: string, words: string, code: string, exitCode: number, token: string][] =
  [
    [
      "F20 Docker",
      "image inspect",
      "no such image: acme/tool:1: No such image: acme/tool:1",
      "IMAGE_MISSING",
      1,
      "never",
    ],
    [
      "F20 Podman",
      "image inspect",
      "failed to find image acme/tool:1: No such image",
      "IMAGE_MISSING",
      1,
      "unix://",
    ],
    ["F20 at create", "container create", "acme/tool:1: image not known", "IMAGE_MISSING", 1, "acme/tool:1"],
    [
      "F21 Docker",
      "image pull",
      "manifest for acme/tool:1 not found: manifest unknown: manifest unknown",
      "IMAGE_MISSING",
      1,
      "acme/tool:1",
    ],
    [
      "F21 Podman",
      "image pull",
      "initializing source docker://x/y:1: reading manifest 1 in x/y: manifest unknown",
      "IMAGE_MISSING",
      1,
      "registry",
    ],
    [
      "F22 Docker",
      "image pull",
      "Get http://127.0.0.1:5001/v2/: no basic auth credentials",
      "IMAGE_AUTH_FAILED",
      1,
      "credentials used: none",
    ],
    [
      "F22 Podman",
      "image pull",
      "initializing source: unauthorized: authentication required",
      "IMAGE_AUTH_FAILED",
      1,
      "DOCKER_AUTH_CONFIG",
    ],
    [
      "F23 network",
      "image pull",
      "dial tcp: lookup r.example: no such host",
      "IMAGE_PULL_FAILED",
      1,
      "of the engine",
    ],
    [
      "F23 certificate",
      "image pull",
      "x509: certificate signed by unknown authority",
      "IMAGE_PULL_FAILED",
      1,
      "",
    ],
    ["F23 rate", "image pull", "toomanyrequests: You have reached your limit", "IMAGE_PULL_FAILED", 1, ""],
    ["F24 Docker", "image pull", "invalid reference format", "IMAGE_REFERENCE_INVALID", 1, "acme/tool:1"],
    [
      "F24 upper case",
      "image pull",
      "repository name must be lowercase",
      "IMAGE_REFERENCE_INVALID",
      1,
      "lowercase",
    ],
    [
      "F25 create",
      "container create",
      "image with reference acme/tool:1 was found but does not match the specified platform: wanted linux/arm64",
      "IMAGE_PLATFORM_MISMATCH",
      1,
      "acme/tool:1",
    ],
    [
      "F25 start",
      "container start",
      "exec /bin/x: exec format error",
      "IMAGE_PLATFORM_MISMATCH",
      1,
      "platform",
    ],
    [
      "F26 pull",
      "image pull",
      "write /var/lib/x: no space left on device",
      "IMAGE_PULL_FAILED",
      1,
      "storage",
    ],
    [
      "F26 create",
      "container create",
      "mkdir /var/lib/x: no space left on device",
      "OCI_RUNTIME",
      1,
      "storage",
    ],
    [
      "F27",
      "image pull",
      'short-name "tool" did not resolve to an alias',
      "IMAGE_MISSING",
      1,
      "docker.io/library/",
    ],
    [
      "F30 rootless",
      "container create",
      "mkdir /root/x: permission denied",
      "MOUNT_SOURCE_UNAVAILABLE",
      1,
      "engine's machine",
    ],
    [
      "F30 mount object",
      "container create",
      'invalid mount config for type "bind": bind source path does not exist: /x',
      "MOUNT_SOURCE_UNAVAILABLE",
      1,
      "",
    ],
    [
      "F32 name",
      "container create",
      'create a b: "a b" includes invalid characters for a local volume name',
      "MOUNT_INVALID",
      1,
      "",
    ],
    [
      "F33 Docker",
      "container start",
      "Bind for 127.0.0.1:18056 failed: port is already allocated",
      "PORT_IN_USE",
      1,
      "18056",
    ],
    [
      "F33 Podman",
      "container start",
      "cannot listen on the TCP port: listen tcp4 127.0.0.1:18056: bind: address already in use",
      "PORT_IN_USE",
      1,
      "18056",
    ],
    [
      "F34",
      "container start",
      "rootlessport cannot expose privileged port 80, you can add ...",
      "PORT_IN_USE",
      1,
      "1024",
    ],
    [
      "F35 Docker, a 404 at start",
      "container start",
      "network ac55net not found",
      "NETWORK_UNKNOWN",
      1,
      "ac55net",
    ],
    [
      "F35 Podman",
      "container create",
      "unable to find network with name or ID ac55net: network not found",
      "NETWORK_UNKNOWN",
      1,
      "ac55net",
    ],
    [
      "F36 Docker",
      "container create",
      'Conflict. The container name "/taken" is already in use by container "0123"',
      "NAME_IN_USE",
      1,
      "taken",
    ],
    [
      "F36 Podman",
      "container create",
      'creating container storage: the container name "taken" is already in use by 01: that name is already in use',
      "NAME_IN_USE",
      1,
      "taken",
    ],
    [
      "F37",
      "container start",
      "unable to find user ghost: no matching entries in passwd file",
      "USER_UNKNOWN",
      1,
      "ghost",
    ],
    [
      "F37 by exec",
      "exec start",
      "unable to find user ghost: no matching entries in passwd file\r\n",
      "USER_UNKNOWN",
      1,
      "ghost",
    ],
    [
      "F38 Docker",
      "container start",
      'exec: "nosuchbin": executable file not found in $PATH: unknown',
      "COMMAND_NOT_FOUND",
      127,
      "nosuchbin",
    ],
    [
      "F38 Podman",
      "container start",
      'runc: exec: "nosuchbin": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found',
      "COMMAND_NOT_FOUND",
      127,
      "acme/tool:1",
    ],
    [
      "F38 through Docker's init",
      "container start",
      "[FATAL tini (7)] exec nosuchbin failed: No such file or directory\n",
      "COMMAND_NOT_FOUND",
      127,
      "nosuchbin",
    ],
    [
      "F38 through Podman's init",
      "container start",
      "ERROR (catatonit:6): failed to exec pid1: No such file or directory\n",
      "COMMAND_NOT_FOUND",
      127,
      "PATH",
    ],
    [
      "F38 by exec on Docker",
      "exec start",
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuchbin": executable file not found in $PATH: unknown\r\n',
      "COMMAND_NOT_FOUND",
      127,
      "nosuchbin",
    ],
    [
      "F39 by exec on Podman",
      "exec start",
      'Error: /usr/sbin/runc: exec failed: unable to start container process: exec: "/etc/passwd": permission denied: OCI permission denied\n',
      "COMMAND_NOT_EXECUTABLE",
      126,
      "nosuchbin",
    ],
    [
      "F39 through Docker's init",
      "container start",
      "[FATAL tini (7)] exec /etc/passwd failed: Permission denied\n",
      "COMMAND_NOT_EXECUTABLE",
      126,
      "cannot be executed",
    ],
    [
      "F40, although Podman also says that a command was not found",
      "exec start",
      'chdir to cwd ("/nope") set in config.json failed: no such file or directory: OCI runtime attempted to invoke a command that was not found',
      "OCI_RUNTIME",
      126,
      "/nope",
    ],
    ["F42 Docker", "container create", "No command specified", "OCI_RUNTIME", 1, "acme/tool:1"],
    [
      "F42 Podman",
      "container create",
      "no command or entrypoint provided, and no CMD",
      "OCI_RUNTIME",
      1,
      "command",
    ],
    ["F43", "container start", "exec /bin/sh: argument list too long", "OCI_RUNTIME", 1, "128 KiB"],
    ["F44", "container start", "OCI runtime create failed: cgroup weirdness", "OCI_RUNTIME", 1, "refused"],
    [
      "F54",
      "exec create",
      "Container 0123 is paused, unpause the container before exec",
      "CONTAINER_NOT_RUNNING",
      1,
      "unpause",
    ],
    ["F61 Docker", "exec create", "Container 0123 is not running", "CONTAINER_NOT_RUNNING", 1, "taken"],
    [
      "F61 Podman",
      "exec create",
      "can only create exec sessions on running containers: container state improper",
      "CONTAINER_NOT_RUNNING",
      1,
      "",
    ],
  ];
for (const [id, operation, words, code, exitCode, token] of WORDS) {
  for (const runtime of [DOCKER, PODMAN]) {
    Deno.test("F37 the user that is unknown is the image's own", () => {
      const words = "unable to find user ghost: no matching entries in passwd file";
      const { failure } = diagnoseWords(DOCKER, "container start", words, {
        image: "acme/tool:1",
        user: null,
      });
      assert.equal(failure.code, "USER_UNKNOWN");
      assert.equal(
        failure.message,
        'the user that image "acme/tool:1" names as its own does not exist in it',
      );
    });

    Deno.test(`${id} is ${code} (${runtime.kind} mode)`, () => {
      const error = engineError("answered", operation, words, { status: 500 });
      const { failure, exitCode: got } = diagnose(runtime, error, SUBJECT, IDLE);
      const said = `${failure.message} | ${failure.remedy}`;
      assert.deepEqual([failure.code, got], [code, exitCode], said);
      assert.ok(said.includes(token), said);
      assert.equal(failure.engineText, words.trim());
      assert.equal(failure.engine, runtime.kind);
    });
  }
}

const BROKEN: [id: string, runtime: Runtime, error: EngineError, code: string, tokens: string[]][] = [
  [
    "F01 F02 a missing socket names the address and where it comes from",
    PODMAN,
    unreachable("ENOENT", "missing"),
    "ENGINE_UNREACHABLE",
    ["/run/podman/podman.sock", "default", "DAGU_PODMAN_HOST", "does not exist", "podman.socket"],
  ],
  [
    "F03 nobody listens",
    PODMAN,
    unreachable("ECONNREFUSED", "socket"),
    "ENGINE_UNREACHABLE",
    ["nobody listens", "podman machine start"],
  ],
  [
    "F04 a file is not a socket, whatever the kernel says",
    DOCKER,
    unreachable("ECONNREFUSED", "other"),
    "RUNTIME_CONFIG_INVALID",
    ["/run/d.sock is not a socket", "DOCKER_HOST"],
  ],
  [
    "F05 permission shows who owns the socket and who we are",
    DOCKER,
    unreachable("EACCES", "socket", "0660 0:117"),
    "ENGINE_PERMISSION",
    ["0660 0:117", "the runner is user", "group"],
  ],
  [
    "F06 an unknown host",
    { ...DOCKER, address: { kind: "tcp", host: "nowhere", port: 1, tls: null } },
    engineError("unreachable", "ping", "getaddrinfo ENOTFOUND nowhere", { cause: "ENOTFOUND" }),
    "ENGINE_UNREACHABLE",
    ["tcp://nowhere:1", "DNS"],
  ],
  [
    "F07 something else answers",
    DOCKER,
    engineError("foreign", "ping", 'the answer begins with "<html>"'),
    "ENGINE_PROTOCOL",
    ["<html>", "Docker-compatible"],
  ],
  [
    "F08 a refused version names the variable that pins it",
    { ...DOCKER, apiVersion: "1.99" },
    engineError("answered", "info", "client version 1.99 is too new. Maximum supported API version is 1.41"),
    "ENGINE_PROTOCOL",
    ["1.99", "1.41", "DOCKER_API_VERSION"],
  ],
  [
    "F12 an engine that hangs",
    DOCKER,
    engineError("silent", "container create", "no answer to POST /containers/create within 30000 ms"),
    "ENGINE_UNREACHABLE",
    ["/containers/create", "30000 ms"],
  ],
  [
    "1.1 certificates that are not there",
    DOCKER,
    engineError("config", "connect", "certificates of DOCKER_CERT_PATH: no such file"),
    "RUNTIME_CONFIG_INVALID",
    ["DOCKER_CERT_PATH"],
  ],
];
for (const [name, runtime, error, code, tokens] of BROKEN) {
  Deno.test(name, () => {
    const { failure, exitCode } = diagnose(runtime, error, {}, IDLE);
    const said = `${failure.message} | ${failure.remedy}`;
    assert.deepEqual([failure.code, exitCode], [code, 1], said);
    for (const token of tokens) assert.ok(said.includes(token), `${token} in ${said}`);
  });
}

Deno.test("F68 what was stopped is cancelled, not broken; a timeout keeps its name", () => {
  const aborted = engineError("aborted", "image pull", "stopped");
  const stopped = (reason: unknown): string =>
    diagnose(DOCKER, aborted, {}, AbortSignal.abort(reason)).failure.code;
  assert.equal(stopped({ kind: "cancelled", by: "ada", force: false }), "CANCELLED");
  assert.equal(stopped({ kind: "timeout", scope: "step", limitMs: 1_000 }), "STEP_TIMEOUT");
  assert.equal(stopped({ kind: "timeout", scope: "run", limitMs: 1_000 }), "RUN_TIMEOUT");
});

Deno.test("F41 a missing shell says how to do without one", () => {
  const words = 'exec: "/bin/sh": no such file or directory: executable file not found';
  const { failure } = diagnoseWords(DOCKER, "container start", words, { ...SUBJECT, program: "/bin/sh" });
  assert.equal(failure.code, "COMMAND_NOT_FOUND");
  assert.match(failure.remedy, /shell: \[direct\]/);
});

Deno.test("F45 a missing init binary is not a missing program", () => {
  const missing = [
    'exec: "docker-init": executable file not found in $PATH: unknown',
    "container-init binary not found on the host: stat /usr/libexec/podman/catatonit: no such file or directory",
  ];
  for (const words of missing) {
    assert.ok(isInitMissing(engineError("answered", "container start", words)), words);
  }
  const program = 'exec: "nosuchbin": executable file not found in $PATH';
  assert.ok(!isInitMissing(engineError("answered", "container start", program)));
});

Deno.test("0.4.1 the engine's words are cut at 2 KiB and ids at 12 characters", () => {
  const error = engineError("answered", "container start", "x".repeat(9_000));
  const { failure } = diagnose(DOCKER, error, { container: "0123456789abcdef" }, IDLE);
  assert.equal(failure.engineText?.length, 2_048);
  assert.equal(failure.container, "0123456789ab");
});

function unreachable(cause: string, state: "socket" | "other" | "missing", mode = ""): EngineError {
  return engineError("unreachable", "ping", `connect ${cause}`, { cause, file: { state, mode } });
}

Deno.test("8.0.4 words are looked for whatever their case", () => {
  for (const { id, words } of ROWS) assert.ok(words.flags.includes("i") || words.source === ".", id);
});

/** An engine puts the same words behind any status. */
const PULL_WORDS: readonly (readonly [words: string, code: string])[] = [
  ["manifest for acme/tool:1 not found: manifest unknown: manifest unknown", "IMAGE_MISSING"],
  [
    "initializing source docker://acme/tool:1: reading manifest 1 in r/acme/tool: manifest unknown",
    "IMAGE_MISSING",
  ],
  ["name unknown: repository name not known to registry", "IMAGE_MISSING"],
  [
    "unexpected status from HEAD request to https://r.example/v2/acme/tool/manifests/1: 404 Not Found",
    "IMAGE_MISSING",
  ],
  ["unauthorized: authentication required", "IMAGE_AUTH_FAILED"],
  ["Get https://r.example/v2/: no basic auth credentials", "IMAGE_AUTH_FAILED"],
  ["denied: permission_denied: read_package", "IMAGE_AUTH_FAILED"],
  ["Head https://ghcr.io/v2/acme/tool/manifests/1: denied", "IMAGE_AUTH_FAILED"],
  [
    "pull access denied for acme/tool, repository does not exist or may require docker login",
    "IMAGE_AUTH_FAILED",
  ],
  ["invalid reference format", "IMAGE_REFERENCE_INVALID"],
  [
    "normalizing image: invalid reference format: repository name must be lowercase",
    "IMAGE_REFERENCE_INVALID",
  ],
  ["dial tcp: lookup r.example: no such host", "IMAGE_PULL_FAILED"],
  ["pinging container registry r.example: dial tcp 10.0.0.1:443: connection refused", "IMAGE_PULL_FAILED"],
  ["toomanyrequests: You have reached your pull rate limit", "IMAGE_PULL_FAILED"],
  ["mkdir /var/lib/containers/storage/overlay/x: permission denied", "IMAGE_PULL_FAILED"],
  ['exec: "docker-credential-x": executable file not found in $PATH', "IMAGE_PULL_FAILED"],
];
for (const [words, code] of PULL_WORDS) {
  Deno.test(`6.2.1 by its words, whatever the status: ${words}`, () => {
    for (const status of [200, 404, 500]) {
      const error = engineError("answered", "image pull", words, { status });
      assert.equal(diagnose(DOCKER, error, SUBJECT, IDLE).failure.code, code, `${status}`);
    }
  });
}

Deno.test("6.3 an unknown image is shown in both names, with engine, address and policy; Podman has a local prefix", () => {
  const words = "manifest unknown";
  const subject = { image: "tool:1", policy: "missing" };
  for (const runtime of [DOCKER, PODMAN]) {
    const { failure } = diagnoseWords(runtime, "image pull", words, subject);
    const text = `${failure.message} | ${failure.remedy}`;
    for (
      const part of ['"tool:1"', "docker.io/library/tool:1", runtime.kind, "unix://", "pull_policy missing"]
    ) {
      assert.ok(text.includes(part), `${part}: ${text}`);
    }
    for (const part of [/spelling/, /registry/, /credentials/]) assert.match(failure.remedy, part);
    assert.equal(failure.remedy.includes("localhost/tool:1"), runtime.kind === "podman");
  }
  const full = diagnoseWords(PODMAN, "image pull", words, { image: "ghcr.io/acme/tool:1" });
  assert.doesNotMatch(full.failure.remedy, /localhost/);
});
