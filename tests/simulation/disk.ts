/** A disk in memory that can be full, and that keeps after a loss of power only what was synced. */
import type { Disk } from "../../src/runner/disk.ts";
import type { Life } from "./timeline.ts";

interface File {
  bytes: Uint8Array<ArrayBuffer>;
  syncedSize: number;
}

/** What is on the platter: outlives the processes that use it. */
export interface Platter {
  readonly files: Map<string, File>;
  readonly folders: Set<string>;
  isFull: boolean;
  powerLosses: number;
  /** Another process has the state folder while this one lives. */
  lockedBy: Life | null;
}

export function newPlatter(): Platter {
  return { files: new Map(), folders: new Set(), isFull: false, powerLosses: 0, lockedBy: null };
}

/** Appended bytes that were not synced are gone. What was written whole is taken to be there: it is written before use. */
export function losePower(platter: Platter): void {
  platter.powerLosses++;
  for (const file of platter.files.values()) file.bytes = file.bytes.slice(0, file.syncedSize);
}

export interface DiskUser {
  readonly life: Life;
  /** Before every operation that can wait: the process may end there. */
  onOperation(): void;
}

export function openDisk(platter: Platter, user: DiskUser): Disk {
  const { files, folders } = platter;
  /** A process that is gone never hears of its operation again, and the operation did not happen. */
  const act = <T>(work: () => T): Promise<T> => {
    user.onOperation();
    if (user.life.isOver) return new Promise(() => {});
    try {
      return Promise.resolve(work());
    } catch (error) {
      return Promise.reject(error);
    }
  };
  const refuseIfFull = (length: number): void => {
    if (platter.isFull && length > 0) throw new Error("No space left on device");
  };
  const append = (file: File, bytes: Uint8Array): number => {
    if (user.life.isOver) throw new Error("the process is gone");
    refuseIfFull(bytes.length);
    const longer = new Uint8Array(file.bytes.length + bytes.length);
    longer.set(file.bytes);
    longer.set(bytes, file.bytes.length);
    file.bytes = longer;
    return bytes.length;
  };
  const place = (path: string): File => {
    const known = files.get(path);
    if (known !== undefined) return known;
    const made = { bytes: new Uint8Array(), syncedSize: 0 };
    files.set(path, made);
    return made;
  };

  return {
    makeFolder: (path) =>
      act(() => {
        const parts = path.split("/");
        for (let end = 2; end <= parts.length; end++) folders.add(parts.slice(0, end).join("/"));
      }),
    readBytes: (path) => act(() => files.get(path)?.bytes.slice() ?? null),
    readRange: (path, offset, length) => act(() => place(path).bytes.slice(offset, offset + length)),
    write: (path, bytes) =>
      act(() => {
        refuseIfFull(bytes.length);
        files.set(path, { bytes: new Uint8Array(bytes), syncedSize: bytes.length });
      }),
    rename: (from, to) =>
      act(() => {
        const file = files.get(from);
        if (file === undefined) throw new Error(`there is no ${from}`);
        files.delete(from);
        files.set(to, file);
      }),
    makeFile: (path) => void place(path),
    openAppend: (path) => {
      const file = place(path);
      return {
        size: file.bytes.length,
        write: (bytes) => act(() => append(file, bytes)),
        writeSync: (bytes) => append(file, bytes),
        truncate: (size) => act(() => void (file.bytes = file.bytes.slice(0, size))),
        sync: () => act(() => void (file.syncedSize = file.bytes.length)),
        close: () => {},
      };
    },
    folders: (path) =>
      act(() =>
        [...folders].filter((folder) =>
          folder.startsWith(`${path}/`) && !folder.slice(path.length + 1).includes("/")
        )
          .map((folder) => folder.slice(path.length + 1)).sort()
      ),
    remove: (path) =>
      act(() => {
        const isInside = (other: string): boolean => other === path || other.startsWith(`${path}/`);
        for (const other of [...files.keys()]) if (isInside(other)) files.delete(other);
        for (const other of [...folders]) if (isInside(other)) folders.delete(other);
      }),
    lock: () =>
      act(() => {
        if (platter.lockedBy !== null && !platter.lockedBy.isOver) return null;
        platter.lockedBy = user.life;
        return { [Symbol.dispose]: () => void (platter.lockedBy = null) };
      }),
  };
}
