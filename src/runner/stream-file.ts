/** One stream of one step on disk: appended by the step, read by the uplink (SP-01). */
import type { StreamName } from "../run/ports.ts";
import type { Disk, DiskFile } from "./disk.ts";

export interface StreamFile {
  readonly step: string;
  readonly stream: StreamName;
  readonly path: string;
  /** Bytes on disk. */
  readonly size: number;
  /** Bytes of the step that were not kept; they follow what is on disk. */
  readonly dropped: number;
  /** Why bytes are dropped; "" while none are. */
  readonly dropReason: string;
  /** No more bytes will come. */
  readonly isEnded: boolean;
  append(bytes: Uint8Array): Promise<void>;
  /** From now on bytes are counted and thrown away; `bytes`: those that an earlier process threw away. */
  drop(reason: string, bytes?: number): void;
  /** Up to `length` bytes from `offset`; shorter only at the end. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Fills up to `size` bytes what was lost: later bytes keep their places. */
  pad(size: number): Promise<void>;
  end(): Promise<void>;
}

const LINE_FEED = 10;

/** Its file is there from now on. Most streams of most steps are empty: it is opened when there is something to write. */
export function newStreamFile(disk: Disk, path: string, step: string, stream: StreamName): StreamFile {
  disk.makeFile(path);
  return holdStream(disk, path, step, stream, null);
}

/** One that an earlier process made. */
export function reopenStreamFile(disk: Disk, path: string, step: string, stream: StreamName): StreamFile {
  return holdStream(disk, path, step, stream, disk.openAppend(path));
}

function holdStream(
  disk: Disk,
  path: string,
  step: string,
  stream: StreamName,
  opened: DiskFile | null,
): StreamFile {
  let file = opened;
  let size = opened?.size ?? 0;
  let dropped = 0;
  let dropReason = "";
  let isEnded = false;
  let lane: Promise<void> = Promise.resolve();

  const write = async (bytes: Uint8Array): Promise<void> => {
    if (isEnded) throw new Error(`stream ${stream} of step "${step}" has ended`);
    if (dropReason !== "") {
      dropped += bytes.length;
      return;
    }
    try {
      file ??= disk.openAppend(path);
      for (let at = 0; at < bytes.length;) {
        const written = await file.write(bytes.subarray(at));
        at += written;
        size += written;
      }
    } catch (error) {
      // A full disk costs the rest of the log, never the run (SP-03).
      dropReason = `cannot write the log: ${error instanceof Error ? error.message : String(error)}`;
      dropped += bytes.length;
    }
  };

  return {
    step,
    stream,
    path,
    get size(): number {
      return size;
    },
    get dropped(): number {
      return dropped;
    },
    get dropReason(): string {
      return dropReason;
    },
    get isEnded(): boolean {
      return isEnded;
    },
    append: (bytes) => lane = lane.then(() => write(bytes)),
    drop: (reason, bytes = 0) => {
      if (dropReason === "") dropReason = reason;
      dropped += bytes;
    },
    read: (offset, length) => disk.readRange(path, offset, Math.min(length, size - offset)),
    pad: (wanted) =>
      lane = lane.then(async () => {
        if (wanted > size) await write(new Uint8Array(wanted - size).fill(LINE_FEED));
      }),
    end: () =>
      lane = lane.then(() => {
        if (isEnded) return;
        isEnded = true;
        file?.close();
      }),
  };
}
