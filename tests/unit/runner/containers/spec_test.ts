import assert from "node:assert/strict";
import { type ContainerRequest, newCreateBody } from "../../../../src/runner/containers/spec.ts";
import type { Mount } from "../../../../src/runner/containers/mounts.ts";
import { bareContainer, type ImageContainer } from "../../../../src/workflow/container.ts";

const CONTAINER = bareContainer("alpine:3.20");
const REQUEST: ContainerRequest = {
  container: CONTAINER,
  entrypoint: null,
  command: null,
  env: {},
  baseDir: "/w",
  labels: { workflow: "flow", run: "r", attempt: "a", step: "s", runner: "m" },
  limits: { cpu: null, memoryBytes: null },
  registryAuths: null,
  hostEnv: {},
};

type Body = Record<string, unknown> & { readonly HostConfig: Record<string, unknown> };

function bodyOf(
  container: Partial<ImageContainer>,
  more: Partial<ContainerRequest> = {},
  mounts: readonly Mount[] = [],
): Body {
  const made = newCreateBody(
    { ...REQUEST, ...more, container: { ...CONTAINER, ...container } },
    mounts,
    "step",
    true,
  );
  assert.ok(made.ok);
  const { HostConfig } = made.value;
  assert.ok(typeof HostConfig === "object" && HostConfig !== null);
  return { ...made.value, HostConfig: { ...HostConfig } };
}

Deno.test("4.9.2 the engine's own auto-remove is never asked for, an init process always is", () => {
  const raw = { container: {}, host: { AutoRemove: true }, network: {} };
  const { HostConfig } = bodyOf({}, { raw });
  assert.equal(HostConfig["AutoRemove"], undefined);
  assert.equal(HostConfig["Init"], true);
});

Deno.test("4.7 container.env beats the layers below, raw Env comes last", () => {
  const raw = { container: { Env: ["B=raw"] }, host: {}, network: {} };
  const { Env } = bodyOf({ env: [{ name: "A", value: "own" }, { name: "C", value: "x=y" }] }, {
    env: { A: "below", B: "below" },
    raw,
  });
  assert.deepEqual(Env, ["A=own", "B=below", "C=x=y", "B=raw"]);
});

Deno.test("2.10.1 an entrypoint is explicit; an empty one is one empty word", () => {
  assert.equal("Entrypoint" in bodyOf({}), false);
  assert.deepEqual(bodyOf({}, { entrypoint: ["/bin/sh"], command: ["-c", "x"] })["Entrypoint"], ["/bin/sh"]);
  const raw = { container: { Entrypoint: [] }, host: {}, network: {} };
  assert.deepEqual(bodyOf({}, { raw })["Entrypoint"], [""]);
});

Deno.test("2.2.2 limits of the workflow beat raw ones", () => {
  const raw = { container: {}, host: { Memory: 1, NanoCpus: 1 }, network: {} };
  const { HostConfig } = bodyOf({}, { limits: { cpu: 0.5, memoryBytes: 33_554_432 }, raw });
  assert.deepEqual([HostConfig["NanoCpus"], HostConfig["Memory"]], [500_000_000, 33_554_432]);
});

Deno.test("5.1 a long raw form beats its short form, our labels beat raw ones", () => {
  const raw = {
    container: { WorkingDir: "/raw", Labels: { mine: "1", "dagu-edge.runner": "else" } },
    host: { NetworkMode: "none", Binds: ["/a:/b"] },
    network: { EndpointsConfig: { n: {} } },
  };
  const mounts: Mount[] = [{ type: "bind", source: "/s", target: "/t", readOnly: true }];
  const body = bodyOf({ workingDir: "/short" }, { raw }, mounts);
  assert.equal(body["WorkingDir"], "/raw");
  assert.deepEqual(body["NetworkingConfig"], raw.network);
  assert.deepEqual(body.HostConfig["Binds"], ["/a:/b", "/s:/t:ro"]);
  assert.equal(body.HostConfig["NetworkMode"], "none");
  const labels = body["Labels"];
  assert.ok(
    typeof labels === "object" && labels !== null && "dagu-edge.runner" in labels && "mine" in labels,
  );
  assert.equal(labels["dagu-edge.runner"], "m");
});

Deno.test("2.7 ports: exposed only, published, and with an address", () => {
  const body = bodyOf({ ports: ["80", "8080:81/udp", "127.0.0.1:9:82"] });
  assert.deepEqual(body["ExposedPorts"], { "80/tcp": {}, "81/udp": {}, "82/tcp": {} });
  assert.deepEqual(body.HostConfig["PortBindings"], {
    "81/udp": [{ HostIp: "0.0.0.0", HostPort: "8080" }],
    "82/tcp": [{ HostIp: "127.0.0.1", HostPort: "9" }],
  });
});

Deno.test("2.9 durations of a health check are nanoseconds", () => {
  const healthcheck = {
    test: ["CMD", "x"],
    intervalMs: 1_500,
    timeoutMs: null,
    startPeriodMs: 0,
    retries: 2,
  };
  assert.deepEqual(bodyOf({ healthcheck })["Healthcheck"], {
    Test: ["CMD", "x"],
    Interval: 1_500_000_000,
    StartPeriod: 0,
    Retries: 2,
  });
});
