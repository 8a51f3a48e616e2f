/** A network of one run's own (B25): its containers meet there, nobody else does, and nothing of it is left. */
import assert from "node:assert/strict";
import { listNetworks } from "../../../src/runner/containers/api/network.ts";
import type { Engine } from "../../../src/runner/containers/engine.ts";
import { runnerFilter } from "../../../src/runner/containers/labels.ts";
import { reap } from "../../../src/runner/containers/reaper.ts";
import { openRootContainer } from "../../../src/runner/containers/root-container.ts";
import { newRunNetwork } from "../../../src/runner/containers/run-network.ts";
import { runStepContainer } from "../../../src/runner/containers/step-container.ts";
import { newPolicy } from "../../../src/runner/policy.ts";
import { parsePolicy } from "../../../src/runner/policy-file.ts";
import { type Bench, collect, exitOf, IDLE, onEachEngine, reporter, STOP, textOf } from "./bench.ts";

async function networks(bench: Bench): Promise<string[]> {
  const listed = await listNetworks(bench.engine.socket, runnerFilter(bench.labels.runner), IDLE);
  assert.ok(listed.ok, JSON.stringify(listed));
  return listed.value.map(({ Name }) => Name);
}

async function run(engine: Engine, bench: Bench, text: string, network: string | null = null) {
  const out = collect();
  const request = bench.shell(text, { network });
  const outcome = await runStepContainer(engine, request, STOP, out, reporter(), IDLE);
  return { end: exitOf(outcome), why: textOf(outcome), out: out.text("stdout") };
}

const ADDRESS = "ip -4 -o addr show scope global | sed 's/.* inet \\([0-9.]*\\).*/\\1/'";

onEachEngine("B25 containers of a run meet in its network; another run's are not there", async (bench) => {
  const server = async (engine: Engine) => {
    const root = await openRootContainer(engine, bench.request({ network: null }), reporter(), IDLE);
    assert.ok("facts" in root, JSON.stringify(root));
    const out = collect();
    const argv = [
      "/bin/sh",
      "-c",
      `${ADDRESS}; (while :; do echo hello | nc -l -p 7000; done) >/dev/null 2>&1 &`,
    ];
    await root.exec({ argv, env: {}, workingDir: null, user: null }, STOP, out, IDLE);
    return { root, address: out.text("stdout").trim() };
  };
  await using one = newRunNetwork(bench.labels, false);
  await using other = newRunNetwork(bench.labels, false);
  const inOne: Engine = { ...bench.engine, network: one };
  const inOther: Engine = { ...bench.engine, network: other };
  const { root, address } = await server(inOne);
  await using _root = root;
  assert.match(address, /^\d+\.\d+\.\d+\.\d+$/);
  const call = `for i in 1 2 3; do nc -w 2 ${address} 7000 </dev/null && exit 0; sleep 0.3; done; echo none`;
  const near = await run(inOne, bench, call);
  assert.equal(near.out, "hello\n", near.why);
  // Docker keeps networks apart with iptables, which the Docker of the tests must leave alone.
  const far = await run(inOther, bench, call);
  if (bench.isPodman) assert.equal(far.out, "none\n", far.why);
  assert.equal((await networks(bench)).length, 2);
  await root[Symbol.asyncDispose]();
  await one[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  assert.deepEqual(await networks(bench), []);
});

onEachEngine("B25 network: none stays none, and makes no network", async (bench) => {
  await using network = newRunNetwork(bench.labels, false);
  const { out, why } = await run({ ...bench.engine, network }, bench, "ls /sys/class/net", "none");
  assert.equal(out, "lo\n", why);
  assert.deepEqual(await networks(bench), []);
});

onEachEngine("B25 an internal network has no way out", async (bench) => {
  await using network = newRunNetwork(bench.labels, true);
  const { out, why } = await run(
    { ...bench.engine, network },
    bench,
    "ip route | grep -c '^default' || true",
  );
  const listed = await listNetworks(bench.engine.socket, runnerFilter(bench.labels.runner), IDLE);
  assert.deepEqual(listed.ok && listed.value.map(({ Internal }) => Internal), [true]);
  // Docker leaves the route and stops the packets, with iptables.
  if (bench.isPodman) assert.equal(out, "0\n", why);
});

onEachEngine("B25 a policy calls it private, and can leave nothing else", async (bench) => {
  const guard = (text: string) => {
    const read = parsePolicy(text);
    assert.ok(read.ok);
    return newPolicy(read.rules, { digest: "", path: "", signing: null }).forRun({
      name: "w",
      trust: "trusted",
    }, { own: [], secret: [] })
      .guard;
  };
  await using network = newRunNetwork(bench.labels, false);
  const only = guard("images: {allow: ['**']}\nnetworks: {allow: [private]}");
  assert.equal((await run({ ...bench.engine, network, guard: only }, bench, "true")).end, "0");
  assert.equal((await run({ ...bench.engine, guard: only }, bench, "true")).end, "1 POLICY_DENIED");
  const none = guard("images: {allow: ['**']}\nnetworks: {allow: [none]}");
  assert.equal((await run({ ...bench.engine, network, guard: none }, bench, "true")).end, "1 POLICY_DENIED");
});

onEachEngine("B25 what a killed runner left is removed by its next start", async (bench) => {
  const lost = newRunNetwork(bench.labels, false);
  const name = await lost.name(bench.engine, IDLE);
  assert.ok(name.ok, JSON.stringify(name));
  await reap(bench.engine, bench.labels.runner, () => true, IDLE);
  assert.deepEqual(await networks(bench), [name.value]);
  await reap(bench.engine, bench.labels.runner, () => false, IDLE);
  assert.deepEqual(await networks(bench), []);
});
