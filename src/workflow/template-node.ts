/** A template as a tree: what it prints, asks and repeats. */
import { readPieces, TemplateError, type Token } from "./template-token.ts";

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipe: Pipe }
  | {
    readonly kind: "if" | "with" | "range";
    readonly pipe: Pipe;
    readonly body: Nodes;
    readonly otherwise: Nodes;
  }
  | { readonly kind: "template"; readonly name: string; readonly pipe: Pipe | null; readonly line: number }
  | { readonly kind: "break" | "continue"; readonly line: number };

export type Nodes = readonly Node[];

/** `$x := a | b c`: each command is given what the one before it made, as its last argument. */
export interface Pipe {
  readonly line: number;
  readonly variables: readonly string[];
  /** `=`: of variables that are there. */
  readonly isAssignment: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

export type Operand =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  | { readonly kind: "dot" }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "pipe"; readonly pipe: Pipe }
  /** `.a.b` below another operand. */
  | { readonly kind: "fields"; readonly of: Operand; readonly names: readonly string[] };

export interface Template {
  readonly nodes: Nodes;
  /** Of `define` and `block`. */
  readonly named: ReadonlyMap<string, Nodes>;
}

const DEPTH_MAX = 100;

/** @throws TemplateError */
export function parseTemplate(source: string, isFunction: (name: string) => boolean): Template {
  const named = new Map<string, Nodes>();
  const pieces = readPieces(source);
  let at = 0;

  const nodes = readList(0, 0).nodes;
  return { nodes, named };

  /** Up to `end`, or `else`, whose tokens are handed back. */
  function readList(depth: number, openLine: number): { nodes: Node[]; closer: readonly Token[] } {
    if (depth > DEPTH_MAX) throw new TemplateError(openLine, "blocks are nested too deeply");
    const list: Node[] = [];
    for (;;) {
      const piece = pieces[at++];
      if (piece === undefined) {
        if (depth > 0) throw new TemplateError(openLine, "a block is not closed: {{end}} is missing");
        return { nodes: list, closer: [] };
      }
      if (piece.kind === "text") {
        list.push(piece);
        continue;
      }
      const { tokens, line } = piece;
      const first = tokens[0];
      if (first === undefined) throw new TemplateError(line, "{{ }} is empty");
      const word = first.kind === "word" ? first.text : "";
      if (word === "end" || word === "else") {
        if (depth === 0) throw new TemplateError(line, `{{${word}}} without a block`);
        return { nodes: list, closer: tokens };
      }
      const node = readNode(word, tokens, line, depth);
      if (node !== null) list.push(node);
    }
  }

  function readNode(word: string, tokens: readonly Token[], line: number, depth: number): Node | null {
    switch (word) {
      case "if":
      case "with":
      case "range":
        return readBranch(word, tokens.slice(1), line, depth);
      case "break":
      case "continue":
        return { kind: word, line };
      case "define":
        define(readName(tokens, line), readBody(line, depth));
        return null;
      case "block": {
        const name = readName(tokens, line);
        define(name, readBody(line, depth));
        return { kind: "template", name, pipe: pipeOf(tokens.slice(2), line), line };
      }
      case "template": {
        const rest = tokens.slice(2);
        const pipe = rest.length === 0 ? null : pipeOf(rest, line);
        return { kind: "template", name: readName(tokens, line), pipe, line };
      }
      default:
        return { kind: "print", pipe: pipeOf(tokens, line) };
    }
  }

  function readBranch(
    kind: "if" | "with" | "range",
    tokens: readonly Token[],
    line: number,
    depth: number,
  ): Node {
    const pipe = pipeOf(tokens, line);
    const { nodes: body, closer } = readList(depth + 1, line);
    return { kind, pipe, body, otherwise: readOtherwise(closer, depth) };
  }

  /** `else if` and `else with` share the `end` of their block. */
  function readOtherwise(closer: readonly Token[], depth: number): Nodes {
    const [first, next] = closer;
    if (first === undefined || (first.kind === "word" && first.text === "end")) return [];
    if (next === undefined) {
      const { nodes: otherwise, closer: last } = readList(depth + 1, first.line);
      if (last[0]?.kind === "word" && last[0].text === "else") {
        throw new TemplateError(last[0].line, "a block has two {{else}}");
      }
      return otherwise;
    }
    if (next.kind === "word" && (next.text === "if" || next.text === "with")) {
      return [readBranch(next.text, closer.slice(2), first.line, depth + 1)];
    }
    throw new TemplateError(first.line, "after else only if and with may stand");
  }

  function readBody(line: number, depth: number): Nodes {
    const { nodes: body, closer } = readList(depth + 1, line);
    if (closer[0]?.kind === "word" && closer[0].text === "else") {
      throw new TemplateError(closer[0].line, "{{else}} without if, with or range");
    }
    return body;
  }

  function define(name: string, body: Nodes): void {
    named.set(name, body);
  }

  function pipeOf(tokens: readonly Token[], line: number): Pipe {
    return readPipe(tokens, line, isFunction);
  }
}

