/** One stream of one step on disk, a file for each of its tries (S-86): appended by the step, read by the uplink (SP-01). */
import type { StreamName } from "../run/ports.ts";
import type { Disk, DiskFile } from "./disk.ts";

export interface StreamFile {
  readonly step: string;
  readonly stream: StreamName;
  /** Of the last try. */
  readonly path: string;
  /** Bytes on disk, of all tries. */
  readonly size: number;
  /** Nothing is in the file of the last try. */
  readonly isFresh: boolean;
  /** Bytes of the step that were not kept; they follow what is on disk. */
  readonly dropped: number;
  /** Why bytes are dropped; "" while none are. */
  readonly dropReason: string;
  /** No more bytes will come. */
  readonly isEnded: boolean;
  append(bytes: Uint8Array): Promise<void>;
  /** Its next try begins: what comes goes into this file, which is there. */
  startFile(path: string): void;
  /** As `startFile`, in an earlier process, when the stream had `from` bytes. */
  reopenFile(path: string, from: number): Promise<void>;
  /** From now on bytes are counted and thrown away; `bytes`: those that an earlier process threw away. */
  drop(reason: string, bytes?: number): void;
  /** Up to `length` bytes from `offset`; shorter only at the end of a file. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Fills up to `size` bytes what was lost: later bytes keep their places. */
  pad(size: number): Promise<void>;
  end(): Promise<void>;
}

const LINE_FEED = 10;

/** Its file is there from now on. Most streams of most steps are empty: it is opened when there is something to write. */
export function newStreamFile(disk: Disk, path: string, step: string, stream: StreamName): StreamFile {
  disk.makeFile(path);
  return new DiskStream(disk, path, step, stream, null);
}

/** One that an earlier process made. */
export function reopenStreamFile(disk: Disk, path: string, step: string, stream: StreamName): StreamFile {
  return new DiskStream(disk, path, step, stream, disk.openAppend(path));
}

/** A class, since each step has two of them: an object of closures and getters takes ten times as long to make. */
class DiskStream implements StreamFile {
  size: number;
  dropped = 0;
  dropReason = "";
  isEnded = false;
  #lane: Promise<void> = Promise.resolve();
  #file: DiskFile | null;
  /** Of all bytes, those in the files of earlier tries. */
  #before = 0;
  /** In the order of the tries; null: there are none, as of most streams. */
  #older: { readonly path: string; readonly from: number; readonly to: number }[] | null = null;

  constructor(
    private readonly disk: Disk,
    public path: string,
    readonly step: string,
    readonly stream: StreamName,
    opened: DiskFile | null,
  ) {
    this.#file = opened;
    this.size = opened?.size ?? 0;
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#next(() => this.#write(bytes));
  }

  get isFresh(): boolean {
    return this.size === this.#before;
  }

  startFile(path: string): void {
    const older = this.path;
    this.path = path;
    // What is still being written belongs to the try before.
    void this.#next(() => this.#leave(older));
  }

  async reopenFile(path: string, from: number): Promise<void> {
    await this.pad(from);
    await this.#next(() => {
      this.#leave(this.path);
      this.path = path;
      this.#file = this.disk.openAppend(path);
      this.size += this.#file.size;
    });
  }

  drop(reason: string, bytes = 0): void {
    if (this.dropReason === "") this.dropReason = reason;
    this.dropped += bytes;
  }

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const { path, from, to } = this.#older?.find((one) => offset < one.to) ??
      { path: this.path, from: this.#before, to: this.size };
    return this.disk.readRange(path, offset - from, Math.min(length, to - offset));
  }

  pad(wanted: number): Promise<void> {
    return this.#next(async () => {
      if (wanted > this.size) await this.#write(new Uint8Array(wanted - this.size).fill(LINE_FEED));
    });
  }

  end(): Promise<void> {
    return this.#next(() => {
      if (this.isEnded) return;
      this.isEnded = true;
      this.#file?.close();
    });
  }

  #leave(path: string): void {
    this.#file?.close();
    this.#file = null;
    (this.#older ??= []).push({ path, from: this.#before, to: this.size });
    this.#before = this.size;
  }

  /** One after the other. */
  #next(work: () => void | Promise<void>): Promise<void> {
    this.#lane = this.#lane.then(work);
    return this.#lane;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.isEnded) throw new Error(`stream ${this.stream} of step "${this.step}" has ended`);
    if (this.dropReason !== "") {
      this.dropped += bytes.length;
      return;
    }
    try {
      this.#file ??= this.disk.openAppend(this.path);
      for (let at = 0; at < bytes.length;) {
        const written = await this.#file.write(bytes.subarray(at));
        at += written;
        this.size += written;
      }
    } catch (error) {
      // A full disk costs the rest of the log, never the run (SP-03).
      this.dropReason = `cannot write the log: ${error instanceof Error ? error.message : String(error)}`;
      this.dropped += bytes.length;
    }
  }
}
