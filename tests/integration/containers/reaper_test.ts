/** What an earlier process of a runner left behind (DESIGN 3.10, B02). */
import assert from "node:assert/strict";
import { removeContainer } from "../../../src/runner/containers/api/container.ts";
import { reap } from "../../../src/runner/containers/reaper.ts";
import { openRootContainer, type RootContainer } from "../../../src/runner/containers/root-container.ts";
import { type Bench, IDLE, onEachEngine, reporter, stateOf } from "./bench.ts";

async function abandon(bench: Bench, attempt: string, keepContainer: boolean): Promise<RootContainer> {
  const request = bench.request({ keepContainer }, { labels: { ...bench.labels, attempt } });
  const root = await openRootContainer(bench.engine, request, reporter(), IDLE);
  assert.ok("facts" in root, JSON.stringify(root));
  return root;
}

onEachEngine(
  "B02 containers of attempts that are over go, those of live ones and of other runners stay",
  async (bench) => {
    const dead = await abandon(bench, "dead", false);
    const live = await abandon(bench, "live", false);
    const kept = await abandon(bench, "dead", true);
    const other = await openRootContainer(
      bench.engine,
      bench.request({}, { labels: { ...bench.labels, attempt: "dead", runner: crypto.randomUUID() } }),
      reporter(),
      IDLE,
    );
    assert.ok("facts" in other);
    await using _theirs = other;

    await reap(bench.engine, bench.labels.runner, (attempt) => attempt === "live", IDLE);

    assert.equal(await stateOf(bench.engine, dead.facts.id), null);
    assert.equal(await stateOf(bench.engine, live.facts.id), "running");
    assert.equal(await stateOf(bench.engine, other.facts.id), "running");
    assert.equal(await stateOf(bench.engine, kept.facts.id), "exited");
    await live[Symbol.asyncDispose]();
    await dead[Symbol.asyncDispose]();
    await removeContainer(bench.engine.socket, kept.facts.id, true, IDLE);
  },
);