function readName(tokens: readonly Token[], line: number): string {
  const name = tokens[1];
  if (name?.kind !== "string") {
    throw new TemplateError(line, "the name of a template must be a text in quotes");
  }
  return name.text;
}

// ---- pipes ------------------------------------------------------------------------------------------------

function readPipe(tokens: readonly Token[], line: number, isFunction: (name: string) => boolean): Pipe {
  let at = 0;
  const pipe = readUntil(false, 0);
  return pipe;

  function readUntil(isInner: boolean, depth: number): Pipe {
    if (depth > DEPTH_MAX) throw new TemplateError(line, "parentheses are nested too deeply");
    const head = readHead();
    const commands: Operand[][] = [[]];
    for (;;) {
      const token = tokens[at];
      if (token === undefined || isSign(token, ")")) {
        if (isInner !== (token !== undefined)) {
          throw new TemplateError(token?.line ?? line, isInner ? "( is not closed" : "unexpected )");
        }
        if (isInner) at++;
        if (commands.at(-1)?.length === 0) throw new TemplateError(line, "a value is missing");
        return { line, ...head, commands };
      }
      if (isSign(token, "|")) {
        if (commands.at(-1)?.length === 0) throw new TemplateError(token.line, "a value is missing before |");
        commands.push([]);
        at++;
        continue;
      }
      commands.at(-1)?.push(readOperand(depth));
    }
  }

  /** `$x :=`, `$x =`, `$i, $x :=` */
  function readHead(): Pick<Pipe, "variables" | "isAssignment"> {
    const [first, second, third, fourth] = tokens.slice(at, at + 4);
    if (first?.kind === "variable" && second !== undefined) {
      if (isSign(second, ":=") || isSign(second, "=")) {
        at += 2;
        return { variables: [first.text], isAssignment: isSign(second, "=") };
      }
      if (isSign(second, ",") && third?.kind === "variable" && fourth !== undefined) {
        if (isSign(fourth, ":=") || isSign(fourth, "=")) {
          at += 4;
          return { variables: [first.text, third.text], isAssignment: isSign(fourth, "=") };
        }
      }
    }
    return { variables: [], isAssignment: false };
  }

  function readOperand(depth: number): Operand {
    let operand = readPlain(depth);
    const names: string[] = [];
    for (
      let next = tokens[at];
      next?.kind === "field" && next.isGlued && next.text !== "";
      next = tokens[at]
    ) {
      names.push(next.text);
      at++;
    }
    if (names.length > 0) operand = { kind: "fields", of: operand, names };
    return operand;
  }

  function readPlain(depth: number): Operand {
    const token = tokens[at++];
    if (token === undefined) throw new TemplateError(line, "a value is missing");
    switch (token.kind) {
      case "field":
        return token.text === ""
          ? { kind: "dot" }
          : { kind: "fields", of: { kind: "dot" }, names: [token.text] };
      case "variable":
        return { kind: "variable", name: token.text };
      case "string":
        return { kind: "literal", value: token.text };
      case "number":
        return { kind: "literal", value: token.value };
      case "word":
        return readWord(token.text, token.line);
      case "sign":
        if (token.text === "(") return { kind: "pipe", pipe: readUntil(true, depth + 1) };
        throw new TemplateError(token.line, `unexpected ${token.text}`);
      default:
        return token satisfies never;
    }
  }

  function readWord(word: string, place: number): Operand {
    if (word === "true" || word === "false") return { kind: "literal", value: word === "true" };
    if (word === "nil") return { kind: "literal", value: null };
    if (!isFunction(word)) throw new TemplateError(place, `function "${word}" not defined`);
    return { kind: "function", name: word };
  }
}

function isSign(token: Token, text: string): boolean {
  return token.kind === "sign" && token.text === text;
}
