import assert from "node:assert/strict";
import { findCredentials, registryOf } from "../../../../src/runner/containers/credentials.ts";

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

function loginFor(auths: Record<string, unknown>, registry: string): unknown {
  const found = findCredentials(JSON.stringify({ auths }), registry);
  assert.ok(found !== null);
  if (found.header === null) return null;
  return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(found.header, { alphabet: "base64url" })));
}

Deno.test("6.5.5 a pre-encoded auth is taken apart; the password may hold colons", () => {
  assert.deepEqual(loginFor({ "r.example": auth("me:a:b") }, "r.example"), {
    username: "me",
    password: "a:b",
    serveraddress: "r.example",
  });
});

Deno.test("6.5.3 exact host, then https:// and host, then the host without its port", () => {
  const found = (auths: Record<string, unknown>): unknown => loginFor(auths, "r.example:5000");
  assert.match(JSON.stringify(found({ "r.example:5000": auth("1:x"), "r.example": auth("3:x") })), /"1"/);
  assert.match(JSON.stringify(found({ "https://r.example:5000": auth("2:x") })), /"2"/);
  assert.match(JSON.stringify(found({ "r.example": { username: "3", password: "x" } })), /"3"/);
  assert.equal(found({ "other.example": auth("4:x") }), null);
});

Deno.test("6.5.3 the keys that docker login writes for Docker Hub are known", () => {
  for (const key of ["docker.io", "https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"]) {
    assert.match(JSON.stringify(loginFor({ [key]: auth("hub:x") }, "docker.io")), /"hub"/);
  }
});

Deno.test("6.5.10 an unreadable configuration is told apart from none", () => {
  assert.equal(findCredentials("{oops", "r.example"), null);
  assert.equal(findCredentials('{"auths": 1}', "r.example"), null);
  assert.equal(findCredentials(null, "r.example")?.header, null);
});
