/** The runner's policy against those who want round it (control-plane contract 7.12; containers contract B20). */
import assert from "node:assert/strict";
import { newPolicy, PolicyError, readPolicy, type RunPolicy } from "../../../src/runner/policy.ts";
import { parsePolicy } from "../../../src/runner/policy-file.ts";
import { compileImagePattern } from "../../../src/runner/policy-image.ts";
import { fullImage } from "../../../src/workflow/image.ts";

interface Places extends AsyncDisposable {
  readonly root: string;
  readonly policy: (text: string) => RunPolicy;
}

/** `@W` in a policy is a folder with data/ (open), work/ (the run's own) and state/ (the runner's). */
async function openPlaces(): Promise<Places> {
  const root = await Deno.realPath(await Deno.makeTempDir());
  for (const name of ["data/inner", "work", "state", "ro"]) {
    await Deno.mkdir(`${root}/${name}`, { recursive: true });
  }
  await Deno.writeTextFile(`${root}/data/file`, "");
  await Deno.symlink("/etc", `${root}/work/etc`);
  await Deno.symlink("../../..", `${root}/data/inner/up`);
  await Deno.symlink("/nowhere/yet", `${root}/work/dangling`);
  await Deno.symlink("there", `${root}/work/here`);
  await Deno.symlink("here", `${root}/work/there`);
  await Deno.symlink(`${root}/data`, `${root}/work/data`);
  return {
    root,
    policy: (text) => {
      const read = parsePolicy(text.replaceAll("@W", root));
      assert.ok(read.ok, JSON.stringify(read));
      return newPolicy(read.rules, { digest: "", path: `${root}/policy.yaml`, signing: null }).forRun(
        { name: "w", trust: "trusted" },
        { own: [`${root}/work`], secret: [`${root}/state`, "/run/docker.sock"] },
      );
    },
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

/** `ok`, or the rule that refused it. */
function verdict(failure: object | null | string): string {
  if (failure === null || typeof failure === "string" || "body" in failure) return "ok";
  assert.ok("code" in failure && failure.code === "POLICY_DENIED", JSON.stringify(failure));
  const message = "message" in failure ? String(failure.message) : "";
  return /\(rule ([\w.]+)\)$/.exec(message)?.[1] ?? message;
}

// ---- images -----------------------------------------------------------------------------------------------------

Deno.test("policy: one image has one name, however it is written", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const table: [written: string, full: string][] = [
    ["alpine", "docker.io/library/alpine latest"],
    ["alpine:3.20", "docker.io/library/alpine 3.20"],
    ["docker.io/alpine:3.20", "docker.io/library/alpine 3.20"],
    ["index.docker.io/library/alpine:3.20", "docker.io/library/alpine 3.20"],
    ["DOCKER.io/library/alpine:3.20", "docker.io/library/alpine 3.20"],
    ["acme/tool", "docker.io/acme/tool latest"],
    ["localhost/alpine:3.20", "localhost/alpine 3.20"],
    ["docker.io:443/library/alpine:3.20", "docker.io:443/library/alpine 3.20"],
    [`alpine:3.20@${digest}`, `docker.io/library/alpine ${digest}`],
    [`alpine@${digest}`, `docker.io/library/alpine ${digest}`],
    ["GHCR.io/acme/tool:V1", "ghcr.io/acme/tool V1"],
    [digest, "none"],
    ["Alpine", "none"],
  ];
  for (const [written, full] of table) {
    const image = fullImage(written);
    const read = image === null ? "none" : `${image.repository} ${image.digest ?? image.tag}`;
    assert.equal(read, full, written);
  }
});

Deno.test("policy: what an image pattern fits", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const table: [pattern: string, image: string, fits: boolean][] = [
    ["docker.io/library/alpine", "alpine:3.19", true],
    ["docker.io/library/alpine:3.20", "alpine:3.20", true],
    ["docker.io/library/alpine:3.20", "alpine", false],
    ["docker.io/library/alpine:3.*", "docker.io/alpine:3.1", true],
    ["docker.io/library/alpine:3.20", `alpine:3.20@${digest}`, false],
    ["docker.io/library/alpine", `alpine:3.20@${digest}`, true],
    [
      `docker.io/library/alpine@${digest}`,
      `alpine@${digest.replaceAll("a", "A").replace("shA", "sha")}`,
      true,
    ],
    [`docker.io/library/alpine@${digest}`, "alpine:3.20", false],
    ["ghcr.io/acme/*", "ghcr.io/acme/tool:1", true],
    ["ghcr.io/acme/*", "ghcr.io/acme/team/tool:1", false],
    ["ghcr.io/acme/**", "ghcr.io/acme/team/tool:1", true],
    ["ghcr.io/acme/**", "ghcr.io/acme-evil/tool:1", false],
    ["ghcr.io/**", "ghcr.io.evil.example/acme/tool", false],
    ["ghcr.io/**", "ghcr.io:444/acme/tool", false],
    ["localhost:5080/**", "localhost:5080/a/b:1", true],
    ["docker.io/library/alpine", "evil.example/docker.io/library/alpine", false],
    ["**", "evil.example/x", true],
  ];
  for (const [pattern, image, fits] of table) {
    const full = fullImage(image);
    assert.equal(full !== null && compileImagePattern(pattern)(full), fits, `${pattern} ${image}`);
  }
});

