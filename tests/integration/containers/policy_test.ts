/** A policy's guard in front of a real engine: what is refused leaves no trace, what is allowed has its ceilings. */
import assert from "node:assert/strict";
import type { Engine } from "../../../src/runner/containers/engine.ts";
import { openForeignContainer } from "../../../src/runner/containers/root-container.ts";
import { runStepContainer } from "../../../src/runner/containers/step-container.ts";
import { newPolicy } from "../../../src/runner/policy.ts";
import { parsePolicy } from "../../../src/runner/policy-file.ts";
import { type Bench, collect, exitOf, IDLE, onEachEngine, reporter, STOP, textOf } from "./bench.ts";
import { openRoot } from "./root.ts";

function guarded(bench: Bench, text: string): Engine {
  const read = parsePolicy(text);
  assert.ok(read.ok, JSON.stringify(read));
  const run = newPolicy(read.rules, { digest: "", path: "", signing: null }).forRun(
    { name: "w", trust: "trusted" },
    { own: [bench.folder], secret: [bench.socketPath] },
  );
  return { ...bench.engine, guard: run.guard };
}

const POLICY = "images: {allow: ['docker.io/library/alpine:3.20']}\nlimits: {memory: 32Mi, pids: 20}\n";

onEachEngine("7.12 exec into a container that is not the run's own needs a rule", async (bench) => {
  await using victim = await openRoot(bench);
  const { name, id } = victim.facts;
  const enter = async (policy: string, target: string): Promise<string> => {
    const container = { kind: "exec", target, env: [], user: null, workingDir: null, shell: null } as const;
    const opened = await openForeignContainer(
      guarded(bench, policy),
      container,
      "owner",
      { cpu: null, memoryBytes: null },
      reporter(),
      IDLE,
    );
    return "facts" in opened ? "entered" : `${opened.code} ${opened.message}`;
  };
  assert.match(await enter(POLICY, name), /^POLICY_DENIED .*rule exec\.allow/);
  // By its id it is the same container.
  assert.match(await enter(`${POLICY}exec: {allow: ["${id}"]}`, id), /^POLICY_DENIED .*rule exec\.allow/);
  assert.equal(await enter(`${POLICY}exec: {allow: ["dagu-*"]}`, id), "entered");
});

onEachEngine("7.12 ceilings reach the kernel, whatever was asked for", async (bench) => {
  const out = collect();
  const request = {
    ...bench.shell(
      "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true",
    ),
    limits: { cpu: null, memoryBytes: 2 ** 30 },
    raw: { container: {}, host: { PidsLimit: -1, Memory: 2 ** 31 }, network: {} },
  };
  const outcome = await runStepContainer(guarded(bench, POLICY), request, STOP, out, reporter(), IDLE);
  assert.equal(exitOf(outcome), "0", textOf(outcome));
  assert.equal(out.text("stdout").trim(), String(32 * 2 ** 20));
}, { only: "docker" });

onEachEngine("7.12 a link that is set between the check and the mount does not lead out", async (bench) => {
  await Deno.mkdir(`${bench.folder}/x`);
  const engine = guarded(bench, POLICY);
  const request = bench.shell("cat /x/hostname", { volumes: [`${bench.folder}/x:/x`] });
  let looks = 0;
  const swapping: Engine = {
    ...engine,
    guard: {
      ...engine.guard,
      body: async (body) => {
        const judged = await engine.guard.body(body);
        if (++looks > 1) return judged;
        await Deno.remove(`${bench.folder}/x`);
        await Deno.symlink("/etc", `${bench.folder}/x`);
        return judged;
      },
    },
  };
  const outcome = await runStepContainer(swapping, request, STOP, collect(), reporter(), IDLE);
  assert.equal(exitOf(outcome), "1 POLICY_DENIED", textOf(outcome));
});
