/** 6.2: how a harness is called, rule by rule. The program is a script that shows its arguments. */
import { accept, acceptEach, START } from "./harness.ts";

const PROGRAM = `#!/bin/sh
printf '%s\\n' "$@"
`;
const TOOL = "harnesses: {mine: {binary: ./tool}}\n";

/** The words that the program is called with. */
function calls(
  title: string,
  yaml: string,
  words: readonly string[],
  env: Record<string, string> = {},
): void {
  accept(title, `working_dir: "@W"\n${yaml}`, [{
    args: START,
    env,
    write: { tool: PROGRAM, "made.yaml": "steps: [{id: a, run: chmod +x @W/tool}]" },
    files: {},
    check: async (_result, folder) => {
      const text = await Deno.readTextFile(`${folder}/words`);
      if (text !== words.map((word) => `${word}\n`).join("")) {
        throw new Error(`called with ${JSON.stringify(text)}`);
      }
    },
  }]);
}

const step = (more: string): string =>
  `steps:\n  - {id: make, run: "chmod +x @W/tool"}\n  - {id: a, depends: make, action: harness.run, stdout: "@W/words", with: {${more}}}`;

calls(
  "A-07 A-08 A-10 prompt, then flags by key; values in their forms",
  TOOL + step(
    'provider: mine, prompt: "do it", zeta: 1, alpha: true, beta: false, gamma: "", delta: "true", list: [a, b], text: "x y"',
  ),
  ["do it", "--alpha", "--delta", "--list", "a", "--list", "b", "--text", "x y", "--zeta", "1"],
);
calls(
  "A-07 A-09 a custom definition keeps keys as they are written, and says how they look",
  "harnesses: {mine: {binary: ./tool, prefix_args: [exec, now], prompt_mode: flag, prompt_flag: --ask, prompt_position: after_flags, flag_style: single_dash, option_flags: {deep_level: --depth}}}\n" +
    step("provider: mine, prompt: hi, some_key: v, deep_level: 3"),
  ["exec", "now", "--depth", "3", "-some_key", "v", "--ask", "hi"],
);
calls(
  "A-14 the root's defaults, each overridden by itself",
  `${TOOL}harness: {provider: mine, model: base, speed: slow}\n${step("prompt: hi, model: own")}`,
  ["hi", "--model", "own", "--speed", "slow"],
);

acceptEach("A-11 what is refused at load", [
  ["steps: [{id: a, action: harness.run, with: {provider: , prompt: x}}]", {
    code: 1,
    err: ["config.provider is required"],
  }],
  ["steps: [{id: a, action: harness.run, with: {prompt: x}}]", {
    code: 1,
    err: ["config.provider is required"],
  }],
  ["steps: [{id: a, action: harness.run, with: {provider: nobody, prompt: x}}]", {
    code: 1,
    err: ['unknown provider "nobody"; registered:'],
  }],
  ["steps: [{id: a, action: harness.run, with: {provider: claude}}]", { code: 1, err: ["prompt"] }],
  ["steps: [{id: a, action: harness.run, with: {provider: claude, prompt: ''}}]", {
    code: 1,
    err: ["prompt"],
  }],
  ["steps: [{id: a, action: harness.run, with: {provider: claude, prompt: x, binary: y}}]", {
    code: 1,
    err: ["is not supported"],
  }],
  ["steps: [{id: a, action: harness.run, with: {provider: claude, prompt: x, fallback: codex}}]", {
    code: 1,
    err: ["fallback"],
  }],
  [
    "steps: [{id: a, action: harness.run, with: {provider: claude, prompt: x, fallback: [{provider: codex, fallback: []}]}}]",
    { code: 1, err: ["fallback"] },
  ],
  ["harnesses: {mine: {binary: x, prompt_mode: mail}}\nsteps: [{id: a, run: x}]", {
    code: 1,
    err: ["prompt_mode must be one of: arg, flag, stdin"],
  }],
  ["harnesses: {mine: {binary: x, prompt_mode: flag}}\nsteps: [{id: a, run: x}]", {
    code: 1,
    err: ["prompt_flag"],
  }],
  ["harness: {provider: claude}\nsteps: [{id: a, run: echo}]", {}],
]);
accept(
  "A-12 V-03 a provider is named by a variable, with braces and without",
  `harnesses: {e: {binary: echo}}
env: [{P: e}]
steps:
  - {id: a, action: harness.run, with: {provider: $P, prompt: one}, stdout: @W/o}
  - {id: b, depends: a, action: harness.run, with: {provider: "\${env.P}", prompt: two}, stdout: @W/o}
`,
  [{ args: START, files: { o: "one\ntwo\n" } }],
);
accept(
  "A-12 a provider that is still a reference",
  `
steps: [{id: a, action: harness.run, with: {provider: "\${params.NONE}", prompt: x}}]
`,
  [{ args: START, code: 1, err: ["unresolved provider template"] }],
);
accept(
  "A-16 a program that is not there",
  `
harnesses: {mine: {binary: no-such-harness}}
steps: [{id: a, action: harness.run, with: {provider: mine, prompt: x}}]
`,
  [{ args: START, code: 1, err: ["CLI not found in PATH; install it first"] }],
);
accept(
  "A-15 A-17 only the good try's output is the step's; codes are the tool's",
  `
working_dir: "@W"
harnesses:
  bad: {binary: sh, prefix_args: [-c, "echo from-bad; echo why >&2; exit 5"]}
  good: {binary: sh, prefix_args: [-c, "echo from-good"]}
steps:
  - id: a
    action: harness.run
    with: {provider: bad, prompt: x, fallback: [{provider: good}]}
    stdout: "@W/o"
  - id: b
    depends: a
    action: harness.run
    with: {provider: bad, prompt: x}
    continue_on: {exit_code: 5}
`,
  [{
    args: START,
    files: { o: "from-good\n" },
    out: ["recent stderr:", "recent stdout:", "recent stdout (tail)", "from-bad"],
  }],
);