Deno.test("policy: the engine is asked for exactly what was looked at", async () => {
  await using places = await openPlaces();
  const { guard } = places.policy('images: {allow: ["docker.io/library/alpine:3.20"]}');
  assert.equal(guard.image("alpine:3.20"), "docker.io/library/alpine:3.20");
  assert.equal(verdict(guard.image("busybox")), "images.allow");
  // Hexadecimal names are ids to an engine: they are asked for as names.
  const any = places.policy("images: {allow: ['**']}").guard;
  assert.equal(any.image("deadbeefcafe"), "docker.io/library/deadbeefcafe:latest");
  assert.equal(verdict(any.image(`sha256:${"b".repeat(64)}`)), "images.allow");
  const pinned = places.policy("images: {allow: ['**'], require_digest: true}").guard;
  assert.equal(verdict(pinned.image("alpine:3.20")), "images.require_digest");
  const digest = `sha256:${"a".repeat(64)}`;
  assert.equal(pinned.image(`alpine:3.20@${digest}`), `docker.io/library/alpine@${digest}`);
});

// ---- bodies -----------------------------------------------------------------------------------------------------

const BASE = "images: {allow: ['**']}\n";
const DATA =
  `${BASE}mounts: {allow: ["@W/data", {source: "@W/ro", read_only: true}], volumes: ["cache-*"]}\n`;

type Bodies = [name: string, policy: string, host: Record<string, unknown>, want: string][];

