/** `file.*`: files and folders of the machine. Relative paths are meant against the step's directory. */
import { dirname, join, relative, resolve } from "node:path";
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { matchesGlob } from "../../workflow/glob.ts";
import { ActionError, printResult } from "./deed.ts";
import { replaceFile, writeAll } from "./file-stream.ts";
import { joinDir, stepDir } from "./host.ts";
import { notPlain } from "./plain-file.ts";
import type { Work } from "./work.ts";

const DEFAULT_MODE = 0o600;
const COPY_BYTES = 4_194_304;

export async function fileStat(given: With<"file.stat">, work: Work): Promise<Outcome> {
  const path = at(work, given.path);
  const info = await look(path, given.follow_symlinks);
  if (info === null && !given.missing_ok) {
    throw new ActionError(`${path} does not exist`, "set missing_ok: true");
  }
  return await printResult(work, { operation: "stat", path, ...factsOf(info) });
}

export async function fileRead(given: With<"file.read">, work: Work): Promise<Outcome> {
  const path = at(work, given.path);
  const info = await mustExist(path);
  if (info.isDirectory) {
    throw new ActionError(`cannot read a directory: ${path}`, "name a file, or use file.list");
  }
  if (!info.isFile) throw notPlain(path);
  if (given.max_bytes > 0 && info.size > given.max_bytes) throw tooLarge(path, info.size, given.max_bytes);
  if (given.format === "json") {
    const content = await Deno.readTextFile(path);
    return await printResult(work, { operation: "read", path, ...factsOf(info), content });
  }
  using file = await Deno.open(path);
  const chunk = new Uint8Array(65_536);
  for (let read = await file.read(chunk); read !== null; read = await file.read(chunk)) {
    await work.sink.write("stdout", chunk.slice(0, read));
    if (work.signal.aborted) break;
  }
  return succeeded(null);
}

function tooLarge(path: string, size: number, max: number): ActionError {
  return new ActionError(`${path} exceeds max_bytes (${size} > ${max} bytes)`, "raise max_bytes");
}

// ---- writing ----------------------------------------------------------------------------------------------------

export async function fileWrite(given: With<"file.write">, work: Work): Promise<Outcome> {
  const path = at(work, given.path);
  const known = await look(path, true);
  if (known?.isDirectory) throw new ActionError(`destination is a directory: ${path}`);
  if (known !== null && !given.overwrite) throw exists(path);
  if (known !== null && !known.isFile && !known.isCharDevice) throw notPlain(path);
  const bytes = new TextEncoder().encode(given.content);
  if (!given.dry_run) {
    if (given.create_dirs) await Deno.mkdir(dirname(path), { recursive: true });
    await write(path, bytes, given.mode ?? DEFAULT_MODE, given.atomic, work);
  }
  return await printResult(work, {
    operation: "write",
    path,
    bytes: bytes.length,
    created: known === null && !given.dry_run,
    ...dryRun(given.dry_run),
  });
}

/** With `isAtomic`, who reads the path finds the old content or the new, never half of it. */
export async function write(
  path: string,
  bytes: Uint8Array,
  mode: number,
  isAtomic: boolean,
  work: Work,
): Promise<void> {
  try {
    if (isAtomic) return await replaceFile(path, work, { mode }, (file) => writeAll(file, bytes));
    {
      using file = await Deno.open(path, { create: true, write: true, truncate: true, mode });
      await writeAll(file, bytes);
    }
    // A device is not its writer's to close to others.
    if ((await Deno.stat(path)).isFile) await Deno.chmod(path, mode);
  } catch (error) {
    throw explained(error, path);
  }
}

function explained(error: unknown, path: string): Error {
  if (error instanceof Deno.errors.NotFound) {
    return new ActionError(`the folder of ${path} does not exist`, "set create_dirs: true");
  }
  return error instanceof Error ? error : new Error(String(error));
}

export async function fileCopy(given: With<"file.copy">, work: Work): Promise<Outcome> {
  const { source, destination, info } = await openTransfer(given, work);
  if (info.isDirectory && !given.recursive) {
    throw new ActionError("recursive is required to copy a directory", "set recursive: true");
  }
  if (info.isDirectory && isInside(source, destination)) {
    throw new ActionError(`destination ${destination} is inside of source`, "copy to another folder");
  }
  if (!given.dry_run) {
    await makeParents(destination, given.create_dirs);
    if (info.isDirectory) await copyFolder(source, destination, given.follow_symlinks, work);
    else await copyOne(source, destination, work);
  }
  return await printResult(work, {
    operation: "copy",
    source,
    destination,
    path: destination,
    type: typeOf(info),
    copied: !given.dry_run,
    ...dryRun(given.dry_run),
  });
}

