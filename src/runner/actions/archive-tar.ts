/** Tar archives, plain or compressed, as streams. */
import { pipeline } from "node:stream";
import type { Transform } from "node:stream";
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from "node:zlib";
import { createTarDecoder, createTarPacker, type TarHeader, type TarPackController } from "modern-tar";
import type { ArchiveFormat } from "../../workflow/actions/archive.ts";
import type { ArchiveEntry, ReadEntry, SourceEntry } from "./archive-entry.ts";
import { throughProgram } from "./archive-program.ts";
import { own } from "../../workflow/own.ts";

type TarFormat = Exclude<ArchiveFormat, "zip">;

// ---- reading ----------------------------------------------------------------------------------------------

export async function* readTar(path: string, format: TarFormat): AsyncIterable<ReadEntry> {
  using file = await Deno.open(path);
  const packed = chunksOf(file);
  const entries = ReadableStream.from(unpacked(packed, format))
    .pipeThrough(createTarDecoder({ strict: true }));
  for await (const { header, body } of entries) {
    let isRead = false;
    const content = (): AsyncIterable<Uint8Array> => {
      isRead = true;
      return body;
    };
    yield { ...entryOf(header), content };
    if (!isRead) await body.cancel();
  }
}

function unpacked(packed: AsyncIterable<Uint8Array>, format: TarFormat): AsyncIterable<Uint8Array> {
  switch (format) {
    case "tar":
      return packed;
    case "tar.gz":
      return through(packed, createGunzip());
    case "tar.zst":
      return through(packed, createZstdDecompress());
    case "tar.bz2":
      return throughProgram(packed, ["bzip2", "-dc"]);
    case "tar.xz":
      return throughProgram(packed, ["xz", "-dc"]);
    default:
      return format satisfies never;
  }
}

const TYPES: Readonly<Record<string, ArchiveEntry["type"]>> = {
  file: "file",
  directory: "directory",
  symlink: "symlink",
  link: "link",
};

function entryOf(header: TarHeader): ArchiveEntry {
  return {
    name: header.name,
    type: own(TYPES, header.type ?? "file") ?? "other",
    size: header.size,
    mode: header.mode ?? null,
    modTime: header.mtime ?? null,
    target: header.linkname || null,
  };
}

async function* chunksOf(file: Deno.FsFile): AsyncIterable<Uint8Array> {
  const chunk = new Uint8Array(65_536);
  for (let read = await file.read(chunk); read !== null; read = await file.read(chunk)) {
    yield chunk.slice(0, read);
  }
}

// ---- writing ----------------------------------------------------------------------------------------------

/** `level` -1: the format's own. */
export function writeTar(
  entries: readonly SourceEntry[],
  format: TarFormat,
  level: number,
): AsyncIterable<Uint8Array> {
  const packed = pack(entries);
  switch (format) {
    case "tar":
      return packed;
    case "tar.gz":
      return through(packed, createGzip({ level }));
    case "tar.zst":
      return through(
        packed,
        createZstdCompress(level < 0 ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } }),
      );
    case "tar.bz2":
      return throughProgram(packed, ["bzip2", "-c", ...(level < 0 ? [] : [`-${Math.max(level, 1)}`])]);
    case "tar.xz":
      return throughProgram(packed, ["xz", "-c", ...(level < 0 ? [] : [`-${level}`])]);
    default:
      return format satisfies never;
  }
}

async function* pack(entries: readonly SourceEntry[]): AsyncIterable<Uint8Array> {
  const { readable, controller } = createTarPacker();
  const filled = fill(entries, controller).catch((error: unknown) => controller.error(error));
  yield* readable;
  await filled;
}

async function fill(entries: readonly SourceEntry[], controller: TarPackController): Promise<void> {
  for (const entry of entries) {
    const body = controller.add(headerOf(entry));
    if (entry.type !== "file") await body.close();
    else await (await Deno.open(entry.path)).readable.pipeTo(body);
  }
  controller.finalize();
}

function headerOf(entry: SourceEntry): TarHeader {
  return {
    name: entry.type === "directory" ? `${entry.name}/` : entry.name,
    size: entry.type === "file" ? entry.size : 0,
    type: entry.type === "directory" || entry.type === "symlink" ? entry.type : "file",
    ...(entry.mode === null ? {} : { mode: entry.mode }),
    ...(entry.modTime === null ? {} : { mtime: entry.modTime }),
    ...(entry.target === null ? {} : { linkname: entry.target }),
  };
}

/** Ends the whole line of streams with whichever of them ends first. */
async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncIterable<Uint8Array> {
  // Errors come out of the transform, which is destroyed by them.
  pipeline(source, transform, () => {});
  yield* transform;
}