const HOSTS: Bodies = [
  ["nothing", BASE, {}, "ok"],
  ["privileged", BASE, { Privileged: true }, "privileged"],
  ["privileged, not true", `${BASE}privileged: true`, { Privileged: "yes" }, "privileged"],
  ["privileged, allowed", `${BASE}privileged: true`, { Privileged: true }, "ok"],
  ["a key in another case", `${BASE}privileged: true`, { privileged: true }, "settings.allow"],
  ["a key of nobody", BASE, { Whatever: 1 }, "settings.allow"],
  ["CapAdd", BASE, { CapAdd: ["NET_ADMIN"] }, "capabilities.allow"],
  ["CapAdd as a word", BASE, { CapAdd: "SYS_ADMIN" }, "capabilities.allow"],
  ["CapAdd, all", `${BASE}capabilities: {allow: [NET_ADMIN]}`, { CapAdd: ["ALL"] }, "capabilities.allow"],
  ["CapAdd, allowed", `${BASE}capabilities: {allow: [cap_net_admin]}`, { CapAdd: ["CAP_net_admin"] }, "ok"],
  ["PidMode host", BASE, { PidMode: "host" }, "settings.allow"],
  ["PidMode of a container", BASE, { PidMode: "container:x" }, "settings.allow"],
  [
    "PidMode, let through by name",
    `${BASE}settings: {allow: [PidMode]}`,
    { PidMode: "host" },
    "settings.allow",
  ],
  ["IpcMode host", BASE, { IpcMode: "host" }, "settings.allow"],
  ["UTSMode host", BASE, { UTSMode: "host" }, "settings.allow"],
  ["CgroupnsMode host", BASE, { CgroupnsMode: "host" }, "settings.allow"],
  ["UsernsMode host", BASE, { UsernsMode: "host" }, "settings.allow"],
  ["UsernsMode keep-id", BASE, { UsernsMode: "keep-id:uid=1000,gid=1000" }, "ok"],
  ["CgroupParent", BASE, { CgroupParent: "/" }, "settings.allow"],
  ["seccomp", BASE, { SecurityOpt: ["seccomp=unconfined"] }, "settings.allow"],
  ["apparmor", BASE, { SecurityOpt: ["no-new-privileges", "apparmor:unconfined"] }, "settings.allow"],
  ["no-new-privileges", BASE, { SecurityOpt: ["no-new-privileges:true"] }, "ok"],
  ["no masked paths", BASE, { MaskedPaths: [] }, "settings.allow"],
  ["a device", BASE, { Devices: [{ PathOnHost: "/dev/sda" }] }, "devices.allow"],
  [
    "a device, allowed",
    `${BASE}devices: {allow: [/dev/fuse]}`,
    { Devices: [{ PathOnHost: "/dev/fuse" }] },
    "ok",
  ],
  [
    "a device by another way",
    `${BASE}devices: {allow: [/dev/fuse]}`,
    { Devices: [{ PathOnHost: "/dev/../dev/sda" }] },
    "devices.allow",
  ],
  [
    "a device whose path is a second key",
    `${BASE}devices: {allow: [/dev/fuse]}`,
    { Devices: [{ PathOnHost: "/dev/fuse", pathonhost: "/dev/sda" }] },
    "devices.allow",
  ],
  ["device rules", BASE, { DeviceCgroupRules: ["a *:* rwm"] }, "settings.allow"],
  ["device requests", BASE, { DeviceRequests: [{ Count: -1 }] }, "settings.allow"],
  [
    "sysctls, let through",
    `${BASE}settings: {allow: [Sysctls]}`,
    { Sysctls: { "net.core.somaxconn": "1" } },
    "ok",
  ],
  ["VolumesFrom", BASE, { VolumesFrom: ["other"] }, "settings.allow"],
  ["VolumeDriver", BASE, { VolumeDriver: "local" }, "settings.allow"],
  ["Links", BASE, { Links: ["db"] }, "settings.allow"],
  ["LogConfig", BASE, { LogConfig: { Type: "syslog" } }, "settings.allow"],
  ["Runtime", BASE, { Runtime: "evil" }, "settings.allow"],
  ["Annotations", BASE, { Annotations: { "run.oci.keep_original_groups": "1" } }, "settings.allow"],
  ["keep-groups", BASE, { GroupAdd: ["keep-groups"] }, "settings.allow"],
  ["OomKillDisable", BASE, { OomKillDisable: true }, "settings.allow"],
  ["network host", BASE, { NetworkMode: "host" }, "networks.allow"],
  ["network host under *", `${BASE}networks: {allow: ["*"]}`, { NetworkMode: "host" }, "networks.allow"],
  ["network host, allowed", `${BASE}networks: {allow: [host]}`, { NetworkMode: "host" }, "ok"],
  [
    "network of a container under *",
    `${BASE}networks: {allow: ["**"]}`,
    { NetworkMode: "container:db" },
    "networks.allow",
  ],
  [
    "network by path",
    `${BASE}networks: {allow: ["*"]}`,
    { NetworkMode: "ns:/proc/1/ns/net" },
    "networks.allow",
  ],
  ["network none", BASE, { NetworkMode: "none" }, "ok"],
  ["the engine's own network", BASE, { NetworkMode: "default" }, "ok"],
  ["no network where bridge is not open", `${BASE}networks: {allow: [none]}`, {}, "networks.allow"],
  [
    "two networks in one word",
    `${BASE}networks: {allow: ["*"]}`,
    { NetworkMode: "a,host" },
    "networks.allow",
  ],
  ["a port", BASE, { PortBindings: { "80/tcp": [{ HostPort: "8080" }] } }, "ports.allow"],
  ["a port, allowed", `${BASE}ports: {allow: [8000-8999]}`, {
    PortBindings: { "80/tcp": [{ HostPort: "8080" }] },
  }, "ok"],
  [
    "a range",
    `${BASE}ports: {allow: [8000]}`,
    { PortBindings: { "80/tcp": [{ HostPort: "8000-9000" }] } },
    "ports.allow",
  ],
  ["any port", `${BASE}ports: {allow: [8000]}`, { PortBindings: { "80/tcp": [{}] } }, "ports.allow"],
  ["all ports", `${BASE}ports: {allow: [8000]}`, { PublishAllPorts: true }, "ports.allow"],
  ["a bind", BASE, { Binds: ["/etc:/x:ro"] }, "mounts.allow"],
  ["a bind of everything", DATA, { Binds: ["/:/x"] }, "mounts.allow"],
  ["an open folder", DATA, { Binds: ["@W/data:/x"] }, "ok"],
  ["a folder below", DATA, { Binds: ["@W/data/inner:/x"] }, "ok"],
  ["a name that only begins so", DATA, { Binds: ["@W/data-evil:/x"] }, "mounts.allow"],
  ["dots", DATA, { Binds: ["@W/data/../state:/x"] }, "mounts.allow"],
  ["a link out", DATA, { Binds: ["@W/data/inner/up/etc:/x"] }, "mounts.allow"],
  ["a link out of the run's folder", DATA, { Binds: ["@W/work/etc:/x"] }, "mounts.allow"],
  ["a link to nowhere yet", DATA, { Binds: ["@W/work/dangling/x:/x"] }, "mounts.allow"],
  ["links in a circle", DATA, { Binds: ["@W/work/here/x:/x"] }, "mounts.allow"],
  ["a link to an open folder", DATA, { Binds: ["@W/work/data:/x"] }, "ok"],
  ["the run's own folder", BASE, { Binds: ["@W/work:/x"] }, "ok"],
  ["read-only, as it must", DATA, { Binds: ["@W/ro:/x:ro"] }, "ok"],
  ["read-only, with a label", DATA, { Binds: ["@W/ro:/x:ro,z"] }, "ok"],
  ["read-only, written", DATA, { Binds: ["@W/ro:/x:rw"] }, "mounts.allow"],
  ["shared with the host", DATA, { Binds: ["@W/data:/x:rshared"] }, "mounts.allow"],
  ["the runner's state", `${BASE}mounts: {allow: ["@W"]}`, { Binds: ["@W/state:/x"] }, "mounts.allow"],
  ["what holds the runner's state", `${BASE}mounts: {allow: ["@W"]}`, { Binds: ["@W:/x"] }, "mounts.allow"],
  ["beside the runner's state", `${BASE}mounts: {allow: ["@W"]}`, { Binds: ["@W/data:/x"] }, "ok"],
  ["the engine's socket", `${BASE}mounts: {allow: [/]}`, { Binds: ["/run/docker.sock:/x"] }, "mounts.allow"],
  ["the engine's socket's folder", `${BASE}mounts: {allow: [/run]}`, { Binds: ["/run:/x"] }, "mounts.allow"],
  ["the engine's socket, by name", `${BASE}mounts: {allow: [/run/docker.sock]}`, {
    Binds: ["/run/docker.sock:/x"],
  }, "ok"],
  ["a volume", BASE, { Binds: ["cache-a:/x"] }, "mounts.volumes"],
  ["a volume, allowed", DATA, { Binds: ["cache-a:/x"] }, "ok"],
  ["a relative folder", DATA, { Binds: ["./data:/x"] }, "mounts.volumes"],
  ["a bind that is no text", DATA, { Binds: [{ Source: "/etc" }] }, "mounts.allow"],
  ["a mount", DATA, { Mounts: [{ Type: "bind", Source: "@W/data", Target: "/x" }] }, "ok"],
  [
    "a mount of something else",
    DATA,
    { Mounts: [{ Type: "bind", Source: "/etc", Target: "/x" }] },
    "mounts.allow",
  ],
  [
    "a mount in another case",
    DATA,
    { Mounts: [{ type: "bind", source: "/etc", Target: "/x" }] },
    "mounts.allow",
  ],
  ["a mount, written", DATA, { Mounts: [{ Type: "bind", Source: "@W/ro", Target: "/x" }] }, "mounts.allow"],
  [
    "a mount, read",
    DATA,
    { Mounts: [{ Type: "bind", Source: "@W/ro", Target: "/x", ReadOnly: true }] },
    "ok",
  ],
  [
    "a path as a volume",
    DATA,
    { Mounts: [{ Type: "volume", Source: "/etc", Target: "/x" }] },
    "mounts.volumes",
  ],
  ["a nameless volume", BASE, { Mounts: [{ Type: "volume", Target: "/x" }] }, "ok"],
  [
    "a volume that its driver binds",
    DATA,
    {
      Mounts: [{
        Type: "volume",
        Source: "cache-a",
        Target: "/x",
        VolumeOptions: {
          DriverConfig: { Name: "local", Options: { type: "none", o: "bind", device: "/etc" } },
        },
      }],
    },
    "mounts.allow",
  ],
  [
    "a propagated mount",
    DATA,
    { Mounts: [{ Type: "bind", Source: "@W/data", Target: "/x", BindOptions: { Propagation: "rshared" } }] },
    "mounts.allow",
  ],
  [
    "an image as a mount",
    DATA,
    { Mounts: [{ Type: "image", Source: "evil", Target: "/x" }] },
    "mounts.allow",
  ],
  [
    "a second mount within the target",
    DATA,
    { Mounts: [{ Type: "tmpfs", Target: "/x,type=bind,source=/etc" }] },
    "mounts.allow",
  ],
  ["tmpfs", BASE, { Tmpfs: { "/x": "size=1m" } }, "ok"],
];

