/** `archive.*`: pack, unpack, look. The result is one line of JSON. */
import { basename, dirname, join } from "node:path";
import type { Outcome } from "../../run/ports.ts";
import { ARCHIVE_FORMATS, type ArchiveFormat } from "../../workflow/actions/archive.ts";
import type { With } from "../../workflow/actions/names.ts";
import { isWanted, nameFor, type ReadEntry, segmentsOf } from "./archive-entry.ts";
import { ArchivePlace, checkTarget } from "./archive-place.ts";
import { collect } from "./archive-source.ts";
import { readTar, writeTar } from "./archive-tar.ts";
import { ActionError, printResult } from "./deed.ts";
import { writeStream } from "./file-stream.ts";
import { joinDir, stepDir } from "./host.ts";
import { notPlain } from "./plain-file.ts";
import type { Work } from "./work.ts";

export async function archiveCreate(given: With<"archive.create">, work: Work): Promise<Outcome> {
  const [source, destination] = [at(work, given.source), at(work, given.destination)];
  const format = given.format ?? formatByName(destination);
  if (format === null) throw unknownFormat(destination);
  checkPassword(given.password, format);
  const known = await Deno.lstat(destination).catch(() => null);
  if (known !== null && !given.overwrite) throw exists(destination);
  if (known?.isDirectory) {
    throw new ActionError(`destination is a directory: ${destination}`, "name the file in it");
  }
  const entries = await collect(source, destination, given, work);
  if (!given.dry_run) {
    await writeStream(destination, await packed(entries, format, given, work.signal), work);
    if (given.verify_integrity) {
      await readThrough(destination, format, { ...given, verify_integrity: true }, work);
    }
  }
  return await printResult(work, {
    operation: "create",
    source,
    destination,
    format,
    files: entries.filter((entry) => entry.type !== "directory").length,
    originalBytes: entries.reduce((sum, entry) => sum + entry.size, 0),
    ...(given.dry_run
      ? { dryRun: true, entries: entries.map((entry) => entry.name) }
      : { bytes: (await Deno.stat(destination)).size }),
  });
}

async function packed(
  entries: Awaited<ReturnType<typeof collect>>,
  format: ArchiveFormat,
  given: With<"archive.create">,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  if (format !== "zip") return writeTar(entries, format, given.compression_level);
  return (await import("./archive-zip.ts")).writeZip(
    entries,
    given.compression_level,
    given.password,
    signal,
  );
}

// ---- unpacking --------------------------------------------------------------------------------------------

/** Read twice: what is wrong with the archive is known before anything is written. */
export async function archiveExtract(given: With<"archive.extract">, work: Work): Promise<Outcome> {
  const [source, destination] = [at(work, given.source), at(work, given.destination)];
  const format = await formatOf(source, given.format);
  checkPassword(given.password, format);
  const names = await plan(source, destination, format, given, work);
  if (!given.dry_run) await unpack(source, destination, format, given, work);
  return await printResult(work, {
    operation: "extract",
    source,
    destination,
    format,
    files: names.files.length,
    bytes: names.bytes,
    ...(given.dry_run ? { dryRun: true, entries: names.files } : {}),
  });
}

interface Plan {
  readonly files: readonly string[];
  readonly bytes: number;
}

async function plan(
  source: string,
  destination: string,
  format: ArchiveFormat,
  given: With<"archive.extract">,
  work: Work,
): Promise<Plan> {
  const files: string[] = [];
  const origins = new Map<string, string>();
  let bytes = 0;
  for await (const entry of entriesOf(source, format, given, work)) {
    const segments = nameFor(entry, given);
    if (segments === null) continue;
    if (entry.type === "other") {
      throw new ActionError(`the archive's entry ${entry.name} is no file, folder or symlink`, "exclude it");
    }
    checkTarget(entry, segments);
    if (given.verify_integrity) await drain(entry, work);
    if (entry.type === "directory") continue;
    checkOrigin(origins, segments.join("/"), segmentsOf(entry.name).join("/"));
    const path = join(destination, ...segments);
    if (!given.overwrite && await Deno.lstat(path).catch(() => null) !== null) throw exists(path);
    files.push(segments.join("/"));
    bytes += entry.type === "file" ? entry.size : 0;
  }
  return { files, bytes };
}

/** Without their folders two files can get one name. The same file of an archive again is its newer version. */
function checkOrigin(origins: Map<string, string>, name: string, origin: string): void {
  const other = origins.get(name) ?? origin;
  if (other !== origin) {
    throw new ActionError(
      `${other} and ${origin} of the archive would both be ${name}`,
      "keep their folders: preserve_paths: true, without strip_components",
    );
  }
  origins.set(name, origin);
}

async function unpack(
  source: string,
  destination: string,
  format: ArchiveFormat,
  given: With<"archive.extract">,
  work: Work,
): Promise<void> {
  const isNew = await Deno.lstat(destination).then(() => false, () => true);
  const place = await ArchivePlace.open(destination, work);
  try {
    for await (const entry of entriesOf(source, format, given, work)) {
      const segments = nameFor(entry, given);
      if (segments !== null) await place.add(entry, segments, given.strip_components);
    }
    await place.close();
  } catch (error) {
    // As long as there is nothing in it.
    if (isNew) await Deno.remove(destination).catch(() => {});
    throw error;
  }
}

