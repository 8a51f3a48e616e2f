/**
 * Globs of trigger conditions (control-plane contract FG-51). A value comes from whoever sends an event, so matching
 * costs at most its length times the glob's, whatever either holds: all readings of the glob advance together.
 */

type Test = (char: string) => boolean;
type Instruction =
  /** One character that passes the test, then the next instruction. */
  | { readonly kind: "char"; readonly test: Test }
  /** Goes on at each of these. */
  | { readonly kind: "split"; to: readonly number[] };

/** `*` and `?` stay within a path segment, `**` does not; `[a-z]`, `{a,b}`; `\` makes the next character plain. */
export function matchesGlob(glob: string, value: string): boolean {
  // A name such as `bot[bot]` is a class by its letters; who writes it whole means itself.
  return glob === value || run(compile([...glob]), [...value]);
}

function run(program: readonly Instruction[], value: readonly string[]): boolean {
  let live = reach(program, [0]);
  for (const char of value) {
    if (live.size === 0) return false;
    const next: number[] = [];
    for (const at of live) {
      const instruction = program[at];
      if (instruction?.kind === "char" && instruction.test(char)) next.push(at + 1);
    }
    live = reach(program, next);
  }
  return live.has(program.length);
}

/** Everywhere that can be reached without taking a character. */
function reach(program: readonly Instruction[], from: readonly number[]): ReadonlySet<number> {
  const reached = new Set(from);
  // A set gives what is added while it is walked too.
  for (const at of reached) {
    const instruction = program[at];
    if (instruction?.kind === "split") { for (const to of instruction.to) reached.add(to); }
  }
  return reached;
}

const ANY: Test = () => true;
const IN_SEGMENT: Test = (char) => char !== "/";

function compile(glob: readonly string[]): Instruction[] {
  const program: Instruction[] = [];
  const plain = (text: string): number => program.push({ kind: "char", test: (char) => char === text });
  const repeat = (test: Test): void => {
    const start = program.length;
    program.push({ kind: "split", to: [start + 1, start + 3] }, { kind: "char", test }, {
      kind: "split",
      to: [start],
    });
  };
  /** The braces that are open: where each began, and the ends of its finished alternatives. */
  const open: { readonly start: number; readonly starts: number[]; readonly ends: number[] }[] = [];
  const closings = matchingBraces(glob);

  for (let at = 0; at < glob.length; at++) {
    const char = glob[at] ?? "";
    const group = open.at(-1);
    if (char === "\\" && at + 1 < glob.length) plain(glob[++at] ?? "");
    else if (char === "?") program.push({ kind: "char", test: IN_SEGMENT });
    else if (char === "*" && glob[at + 1] !== "*") repeat(IN_SEGMENT);
    else if (char === "*") {
      while (glob[at + 1] === "*") at++;
      at += anyFolders(glob, at, program, repeat);
    } else if (char === "[") {
      const read = readClass(glob, at + 1);
      if (read === null) plain(char);
      else {
        program.push({ kind: "char", test: (other) => other !== "/" && read.test(other) });
        at = read.end;
      }
    } else if (char === "{" && closings.has(at)) {
      open.push({ start: program.length, starts: [program.length + 1], ends: [] });
      program.push({ kind: "split", to: [] });
    } else if (char === "," && group !== undefined) {
      group.ends.push(program.length);
      program.push({ kind: "split", to: [] });
      group.starts.push(program.length);
    } else if (char === "}" && group !== undefined) {
      open.pop();
      program[group.start] = { kind: "split", to: group.starts };
      for (const end of group.ends) program[end] = { kind: "split", to: [program.length] };
    } else plain(char);
  }
  return program;
}

/**
 * `**` takes anything; as a whole segment before others it also takes none, with its slash. Answers how many more
 * characters of the glob it has read.
 */
function anyFolders(
  glob: readonly string[],
  at: number,
  program: Instruction[],
  repeat: (test: Test) => void,
): number {
  let first = at;
  while (glob[first - 1] === "*") first--;
  const isSegment = (first === 0 || "/{,".includes(glob[first - 1] ?? "")) && glob[at + 1] === "/";
  if (!isSegment) {
    repeat(ANY);
    return 0;
  }
  const start = program.length;
  program.push({ kind: "split", to: [start + 1, start + 5] });
  repeat(ANY);
  program.push({ kind: "char", test: (char) => char === "/" });
  return 1;
}

/** Positions of the `{` that have a `}`; another one is text. */
function matchingBraces(glob: readonly string[]): ReadonlySet<number> {
  const open: number[] = [];
  const matched = new Set<number>();
  for (let at = 0; at < glob.length; at++) {
    if (glob[at] === "\\") at++;
    else if (glob[at] === "[") at = readClass(glob, at + 1)?.end ?? at;
    else if (glob[at] === "{") open.push(at);
    else if (glob[at] === "}") {
      const start = open.pop();
      if (start !== undefined) matched.add(start);
    }
  }
  return matched;
}

/**
 * `[abc]`, `[a-z]`, `[!abc]`, `[^abc]`; a `]` that comes first is one of the characters. `end`: position of the closing
 * bracket. null: it is not closed, or a range runs backwards.
 */
export function readClass(glob: readonly string[], from: number): { test: Test; end: number } | null {
  const isNegated = glob[from] === "!" || glob[from] === "^";
  const first = isNegated ? from + 1 : from;
  const end = glob.indexOf("]", first + 1);
  if (end === -1) return null;
  const ranges: (readonly [number, number])[] = [];
  for (let at = first; at < end; at++) {
    const low = glob[at]?.codePointAt(0) ?? 0;
    const isRange = glob[at + 1] === "-" && at + 2 < end;
    const high = isRange ? glob[at + 2]?.codePointAt(0) ?? 0 : low;
    if (high < low) return null;
    ranges.push([low, high]);
    if (isRange) at += 2;
  }
  const isIn = (char: string): boolean => {
    const code = char.codePointAt(0) ?? 0;
    return ranges.some(([low, high]) => low <= code && code <= high);
  };
  return { test: (char) => isIn(char) !== isNegated, end };
}