for (const [name, policy, host, want] of HOSTS) {
  Deno.test(`5.1.4 policy: host settings: ${name}: ${want}`, async () => {
    await using places = await openPlaces();
    const text = JSON.stringify({ Image: "alpine", HostConfig: host }).replaceAll("@W", places.root);
    assert.equal(verdict(await places.policy(policy).guard.body(JSON.parse(text))), want);
  });
}

const TOPS: [name: string, body: Record<string, unknown>, want: string][] = [
  ["an image that is not allowed", { Image: "busybox" }, "images.allow"],
  ["a bind written as an anonymous volume", { Volumes: { "/etc:/x": {} } }, "mounts.allow"],
  ["an anonymous volume", { Volumes: { "/x": {} } }, "ok"],
  ["a second HostConfig", { hostconfig: { Privileged: true } }, "settings.allow"],
  ["a variable of the engine's own environment", { Env: ["A=1", "HOME"] }, "settings.allow"],
  ["a network beside the mode", { NetworkingConfig: { EndpointsConfig: { prod: {} } } }, "networks.allow"],
  ["endpoints in another case", { NetworkingConfig: { endpointsConfig: { prod: {} } } }, "networks.allow"],
  [
    "links of an endpoint",
    { NetworkingConfig: { EndpointsConfig: { bridge: { Links: ["db"] } } } },
    "settings.allow",
  ],
];

