import assert from "node:assert/strict";
import {
  convertFlag,
  harnessTries,
  providerNames,
  renderInvocation,
  resolveProvider,
} from "../../../src/workflow/harness.ts";
import type { FlagValue, HarnessDefinition } from "../../../src/workflow/workflow.ts";

const CUSTOM: HarnessDefinition = {
  binary: "cli",
  prefixArgs: ["run"],
  promptMode: "arg",
  promptFlag: null,
  promptPosition: "before_flags",
  flagStyle: "gnu_long",
  optionFlags: {},
};

function argsOf(
  name: string,
  definition: HarnessDefinition | null,
  flags: Record<string, FlagValue>,
  prompt: string,
): string {
  const provider = resolveProvider(name, definition === null ? {} : { [name]: definition });
  assert.ok(provider !== null);
  const { binary, args } = renderInvocation(provider, flags, prompt, null);
  return [binary, ...args].join(" ");
}

const cases: readonly [name: string, got: () => string, want: string][] = [
  [
    "AC-88 flags in byte order, values by kind",
    () =>
      argsOf("own", CUSTOM, {
        tag: ["a", "b"],
        model: "x",
        flag: true,
        count: 3,
        off: false,
        none: null,
        blank: "",
      }, "hello"),
    "cli run hello --count 3 --flag --model x --tag a --tag b",
  ],
  [
    "AC-88 single dash, own token, prompt last",
    () =>
      argsOf(
        "own",
        {
          ...CUSTOM,
          prefixArgs: [],
          flagStyle: "single_dash",
          promptPosition: "after_flags",
          optionFlags: { model: "--MODEL" },
        },
        { count: 3, model: "x" },
        "hello",
      ),
    "cli -count 3 --MODEL x hello",
  ],
  [
    "AC-88 flag mode; custom keys keep their underscores",
    () =>
      argsOf("own", { ...CUSTOM, prefixArgs: [], promptMode: "flag", promptFlag: "--prompt" }, {
        dry_run: true,
      }, "two words"),
    "cli --prompt two words --dry_run",
  ],
  ["7.2 claude", () => argsOf("claude", null, { model: "opus" }, "hi"), "claude -p hi --model opus"],
  [
    "7.2.1 codex has a flag of its own",
    () => argsOf("codex", null, {}, "hi"),
    "codex exec hi --skip-git-repo-check",
  ],
  [
    "7.2.1 which false removes, in either spelling",
    () => argsOf("codex", null, { skip_git_repo_check: false }, "hi"),
    "codex exec hi",
  ],
  ["7.2 cline takes the prompt last", () => argsOf("cline", null, { act: true }, "hi"), "cline --act hi"],
  [
    "7.4.3 numbers without exponent",
    () => argsOf("own", { ...CUSTOM, prefixArgs: [] }, { a: 1e21, b: 2.5e-7, c: 2.0 }, "x"),
    "cli x --a 1000000000000000000000 --b 0.00000025 --c 2",
  ],
  [
    "7.4.2 a token of one's own, a blank one is none, other keys as they are",
    () =>
      argsOf("own", { ...CUSTOM, prefixArgs: [], optionFlags: { model: "/M", level: " " } }, {
        model: "x",
        level: "y",
        dry_run: true,
      }, "p"),
    "cli p --dry_run --level y /M x",
  ],
  [
    "7.4.2 a built-in always has two dashes, and hyphens",
    () => argsOf("claude", null, { max_turns: 5 }, "p"),
    "claude -p p --max-turns 5",
  ],
  ["7.2.2 a custom definition hides the built-in", () => argsOf("claude", CUSTOM, {}, "hi"), "cli run hi"],
];

for (const [name, got, want] of cases) Deno.test(`harness: ${name}`, () => assert.equal(got(), want));

Deno.test("harness: 7.5.2 defaults below the step's keys, kebab and snake are one for a built-in", () => {
  const step = { provider: null, flags: { max_turns: 5 }, fallback: null, prompt: "x", stdin: null };
  const defaults = { provider: "claude", flags: { "max-turns": 1, model: "m" }, fallback: null };
  const [first] = harnessTries(step, defaults, {});
  assert.deepEqual(first, { provider: "claude", flags: { "max-turns": 5, model: "m" }, fallback: null });
});

Deno.test("harness: 7.5.3 an empty fallback list disables the inherited one", () => {
  const fallback = [{ provider: "codex", flags: {}, fallback: null }];
  const defaults = { provider: "claude", flags: {}, fallback };
  const step = { provider: null, flags: {}, prompt: "x", stdin: null };
  assert.deepEqual(harnessTries({ ...step, fallback: null }, defaults, {}).map((one) => one.provider), [
    "claude",
    "codex",
  ]);
  assert.deepEqual(harnessTries({ ...step, fallback: [] }, defaults, {}).map((one) => one.provider), [
    "claude",
  ]);
});

