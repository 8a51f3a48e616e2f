import assert from "node:assert/strict";
import { shellArgv, shellCommand } from "../../../../src/runner/containers/shell.ts";

const cases: [name: string, shell: string[] | null, text: string, want: string[]][] = [
  ["2.2 the default is sh -e -c", null, "a | b", ["/bin/sh", "-e", "-c", "a | b"]],
  ["2.12.1 a missing flag is added", ["/bin/bash"], "x", ["/bin/bash", "-c", "x"]],
  ["2.12.3 a flag that is there is not added again", ["/bin/sh", "-c"], "x", ["/bin/sh", "-c", "x"]],
  ["2.12.1 only the exact token counts", ["sh", "-ec"], "x", ["sh", "-ec", "-c", "x"]],
  ["2.12.1 powershell", ["pwsh"], "x", ["pwsh", "-Command", "x"]],
  ["2.12.1 case and .exe are ignored", ["C:\\W\\PowerShell.EXE"], "x", [
    "C:\\W\\PowerShell.EXE",
    "-Command",
    "x",
  ]],
  ["2.12.1 cmd", ["cmd.exe"], "x", ["cmd.exe", "/c", "x"]],
  ["2.12.1 nix-shell", ["nix-shell", "-p", "jq"], "x", ["nix-shell", "-p", "jq", "--run", "x"]],
  ["2.12.1 an unknown shell gets -c", ["/opt/fish"], "x", ["/opt/fish", "-c", "x"]],
  ["2.12.2 blanks and line breaks are kept", null, 'echo "a  b"\n\n x', [
    "/bin/sh",
    "-e",
    "-c",
    'echo "a  b"\n\n x',
  ]],
  ["2.12.4 direct splits into words", ["direct"], `echo 'a  b' "c d" > e\\ f`, [
    "echo",
    "a  b",
    "c d",
    ">",
    "e f",
  ]],
  ["2.12.4 direct with an unclosed quote runs nothing else", ["direct"], "echo 'a", ["echo 'a"]],
];
for (const [name, shell, text, want] of cases) {
  Deno.test(name, () => assert.deepEqual(shellArgv(shell, text), want));
}

Deno.test("4.4.2 a text that is too long for an argument is a file for the same shell", () => {
  const long = "x".repeat(131_072);
  for (
    const [shell, argv] of [
      [null, ["/bin/sh", "-e", "/f"]],
      [["/bin/bash", "-c"], ["/bin/bash", "/f"]],
      [["/bin/bash", "-x"], ["/bin/bash", "-x", "/f"]],
      [["pwsh"], ["pwsh", "-File", "/f"]],
    ] as const
  ) {
    assert.deepEqual(shellCommand(shell, long, "/f"), { argv, file: { path: "/f", text: long } });
  }
  assert.deepEqual(shellCommand(null, "x".repeat(131_071), "/f").file, null);
});
