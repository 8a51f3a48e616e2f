/** How an agent CLI is called: providers, merged configuration, flags, prompt (containers contract 7.2 to 7.6). */
import type { FlagValue, HarnessConfig, HarnessDefinition, HarnessStep } from "./workflow.ts";
import { own } from "./own.ts";

export interface Provider {
  readonly definition: HarnessDefinition;
  /** Defaults below every configuration of this provider (7.2.1). */
  readonly builtInFlags: Readonly<Record<string, FlagValue>>;
  /** Built-ins treat `a_b` and `a-b` as one key and always write `--a-b` (7.4.2, 7.4.5). */
  readonly isBuiltIn: boolean;
  /** What becomes of `with.stdin`: standard input, or a part of the prompt. */
  readonly stdin: "pipe" | "fold";
}

function builtIn(
  binary: string,
  prefixArgs: readonly string[],
  how: {
    promptFlag?: string;
    promptPosition?: "after_flags";
    stdin: "pipe" | "fold";
    flags?: Record<string, FlagValue>;
  },
): Provider {
  return {
    definition: {
      binary,
      prefixArgs,
      promptMode: how.promptFlag === undefined ? "arg" : "flag",
      promptFlag: how.promptFlag ?? null,
      promptPosition: how.promptPosition ?? "before_flags",
      flagStyle: "gnu_long",
      optionFlags: {},
    },
    builtInFlags: how.flags ?? {},
    isBuiltIn: true,
    stdin: how.stdin,
  };
}

/** The table of 7.2, in the terms of a custom definition. */
export const BUILTIN_PROVIDERS: Readonly<Record<string, Provider>> = {
  aider: builtIn("aider", [], { promptFlag: "--message", stdin: "fold" }),
  amp: builtIn("amp", [], { promptFlag: "-x", stdin: "pipe" }),
  claude: builtIn("claude", [], { promptFlag: "-p", stdin: "pipe" }),
  cline: builtIn("cline", [], { promptPosition: "after_flags", stdin: "pipe" }),
  codex: builtIn("codex", ["exec"], { stdin: "pipe", flags: { "skip-git-repo-check": true } }),
  copilot: builtIn("copilot", [], { promptFlag: "-p", stdin: "pipe" }),
  cursor: builtIn("cursor-agent", [], {
    promptFlag: "-p",
    stdin: "fold",
    flags: { "output-format": "text" },
  }),
  deepseek: builtIn("dsh", ["--profile", "headless"], { promptPosition: "after_flags", stdin: "fold" }),
  droid: builtIn("droid", ["exec"], { stdin: "fold" }),
  gemini: builtIn("gemini", [], { promptFlag: "-p", stdin: "pipe" }),
  goose: builtIn("goose", ["run"], { promptFlag: "--text", stdin: "fold", flags: { quiet: true } }),
  kiro: builtIn("kiro-cli", ["chat", "--no-interactive"], { stdin: "pipe" }),
  opencode: builtIn("opencode", ["run"], { stdin: "pipe" }),
  pi: builtIn("pi", [], { promptFlag: "-p", stdin: "pipe" }),
  qwen: builtIn("qwen", [], { promptFlag: "-p", stdin: "pipe" }),
};

/** A custom definition hides the built-in of its name (7.2.2); null: no such provider. */
export function resolveProvider(
  name: string,
  harnesses: Readonly<Record<string, HarnessDefinition>>,
): Provider | null {
  if (Object.hasOwn(harnesses, name)) {
    const definition = harnesses[name];
    if (definition !== undefined) return { definition, builtInFlags: {}, isBuiltIn: false, stdin: "pipe" };
  }
  return own(BUILTIN_PROVIDERS, name) ?? null;
}

export function providerNames(harnesses: Readonly<Record<string, HarnessDefinition>>): string[] {
  return [...new Set([...Object.keys(harnesses), ...Object.keys(BUILTIN_PROVIDERS)])].sort();
}

export type HarnessTry = HarnessConfig & { readonly provider: string };

/** The step's own configuration over `harness:`, then its fallbacks (7.5, 7.6). The load check made sure of a provider. */
export function harnessTries(
  step: HarnessStep,
  defaults: HarnessConfig | null,
  harnesses: Readonly<Record<string, HarnessDefinition>>,
): readonly HarnessTry[] {
  const provider = step.provider ?? defaults?.provider ?? "";
  const isBuiltIn = resolveProvider(provider, harnesses)?.isBuiltIn ?? false;
  const flags = mergeFlags(defaults?.flags ?? {}, step.flags, isBuiltIn);
  const fallback = step.fallback ?? defaults?.fallback ?? [];
  return [
    { provider, flags, fallback: null },
    ...fallback.map((item) => ({ ...item, provider: item.provider ?? "", fallback: null })),
  ];
}

