/**
 * The folder that an archive is unpacked into. Nothing is ever written outside of it: names cannot lead out,
 * no entry goes through a symlink, and symlinks of the archive come last and may only lead to places inside.
 */
import { dirname, join, relative, resolve } from "node:path";
import { type ReadEntry, segmentsOf } from "./archive-entry.ts";
import { ActionError } from "./deed.ts";
import type { Work } from "./work.ts";

const FILE_MODE = 0o644;

interface Link {
  readonly segments: readonly string[];
  readonly target: string;
}

export class ArchivePlace {
  readonly #root: string;
  readonly #work: Work;
  /** Folders that are known to be folders, and no symlinks. */
  readonly #folders = new Set<string>();
  readonly #links: Link[] = [];
  /** Folders that were made here, by their segments, with what the archive says of them. */
  readonly #made = new Map<string, ReadEntry | null>();

  private constructor(root: string, work: Work) {
    this.#root = root;
    this.#work = work;
  }

  static async open(destination: string, work: Work): Promise<ArchivePlace> {
    await Deno.mkdir(destination, { recursive: true });
    return new ArchivePlace(await Deno.realPath(destination), work);
  }

  async add(entry: ReadEntry, segments: readonly string[], stripped: number): Promise<void> {
    switch (entry.type) {
      case "directory": {
        await this.#folder(segments);
        const name = segments.join("/");
        if (this.#made.has(name)) this.#made.set(name, entry);
        return;
      }
      case "file":
        return await this.#write(entry, segments);
      case "link":
        return await this.#copy(segmentsOf(entry.target ?? "").slice(stripped), segments);
      case "symlink":
        this.#links.push({ segments, target: entry.target ?? "" });
        return;
      case "other":
        throw refused(entry.name, "is no file, folder or symlink");
      default:
        return entry.type satisfies never;
    }
  }

  /** Symlinks are made when no file is written any more, and folders get their mode when nothing is done in them any more. */
  async close(): Promise<void> {
    for (const { segments, target } of this.#links) {
      checkSymlink(segments, target);
      await Deno.symlink(target, await this.#free(segments));
    }
    for (const { segments, target } of this.#links) await this.#checkLink(segments, target);
    for (const [name, entry] of [...this.#made].reverse()) await this.#settle(join(this.#root, name), entry);
  }

  async #settle(path: string, entry: ReadEntry | null): Promise<void> {
    if (entry === null) return;
    if (entry.modTime !== null) await Deno.utime(path, entry.modTime, entry.modTime);
    if (entry.mode !== null) await Deno.chmod(path, entry.mode & 0o777);
  }

  /** A symlink that was there before may turn the way of a new one. */
  async #checkLink(segments: readonly string[], target: string): Promise<void> {
    const path = join(this.#root, ...segments);
    const real = await Deno.realPath(path).catch(() => this.#root);
    if (isBelow(this.#root, real)) return;
    await Deno.remove(path);
    throw refused(segments.join("/"), `is a symlink that leads outside: ${target}`);
  }

  async #write(entry: ReadEntry, segments: readonly string[]): Promise<void> {
    const path = await this.#free(segments);
    const mode = (entry.mode ?? FILE_MODE) & 0o777;
    try {
      await this.#fill(path, mode, entry);
    } catch (error) {
      await Deno.remove(path).catch(() => {});
      throw error;
    }
  }

  async #fill(path: string, mode: number, entry: ReadEntry): Promise<void> {
    using file = await Deno.open(path, { createNew: true, write: true, mode });
    for await (const bytes of entry.content()) {
      if (this.#work.signal.aborted) throw new ActionError("stopped");
      for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
    }
    if (entry.modTime !== null) await file.utime(entry.modTime, entry.modTime);
  }

  async #copy(from: readonly string[], segments: readonly string[]): Promise<void> {
    const source = join(this.#root, ...from);
    await this.#folder(from.slice(0, -1));
    if (!(await Deno.lstat(source).catch(() => null))?.isFile) {
      throw refused(segments.join("/"), `is a link to a file that is not there: ${from.join("/")}`);
    }
    if (from.join("/") !== segments.join("/")) await Deno.copyFile(source, await this.#free(segments));
  }

  /** The path, its folder made, nothing there any more: a symlink in its place would be followed. */
  async #free(segments: readonly string[]): Promise<string> {
    await this.#folder(segments.slice(0, -1));
    const path = join(this.#root, ...segments);
    const known = await Deno.lstat(path).catch(() => null);
    if (known?.isDirectory) throw refused(segments.join("/"), "would replace a folder");
    if (known !== null) await Deno.remove(path);
    return path;
  }

  async #folder(segments: readonly string[]): Promise<void> {
    let path = this.#root;
    for (const [at, segment] of segments.entries()) {
      path = join(path, segment);
      if (this.#folders.has(path)) continue;
      const known = await Deno.lstat(path).catch(() => null);
      if (known === null) {
        await Deno.mkdir(path);
        this.#made.set(segments.slice(0, at + 1).join("/"), null);
      } else if (!known.isDirectory) {
        const what = known.isSymlink ? "a symlink" : "a file";
        throw refused(segments.join("/"), `goes through ${what}: ${relative(this.#root, path)}`);
      }
      this.#folders.add(path);
    }
  }
}

/** What a link leads to, told by the names alone. */
export function checkTarget(entry: ReadEntry, segments: readonly string[]): void {
  if (entry.type === "link") segmentsOf(entry.target ?? "");
  if (entry.type === "symlink") checkSymlink(segments, entry.target ?? "");
}

/** `..` only in front, so that no symlink on the way can turn it. */
function checkSymlink(segments: readonly string[], target: string): void {
  const parts = target.split("/");
  const down = parts.slice(parts.findIndex((part) => ![".", "..", ""].includes(part)));
  const isPlain = target !== "" && !target.startsWith("/") && !target.includes("\0") &&
    (parts.every((part) => [".", "..", ""].includes(part)) || !down.includes(".."));
  const place = resolve(dirname(join("/root", ...segments)), target);
  if (!isPlain || !isBelow("/root", place)) {
    throw refused(segments.join("/"), `is a symlink that leads outside: ${target}`);
  }
}

function isBelow(root: string, path: string): boolean {
  return path === root || path.startsWith(root === "/" ? root : `${root}/`);
}

function refused(name: string, why: string): ActionError {
  return new ActionError(
    `the archive's entry ${JSON.stringify(name)} ${why}`,
    "do not use this archive, or leave the entry out with exclude",
  );
}