for (const [name, body, want] of TOPS) {
  Deno.test(`policy: container settings: ${name}: ${want}`, async () => {
    await using places = await openPlaces();
    const { guard } = places.policy("images: {allow: ['docker.io/library/alpine']}");
    assert.equal(verdict(await guard.body({ Image: "alpine", HostConfig: {}, ...body })), want);
  });
}

Deno.test("policy: the body that is sent has real paths and the ceilings", async () => {
  await using places = await openPlaces();
  const { guard } = places.policy(`${DATA}limits: {cpu: 1, memory: 64Mi, pids: 32}`);
  const sent = async (host: Record<string, unknown>): Promise<unknown> => {
    const judged = await guard.body({ Image: "alpine", HostConfig: host });
    assert.ok("body" in judged, JSON.stringify(judged));
    return judged.body["HostConfig"];
  };
  const mib = 2 ** 20;
  assert.deepEqual(await sent({ Binds: [`${places.root}/work/data/inner:/x:ro`] }), {
    Binds: [`${places.root}/data/inner:/x:ro`],
    Memory: 64 * mib,
    NanoCpus: 1e9,
    PidsLimit: 32,
  });
  assert.deepEqual(await sent({ Memory: 16 * mib, NanoCPUs: 5e8, PidsLimit: 8 }), {
    Binds: [],
    Memory: 16 * mib,
    NanoCpus: 5e8,
    PidsLimit: 8,
  });
  assert.deepEqual(
    await sent({ Memory: -1, MemorySwap: -1, CpuQuota: 400_000, CpuPeriod: 100_000, PidsLimit: -1 }),
    {
      Binds: [],
      Memory: 64 * mib,
      MemorySwap: 64 * mib,
      NanoCpus: 1e9,
      PidsLimit: 32,
    },
  );
});

