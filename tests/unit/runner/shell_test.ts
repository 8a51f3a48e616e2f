import assert from "node:assert/strict";
import { chooseShell, commandArgv, scriptArgv } from "../../../src/runner/actions/shell.ts";

const CHOICES: readonly [
  string,
  readonly string[] | null,
  readonly string[] | null,
  Record<string, string>,
  readonly string[],
][] = [
  ["the step's shell first", ["zsh"], ["bash"], { DAGU_DEFAULT_SHELL: "ksh", SHELL: "dash" }, ["zsh"]],
  ["then the workflow's", null, ["bash", "-u"], { SHELL: "dash" }, ["bash", "-u"]],
  ["then the service's", null, null, { DAGU_DEFAULT_SHELL: "bash -u", SHELL: "dash" }, ["bash", "-u"]],
  ["then the user's", null, null, { SHELL: "/bin/dash" }, ["/bin/dash"]],
  ["then sh", null, null, {}, ["sh"]],
];
for (const [name, step, root, env, want] of CHOICES) {
  Deno.test(`S-22 ${name}`, () => assert.deepEqual(chooseShell(step, root, env).words, want));
}

const ARGV: readonly [string, readonly string[], boolean, readonly string[]][] = [
  ["S-23 -e for a default shell", ["sh"], false, ["sh", "-e", "-c", "T"]],
  ["S-23 -e before the shell's own arguments", ["/bin/bash", "-u"], false, [
    "/bin/bash",
    "-e",
    "-u",
    "-c",
    "T",
  ]],
  ["S-23 no -e for a step's shell", ["bash", "-o", "pipefail"], true, ["bash", "-o", "pipefail", "-c", "T"]],
  ["S-24 -c is not doubled", ["bash", "-c"], true, ["bash", "-c", "T"]],
  ["S-25 another kind gets -c only", ["fish"], false, ["fish", "-c", "T"]],
  ["S-25 PowerShell", ["pwsh"], false, ["pwsh", "-NoProfile", "-NonInteractive", "-Command", "T"]],
  ["S-25 cmd", ["cmd.exe"], false, ["cmd.exe", "/c", "T"]],
  ["S-25 nix-shell", ["nix-shell", "--pure"], false, ["nix-shell", "--pure", "--run", "T"]],
];
for (const [name, words, isStepLevel, want] of ARGV) {
  Deno.test(name, () => assert.deepEqual(commandArgv({ words, isStepLevel }, "T"), want));
}

const SCRIPTS: readonly [string, readonly string[], boolean, string, readonly string[] | string][] = [
  ["S-23 -e for a default shell", ["sh"], false, "echo\n", ["sh", "-e", "/f"]],
  ["S-27 a shebang beats the default shell", ["sh"], false, "#!/usr/bin/env 'my python' -u\nx", [
    "/usr/bin/env",
    "my python",
    "-u",
    "/f",
  ]],
  ["S-27 but not the step's own", ["bash", "-x"], true, "#!/bin/sh\nx", ["bash", "-x", "/f"]],
  ["S-27 only in the first two characters", ["sh"], false, "\n#!/bin/x\n", ["sh", "-e", "/f"]],
  ["S-26 -c is refused", ["bash", "-c"], true, "x\n", 'script form cannot be used with shell argument "-c"'],
  ["S-26 -s is refused", ["bash", "-s"], false, "x\n", 'script form cannot be used with shell argument "-s"'],
];
for (const [name, words, isStepLevel, text, want] of SCRIPTS) {
  Deno.test(`${name} (script)`, () => {
    const script = scriptArgv({ words, isStepLevel }, text, "/f");
    assert.deepEqual(script.ok ? script.argv : script.message, want);
  });
}