async function copyFolder(
  source: string,
  destination: string,
  follow: boolean,
  work: Work,
  above: readonly string[] = [],
): Promise<void> {
  const way = await enter(source, above);
  const isNew = await look(destination, true) === null;
  if (way === null) throw new ActionError(`${source} leads back to a folder above it`, "remove the symlink");
  await Deno.mkdir(destination, { recursive: true });
  for await (const entry of Deno.readDir(source)) {
    if (work.signal.aborted) throw new ActionError("stopped");
    const [from, to] = [join(source, entry.name), join(destination, entry.name)];
    const info = await look(from, follow);
    if (info?.isDirectory) await copyFolder(from, to, follow, work, way);
    else if (info?.isSymlink) {
      await Deno.remove(to).catch(() => {});
      await Deno.symlink(await Deno.readLink(from), to);
    } else if (info !== null) await copyOne(from, to, work);
  }
  // Last, since a folder may forbid what was just done in it.
  if (isNew) await Deno.chmod(destination, ((await Deno.stat(source)).mode ?? 0o755) & 0o7777);
}

/** The folders down to this one; null: it is one of those above it, which only a symlink can bring about. */
async function enter(folder: string, above: readonly string[]): Promise<readonly string[] | null> {
  const real = await Deno.realPath(folder);
  return above.includes(real) ? null : [...above, real];
}

/** In pieces, since a stop does not wait for the rest of a large file. Of a file that is new, no half stays. */
async function copyOne(source: string, destination: string, work: Work): Promise<void> {
  const info = await mustExist(source);
  const known = await look(destination, true);
  if (!info.isFile) throw notPlain(source);
  if (known !== null && !known.isFile && !known.isCharDevice) throw notPlain(destination);
  try {
    using from = await Deno.open(source);
    using to = await Deno.open(destination, { create: true, write: true, truncate: true, mode: 0o600 });
    const piece = new Uint8Array(Math.min(COPY_BYTES, Math.max(1, info.size)));
    for (let read = await from.read(piece); read !== null; read = await from.read(piece)) {
      if (work.signal.aborted) throw new ActionError("stopped");
      await writeAll(to, piece.subarray(0, read));
    }
    if (known?.isCharDevice !== true && info.mode !== null) await Deno.chmod(destination, info.mode & 0o7777);
  } catch (error) {
    if (known === null) await Deno.remove(destination).catch(() => {});
    throw explained(error, destination);
  }
}

export async function fileMove(given: With<"file.move">, work: Work): Promise<Outcome> {
  const { source, destination, info } = await openTransfer(given, work);
  if (info.isDirectory && isInside(source, destination)) {
    throw new ActionError(`destination ${destination} is inside of source`, "move to another folder");
  }
  if (!given.dry_run) {
    await makeParents(destination, given.create_dirs);
    await move(source, destination, info, work);
  }
  return await printResult(work, {
    operation: "move",
    source,
    destination,
    path: destination,
    moved: !given.dry_run,
    ...dryRun(given.dry_run),
  });
}

/** Another file system cannot be renamed into: copied and removed instead. */
async function move(source: string, destination: string, info: Deno.FileInfo, work: Work): Promise<void> {
  const known = await look(destination, false);
  if (known !== null && !known.isDirectory && !known.isFile && !known.isSymlink) throw notPlain(destination);
  if (known?.isDirectory) await Deno.remove(destination, { recursive: true });
  try {
    await Deno.rename(source, destination);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || !/cross-device|EXDEV/i.test(String(error))) {
      throw explained(error, destination);
    }
    if (info.isDirectory) await copyFolder(source, destination, false, work);
    else await copyOne(source, destination, work);
    await Deno.remove(source, { recursive: true });
  }
}

interface Transfer {
  readonly source: string;
  readonly destination: string;
  readonly info: Deno.FileInfo;
}

async function openTransfer(
  given: With<"file.copy"> | With<"file.move">,
  work: Work,
): Promise<Transfer> {
  const [source, destination] = [at(work, given.source), at(work, given.destination)];
  const info = await mustExist(source);
  // Also by way of a symlink: a file that is copied onto itself is emptied first.
  if (await Deno.realPath(source) === await Deno.realPath(destination).catch(() => destination)) {
    throw new ActionError("source and destination must differ");
  }
  const known = await look(destination, false);
  if (known !== null && !given.overwrite) throw exists(destination);
  // A folder of that name is not what somebody who writes a file over another has in mind.
  if (known?.isDirectory && !info.isDirectory) {
    throw new ActionError(`destination is a directory: ${destination}`, "name the file in it");
  }
  if (known !== null && !known.isDirectory && info.isDirectory) {
    throw new ActionError(`destination is not a directory: ${destination}`, "delete it first");
  }
  return { source, destination, info };
}