// ---- beside containers --------------------------------------------------------------------------------------------

Deno.test("policy: steps, commands and files of the machine", async () => {
  await using places = await openPlaces();
  const closed = places.policy(BASE);
  const open = places.policy(`${BASE}host: true\nsteps: {deny: [ssh.run, "git.*"]}`);
  const table: [action: string, place: "host" | "own" | "shared", closed: string, open: string][] = [
    ["run", "host", "host", "ok"],
    ["run", "own", "ok", "ok"],
    ["harness.run", "host", "host", "ok"],
    ["harness.run", "shared", "ok", "ok"],
    ["docker.run", "host", "ok", "ok"],
    ["exec", "own", "host", "ok"],
    ["file.write", "shared", "host", "ok"],
    ["http.request", "host", "host", "ok"],
    ["ssh.run", "host", "steps", "steps"],
    ["git.checkout", "host", "steps", "steps"],
    ["artifact.write", "host", "ok", "ok"],
    ["an.action.of.next.year", "host", "host", "ok"],
  ];
  for (const [action, place, whenClosed, whenOpen] of table) {
    const isDenied = whenClosed === "steps";
    assert.equal(verdict(closed.step(action, place)), isDenied ? "host" : whenClosed, action);
    assert.equal(verdict(open.step(action, place)), whenOpen, action);
  }
  assert.equal(verdict(closed.command()), "host");
  assert.equal(verdict(open.command()), "ok");
  assert.equal(verdict(await closed.path(`${places.root}/work/new/file`)), "ok");
  assert.equal(verdict(await closed.path(`${places.root}/work/etc/passwd`)), "host");
  assert.equal(verdict(await closed.path(`${places.root}/work/../state`)), "host");
  assert.equal(verdict(await open.path("/etc/passwd")), "ok");
});

