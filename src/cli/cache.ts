/** A folder for what can be made again at any time, shared by all homes: beside the program, else the user's own. */
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BESIDE_PROGRAM = fileURLToPath(new URL("../../node_modules/.cache/dagu-edge", import.meta.url));

/** null: nothing can be written anywhere, and everything is made anew each time. */
export async function openCache(env: Readonly<Record<string, string>>): Promise<string | null> {
  const ofUser = join(env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache"), "dagu-edge");
  for (const dir of [BESIDE_PROGRAM, ofUser]) {
    if (await isOurs(dir)) return dir;
  }
  return null;
}

/** A file that somebody else could have put there is none of ours: a database is copied from here. */
async function isOurs(dir: string): Promise<boolean> {
  try {
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    const { uid } = await Deno.stat(dir);
    if (uid !== null && uid !== Deno.uid()) return false;
    (await openLock(dir, "writable")).close();
    return true;
  } catch {
    return false;
  }
}

export async function openLock(dir: string, name: string): Promise<Deno.FsFile> {
  return await Deno.open(join(dir, `${name}.lock`), { create: true, write: true, mode: 0o600 });
}
