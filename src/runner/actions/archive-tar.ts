/** Tar archives, plain or compressed, as streams. */
import { pipeline } from "node:stream";
import type { Transform } from "node:stream";
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from "node:zlib";
import { createTarDecoder, createTarPacker, type TarHeader, type TarPackController } from "modern-tar";
import type { ArchiveFormat } from "../../workflow/actions/archive.ts";
import type { ArchiveEntry, ReadEntry, SourceEntry } from "./archive-entry.ts";

type TarFormat = Exclude<ArchiveFormat, "zip">;

// ---- reading ----------------------------------------------------------------------------------------------

export async function* readTar(path: string, format: TarFormat): AsyncIterable<ReadEntry> {
  using file = await Deno.open(path);
  const packed = chunksOf(file);
  const entries = ReadableStream.from(format === "tar" ? packed : through(packed, unpacker(format)))
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

function unpacker(format: Exclude<TarFormat, "tar">): Transform {
  return format === "tar.gz" ? createGunzip() : createZstdDecompress();
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
    type: TYPES[header.type ?? "file"] ?? "other",
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
  return format === "tar" ? packed : through(packed, packer(format, level));
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

function packer(format: Exclude<TarFormat, "tar">, level: number): Transform {
  if (format === "tar.gz") return createGzip({ level });
  return createZstdCompress(level < 0 ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } });
}

/** Ends the whole line of streams with whichever of them ends first. */
async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncIterable<Uint8Array> {
  // Errors come out of the transform, which is destroyed by them.
  pipeline(source, transform, () => {});
  yield* transform;
}
