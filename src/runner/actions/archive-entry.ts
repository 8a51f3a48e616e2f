/** What archives hold, whatever their format, and which of it is wanted under which name. */
import { matchesGlob } from "../../workflow/glob.ts";
import { ActionError } from "./deed.ts";

export interface ArchiveEntry {
  /** As the archive has it. */
  readonly name: string;
  /** `link`: another name of a file that came before. `other`: devices and the like. */
  readonly type: "file" | "directory" | "symlink" | "link" | "other";
  readonly size: number;
  /** null: the archive does not say. */
  readonly mode: number | null;
  readonly modTime: Date | null;
  /** Where a symlink or a link leads. */
  readonly target: string | null;
}

/** One entry of an archive that is read. `content` is to be read before the next entry, or not at all. */
export interface ReadEntry extends ArchiveEntry {
  content(): AsyncIterable<Uint8Array>;
}

/** One entry of an archive to be. */
export interface SourceEntry extends ArchiveEntry {
  /** On this machine. */
  readonly path: string;
}

export interface EntryRules {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

export interface NameRules extends EntryRules {
  readonly strip_components: number;
  readonly preserve_paths: boolean;
}

/** Segments of a name, which cannot lead out of any folder. */
export function segmentsOf(name: string): string[] {
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (/^(\/|[A-Za-z]:[\\/])/.test(name) || segments.includes("..") || name.includes("\0")) {
    throw new ActionError(
      `the archive has an entry that leads outside of its folder: ${JSON.stringify(name)}`,
      "do not use this archive, or leave the entry out with exclude",
    );
  }
  return segments;
}

/** A folder that is wanted brings all below it; one that is not takes all below it away. */
export function isWanted(name: string, rules: EntryRules): boolean {
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  const isMatched = (glob: string): boolean =>
    segments.some((segment, at) =>
      glob.includes("/") ? matchesGlob(glob, segments.slice(0, at + 1).join("/")) : matchesGlob(glob, segment)
    );
  return (rules.include.length === 0 || rules.include.some(isMatched)) && !rules.exclude.some(isMatched);
}

/** Under which name an entry goes on; null: it does not. */
export function nameFor(entry: ArchiveEntry, rules: NameRules): string[] | null {
  if (!isWanted(entry.name, rules)) return null;
  const segments = segmentsOf(entry.name).slice(rules.strip_components);
  if (segments.length === 0) return null;
  if (rules.preserve_paths) return segments;
  return entry.type === "directory" ? null : segments.slice(-1);
}