// ---- looking ----------------------------------------------------------------------------------------------

export async function archiveList(given: With<"archive.list">, work: Work): Promise<Outcome> {
  const source = at(work, given.source);
  const format = await formatOf(source, given.format);
  checkPassword(given.password, format);
  const entries: Record<string, unknown>[] = [];
  for await (const entry of entriesOf(source, format, given, work)) {
    if (!isWanted(entry.name, given)) continue;
    if (given.verify_integrity) await drain(entry, work);
    entries.push(factsOf(entry));
  }
  return await printResult(work, { operation: "list", source, format, entries });
}

function factsOf(entry: ReadEntry): Record<string, unknown> {
  return {
    path: entry.name,
    type: entry.type,
    size: entry.size,
    ...(entry.mode === null ? {} : { mode: entry.mode.toString(8).padStart(4, "0") }),
    modTime: entry.modTime?.toISOString() ?? null,
    ...(entry.target === null ? {} : { target: entry.target }),
  };
}

// ---- what all of them need --------------------------------------------------------------------------------

interface Reading {
  readonly password?: string | undefined;
  readonly verify_integrity: boolean;
}

async function* entriesOf(
  source: string,
  format: ArchiveFormat,
  given: Reading,
  work: Work,
): AsyncIterable<ReadEntry> {
  const entries = format === "zip"
    ? (await import("./archive-zip.ts")).readZip(source, {
      password: given.password,
      isVerified: given.verify_integrity,
      signal: work.signal,
    })
    : readTar(source, format);
  const told = explaining(source, format);
  for await (const entry of told(entries)) {
    if (work.signal.aborted) throw new ActionError("stopped");
    yield { ...entry, content: () => told(entry.content()) };
  }
}

/** What fails while an archive is read, whether between its entries or within one, is told in the same words. */
function explaining(source: string, format: ArchiveFormat): <T>(read: AsyncIterable<T>) => AsyncIterable<T> {
  return async function* (read) {
    try {
      yield* read;
    } catch (error) {
      if (error instanceof ActionError || !(error instanceof Error)) throw error;
      throw new ActionError(
        `${source} is no whole ${format} archive: ${error.message}`,
        "make it again, or set format",
      );
    }
  };
}

async function readThrough(source: string, format: ArchiveFormat, given: Reading, work: Work): Promise<void> {
  for await (const entry of entriesOf(source, format, given, work)) await drain(entry, work);
}

async function drain(entry: ReadEntry, work: Work): Promise<void> {
  if (entry.type !== "file") return;
  for await (const _ of entry.content()) {
    if (work.signal.aborted) throw new ActionError("stopped");
  }
}

function at(work: Work, path: string): string {
  return joinDir(stepDir(work), path);
}

function exists(path: string): ActionError {
  return new ActionError(`destination exists: ${path}`, "set overwrite: true");
}

function checkPassword(password: string | undefined, format: ArchiveFormat): void {
  if (password !== undefined && format !== "zip") {
    throw new ActionError(`${format} archives have no password`, "use format zip, or remove password");
  }
}

// ---- formats ----------------------------------------------------------------------------------------------

const ENDINGS: Readonly<Record<string, ArchiveFormat>> = {
  ".zip": "zip",
  ".tar": "tar",
  ".tar.gz": "tar.gz",
  ".tgz": "tar.gz",
  ".tar.bz2": "tar.bz2",
  ".tbz2": "tar.bz2",
  ".tbz": "tar.bz2",
  ".tar.xz": "tar.xz",
  ".txz": "tar.xz",
  ".tar.zst": "tar.zst",
  ".tzst": "tar.zst",
};

function formatByName(path: string): ArchiveFormat | null {
  const name = basename(path).toLowerCase();
  return Object.entries(ENDINGS).find(([ending]) => name.endsWith(ending))?.[1] ?? null;
}

/** What was asked for, else what the first bytes say, else what the name says. */
async function formatOf(path: string, asked: ArchiveFormat | undefined): Promise<ArchiveFormat> {
  const info = await Deno.stat(path).catch(() => null);
  if (info === null) throw new ActionError(`${path} does not exist`, "correct source");
  if (info.isDirectory) throw new ActionError(`${path} is a folder`, `name an archive in ${dirname(path)}`);
  if (!info.isFile) throw notPlain(path);
  const format = asked ?? formatByBytes(await head(path)) ?? formatByName(path);
  if (format === null) throw unknownFormat(path);
  return format;
}

async function head(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(512);
  return bytes.subarray(0, await file.read(bytes) ?? 0);
}

function formatByBytes(bytes: Uint8Array): ArchiveFormat | null {
  const text = String.fromCharCode(...bytes);
  if (text.startsWith("PK\x03\x04") || text.startsWith("PK\x05\x06")) return "zip";
  if (text.startsWith("\x1f\x8b")) return "tar.gz";
  if (text.startsWith("BZh")) return "tar.bz2";
  if (text.startsWith("\xfd7zXZ\0")) return "tar.xz";
  if (text.startsWith("\x28\xb5\x2f\xfd")) return "tar.zst";
  return text.startsWith("ustar", 257) ? "tar" : null;
}

function unknownFormat(path: string): ActionError {
  return new ActionError(`the format of ${path} is not known`, `set format: ${ARCHIVE_FORMATS.join(", ")}`);
}
