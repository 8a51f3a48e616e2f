/** The text of a template, cut into what stands outside of `{{ }}` and the words inside. */
import { own } from "./own.ts";

/** A mistake of the template's author, with its line. */
export class TemplateError extends Error {
  constructor(readonly line: number, message: string) {
    super(message);
  }
}

export type Token =
  & { readonly line: number; /** No space before it. */ readonly isGlued: boolean }
  & (
    /** `.name` and `.` (empty). */
    | { readonly kind: "field"; readonly text: string }
    /** `$name` and `$` (empty). */
    | { readonly kind: "variable"; readonly text: string }
    | { readonly kind: "word"; readonly text: string }
    | { readonly kind: "string"; readonly text: string }
    | { readonly kind: "number"; readonly value: number; readonly text: string }
    | { readonly kind: "sign"; readonly text: string }
  );

export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly tokens: readonly Token[]; readonly line: number };

const OPEN = "{{";

export function readPieces(source: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let isTrimmed = false;
  for (let line = 1;;) {
    const open = source.indexOf(OPEN, at);
    const text = open === -1 ? source.slice(at) : source.slice(at, open);
    const isTrimmedBehind = open !== -1 && /^\{\{-\s/.test(source.slice(open, open + 4));
    pushText(pieces, text, isTrimmed, isTrimmedBehind);
    line += countLines(text);
    if (open === -1) return pieces;
    const action = readAction(source, open + (isTrimmedBehind ? 3 : 2), line);
    if (action.tokens !== null) pieces.push({ kind: "action", tokens: action.tokens, line });
    line += countLines(source.slice(open, action.end));
    [at, isTrimmed] = [action.end, action.isTrimmed];
  }
}

function pushText(pieces: Piece[], text: string, isTrimmed: boolean, isTrimmedBehind: boolean): void {
  const front = isTrimmed ? text.trimStart() : text;
  const kept = isTrimmedBehind ? front.trimEnd() : front;
  if (kept !== "") pieces.push({ kind: "text", text: kept });
}

function countLines(text: string): number {
  return text.split("\n").length - 1;
}

interface Action {
  /** null: a comment. */
  readonly tokens: Token[] | null;
  readonly end: number;
  /** `-}}`: what follows loses its leading space. */
  readonly isTrimmed: boolean;
}

const COMMENT = /\s*\/\*[^]*?\*\/(\s-)?\}\}/y;
const SPACE = /\s+/y;
const CLOSE = /(\s-)?\}\}/y;
const WORD = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const FIELD = /\.([\p{L}_][\p{L}\p{Nd}_]*)?/uy;
const VARIABLE = /\$([\p{L}\p{Nd}_]*)/uy;
const NUMBER = /[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\p{L}\p{Nd}_])/uy;
const QUOTED = /"(?:[^"\\\n]|\\.)*"/y;
const BARE = /`[^`]*`/y;
const SIGN = /:=|[=|(),]/y;

function readAction(source: string, start: number, firstLine: number): Action {
  const comment = match(COMMENT, source, start);
  if (comment !== null) {
    return { tokens: null, end: start + comment[0].length, isTrimmed: comment[1] !== undefined };
  }
  const tokens: Token[] = [];
  let at = start;
  for (let line = firstLine, isGlued = false;;) {
    const close = match(CLOSE, source, at);
    if (close !== null) return { tokens, end: at + close[0].length, isTrimmed: close[1] !== undefined };
    const space = match(SPACE, source, at)?.[0] ?? "";
    if (space !== "") {
      // The space of a trim marker belongs to it.
      const back = match(CLOSE, source, at + space.length - 1);
      if (back !== null) {
        at += space.length - 1;
        continue;
      }
      line += countLines(space);
      at += space.length;
      isGlued = false;
      continue;
    }
    if (at >= source.length) throw new TemplateError(firstLine, "{{ is not closed");
    const [token, length] = readToken(source, at, line, isGlued);
    tokens.push(token);
    line += countLines(source.slice(at, at + length));
    at += length;
    isGlued = true;
  }
}

function readToken(source: string, at: number, line: number, isGlued: boolean): [Token, number] {
  const place = { line, isGlued };
  const number = isGlued && source[at] === "." ? null : match(NUMBER, source, at);
  if (number !== null) {
    return [{ ...place, kind: "number", value: Number(number[0]), text: number[0] }, number[0].length];
  }
  const field = match(FIELD, source, at);
  if (field !== null) return [{ ...place, kind: "field", text: field[1] ?? "" }, field[0].length];
  const variable = match(VARIABLE, source, at);
  if (variable !== null) return [{ ...place, kind: "variable", text: variable[1] ?? "" }, variable[0].length];
  const word = match(WORD, source, at);
  if (word !== null) return [{ ...place, kind: "word", text: word[0] }, word[0].length];
  const bare = match(BARE, source, at);
  if (bare !== null) return [{ ...place, kind: "string", text: bare[0].slice(1, -1) }, bare[0].length];
  const quoted = match(QUOTED, source, at);
  if (quoted !== null) {
    return [{ ...place, kind: "string", text: unquote(quoted[0], line) }, quoted[0].length];
  }
  const sign = match(SIGN, source, at);
  if (sign !== null) return [{ ...place, kind: "sign", text: sign[0] }, sign[0].length];
  throw new TemplateError(line, explainCharacter(source, at));
}

function explainCharacter(source: string, at: number): string {
  const character = String.fromCodePoint(source.codePointAt(at) ?? 0);
  return character === '"' || character === "`"
    ? "a text is not closed"
    : `unexpected ${JSON.stringify(character)} in {{ }}`;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/g;

function unquote(text: string, line: number): string {
  return text.slice(1, -1).replace(ESCAPE, (all, byte, short, long, octal, letter) => {
    const hex: string | undefined = byte ?? short ?? long;
    if (hex !== undefined && Number.parseInt(hex, 16) <= 0x10ffff) {
      return String.fromCodePoint(Number.parseInt(hex, 16));
    }
    if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
    const plain = own(ESCAPES, letter);
    if (plain === undefined) throw new TemplateError(line, `unknown escape ${all} in a text`);
    return plain;
  });
}
