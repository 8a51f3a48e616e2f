/** Signed definitions through the real `dagu`: who signs, and a runner that executes nothing else (control-plane contract 7.11). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { dagu, type DaguResult, freePort, spawnDagu } from "../support/dagu.ts";
import { postJson } from "../support/http.ts";

const SPEC = `
params:
  - {name: N, type: integer, default: 3}
steps:
  - {id: a, run: 'echo "n is $N"'}
`;

interface Case extends AsyncDisposable {
  readonly folder: string;
  readonly call: (...args: string[]) => Promise<DaguResult>;
  readonly write: (name: string, text: string) => Promise<void>;
}

/** A home with a key, the workflow deploy.yaml, and a policy that asks for that key's signature. */
async function openCase(mode = "block"): Promise<Case> {
  const folder = await Deno.makeTempDir({ prefix: "dagu-sign-" });
  const env = { DAGU_HOME: join(folder, "home"), DAGU_RUNNER_POLICY: join(folder, "policy.yaml") };
  const call = (...args: string[]): Promise<DaguResult> => dagu({ args, env, cwd: folder });
  const write = (name: string, text: string): Promise<void> => Deno.writeTextFile(join(folder, name), text);
  const made = await call("sign", "--new-key", "key.jwk");
  assert.equal(made.code, 0, made.stderr);
  await write("keys.json", made.stdout);
  await write("policy.yaml", `host: true\nsigning: {keys: "${folder}/keys.json", mode: ${mode}}\n`);
  await write("deploy.yaml", SPEC);
  return { folder, call, write, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

function refusal({ code, stderr }: DaguResult): string {
  assert.equal(code, 1, stderr);
  return /\(signature_invalid\): (.*)/.exec(stderr)?.[1] ?? stderr;
}

Deno.test("SG-02 SG-03 RD-08 what is signed is executed; unsigned, changed or expired it is declined", async () => {
  await using on = await openCase();
  assert.equal(refusal(await on.call("start", "deploy.yaml")), "the definition is not signed");
  const signed = await on.call("sign", "deploy.yaml", "--key", "key.jwk");
  assert.match(signed.stderr, /^signed with key [-0-9a-f]{36}: deploy\.sig\n$/);
  const started = await on.call("start", "--run-id", "r1", "deploy.yaml", "--", "N=5");
  assert.deepEqual([started.code, started.stdout.includes("n is 5")], [0, true], started.stderr);
  assert.equal((await on.call("retry", "--run-id", "r1", "deploy")).code, 0);

  await on.write("deploy.yaml", `${SPEC}# changed\n`);
  assert.equal(
    refusal(await on.call("start", "deploy.yaml")),
    "the definition was changed after it was signed",
  );
  await on.call("sign", "deploy.yaml", "--key", "key.jwk", "--not-after", "2020-01-01T00:00:00Z");
  assert.match(refusal(await on.call("start", "deploy.yaml")), /^the definition's signature ended at 2020/);
});

Deno.test("SG-03 a stranger's key, a false value and another base are declined; warn executes all the same", async () => {
  await using on = await openCase();
  await on.call("sign", "--new-key", "stranger.jwk");
  await on.call("sign", "deploy.yaml", "--key", "stranger.jwk");
  assert.match(refusal(await on.call("start", "deploy.yaml")), /which this runner does not trust$/);
  await on.call("sign", "deploy.yaml", "--key", "key.jwk");
  const signature = JSON.parse(await Deno.readTextFile(join(on.folder, "deploy.sig")));
  await on.write("deploy.sig", JSON.stringify({ ...signature, signedAt: "2026-01-01T00:00:00Z" }));
  assert.equal(refusal(await on.call("start", "deploy.yaml")), "the definition's signature is false");
  await on.write("deploy.sig", JSON.stringify(signature));
  await on.write("home/base.yaml", "env: [{REGION: eu}]\n");
  assert.equal(
    refusal(await on.call("start", "deploy.yaml")),
    "the definition was signed with another base configuration",
  );
  await on.call("sign", "deploy.yaml", "--key", "key.jwk");
  assert.equal((await on.call("start", "deploy.yaml")).code, 0);
  await on.write("policy.yaml", `host: true\nsigning: {keys: "${on.folder}/keys.json", mode: warn}\n`);
  await Deno.remove(join(on.folder, "deploy.sig"));
  assert.equal((await on.call("start", "deploy.yaml")).code, 0);
});

Deno.test("SG-04 --declared-params is good for declared parameters only, also when the control plane lets more through", async () => {
  await using on = await openCase();
  await on.write("free.yaml", 'params: "A=1"\nsteps: [{id: a, run: \'echo "$A"\'}]\n');
  await on.call("sign", "free.yaml", "--key", "key.jwk", "--declared-params");
  assert.equal((await on.call("start", "free.yaml", "--", "A=2")).code, 0);
  const more = await on.call("start", "free.yaml", "--", "A=2", "B=3");
  assert.equal(more.code, 1);
  assert.match(more.stderr, /B/);
});

Deno.test("SG-02 a signature beside a file of the definitions folder goes with it, and over the API", async () => {
  await using on = await openCase();
  await Deno.mkdir(join(on.folder, "home", "dags"), { recursive: true });
  await on.write("home/dags/deploy.yaml", SPEC);
  await on.call("sign", "home/dags/deploy.yaml", "--key", "key.jwk");
  const signature = JSON.parse(await Deno.readTextFile(join(on.folder, "home", "dags", "deploy.sig")));
  const port = freePort();
  const url = `http://127.0.0.1:${port}/api/v1`;
  await using server = spawnDagu({
    args: ["start-all", "--port", `${port}`],
    env: { DAGU_HOME: join(on.folder, "home"), DAGU_RUNNER_POLICY: join(on.folder, "policy.yaml") },
  });
  await server.said("runner ready");
  const read = async (path: string): Promise<Record<string, unknown>> =>
    await (await fetch(url + path)).json();
  const stored = await read("/dags/deploy/spec");
  assert.deepEqual([stored["spec"], stored["signature"]], [SPEC, signature]);
  const end = async (name: string): Promise<unknown> => {
    const { dagRunId } = await postJson(`${url}/dags/${name}/start`);
    await (await fetch(`${url}/dag-runs/${name}/${dagRunId}/stream`)).text();
    return (await read(`/dag-runs/${name}/${dagRunId}`))["dagRunDetails"];
  };
  const statusOf = async (name: string): Promise<string> =>
    /"statusLabel":"(\w+)"/.exec(JSON.stringify(await end(name)))?.[1] ?? "";
  assert.equal(await statusOf("deploy"), "succeeded");
  await postJson(`${url}/dags`, { name: "plain", spec: SPEC });
  assert.equal(await statusOf("plain"), "failed");
  // Who asks for a signed workflow by its name is not given another signed one.
  await postJson(`${url}/dags`, { name: "copy", spec: SPEC, signature });
  assert.equal(await statusOf("copy"), "failed");
  await on.write("given.yaml", SPEC);
  await on.call("sign", "given.yaml", "--key", "key.jwk");
  const given = JSON.parse(await Deno.readTextFile(join(on.folder, "given.sig")));
  await postJson(`${url}/dags`, { name: "given", spec: SPEC, signature: given });
  assert.equal(await statusOf("given"), "succeeded");
});

Deno.test("PO-02 a policy whose keys cannot be read starts no runner", async () => {
  await using on = await openCase();
  for (const keys of ["{}", '{"keys": []}', '{"keys": [{"kty": "RSA"}]}']) {
    await on.write("keys.json", keys);
    const started = await on.call("start", "deploy.yaml");
    assert.match(started.stderr, /signing\.keys .* is no JWK set of Ed25519 keys/);
    assert.equal(started.code === 0, false);
  }
  await Deno.remove(join(on.folder, "keys.json"));
  assert.match((await on.call("start", "deploy.yaml")).stderr, /cannot read signing\.keys/);
});

Deno.test("SG-07 an older text that was signed as well is not brought back, where the policy bounds that", async () => {
  await using on = await openCase();
  const sign = async (text: string): Promise<string> => {
    await on.write("deploy.yaml", text);
    await on.call("sign", "deploy.yaml", "--key", "key.jwk");
    return await Deno.readTextFile(join(on.folder, "deploy.sig"));
  };
  const policy = (bound: string): Promise<void> =>
    on.write("policy.yaml", `host: true\nsigning: {keys: "${on.folder}/keys.json"${bound}}\n`);
  const old = await sign(SPEC);
  const start = (): Promise<DaguResult> => on.call("start", "deploy.yaml");
  const back = async (): Promise<void> => {
    await on.write("deploy.yaml", SPEC);
    await on.write("deploy.sig", old);
  };
  await policy(", max_rollback: 0s");
  assert.equal((await start()).code, 0);
  await sign(`${SPEC}# newer\n`);
  assert.equal((await start()).code, 0);
  assert.equal((await start()).code, 0, "the newest one goes on being executed");
  await back();
  assert.match(
    refusal(await start()),
    /^the definition was signed at .*, and a newer one of deploy, of .*, was executed here$/,
  );
  await policy(", max_rollback: 1h");
  assert.equal((await start()).code, 0);
  await policy("");
  assert.equal((await start()).code, 0);
  await policy(", max_rollback: soon");
  assert.match((await start()).stderr, /must be a duration, for example 24h/);
});
