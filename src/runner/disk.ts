/**
 * Where the runner keeps its own state: identity, spools, folders of runs. A port, so that what a crash leaves behind and
 * what a full disk does can be decided by who gives it.
 */
export interface Disk {
  /** With the folders above it; an existing one is left as it is. */
  makeFolder(path: string, mode?: number): Promise<void>;
  /** null: there is no such file, or it cannot be read. */
  readBytes(path: string): Promise<Uint8Array | null>;
  /** Exactly `length` bytes from `offset`. */
  readRange(path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The whole file, for the runner's user only. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Puts the file in the other's place, at once or not at all. */
  rename(from: string, to: string): Promise<void>;
  /** Empty, for the runner's user only; an existing one is left as it is. */
  makeFile(path: string): void;
  /** For the runner's user only; made when it is not there. */
  openAppend(path: string): DiskFile;
  /** Names of the folders in a folder, sorted; none when it is not there. */
  folders(path: string): Promise<string[]>;
  /** With everything in it; nothing happens when it is not there. */
  remove(path: string): Promise<void>;
  /** Held until disposed, or until the process ends; null: another process holds it. */
  lock(path: string): Promise<Disposable | null>;
}

/** Written at its end only. */
export interface DiskFile {
  /** When it was opened. */
  readonly size: number;
  /** All of the bytes. */
  write(bytes: Uint8Array): Promise<number>;
  /** Answers how many of the bytes were written. */
  writeSync(bytes: Uint8Array): number;
  truncate(size: number): Promise<void>;
  /** Resolves when what was written would survive the machine's loss of power. */
  sync(): Promise<void>;
  close(): void;
}

/** Text of a small file; "" when there is none. */
export async function readText(disk: Disk, path: string): Promise<string> {
  const bytes = await disk.readBytes(path);
  return bytes === null ? "" : new TextDecoder().decode(bytes);
}

export async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  await disk.write(path, new TextEncoder().encode(text));
}

/** The disk of this machine. */
export function machineDisk(): Disk {
  return {
    makeFolder: (path, mode) =>
      Deno.mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) }),
    readBytes: (path) => Deno.readFile(path).catch(() => null),
    readRange,
    write: (path, bytes) => Deno.writeFile(path, bytes, { mode: 0o600 }),
    rename: (from, to) => Deno.rename(from, to),
    makeFile: (path) => Deno.writeFileSync(path, new Uint8Array(), { append: true, mode: 0o600 }),
    openAppend,
    folders: async (path) => {
      const names: string[] = [];
      try {
        for await (const entry of Deno.readDir(path)) if (entry.isDirectory) names.push(entry.name);
      } catch {
        return [];
      }
      return names.sort();
    },
    remove: (path) => Deno.remove(path, { recursive: true }).catch(() => {}),
    lock: async (path) => {
      const file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
      if (await file.tryLock(true)) return { [Symbol.dispose]: () => file.close() };
      file.close();
      return null;
    },
  };
}

function openAppend(path: string): DiskFile {
  const file = Deno.openSync(path, { create: true, append: true, mode: 0o600 });
  return {
    size: file.statSync().size,
    write: (bytes) => file.write(bytes),
    writeSync: (bytes) => file.writeSync(bytes),
    truncate: (size) => file.truncate(size),
    sync: () => file.syncData(),
    close: () => file.close(),
  };
}

async function readRange(path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(Math.max(0, length));
  if (length <= 0) return bytes;
  using file = await Deno.open(path, { read: true });
  await file.seek(offset, Deno.SeekMode.Start);
  let at = 0;
  while (at < length) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) throw new Error(`${path} is shorter than ${offset + length} bytes`);
    at += count;
  }
  return bytes;
}