async function makeParents(path: string, isAsked: boolean): Promise<void> {
  if (isAsked) await Deno.mkdir(dirname(path), { recursive: true });
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith("../");
}

// ---- folders ----------------------------------------------------------------------------------------------------

export async function fileDelete(given: With<"file.delete">, work: Work): Promise<Outcome> {
  const path = at(work, given.path);
  if (path === resolve("/")) throw new ActionError("refusing to delete filesystem root");
  const info = await look(path, false);
  if (info === null && !given.missing_ok) {
    throw new ActionError(`${path} does not exist`, "set missing_ok: true");
  }
  if (info?.isDirectory && !given.recursive) {
    throw new ActionError("recursive is required to delete a directory", "set recursive: true");
  }
  if (info !== null && !given.dry_run) await Deno.remove(path, { recursive: given.recursive });
  return await printResult(work, {
    operation: "delete",
    path,
    deleted: info !== null && !given.dry_run,
    ...dryRun(given.dry_run),
  });
}

export async function fileMkdir(given: With<"file.mkdir">, work: Work): Promise<Outcome> {
  const path = at(work, given.path);
  const known = await look(path, true);
  if (known !== null && !known.isDirectory) {
    throw new ActionError(`destination exists: ${path}`, "delete it, or name another path");
  }
  if (known === null && !given.dry_run) {
    await Deno.mkdir(path, { recursive: given.create_dirs }).catch((error: Error) => {
      throw explained(error, path);
    });
    // Not as an option of mkdir, which gives it to new folders above as well, less the umask.
    if (given.mode !== undefined) await Deno.chmod(path, given.mode);
  }
  return await printResult(work, {
    operation: "mkdir",
    path,
    created: known === null && !given.dry_run,
    ...dryRun(given.dry_run),
  });
}

export async function fileList(given: With<"file.list">, work: Work): Promise<Outcome> {
  const path = at(work, given.path);
  const info = await mustExist(path);
  if (!info.isDirectory) throw new ActionError(`${path} is not a directory`, "use file.stat");
  const entries = await listFolder(path, path, given, work);
  return await printResult(work, { operation: "list", path, entries });
}

/** Sorted by path. A pattern with a slash is compared with the path below the folder, another with the name. */
async function listFolder(
  root: string,
  folder: string,
  given: With<"file.list">,
  work: Work,
  above: readonly string[] = [],
  found: Record<string, unknown>[] = [],
): Promise<Record<string, unknown>[]> {
  if (work.signal.aborted) throw new ActionError("stopped");
  const way = await enter(folder, above);
  if (way === null) return found;
  const pattern = given.pattern === "" ? "*" : given.pattern;
  const names = (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name).sort();
  for (const name of names) {
    const path = join(folder, name);
    const info = await look(path, given.follow_symlinks);
    if (info === null) continue;
    const below = relative(root, path);
    const isListed = !info.isDirectory || given.include_dirs;
    if (isListed && matchesGlob(pattern, pattern.includes("/") ? below : name)) {
      found.push({ name, path, relativePath: below, ...factsOf(info) });
    }
    if (info.isDirectory && given.recursive) await listFolder(root, path, given, work, way, found);
  }
  return found;
}

// ---- facts ------------------------------------------------------------------------------------------------------

function at(work: Work, path: string): string {
  return joinDir(stepDir(work), path);
}

async function look(path: string, follow: boolean): Promise<Deno.FileInfo | null> {
  try {
    return await (follow ? Deno.stat(path) : Deno.lstat(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw error;
  }
}

async function mustExist(path: string): Promise<Deno.FileInfo> {
  const info = await look(path, true);
  if (info === null) throw new ActionError(`${path} does not exist`);
  return info;
}

function exists(path: string): ActionError {
  return new ActionError(`destination exists: ${path}`, "set overwrite: true");
}

function factsOf(info: Deno.FileInfo | null): Record<string, unknown> {
  if (info === null) return { exists: false };
  const mode = ((info.mode ?? 0) & 0o7777).toString(8).padStart(4, "0");
  return {
    exists: true,
    type: typeOf(info),
    size: info.size,
    mode,
    modTime: info.mtime?.toISOString() ?? null,
  };
}

function typeOf(info: Deno.FileInfo): string {
  return info.isDirectory ? "directory" : info.isSymlink ? "symlink" : info.isFile ? "file" : "other";
}

function dryRun(isDry: boolean): Record<string, unknown> {
  return isDry ? { dryRun: true } : {};
}