function mergeFlags(
  below: Readonly<Record<string, FlagValue>>,
  above: Readonly<Record<string, FlagValue>>,
  isBuiltIn: boolean,
): Record<string, FlagValue> {
  return isBuiltIn ? { ...toKebab(below), ...toKebab(above) } : { ...below, ...above };
}

/** When both spellings occur on one level the kebab one wins (7.4.5). */
function toKebab(flags: Readonly<Record<string, FlagValue>>): Record<string, FlagValue> {
  const entries = Object.entries(flags);
  const snake = entries.filter(([key]) => key.includes("_"));
  const kebab = entries.filter(([key]) => !key.includes("_"));
  return Object.fromEntries([
    ...snake.map(([key, value]) => [key.replaceAll("_", "-"), value] as const),
    ...kebab,
  ]);
}

export interface Invocation {
  readonly binary: string;
  readonly args: readonly string[];
  /** null: the process gets no standard input. */
  readonly stdin: string | null;
}

/** What is executed, without any shell (7.4.6, 7.4.7). */
export function renderInvocation(
  provider: Provider,
  flags: Readonly<Record<string, FlagValue>>,
  prompt: string,
  stdin: string | null,
): Invocation {
  const { definition } = provider;
  const isFolded = provider.stdin === "fold" && stdin !== null && stdin !== "";
  const text = isFolded ? `${prompt}\n\n${stdin}` : prompt;
  const piped = isFolded || stdin === "" ? null : stdin;
  const rendered = renderFlags(provider, flags);
  const promptArgs = promptTokens(definition, text);
  const args = definition.promptPosition === "before_flags"
    ? [...definition.prefixArgs, ...promptArgs, ...rendered]
    : [...definition.prefixArgs, ...rendered, ...promptArgs];
  return {
    binary: definition.binary,
    args,
    stdin: definition.promptMode === "stdin" ? joinStdin(text, piped) : piped,
  };
}

function promptTokens(definition: HarnessDefinition, prompt: string): string[] {
  switch (definition.promptMode) {
    case "arg":
      return [prompt];
    case "flag":
      return [definition.promptFlag ?? "", prompt];
    case "stdin":
      return [];
    default:
      return definition.promptMode satisfies never;
  }
}

function joinStdin(prompt: string, stdin: string | null): string {
  if (stdin === null) return prompt;
  return prompt === "" ? stdin : `${prompt}\n\n${stdin}`;
}

const NEVER_FLAGS: ReadonlySet<string> = new Set(["provider", "fallback", "managed", "prompt", "stdin"]);

function renderFlags(provider: Provider, given: Readonly<Record<string, FlagValue>>): string[] {
  const flags = mergeFlags(provider.builtInFlags, given, provider.isBuiltIn);
  const prefix = provider.definition.flagStyle === "gnu_long" ? "--" : "-";
  return Object.entries(flags)
    .filter(([key]) => !NEVER_FLAGS.has(key))
    .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .flatMap(([key, value]) => {
      const { optionFlags } = provider.definition;
      const own = Object.hasOwn(optionFlags, key) ? optionFlags[key]?.trim() ?? "" : "";
      return renderFlag(own === "" ? prefix + key : own, value);
    });
}

function renderFlag(token: string, value: FlagValue): string[] {
  if (value === true) return [token];
  if (value === false || value === null || value === "") return [];
  if (typeof value === "string") return [token, value];
  if (typeof value === "number") return [token, decimal(value)];
  return value.flatMap((item) => [token, typeof item === "number" ? decimal(item) : String(item)]);
}

/** Shortest decimal without exponent; `2.0` is `2`. */
function decimal(value: number): string {
  const text = String(value);
  if (!/e/i.test(text)) return text;
  const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e");
  const negative = mantissa.startsWith("-");
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
  const shift = Number(exponent);
  const digits = whole + fraction;
  const point = whole.length + shift;
  const plain = point <= 0
    ? `0.${"0".repeat(-point)}${digits}`
    : point >= digits.length
    ? digits + "0".repeat(point - digits.length)
    : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return negative ? `-${plain}` : plain;
}

/** Text that reads as a YAML boolean or number is one (7.4.4). */
export function convertFlag(text: string): FlagValue {
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  const isDecimal = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(text);
  if (isDecimal || /^0(x[0-9a-fA-F]+|o[0-7]+)$/.test(text)) {
    const number = Number(text);
    if (Number.isSafeInteger(number) || !Number.isInteger(number)) return number;
  }
  return text;
}