Deno.test("harness: 7.4.6 standard input: prompt, blank line, text; folding providers take it into the prompt", () => {
  const provider = resolveProvider("own", { own: { ...CUSTOM, promptMode: "stdin" } });
  assert.ok(provider !== null);
  assert.equal(
    renderInvocation(provider, {}, "line 1\nline 2\n", "extra").stdin,
    "line 1\nline 2\n\n\nextra",
  );
  assert.equal(renderInvocation(provider, {}, "", "extra").stdin, "extra");
  const aider = resolveProvider("aider", {});
  assert.ok(aider !== null);
  const folded = renderInvocation(aider, {}, "do", "with this");
  assert.deepEqual([folded.args, folded.stdin], [["--message", "do\n\nwith this"], null]);
});

Deno.test("harness: 7.4.4 text that reads as a boolean or number is one", () => {
  assert.deepEqual(["0x10", "0o17", "-0x1", "007", "yes", "null"].map(convertFlag), [
    16,
    15,
    "-0x1",
    7,
    "yes",
    "null",
  ]);
  assert.deepEqual(["true", "False", "10", "1.5", "x", "1x"].map(convertFlag), [
    true,
    false,
    10,
    1.5,
    "x",
    "1x",
  ]);
});

/** The table of 7.2: arguments with one flag, then what becomes of `with.stdin`. */
const builtIns: readonly [name: string, line: string, stdin: "pipe" | "fold"][] = [
  ["aider", "aider --message P --model m", "fold"],
  ["amp", "amp -x P --model m", "pipe"],
  ["claude", "claude -p P --model m", "pipe"],
  ["cline", "cline --model m P", "pipe"],
  ["codex", "codex exec P --model m --skip-git-repo-check", "pipe"],
  ["copilot", "copilot -p P --model m", "pipe"],
  ["cursor", "cursor-agent -p P --model m --output-format text", "fold"],
  ["deepseek", "dsh --profile headless --model m P", "fold"],
  ["droid", "droid exec P --model m", "fold"],
  ["gemini", "gemini -p P --model m", "pipe"],
  ["goose", "goose run --text P --model m --quiet", "fold"],
  ["kiro", "kiro-cli chat --no-interactive P --model m", "pipe"],
  ["opencode", "opencode run P --model m", "pipe"],
  ["pi", "pi -p P --model m", "pipe"],
  ["qwen", "qwen -p P --model m", "pipe"],
];
for (const [name, line, stdin] of builtIns) {
  Deno.test(`harness: 7.2 ${name}`, () => {
    assert.equal(argsOf(name, null, { model: "m" }, "P"), line);
    const provider = resolveProvider(name, {});
    assert.ok(provider !== null);
    const given = renderInvocation(provider, {}, "P", "S");
    assert.equal(given.stdin, stdin === "pipe" ? "S" : null);
    assert.ok(given.args.includes(stdin === "pipe" ? "P" : "P\n\nS"));
  });
}

Deno.test("harness: 7.2 the table is the whole set", () => {
  assert.deepEqual(providerNames({ own: CUSTOM }), [...builtIns.map(([name]) => name), "own"].sort());
  assert.equal(resolveProvider("constructor", {}), null);
});

Deno.test("harness: 7.4.1 keys that never become flags, keys that only look special", () => {
  const flags = { provider: "x", fallback: "x", managed: true, constructor: "c", "to-string": "t" };
  assert.equal(argsOf("claude", null, flags, "hi"), "claude -p hi --constructor c --to-string t");
});

Deno.test("harness: 7.5.3 a fallback inherits nothing but its own provider's flags", () => {
  const fallback = [{ provider: "codex", flags: { model: "f" }, fallback: null }];
  const defaults = { provider: "claude", flags: { model: "m", max_turns: 1 }, fallback };
  const step = { provider: null, flags: {}, fallback: null, prompt: "x", stdin: null };
  assert.deepEqual(harnessTries(step, defaults, {})[1], {
    provider: "codex",
    flags: { model: "f" },
    fallback: null,
  });
});

Deno.test("harness: 7.5.2 another provider in the step keeps the other default flags; a custom one keeps spellings", () => {
  const defaults = { provider: "claude", flags: { max_turns: 1 }, fallback: null };
  const step = { provider: "own", flags: { "max-turns": 2 }, fallback: null, prompt: "x", stdin: null };
  assert.deepEqual(harnessTries(step, defaults, { own: CUSTOM })[0]?.flags, { max_turns: 1, "max-turns": 2 });
});

Deno.test("harness: 7.4.5 on one level the kebab spelling wins, in either order", () => {
  for (const flags of [{ a_b: 1, "a-b": 2 }, { "a-b": 2, a_b: 1 }]) {
    assert.equal(argsOf("claude", null, flags, "hi"), "claude -p hi --a-b 2");
  }
});
