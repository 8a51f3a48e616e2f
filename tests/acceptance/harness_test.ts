/** Harnesses (workflow-language contract 10.11); what runs in containers is in tests/e2e/spine_test.ts. */
import assert from "node:assert/strict";
import { accept, acceptEach, START } from "./harness.ts";

accept(
  "T-82 a custom harness on the host",
  `harnesses:
  echoer: {binary: printf, prefix_args: ["%s\\\\n"], prompt_position: after_flags, flag_style: single_dash, option_flags: {mode: "--mode"}}
steps:
  - id: h
    action: harness.run
    with: {provider: echoer, prompt: "say \${context.dag.name}", mode: fast, verbose: true, skip: false, tag: [a, b]}
    stdout: @W/o
`,
  [{ args: START, files: { o: "--mode\nfast\n-tag\na\n-tag\nb\n-verbose\nsay w\n" } }],
);

accept(
  "T-83 fallback",
  `harnesses:
  broken: {binary: sh, prefix_args: ["-c", "echo lost; exit 9"]}
  works: {binary: sh, prefix_args: ["-c", "echo kept"]}
harness: {provider: broken, fallback: [{provider: works}]}
steps:
  - {id: a, action: harness.run, with: {prompt: hi}, stdout: @W/a}
  - {id: b, action: harness.run, with: {prompt: hi, fallback: []}, continue_on: failed}
  - {id: c, run: "echo plain > @W/c"}
`,
  [{
    args: START,
    out: ["Result: Partially Succeeded"],
    files: { a: "kept\n", c: "plain\n" },
    check: ({ stdout }) => assert.match(stdout, /─b .*\[failed\]/),
  }],
);

accept(
  "T-84 stdin",
  `harnesses:
  piped: {binary: cat, prompt_mode: stdin}
steps:
  - {id: p, action: harness.run, with: {provider: piped, prompt: first, stdin: second}, stdout: @W/o}
`,
  [{ args: START, files: { o: "first\n\nsecond" } }],
);

const harness = (given: string, more = ""): string =>
  `${more}steps: [{id: h, action: harness.run, with: {${given}}}]\n`;
acceptEach("T-85 refused harness steps", [
  [harness("provider: zzz, prompt: x"), { code: 1, err: ['unknown provider "zzz"'] }],
  [harness("provider: claude, prompt: x, binary: y"), { code: 1, err: ["binary is not supported"] }],
  [harness("prompt: x"), { code: 1, err: ["provider is required"] }],
  [
    harness("provider: p, prompt: x", "harnesses: {p: {binary: b, prompt_mode: pipe}}\n"),
    { code: 1, err: ["prompt_mode must be one of"] },
  ],
  [
    "steps: [{id: h, action: harness.run, container: {image: i}, with: {provider: claude, prompt: x, stdin: s}}]\n",
    { code: 1, err: ["stdin"] },
  ],
]);

acceptEach("T-87 container forms", [
  ['container: {image: a, exec: b}\nsteps: [{id: s, run: "true"}]\n', {
    code: 1,
    err: ["mutually exclusive"],
  }],
  ['container: {runtime: podman, image: a}\nsteps: [{id: s, run: "true"}]\n', { code: 1, err: ["runtime"] }],
]);
