/**
 * YAML nodes -> plain values, with what the language asks of them: no key twice (F-11), aliases and merge keys inside one
 * document (F-09), and bounds that hold however often an alias is used.
 */
import { isAlias, isMap, isScalar, isSeq, type Scalar, type YAMLMap } from "yaml";
import { MAX_DEPTH } from "./bounds.ts";

export interface Plain {
  /** Maps as plain objects in source order, lists, scalars of the core schema (F-12). */
  readonly value: unknown;
  readonly mistakes: readonly Mistake[];
}

export interface Mistake {
  readonly message: string;
  /** Offset in the text. */
  readonly at: number;
  /** A key that is there twice: everything else can be read all the same. */
  readonly isRepeat?: true;
}

/** Values and characters after every alias is written out. */
const MAX_VALUES = 500_000;
const MAX_CHARACTERS = 4_194_304;

/** Keys that JavaScript objects and the schema library treat as their own. */
const FORBIDDEN_KEYS = ["__proto__", "constructor", "prototype"];

export function toPlain(contents: unknown): Plain {
  const reader = newReader();
  try {
    return { value: reader.read(contents, 0), mistakes: reader.mistakes };
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    return { value: null, mistakes: [{ message: error.message, at: error.at }] };
  }
}

class TooLarge extends Error {
  constructor(message: string, readonly at: number) {
    super(message);
  }
}

/** What an anchor stands for, and what using it once more costs. */
interface Anchored {
  readonly value: unknown;
  readonly cost: Cost;
  readonly depth: number;
}

interface Cost {
  readonly values: number;
  readonly characters: number;
}

interface Reader {
  readonly mistakes: Mistake[];
  read(node: unknown, depth: number): unknown;
}

function newReader(): Reader {
  const mistakes: Mistake[] = [];
  /** `null` while the anchored node is being read: an alias to it would contain itself. */
  const anchors = new Map<string, Anchored | null>();
  let spent: Cost = { values: 0, characters: 0 };
  let deepest = 0;

  const spend = (values: number, characters: number, at: number): void => {
    spent = { values: spent.values + values, characters: spent.characters + characters };
    if (spent.values > MAX_VALUES || spent.characters > MAX_CHARACTERS) {
      throw new TooLarge("yaml is too large once its aliases are written out", at);
    }
  };
  const enter = (depth: number, at: number): void => {
    deepest = Math.max(deepest, depth);
    if (depth > MAX_DEPTH) throw new TooLarge(`yaml nests deeper than ${MAX_DEPTH} levels`, at);
  };

  const read = (node: unknown, depth: number): unknown => {
    enter(depth, startOf(node));
    if (isAlias(node)) return readAlias(node.source, depth, startOf(node));
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
    if (anchor === undefined) return readNode(node, depth);
    anchors.set(anchor, null);
    const before = spent;
    const outer = deepest;
    deepest = depth;
    const value = readNode(node, depth);
    anchors.set(anchor, {
      value,
      cost: { values: spent.values - before.values, characters: spent.characters - before.characters },
      depth: deepest - depth,
    });
    deepest = Math.max(outer, deepest);
    return value;
  };

  const readAlias = (name: string, depth: number, at: number): unknown => {
    const anchored = anchors.get(name);
    if (anchored === null || anchored === undefined) {
      const why = anchored === null ? "stands inside what it names" : "names no anchor before it";
      mistakes.push({ message: `yaml alias *${name} ${why}`, at });
      return null;
    }
    spend(anchored.cost.values, anchored.cost.characters, at);
    enter(depth + anchored.depth, at);
    return anchored.value;
  };

  const readNode = (node: unknown, depth: number): unknown => {
    const at = startOf(node);
    if (isMap(node)) return readMap(node, depth);
    spend(1, isScalar(node) && typeof node.value === "string" ? node.value.length : 0, at);
    if (isSeq(node)) return node.items.map((item) => read(item, depth + 1));
    return isScalar(node) ? scalarOf(node) : null;
  };

  const readMap = (map: YAMLMap, depth: number): unknown => {
    const entries = new Map<string, unknown>();
    const written = new Set<string>();
    spend(1, 0, startOf(map));
    for (const pair of map.items) {
      const at = startOf(pair.key);
      const key = readKey(pair.key, depth);
      if (key === null) continue;
      if (FORBIDDEN_KEYS.includes(key)) mistakes.push({ message: `yaml key "${key}" cannot be used`, at });
      if (written.has(key)) {
        mistakes.push({
          message: `yaml mapping key "${shorten(key)}" is already defined in this mapping`,
          at,
          isRepeat: true,
        });
      }
      written.add(key);
      spend(0, key.length, at);
      const value = octalOf(key, pair.value) ?? read(pair.value, depth + 1);
      if (key === "<<" && isScalar(pair.key) && pair.key.type === "PLAIN") merge(entries, value, at);
      else entries.set(key, value);
    }
    return Object.fromEntries(entries);
  };

  const readKey = (node: unknown, depth: number): string | null => {
    const value = read(node, depth + 1);
    if (typeof value !== "object") return String(value);
    if (value === null) return "";
    mistakes.push({ message: "yaml mapping key is not a scalar", at: startOf(node) });
    return null;
  };

  /** Keys of the mapping itself win over merged ones, earlier sources over later. */
  const merge = (entries: Map<string, unknown>, value: unknown, at: number): void => {
    for (const source of Array.isArray(value) ? value : [value]) {
      if (typeof source !== "object" || source === null || Array.isArray(source)) {
        mistakes.push({ message: "yaml merge key << takes a mapping or a list of mappings", at });
        continue;
      }
      for (const [key, item] of Object.entries(source)) if (!entries.has(key)) entries.set(key, item);
    }
  };

  return { mistakes, read };
}

/** YAML reads `mode: 0o644` as 420, whose digits are another mode than those that were written (6.4). */
function octalOf(key: string, node: unknown): string | null {
  if (key !== "mode" || !isScalar(node) || typeof node.value !== "number") return null;
  return node.source?.startsWith("0o") === true ? node.source : null;
}

/** Whole numbers that a double cannot hold stay the digits that were written (P-27). */
function scalarOf({ value, source }: Scalar): unknown {
  const isRounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isRounded && source !== undefined && /^[-+]?\d+$/.test(source) ? source : value;
}

function shorten(key: string): string {
  return key.length > 60 ? `${key.slice(0, 60)}...` : key;
}

function startOf(node: unknown): number {
  return isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? node.range?.[0] ?? 0 : 0;
}
