import assert from "node:assert/strict";
import {
  execEnvironment,
  filterHostEnv,
  HOST_PATH_NAMES,
  hostEnvironment,
  ownEnvironment,
  withoutServiceEnv,
} from "../../../src/runner/actions/environment.ts";
import type { StepCall } from "../../../src/run/ports.ts";

const SCOPE = {
  PARAM: "p",
  ROOT: "r",
  SHARED: "from scope",
  STEP: "s",
  DAG_NAME: "flow",
  DAG_RUN_ID: "1",
  DAG_RUN_WORK_DIR: "/w",
  DAG_RUN_LOG_FILE: "/l",
};
const CALL: StepCall = {
  step: "a",
  handler: null,
  retry: 0,
  interrupted: null,
  place: "shared",
  action: { name: "run", form: "command", texts: ["true"], shell: null, shellArgs: [] },
  container: null,
  stepEnv: { STEP: "s", SHARED: "from step" },
  scopeEnv: SCOPE,
  workingDir: null,
  signalOnStop: "SIGTERM",
  graceMs: 5_000,
  isOneStream: false,
  maxOutputSize: 1_048_576,
  files: { stdout: "/1", stderr: "/2", output: "/o" },
};
const CONTAINER_ENV = [{ name: "SHARED", value: "from container" }, { name: "OWN", value: "o" }];

Deno.test("3.6 a shared run sees the step's env and, above it, the container's; no params, no workflow env", () => {
  assert.deepEqual(execEnvironment("run", CALL, CONTAINER_ENV), {
    STEP: "s",
    SHARED: "from container",
    OWN: "o",
  });
});

Deno.test("3.6 a shared harness sees the workflow's scope too, without paths of the host", () => {
  assert.deepEqual(execEnvironment("harness.run", CALL, CONTAINER_ENV), {
    PARAM: "p",
    ROOT: "r",
    STEP: "s",
    DAG_NAME: "flow",
    DAG_RUN_ID: "1",
    SHARED: "from container",
    OWN: "o",
  });
});

Deno.test("4.7 a container of the step's own gets the step's env for run, the scope for a harness", () => {
  assert.deepEqual(ownEnvironment("run", CALL), CALL.stepEnv);
  const harness = ownEnvironment("harness.run", CALL);
  assert.equal(harness["PARAM"], "p");
  for (const name of HOST_PATH_NAMES) assert.equal(Object.hasOwn(harness, name), false, name);
});

Deno.test("X-08 on the host: a filtered process environment, the scope above it", () => {
  const host = filterHostEnv({
    PATH: "/bin",
    HOME: "/h",
    LC_ALL: "C",
    https_proxy: "x",
    DATABASE_URL: "secret",
    DAGU_HOME: "/d",
    DOCKER_AUTH_CONFIG: "secret",
    ROOT: "other",
  });
  assert.deepEqual(host, { PATH: "/bin", HOME: "/h", LC_ALL: "C", https_proxy: "x" });
  assert.deepEqual(hostEnvironment(host, CALL), { ...host, ...SCOPE });
});

Deno.test("6.5.8 X-08 credentials of registries and what sets up the service are nobody's to name", () => {
  const env = {
    DOCKER_AUTH_CONFIG: "{}",
    DAGU_HOME: "/d",
    DATABASE_URL: "postgres:",
    MINE: "m",
    PATH: "/bin",
  };
  assert.deepEqual(withoutServiceEnv(env), { MINE: "m", PATH: "/bin" });
  assert.deepEqual(filterHostEnv(env), { PATH: "/bin" });
});

Deno.test("4.7 what a container has as a file is no variable of its harness", () => {
  assert.equal(ownEnvironment("harness.run", CALL)["ROOT"], "r");
  const own = ownEnvironment("harness.run", CALL, ["ROOT"]);
  const shared = execEnvironment("harness.run", CALL, [], ["ROOT"]);
  for (const env of [own, shared]) assert.deepEqual([env["ROOT"], env["PARAM"]], [undefined, "p"]);
});
