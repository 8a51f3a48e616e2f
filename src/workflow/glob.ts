/**
 * Globs of trigger conditions (control-plane contract FG-51). A value comes from whoever sends an event, so
 * matching costs at most its length times the glob's, whatever either holds: all readings of the glob advance
 * together, and nothing is allocated on the way.
 */
import { own } from "./own.ts";

export type Matches = (value: string) => boolean;

/** For one value; who has many compiles the glob once. */
export function matchesGlob(glob: string, value: string): boolean {
  return compileGlob(glob)(value);
}

/**
 * `*` and `?` stay within a path segment, `**` does not; `[a-z]`, `{a,b}`; `\` makes the next character plain.
 * Calls share the arrays that they work in, so a call must end before the next one begins.
 */
export function compileGlob(glob: string): Matches {
  const isWhole = (value: string): boolean => value === glob;
  if (!/[*?[{\\]/.test(glob)) return isWhole;
  const isRead = newReader(readPieces([...glob]));
  // A name such as `bot[bot]` is a class by its letters; who writes it whole means itself.
  return (value) => isWhole(value) || isRead(value);
}

// ---- matching ---------------------------------------------------------------------------------------------------

type CodeTest = (code: number) => boolean;

type Piece =
  | { readonly kind: "char"; readonly code: number }
  /** One character that passes the test and is no `/`. */
  | { readonly kind: "some"; readonly test: CodeTest }
  /** `*` */
  | { readonly kind: "star" }
  /** `**` */
  | { readonly kind: "stars" }
  /** Goes on at each of these. */
  | { readonly kind: "jump"; to: readonly number[] };

const SLASH = 0x2f;

/** What a reading of the glob has behind it decides whether `**` is a whole segment, in alternatives or not. */
const WITHIN = 0;
/** The glob's beginning, or a `/`. */
const AT_SEGMENT = 1;
/** `**` that began a segment and took nothing: it may take none of the `/` behind it too. */
const AFTER_NO_FOLDER = 2;
const BEHINDS = 3;

function newReader(pieces: readonly Piece[]): Matches {
  const live = newReadings(pieces);
  const next = newReadings(pieces);
  return (value) => {
    let [now, then] = [live, next];
    now.clear();
    now.add(0, AT_SEGMENT);
    now.follow();
    for (let at = 0; at < value.length && now.size() > 0; at++) {
      const code = value.codePointAt(at) ?? 0;
      if (code > 0xffff) at++;
      then.clear();
      now.take(code, then);
      then.follow();
      [now, then] = [then, now];
    }
    return now.isDone();
  };
}

/** Where the readings of a glob are: a set of (piece, what is behind it), in arrays that are used again. */
interface Readings {
  clear(): void;
  size(): number;
  add(piece: number, behind: number): void;
  /** Adds everywhere that can be reached without taking a character. */
  follow(): void;
  /** Adds to `next` where the readings are that take the character. */
  take(code: number, next: Readings): void;
  isDone(): boolean;
}

function newReadings(pieces: readonly Piece[]): Readings {
  const states = new Int32Array((pieces.length + 1) * BEHINDS);
  /** The generation in which a state was added last: a set that is emptied by counting on. */
  const marks = new Int32Array(states.length);
  let generation = 0;
  let count = 0;

  const add = (piece: number, behind: number): void => {
    const state = piece * BEHINDS + behind;
    if (marks[state] === generation) return;
    marks[state] = generation;
    states[count++] = state;
  };
  const readings: Readings = {
    clear: () => {
      // The marks hold 31 bits.
      if (generation === 0x7fff_ffff) {
        marks.fill(0);
        generation = 0;
      }
      generation++;
      count = 0;
    },
    size: () => count,
    add,
    follow: () => {
      // `count` grows on the way.
      for (let index = 0; index < count; index++) {
        const state = states[index] ?? 0;
        const behind = state % BEHINDS;
        const at = (state - behind) / BEHINDS;
        const piece = pieces[at];
        if (piece === undefined) continue;
        if (piece.kind === "jump") {
          for (let to = 0; to < piece.to.length; to++) add(piece.to[to] ?? 0, behind);
        } else if (piece.kind === "star") add(at + 1, WITHIN);
        else if (piece.kind === "stars") add(at + 1, behind === WITHIN ? WITHIN : AFTER_NO_FOLDER);
        else if (piece.kind === "char" && piece.code === SLASH && behind === AFTER_NO_FOLDER) {
          add(at + 1, AT_SEGMENT);
        }
      }
    },
    take: (code, next) => {
      for (let index = 0; index < count; index++) {
        const at = Math.floor((states[index] ?? 0) / BEHINDS);
        const piece = pieces[at];
        if (piece === undefined) continue;
        if (piece.kind === "stars" || (piece.kind === "star" && code !== SLASH)) next.add(at, WITHIN);
        else if (piece.kind === "char" && piece.code === code) {
          next.add(at + 1, code === SLASH ? AT_SEGMENT : WITHIN);
        } else if (piece.kind === "some" && code !== SLASH && piece.test(code)) next.add(at + 1, WITHIN);
      }
    },
    isDone: () => {
      for (let behind = 0; behind < BEHINDS; behind++) {
        if (marks[pieces.length * BEHINDS + behind] === generation) return true;
      }
      return false;
    },
  };
  return readings;
}

// ---- reading ----------------------------------------------------------------------------------------------------

function readPieces(glob: readonly string[]): readonly Piece[] {
  const pieces: Piece[] = [];
  const plain = (char: string): number => pieces.push({ kind: "char", code: char.codePointAt(0) ?? 0 });
  /** The braces that are open: where each began, and the ends of its finished alternatives. */
  const open: { readonly start: number; readonly starts: number[]; readonly ends: number[] }[] = [];
  const closings = matchingBraces(glob);

  for (let at = 0; at < glob.length; at++) {
    const char = glob[at] ?? "";
    const group = open.at(-1);
    if (char === "\\" && at + 1 < glob.length) plain(glob[++at] ?? "");
    else if (char === "?") pieces.push({ kind: "some", test: () => true });
    else if (char === "*") {
      const isLone = glob[at + 1] !== "*";
      while (glob[at + 1] === "*") at++;
      pieces.push({ kind: isLone ? "star" : "stars" });
    } else if (char === "[") {
      const read = readClass(glob, at + 1);
      if (read === null) plain(char);
      else {
        pieces.push({ kind: "some", test: read.hasCode });
        at = read.end;
      }
    } else if (char === "{" && closings.has(at)) {
      open.push({ start: pieces.length, starts: [pieces.length + 1], ends: [] });
      pieces.push({ kind: "jump", to: [] });
    } else if (char === "," && group !== undefined) {
      group.ends.push(pieces.length);
      pieces.push({ kind: "jump", to: [] });
      group.starts.push(pieces.length);
    } else if (char === "}" && group !== undefined) {
      open.pop();
      pieces[group.start] = { kind: "jump", to: group.starts };
      for (const end of group.ends) pieces[end] = { kind: "jump", to: [pieces.length] };
    } else plain(char);
  }
  return pieces;
}

/** Position of each `{` that has a `}`, with that one's; another brace is text. */
function matchingBraces(glob: readonly string[]): ReadonlyMap<number, number> {
  const open: number[] = [];
  const matched = new Map<number, number>();
  for (let at = 0; at < glob.length; at++) {
    if (glob[at] === "\\") at++;
    else if (glob[at] === "[") at = readClass(glob, at + 1)?.end ?? at;
    else if (glob[at] === "{") open.push(at);
    else if (glob[at] === "}") {
      const start = open.pop();
      if (start !== undefined) matched.set(start, at);
    }
  }
  return matched;
}

export interface CharClass {
  readonly test: (char: string) => boolean;
  readonly hasCode: CodeTest;
  /** Position of the closing bracket. */
  readonly end: number;
}

/**
 * `[abc]`, `[a-z]`, `[!abc]`, `[^abc]`; a `]` that comes first is one of the characters, as is any behind a `\`.
 * null: it is not closed, or a range runs backwards.
 */
export function readClass(glob: readonly string[], from: number): CharClass | null {
  const isNegated = glob[from] === "!" || glob[from] === "^";
  const first = isNegated ? from + 1 : from;
  const lows: number[] = [];
  const highs: number[] = [];
  let at = first;
  /** The character at `at`, which moves on behind it. */
  const next = (): number => {
    if (glob[at] === "\\") at++;
    return glob[at++]?.codePointAt(0) ?? 0;
  };
  while (at === first || glob[at] !== "]") {
    const low = next();
    const isRange = glob[at] === "-" && at + 1 < glob.length && glob[at + 1] !== "]";
    if (isRange) at++;
    const high = isRange ? next() : low;
    if (high < low || at >= glob.length) return null;
    lows.push(low);
    highs.push(high);
  }
  const hasCode: CodeTest = (code) => {
    for (let range = 0; range < lows.length; range++) {
      if ((lows[range] ?? 0) <= code && code <= (highs[range] ?? 0)) return !isNegated;
    }
    return isNegated;
  };
  return { test: (char) => hasCode(char.codePointAt(0) ?? 0), hasCode, end: at };
}

// ---- what other globs have --------------------------------------------------------------------------------------

export interface GlobFault {
  readonly message: string;
  readonly remedy: string;
}

const CLASS_WORDS: Readonly<Record<string, string>> = {
  alnum: "[A-Za-z0-9]",
  alpha: "[A-Za-z]",
  digit: "[0-9]",
  lower: "[a-z]",
  upper: "[A-Z]",
  xdigit: "[0-9A-Fa-f]",
};

/** A notation of shells that would quietly mean something else here; null: the glob means what it says. */
export function findGlobFault(glob: string): GlobFault | null {
  const chars = [...glob];
  for (const [start, end] of matchingBraces(chars)) {
    const inner = chars.slice(start + 1, end).join("");
    if (/^(?:[+-]?\d+|[A-Za-z])\.\.(?:[+-]?\d+|[A-Za-z])(?:\.\.[+-]?\d+)?$/.test(inner)) {
      return {
        message: `globs have no ranges such as {${inner}}`,
        remedy: "name the alternatives, as in {1,2,3}, or the characters, as in [1-3]",
      };
    }
  }
  for (let at = 0; at < chars.length; at++) {
    if (chars[at] === "\\") at++;
    if (chars[at] !== "[") continue;
    const end = readClass(chars, at + 1)?.end ?? at;
    const word = /(?<!\\)\[:([a-z]+):$/.exec(chars.slice(at + 1, end).join(""))?.[1];
    if (word !== undefined) {
      return {
        message: `globs have no classes by name such as [:${word}:]`,
        remedy: `write the characters, as in ${own(CLASS_WORDS, word) ?? "[a-z0-9]"}`,
      };
    }
    at = end;
  }
  return null;
}
