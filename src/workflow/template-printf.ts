/** `printf` of templates: the verbs of Go that make sense for values of YAML. */
import { isTrue, valueText } from "./template-value.ts";

const VERB = /%([-+# 0]*)(\d*)(?:\.(\d*))?(.)/gsu;
const WIDTH_MAX = 10_000;

/** @throws Error in words for the author. */
export function printf(format: string, given: readonly unknown[]): string {
  let next = 0;
  const text = format.replace(VERB, (all: string, flags: string, width: string, precision, verb: string) => {
    if (verb === "%") return "%";
    if (next >= given.length) throw new Error(`printf: no value for ${all}`);
    const digits = precision === undefined ? null : Number(precision);
    if (Number(width) > WIDTH_MAX || (digits ?? 0) > 100) throw new Error(`printf: ${all} is too wide`);
    return pad(verbText(verb, given[next++], digits, flags), flags, Number(width), verb);
  });
  if (next < given.length) throw new Error(`printf: ${given.length} values for ${next} verbs`);
  return text;
}

function verbText(verb: string, value: unknown, digits: number | null, flags: string): string {
  switch (verb) {
    case "v":
      return valueText(value);
    case "s":
      return digits === null ? valueText(value) : [...valueText(value)].slice(0, digits).join("");
    case "q":
      return JSON.stringify(valueText(value));
    case "t":
      return String(isTrue(value));
    case "d":
      return sign(Math.trunc(numberOf(value, verb)), flags, String);
    case "f":
    case "F":
      return sign(numberOf(value, verb), flags, (one) => one.toFixed(digits ?? 6));
    case "e":
      return sign(numberOf(value, verb), flags, (one) => exponent(one.toExponential(digits ?? 6)));
    case "g":
      return sign(numberOf(value, verb), flags, (one) => valueText(one));
    case "x":
    case "X": {
      const hex = typeof value === "string" ? hexOf(value) : Math.trunc(numberOf(value, verb)).toString(16);
      return verb === "X" ? hex.toUpperCase() : hex;
    }
    case "o":
      return Math.trunc(numberOf(value, verb)).toString(8);
    case "b":
      return Math.trunc(numberOf(value, verb)).toString(2);
    case "c":
      return String.fromCodePoint(numberOf(value, verb));
    default:
      throw new Error(`printf: unknown verb %${verb}`);
  }
}

function numberOf(value: unknown, verb: string): number {
  if (typeof value === "number") return value;
  throw new Error(`printf: %${verb} needs a number, got ${JSON.stringify(value)}`);
}

function sign(value: number, flags: string, text: (value: number) => string): string {
  const plus = flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  return value < 0 ? text(value) : plus + text(value);
}

/** Go writes at least two digits. */
function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function hexOf(text: string): string {
  return [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pad(text: string, flags: string, width: number, verb: string): string {
  if (flags.includes("-")) return text.padEnd(width);
  if (!flags.includes("0") || "vsqt".includes(verb)) return text.padStart(width);
  const lead = /^[+-]/.exec(text)?.[0] ?? "";
  return lead + text.slice(lead.length).padStart(width - lead.length, "0");
}
