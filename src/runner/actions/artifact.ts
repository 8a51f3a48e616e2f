/** `artifact.*`: the file actions inside the run's artifact directory, and nowhere else (S-63, S-64). */
import { resolve } from "node:path";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError } from "./deed.ts";
import { fileList, fileRead, fileWrite } from "./file.ts";
import { artifactPlace } from "./redirect.ts";
import type { Work } from "./work.ts";

export async function artifactRead(given: With<"artifact.read">, work: Work): Promise<Outcome> {
  return await fileRead({ ...given, path: await place(given.path, work) }, work);
}

/** Folders on the way are made. */
export async function artifactWrite(given: With<"artifact.write">, work: Work): Promise<Outcome> {
  const path = await place(given.path, work);
  return await fileWrite({ ...given, path, create_dirs: true, dry_run: false }, work);
}

/** Symlinks are listed and not followed. */
export async function artifactList(given: With<"artifact.list">, work: Work): Promise<Outcome> {
  return await fileList({ ...given, path: await place(given.path, work), follow_symlinks: false }, work);
}

async function place(path: string, work: Work): Promise<string> {
  const root = work.call.scopeEnv["DAG_RUN_ARTIFACTS_DIR"] ?? "";
  const found = await artifactPlace(path, root === "" ? null : resolve(root));
  if (typeof found !== "string") throw new ActionError(found.message, found.remedy);
  if (await isDangling(found)) {
    throw new ActionError(`artifact path escapes artifact directory: ${path}`, "remove the symlink");
  }
  return found;
}

/** Who writes through such a symlink makes a file wherever it points to. */
async function isDangling(path: string): Promise<boolean> {
  const link = await Deno.lstat(path).catch(() => null);
  return link?.isSymlink === true && await Deno.stat(path).catch(() => null) === null;
}