Deno.test("policy: secrets, foreign containers, workflows, untrusted runs", async () => {
  await using places = await openPlaces();
  const policy = places.policy('secrets: {env: ["CI_*"], files: ["@W/data"]}\nexec: {allow: ["db-*"]}');
  const env = (key: string) => ({ name: "s", source: { kind: "provider", provider: "env", key } }) as const;
  const file = (key: string) => ({ name: "s", source: { kind: "provider", provider: "file", key } }) as const;
  assert.equal(verdict(await policy.secret(env("CI_TOKEN"))), "ok");
  assert.equal(verdict(await policy.secret(env("DAGU_RUNNER_REGISTRATION_TOKEN"))), "secrets.env");
  assert.equal(verdict(await policy.secret(file(`${places.root}/data/file`))), "ok");
  assert.equal(
    verdict(await policy.secret(file(`${places.root}/data/inner/up/etc/passwd`))),
    "secrets.files",
  );
  assert.equal(verdict(await policy.secret(file("data/file"))), "secrets.files");
  assert.equal(verdict(policy.guard.exec("db-1")), "ok");
  assert.equal(verdict(policy.guard.exec("dagu-other-root-1")), "exec.allow");

  const read = parsePolicy(
    "workflows: {allow: ['ci-*'], deny: [ci-secret]}\nuntrusted: container-only\nhost: true",
  );
  assert.ok(read.ok);
  const whole = newPolicy(read.rules, { digest: "", path: "", signing: null });
  const trusted = { name: "ci-build", trust: "trusted" } as const;
  assert.equal(verdict(whole.run(trusted)), "ok");
  assert.equal(verdict(whole.run({ ...trusted, name: "ci-secret" })), "workflows");
  assert.equal(verdict(whole.run({ ...trusted, name: "nightly" })), "workflows");
  assert.equal(whole.forRun(trusted, { own: [], secret: [] }).isConfined, false);
  const fork = { name: "ci-build", trust: "untrusted" } as const;
  assert.equal(verdict(whole.run(fork)), "ok");
  assert.equal(whole.forRun(fork, { own: [], secret: [] }).isConfined, true);
  const silent = parsePolicy("host: true");
  assert.ok(silent.ok);
  assert.equal(
    verdict(newPolicy(silent.rules, { digest: "", path: "", signing: null }).run(fork)),
    "untrusted",
  );
});

// ---- the file -----------------------------------------------------------------------------------------------------

const BROKEN: [text: string, line: string][] = [
  ["images:\n  alow: [x]\n", "2:3: images.alow"],
  ["host: maybe\n", "1:1: host"],
  ["images: {allow: [alpine]}\n", "1:18: images.allow[0]"],
  ["mounts:\n  allow:\n    - relative/folder\n", "3:7: mounts.allow[0]"],
  ["mounts:\n  allow:\n    - {source: /srv, readonly: true}\n", "3:22: mounts.allow[0].readonly"],
  ["ports: {allow: [0]}\n", "1:17: ports.allow[0]"],
  ["limits: {memory: much}\n", "1:10: limits.memory"],
  ["a: [\n", "2:1:"],
  ["- a\n", "1:1:"],
  ["", "1:1:"],
];

for (const [text, line] of BROKEN) {
  Deno.test(`policy: a broken file stops the runner: ${JSON.stringify(text)}`, async () => {
    const path = await Deno.makeTempFile();
    await Deno.writeTextFile(path, text);
    await assert.rejects(readPolicy({ DAGU_RUNNER_POLICY: path }), (error: Error) => {
      assert.ok(error instanceof PolicyError);
      assert.ok(error.message.includes(`${path}:${line}`), error.message);
      return true;
    });
    await Deno.remove(path);
  });
}

Deno.test("policy: a file that cannot be read stops the runner; none at all changes nothing", async () => {
  await assert.rejects(readPolicy({ DAGU_RUNNER_POLICY: "/no/such/policy.yaml" }), PolicyError);
  const open = await readPolicy({ DAGU_RUNNER_POLICY: " " });
  assert.equal(open.digest, "");
  assert.equal(open.run({ name: "w", trust: "untrusted" }), null);
});

Deno.test("policy: the examples of the documents are policies", async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/policy.md", import.meta.url));
  const examples = [...page.matchAll(/^```yml\n(.*?)^```/gms)].map((match) => match[1] ?? "");
  assert.ok(examples.length > 0);
  for (const text of examples) {
    const read = parsePolicy(text);
    assert.ok(read.ok, JSON.stringify(read));
  }
});
