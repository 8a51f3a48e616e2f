import assert from "node:assert/strict";
import { join } from "node:path";
import { machineDisk } from "../../../src/runner/disk.ts";
import { removeOldRuns } from "../../../src/runner/old-runs.ts";

const DAY_MS = 24 * 3_600_000;
const NOW = Date.UTC(2026, 5, 1);

interface Files extends AsyncDisposable {
  readonly dir: string;
  /** A file that was last written so many days ago, in a folder as old. */
  write(path: string, text: string, days: number): Promise<void>;
  names(dir: string): Promise<string[]>;
}

async function openFiles(): Promise<Files> {
  const dir = await Deno.makeTempDir({ prefix: "dagu-old-" });
  return {
    dir,
    write: async (path, text, days) => {
      const file = join(dir, path);
      const at = new Date(NOW - days * DAY_MS);
      await Deno.mkdir(join(file, ".."), { recursive: true });
      await Deno.writeTextFile(file, text);
      await Deno.utime(file, at, at);
      await Deno.utime(join(file, ".."), at, at);
    },
    names: async (path) =>
      (await Array.fromAsync(Deno.readDir(join(dir, path)), (entry) => entry.name)).sort(),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

const FINISHED = "2026-01-01T00:00:00.000Z info  attempt.finished status=succeeded\n";
const WAITING = '2026-01-01T00:00:00.000Z info  attempt.waiting steps=["ask"]\n';

Deno.test("4.15 folders of runs go so long after the run's last event, those of runs that are not over stay", async () => {
  await using files = await openFiles();
  await files.write("runs/w/old/run.log", FINISHED, 31);
  await files.write("runs/w/old/work/left.txt", "", 31);
  await files.write("runs/w/silent/run.log", "", 31);
  await files.write("runs/w/young/run.log", FINISHED, 29);
  await files.write("runs/w/waiting/run.log", WAITING, 300);
  await files.write("runs/w/going/run.log", "2026-01-01T00:00:00.000Z info  step.started step=a\n", 300);
  await files.write("runs/gone/old/run.log", FINISHED, 31);
  await files.write("logs/w/dag-run_20260101_000000Z_old/a.out", "", 31);
  await files.write("logs/w/dag-run_20260501_000000Z_young/a.out", "", 29);
  await files.write("logs/w/mine/a.out", "", 300);
  await Deno.mkdir(join(files.dir, "logs", "of somebody else"));

  const keeping = { runsDir: join(files.dir, "runs"), logDir: join(files.dir, "logs"), keepMs: 30 * DAY_MS };
  await removeOldRuns(machineDisk(), keeping, NOW);
  assert.deepEqual(await files.names("runs"), [".swept", "w"]);
  assert.deepEqual(await files.names("runs/w"), ["going", "waiting", "young"]);
  assert.deepEqual(await files.names("logs"), ["of somebody else", "w"]);
  assert.deepEqual(await files.names("logs/w"), ["dag-run_20260501_000000Z_young", "mine"]);
});

Deno.test("4.15 whoever asks how often, folders are looked at once a day", async () => {
  await using files = await openFiles();
  const keeping = { runsDir: join(files.dir, "runs"), logDir: null, keepMs: 30 * DAY_MS };
  await removeOldRuns(machineDisk(), keeping, NOW);
  await files.write("runs/.swept", "", 0);
  await files.write("runs/w/old/run.log", FINISHED, 31);
  await removeOldRuns(machineDisk(), keeping, NOW + DAY_MS - 1);
  assert.deepEqual(await files.names("runs/w"), ["old"]);
  await removeOldRuns(machineDisk(), keeping, NOW + DAY_MS);
  assert.deepEqual(await files.names("runs"), [".swept"]);
});
