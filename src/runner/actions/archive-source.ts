/** What goes into an archive: a file, or all that is below a folder. Symlinks go in as symlinks. */
import { basename, join } from "node:path";
import { isWanted, nameFor, type NameRules, type SourceEntry } from "./archive-entry.ts";
import { ActionError } from "./deed.ts";
import { notPlain } from "./plain-file.ts";
import type { Work } from "./work.ts";

/** In the order of their names. `archive` itself, when it lies below the folder, stays out. */
export async function collect(
  source: string,
  archive: string,
  rules: NameRules,
  work: Work,
): Promise<SourceEntry[]> {
  const info = await Deno.stat(source).catch(() => null);
  if (info === null) throw new ActionError(`${source} does not exist`, "correct source");
  if (!info.isDirectory && !info.isFile) throw notPlain(source);
  const found = info.isDirectory
    ? await below(source, "", archive, rules, work)
    : [await entryOf(source, basename(source), info)];
  const named = found.flatMap((entry) => {
    const segments = nameFor(entry, rules);
    return segments === null ? [] : [{ ...entry, name: segments.join("/") }];
  });
  checkNames(named);
  return named;
}

async function below(
  folder: string,
  prefix: string,
  archive: string,
  rules: NameRules,
  work: Work,
  found: SourceEntry[] = [],
): Promise<SourceEntry[]> {
  if (work.signal.aborted) throw new ActionError("stopped");
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  for (const name of names) {
    const [path, inner] = [join(folder, name), `${prefix}${name}`];
    const info = await Deno.lstat(path).catch(() => null);
    if (info === null || path === archive) continue;
    if (!info.isDirectory) {
      if (info.isFile || info.isSymlink) found.push(await entryOf(path, inner, info));
      continue;
    }
    if (!isWanted(inner, { include: [], exclude: rules.exclude })) continue;
    found.push(await entryOf(path, inner, info));
    await below(path, `${inner}/`, archive, rules, work, found);
  }
  return found;
}

async function entryOf(path: string, name: string, info: Deno.FileInfo): Promise<SourceEntry> {
  return {
    path,
    name,
    type: info.isDirectory ? "directory" : info.isSymlink ? "symlink" : "file",
    size: info.isFile ? info.size : 0,
    mode: info.mode === null ? null : info.mode & 0o777,
    modTime: info.mtime,
    target: info.isSymlink ? await Deno.readLink(path) : null,
  };
}

/** Without their folders two files can get one name. */
function checkNames(entries: readonly SourceEntry[]): void {
  const known = new Map<string, string>();
  for (const { name, path } of entries) {
    const other = known.get(name);
    if (other !== undefined) {
      throw new ActionError(
        `${other} and ${path} would both be ${name}`,
        "keep their folders: preserve_paths: true",
      );
    }
    known.set(name, path);
  }
}
