import assert from "node:assert/strict";
import { join } from "node:path";
import { openDagsFolder } from "../../../src/cli/dags-folder.ts";
import { systemClock } from "../../../src/runner/clock.ts";
import type { Db } from "../../../src/server/store/db.ts";
import { currentDefinition, listWorkflows } from "../../../src/server/store/workflows.ts";
import { openTestDatabase } from "../../support/database.ts";
import { newTestPorts } from "../../support/server.ts";

const REAL = systemClock();
/** Pauses are short ones. */
const QUICK = {
  ...REAL,
  sleep: (ms: number, signal?: AbortSignal) => REAL.sleep(Math.min(ms, 20), signal),
};
const SPEC = 'steps: [{id: a, run: "true"}]\n';

interface Bench extends AsyncDisposable {
  readonly dir: string;
  readonly db: Db;
  readonly told: readonly string[];
  /** Until then the database does not answer. */
  away: boolean;
}

async function openBench(): Promise<Bench> {
  const database = await openTestDatabase("pglite");
  const dir = await Deno.makeTempDir();
  const told: string[] = [];
  const log = { info: () => {}, warn: () => {}, error: (message: string) => void told.push(message) };
  const state = { away: false };
  const db = new Proxy(database.db, {
    get: (real, key) => {
      if (state.away) throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
      return Reflect.get(real, key);
    },
  });
  await Deno.writeTextFile(join(dir, "first.yaml"), SPEC);
  const folder = await openDagsFolder(newTestPorts(db, QUICK, log), dir);
  return {
    dir,
    db: database.db,
    told,
    get away(): boolean {
      return state.away;
    },
    set away(value: boolean) {
      state.away = value;
    },
    [Symbol.asyncDispose]: async () => {
      await folder[Symbol.asyncDispose]();
      await Deno.remove(dir, { recursive: true }).catch(() => {});
      await database[Symbol.asyncDispose]();
    },
  };
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!await isSo()) await REAL.sleep(10);
}

async function namesIn(db: Db): Promise<string[]> {
  return (await listWorkflows(db)).map(({ fileName }) => fileName);
}

Deno.test("a definition that is saved while the database is away is published when it is back", async () => {
  await using bench = await openBench();
  assert.deepEqual(await namesIn(bench.db), ["first"]);
  bench.away = true;
  await Deno.writeTextFile(join(bench.dir, "second.yaml"), SPEC);
  await until(() => bench.told.length > 0);
  assert.match(bench.told[0] ?? "", /definitions stay as they were/);
  bench.away = false;
  await until(async () => (await namesIn(bench.db)).length === 2);
  await Deno.remove(join(bench.dir, "first.yaml"));
  await until(async () => (await namesIn(bench.db)).length === 1);
});

Deno.test("definitions are not lost with a folder that is away", async () => {
  await using bench = await openBench();
  await Deno.rename(bench.dir, `${bench.dir}.away`);
  await until(() => bench.told.length > 1);
  assert.deepEqual(await namesIn(bench.db), ["first"]);
  await Deno.rename(`${bench.dir}.away`, bench.dir);
  await Deno.writeTextFile(join(bench.dir, "first.yaml"), `description: new\n${SPEC}`);
  await until(async () => (await currentDefinition(bench.db, "first"))?.text.includes("new") === true);
});

Deno.test("C-04 a link to a file is a file, as in a mounted ConfigMap; .yaml comes before .yml", async () => {
  await using bench = await openBench();
  const data = join(bench.dir, "..data");
  await Deno.mkdir(data);
  await Deno.writeTextFile(join(data, "linked.yaml"), `description: linked\n${SPEC}`);
  await Deno.symlink("nowhere", join(bench.dir, "gone.yaml"));
  await Deno.symlink("..data", join(bench.dir, "folder.yaml"));
  await Deno.writeTextFile(join(bench.dir, "first.yml"), `description: second of its name\n${SPEC}`);
  await Deno.symlink(join("..data", "linked.yaml"), join(bench.dir, "linked.yaml"));
  await until(async () => (await namesIn(bench.db)).length > 1);
  assert.deepEqual((await namesIn(bench.db)).sort(), ["first", "linked"]);
  const textOf = async (name: string): Promise<string> =>
    (await currentDefinition(bench.db, name))?.text ?? "";
  assert.match(await textOf("linked"), /linked/);
  assert.equal(await textOf("first"), SPEC);
});
