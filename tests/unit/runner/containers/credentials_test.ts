import assert from "node:assert/strict";
import {
  type CredentialSources,
  findCredentials,
  registryOf,
} from "../../../../src/runner/containers/credentials.ts";

const REGISTRIES: [image: string, registry: string][] = [
  ["alpine", "docker.io"],
  ["alpine:3.20", "docker.io"],
  ["library/alpine", "docker.io"],
  ["ghcr.io/a/b:1", "ghcr.io"],
  ["localhost/a", "localhost"],
  ["127.0.0.1:5000/a/b", "127.0.0.1:5000"],
  [`ghcr.io/a/b@sha256:${"0".repeat(64)}`, "ghcr.io"],
  [`alpine@sha256:${"0".repeat(64)}`, "docker.io"],
];
for (const [image, registry] of REGISTRIES) {
  Deno.test(`6.5.2 the registry of ${image.slice(0, 30)} is ${registry}`, () => {
    assert.equal(registryOf(image), registry);
  });
}

const auth = (text: string): { auth: string } => ({ auth: new TextEncoder().encode(text).toBase64() });
const NOWHERE: CredentialSources = { workflow: null, environment: null, file: null };

/** What the header says; null: none is sent; text: why none can be found. */
async function loginFrom(sources: Partial<CredentialSources>, registry: string): Promise<unknown> {
  const found = await findCredentials({ ...NOWHERE, ...sources }, registry);
  if ("problem" in found) return found.problem;
  if (found.header === null) return null;
  return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(found.header, { alphabet: "base64url" })));
}

function inEnvironment(auths: Record<string, unknown>, registry: string): Promise<unknown> {
  return loginFrom({ environment: JSON.stringify({ auths }) }, registry);
}

Deno.test("6.5.5 6.5.9 a pre-encoded auth is taken apart; the password may hold colons", async () => {
  assert.deepEqual(await inEnvironment({ "r.example": auth("me:a:b") }, "r.example"), {
    username: "me",
    password: "a:b",
    serveraddress: "r.example",
  });
});

Deno.test("6.5.3 exact host, then https:// and host, then the host without its port", async () => {
  const found = async (auths: Record<string, unknown>): Promise<string> =>
    JSON.stringify(await inEnvironment(auths, "r.example:5000"));
  assert.match(await found({ "r.example:5000": auth("1:x"), "r.example": auth("3:x") }), /"1"/);
  assert.match(await found({ "https://r.example:5000": auth("2:x") }), /"2"/);
  assert.match(await found({ "r.example": { username: "3", password: "x" } }), /"3"/);
  assert.equal(await found({ "other.example": auth("4:x") }), "null");
});

Deno.test("6.5.3 the keys that docker login writes for Docker Hub are known", async () => {
  for (const key of ["docker.io", "https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"]) {
    assert.match(JSON.stringify(await inEnvironment({ [key]: auth("hub:x") }, "docker.io")), /"hub"/);
  }
});

Deno.test("6.5.10 an unreadable source is named, not shown, and told apart from none", async () => {
  for (
    const [sources, name] of [
      [{ environment: "{oops" }, "DOCKER_AUTH_CONFIG of the runner"],
      [{ environment: '{"auths": 1}' }, "DOCKER_AUTH_CONFIG of the runner"],
      [{ workflow: { kind: "config", text: "{oops" } }, "registry_auths of the workflow"],
      [{ workflow: { kind: "hosts", logins: { "r.example": "oops" } } }, "registry_auths of the workflow"],
      [{ file: { path: "/nowhere/oops.json" } }, "DAGU_REGISTRY_CONFIG of the runner"],
    ] as const
  ) {
    const problem = await loginFrom(sources, "r.example");
    assert.ok(typeof problem === "string" && problem.includes(name), String(problem));
    assert.ok("file" in sources || !problem.includes("oops"), problem);
  }
  assert.equal(await loginFrom({}, "r.example"), null);
});

Deno.test("6.5 the workflow's own come before the environment's; what it does not know is asked of the next", async () => {
  const environment = JSON.stringify({ auths: { "a.example": auth("env:x"), "b.example": auth("env:x") } });
  for (
    const workflow of [
      { kind: "hosts", logins: { "a.example": auth("own:x").auth } },
      { kind: "hosts", logins: { "a.example": '{"username": "own", "password": "x"}' } },
      { kind: "hosts", logins: { "a.example": { username: "own", password: "x", auth: "" } } },
      { kind: "config", text: JSON.stringify({ auths: { "a.example": auth("own:x") } }) },
    ] as const
  ) {
    assert.match(JSON.stringify(await loginFrom({ workflow, environment }, "a.example")), /"own"/);
    assert.match(JSON.stringify(await loginFrom({ workflow, environment }, "b.example")), /"env"/);
  }
});

Deno.test("6.5.7 a config file that the operator opens, with a helper of its own for one registry", async () => {
  const folder = await Deno.makeTempDir();
  const path = Deno.env.get("PATH") ?? "";
  try {
    const helper = `${folder}/docker-credential-edgetest`;
    await Deno.writeTextFile(
      helper,
      `#!/bin/sh
read -r registry
test "$registry" = helped.example || { echo "credentials not found in native keychain"; exit 1; }
echo '{"ServerURL":"helped.example","Username":"helped","Secret":"x"}'
`,
    );
    await Deno.chmod(helper, 0o755);
    await Deno.writeTextFile(
      `${folder}/config.json`,
      JSON.stringify({
        auths: { "plain.example": auth("plain:x") },
        credsStore: "edgetest",
        credHelpers: { "absent.example": "edgetest-that-is-not-there" },
      }),
    );
    Deno.env.set("PATH", `${folder}:${path}`);
    const file = { path: `${folder}/config.json` };
    assert.match(JSON.stringify(await loginFrom({ file }, "helped.example")), /"helped"/);
    assert.match(JSON.stringify(await loginFrom({ file }, "plain.example")), /"plain"/);
    assert.equal(await loginFrom({ file }, "other.example"), null);
    assert.match(
      String(await loginFrom({ file }, "absent.example")),
      /docker-credential-edgetest-that-is-not-there/,
    );
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
});
