/** Zip archives: read at any place of the file, written as a stream. */
import { type FileHandle, open } from "node:fs/promises";
import {
  configure,
  type Entry,
  type FileEntry,
  Reader,
  TextReader,
  ZipReader,
  ZipWriter,
} from "@zip.js/zip.js";
import type { ReadEntry, SourceEntry } from "./archive-entry.ts";
import { ActionError } from "./deed.ts";

configure({ useWebWorkers: false });

const SYMLINK = 0o120000;
const TARGET_MAX = 4_096;

export interface ZipOptions {
  readonly password: string | undefined;
  readonly isVerified: boolean;
  readonly signal: AbortSignal;
}

// ---- reading ----------------------------------------------------------------------------------------------

export async function* readZip(path: string, options: ZipOptions): AsyncIterable<ReadEntry> {
  await using handle = await open(path);
  const reader = new ZipReader(new HandleReader(handle), {
    checkSignature: options.isVerified,
    signal: options.signal,
    ...(options.password === undefined ? {} : { password: options.password }),
  });
  try {
    for await (const entry of reader.getEntriesGenerator()) yield await entryOf(entry);
  } catch (error) {
    throw explained(error, options);
  } finally {
    await reader.close();
  }

  async function entryOf(entry: Entry): Promise<ReadEntry> {
    const isLink = entry.symlink && !entry.directory && entry.uncompressedSize <= TARGET_MAX;
    return {
      name: entry.filename,
      type: entry.directory ? "directory" : isLink ? "symlink" : entry.symlink ? "other" : "file",
      size: entry.uncompressedSize,
      mode: entry.unixMode === undefined ? null : entry.unixMode & 0o7777,
      modTime: entry.lastModDate,
      target: isLink ? await textOf(contentOf(entry, options)) : null,
      content: () => entry.directory ? nothing() : contentOf(entry, options),
    };
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}

async function* contentOf(entry: FileEntry, options: ZipOptions): AsyncIterable<Uint8Array> {
  const { readable, writable, fail } = newPipe();
  const done = entry.getData(writable).catch((error: unknown) => fail(explained(error, options)));
  try {
    yield* readable;
    await done;
  } catch (error) {
    throw explained(error, options);
  }
}

interface Pipe {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Whoever reads is told. The library may fail before it writes, and keep the writing end locked. */
  fail(error: Error): void;
}

function newPipe(): Pipe {
  let fail = (_: Error): void => {};
  const streams = new TransformStream<Uint8Array, Uint8Array>({
    start: (controller) => {
      fail = (error) => controller.error(error);
    },
  });
  return { readable: streams.readable, writable: streams.writable, fail };
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  return await new Response(ReadableStream.from(content)).text();
}

function explained(error: unknown, options: ZipOptions): Error {
  if (error instanceof ActionError) return error;
  if (options.signal.aborted) return new ActionError("stopped");
  const message = error instanceof Error ? error.message : String(error);
  if (/encrypted/i.test(message) && options.password === undefined) {
    return new ActionError("the archive needs a password", "set password, best from secrets");
  }
  if (/password/i.test(message)) return new ActionError("the password is wrong", "correct password");
  return new ActionError(`the zip archive cannot be read: ${message}`, "make it again, or correct format");
}

class HandleReader extends Reader<FileHandle> {
  constructor(private readonly handle: FileHandle) {
    super(handle);
  }

  override async init(): Promise<void> {
    await super.init?.();
    this.size = (await this.handle.stat()).size;
  }

  override async readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - index)));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await this.handle.read(bytes, filled, bytes.length - filled, index + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  }
}

// ---- writing ----------------------------------------------------------------------------------------------

/** `level` -1: the library's own. A password encrypts with AES-256. */
export async function* writeZip(
  entries: readonly SourceEntry[],
  level: number,
  password: string | undefined,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const { readable, writable, fail } = newPipe();
  const writer = new ZipWriter(writable, {
    signal,
    ...(level < 0 ? {} : { level }),
    ...(password === undefined ? {} : { password }),
  });
  const filled = fill(entries, writer).catch((error: unknown) => {
    if (signal.aborted) fail(new ActionError("stopped"));
    else fail(error instanceof Error ? error : new Error(String(error)));
  });
  try {
    yield* readable;
  } finally {
    await filled;
  }
}

async function fill(entries: readonly SourceEntry[], writer: ZipWriter<unknown>): Promise<void> {
  for (const entry of entries) {
    const mode = entry.mode === null
      ? {}
      : { unixMode: entry.type === "symlink" ? SYMLINK | 0o777 : entry.mode };
    const options = { ...mode, ...(entry.modTime === null ? {} : { lastModDate: entry.modTime }) };
    if (entry.type === "directory") await writer.add(`${entry.name}/`, null, { ...options, directory: true });
    else if (entry.type === "symlink") {
      await writer.add(entry.name, new TextReader(entry.target ?? ""), options);
    } else {
      // The library leaves what it was reading open when it is stopped.
      using file = await Deno.open(entry.path);
      await writer.add(entry.name, { readable: file.readable }, options);
    }
  }
  await writer.close();
}
