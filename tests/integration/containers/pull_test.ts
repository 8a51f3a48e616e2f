/** Pull policies and credentials against real registries (containers contract 6). */
import assert from "node:assert/strict";
import { openEngine } from "../../../src/runner/containers/engine.ts";
import { digestOf, ensureImage } from "../../../src/runner/containers/pull.ts";
import type { Runtime } from "../../../src/runner/containers/runtime.ts";
import { type Bench, IDLE, onEachEngine, reporter, textOf } from "./bench.ts";
import type { PullPolicy } from "../../../src/workflow/workflow.ts";

function setting(name: string): string {
  const value = Deno.env.get(name);
  assert.ok(value, `${name} is not set: eval "$(infra/dev/up)" first`);
  return value;
}

interface Ensured {
  /** Id of the image, or the failure's class. */
  readonly end: string;
  readonly text: string;
  readonly notes: readonly string[];
}

async function ensure(
  bench: Bench,
  image: string,
  policy: PullPolicy,
  authConfig: string | null = null,
): Promise<Ensured> {
  const runtime: Runtime = { ...bench.engine.runtime, authConfig };
  await using engine = openEngine(runtime);
  const report = reporter();
  const made = await ensureImage(
    engine,
    { image, policy, platform: null, registryAuths: null },
    report,
    IDLE,
  );
  if (made.ok) return { end: made.value.Id, text: "", notes: report.notes };
  const { failure, exitCode } = made.error;
  return { end: failure.code, text: textOf({ failure, exitCode, outputFile: null }), notes: report.notes };
}

onEachEngine("6.1 always pulls from a registry, and the same image costs one more request", async (bench) => {
  const image = `${setting("REGISTRY")}/library/alpine:3.20`;
  const first = await ensure(bench, image, "always");
  assert.match(first.end, /^sha256:/, first.text);
  assert.equal((await ensure(bench, image, "always")).end, first.end);
  assert.equal((await ensure(bench, image, "never")).end, first.end);
  assert.equal((await ensure(bench, image, "missing")).end, first.end);
});

onEachEngine("6.1.5 no tag means latest, not every tag", async (bench) => {
  const { end, text } = await ensure(bench, `${setting("REGISTRY")}/library/alpine`, "always");
  assert.equal(end, "IMAGE_MISSING", text);
});

onEachEngine("F21 what the registry does not have", async (bench) => {
  const image = `${setting("REGISTRY")}/library/alpine:no-such-tag`;
  for (const policy of ["always", "missing"] as const) {
    const { end, text } = await ensure(bench, image, policy);
    assert.equal(end, "IMAGE_MISSING", text);
    assert.ok(text.includes(image), text);
  }
});

onEachEngine(
  "F23 AC-87 a registry that nobody answers for; fallback uses the local copy and warns",
  async (bench) => {
    const { end, text } = await ensure(bench, "127.0.0.1:1/library/alpine:3.20", "missing");
    assert.equal(end, "IMAGE_PULL_FAILED", text);
    assert.match(text, /engine/);
    const none = await ensure(bench, "127.0.0.1:1/library/alpine:3.20", "fallback");
    assert.equal(none.end, "IMAGE_PULL_FAILED", none.text);
    assert.match(none.text, /could not be pulled, and there is no local copy/);
    const local = await ensure(bench, `${setting("REGISTRY")}/library/alpine:3.20`, "always");
    assert.match(local.end, /^sha256:/);
  },
);

onEachEngine(
  "6.5.6 F22 6.5 a private registry: refused without credentials, with wrong ones, and pulled with right ones",
  async (bench) => {
    const registry = setting("REGISTRY_PRIVATE");
    const image = `${registry}/private/alpine:3.20`;
    const right = `${setting("REGISTRY_USER")}:${setting("REGISTRY_PASSWORD")}`;
    const configOf = (login: string): string =>
      JSON.stringify({ auths: { [registry]: { auth: new TextEncoder().encode(login).toBase64() } } });
    for (const authConfig of [null, configOf("edge:wrong-secret")]) {
      const { end, text } = await ensure(bench, image, "always", authConfig);
      assert.equal(end, "IMAGE_AUTH_FAILED", text);
      assert.doesNotMatch(text, /wrong-secret/);
    }
    const { end, text } = await ensure(bench, image, "always", configOf(right));
    assert.match(end, /^sha256:/, text);
  },
);

onEachEngine("6.5.10 an unreadable DOCKER_AUTH_CONFIG is named, not shown", async (bench) => {
  const image = `${setting("REGISTRY")}/library/alpine:3.20`;
  const { end, text } = await ensure(bench, image, "always", "{hush");
  assert.equal(end, "IMAGE_AUTH_FAILED");
  assert.match(text, /DOCKER_AUTH_CONFIG/);
  assert.doesNotMatch(text, /hush/);
});

onEachEngine(
  "6.1.6 concurrent pulls of one image are one; who is stopped does not stop the others",
  async (bench) => {
    const wanted = {
      image: `${setting("REGISTRY")}/library/busybox:1.36`,
      policy: "always",
      platform: null,
      registryAuths: null,
    } as const;
    const stop = new AbortController();
    const waiting = [stop.signal, IDLE, IDLE].map((signal) =>
      ensureImage(bench.engine, wanted, reporter(), signal)
    );
    stop.abort({ kind: "cancelled", by: "test", force: false });
    const [stopped, ...others] = await Promise.all(waiting);
    assert.ok(stopped !== undefined && !stopped.ok && stopped.error.failure.code === "CANCELLED");
    for (const other of others) assert.ok(other.ok, JSON.stringify(other));
  },
);

Deno.test("6.1 the recorded digest is the named registry's own", () => {
  const image = {
    Id: "sha256:id",
    RepoDigests: ["r.example:5000/library/alpine@sha256:other", "alpine@sha256:hub"],
    Os: "linux",
    Architecture: "amd64",
    Variant: "",
  };
  for (
    const [reference, digest] of [
      ["alpine:3.20", "sha256:hub"],
      ["docker.io/library/alpine", "sha256:hub"],
      ["r.example:5000/library/alpine:3.20", "sha256:other"],
      ["elsewhere.example/alpine", "sha256:other"],
    ] as const
  ) {
    assert.equal(digestOf(image, reference), digest, reference);
  }
  assert.equal(digestOf({ ...image, RepoDigests: [] }, "alpine"), "sha256:id");
});
