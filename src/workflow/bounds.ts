/** What a definition may cost: looked at before the parser, which recurses and builds, sees the text. */
import { Lexer } from "yaml";

const MAX_CHARACTERS = 1_048_576;
/** Ten thousand ordinary steps. */
const MAX_TOKENS = 400_000;
const MAX_DOCUMENTS = 1_000;
/** Mappings and lists inside each other. */
export const MAX_DEPTH = 100;

/** Zero-width tokens of the lexer: byte order mark, document start, end of a flow item; the next token is a scalar. */
const DOCUMENT = "\x02";
const DOCUMENT_START = "---";
const MARKS = ["\u{FEFF}", DOCUMENT, "\x18"];
const SCALAR = "\x1f";

/** Why the text is not parsed at all; null: it may be. Linear, and never deeper than one loop. */
export function findExcess(text: string): string | null {
  if (text.length > MAX_CHARACTERS) return `yaml is larger than ${MAX_CHARACTERS} characters`;
  const nesting = newNesting();
  let tokens = 0;
  let documents = 0;
  let starts = 0;
  let isScalar = false;
  for (const token of new Lexer().lex(text)) {
    if (++tokens > MAX_TOKENS) return `yaml has more than ${MAX_TOKENS} tokens`;
    if (token === DOCUMENT) documents++;
    // An empty one has its first line alone.
    if (token === DOCUMENT_START && !isScalar) starts++;
    if (Math.max(documents, starts) > MAX_DOCUMENTS) return `yaml has more than ${MAX_DOCUMENTS} documents`;
    if (token === SCALAR) isScalar = true;
    else if (!MARKS.includes(token)) {
      nesting.take(token, isScalar);
      isScalar = false;
      if (nesting.depth() > MAX_DEPTH * 2) return `yaml nests deeper than ${MAX_DEPTH} levels`;
    }
  }
  return null;
}

interface Nesting {
  take(token: string, isScalar: boolean): void;
  /** Never less than the real depth, at most twice it: a `- key: value` counts both its marks. */
  depth(): number;
}

function newNesting(): Nesting {
  /** Columns at which the block collections around this line began. */
  const columns: number[] = [];
  let column = 0;
  let isLineStart = true;
  let marks = 0;
  let flow = 0;
  return {
    take: (token, isScalar) => {
      const isContent = isScalar || !/^(?:[ \t]+|[\r\n]+|#.*)$/.test(token);
      if (isContent && isLineStart && flow === 0) {
        while ((columns.at(-1) ?? -1) >= column) columns.pop();
        columns.push(column);
        marks = 0;
      }
      if (isContent) isLineStart = false;
      if (!isScalar && (token === "-" || token === "?" || token === ":")) marks++;
      else if (!isScalar && token === ",") marks = 0;
      else if (!isScalar && (token === "[" || token === "{")) flow++;
      else if (!isScalar && (token === "]" || token === "}")) flow = Math.max(0, flow - 1);
      const lineBreak = token.lastIndexOf("\n");
      if (lineBreak !== -1) isLineStart = true;
      column = lineBreak === -1 ? column + token.length : token.length - lineBreak - 1;
    },
    depth: () => columns.length + marks + flow,
  };
}
