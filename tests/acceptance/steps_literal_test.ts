/** Sections 4.1 to 4.12 of the workflow-language contract by their letter, where the numbered cases do not go. */
import { accept, START, VALIDATE } from "./harness.ts";

accept(
  "4.1, S-24 to S-26, S-40, S-41, S-59, S-79: every wrong field of a file is told at its place",
  `steps:
  - {id: a, run: x, mail_on_error: "true"}
  - {id: b, run: x, dependencies: ["\${params.x}"]}
  - {id: c, run: x, outputs: null}
  - {id: d, run: x, outputs: [{name: ""}]}
  - {id: e, run: x, outputs: [{name: v}, {name: v}]}
  - {id: f, run: x, continue_on: {exit_code: "3"}}
  - {id: g, output: {k: {from: stdout}}}
  - {id: h, run: x, with: {shell: bash, shell_packages: [jq]}}
  - {id: i, run: "x\\ny", with: {shell: bash -es}}
  - {id: j, run: x, with: {shell: bash, shell_args: [-lc]}}
  - {id: k, run: x, stdout: f.txt, stderr: ./f.txt}
  - {id: l, action: dag.run, with: {dag: kid}, dependencies: [ok.csv, data/../../x]}
  - {id: m, action: dag.run, with: {dag: kid}, dependencies: /etc/passwd}
`,
  [{
    args: VALIDATE,
    code: 1,
    err: [
      "steps[0].mail_on_error: mail_on_error must be a boolean",
      "steps[1].dependencies: dependencies must not hold references",
      "steps[2].outputs: outputs must be a non-empty sequence",
      "steps[3].outputs[0]: name is required",
      'steps[4].outputs[1]: duplicate output name "v"',
      "steps[5].continue_on.exit_code: continue_on.exit_code must be an int or an array of ints",
      'steps[6].output.k: output "k" reads stdout of a step that does nothing',
      "steps[7].with.shell_packages: shell_packages can only be used with nix-shell",
      "steps[8].with.shell: script form cannot be used with shell argument -es",
      "steps[9].with.shell: shell argument -lc combines",
      "steps[10].stderr: stdout and stderr must not name the same file (write log_output: merged",
      "steps[11].dependencies: dependencies must be relative paths without .. and .git",
      "steps[12].dependencies: dependencies must be relative paths without .. and .git",
    ],
  }],
);

/** Prints the words that it is called with. */
const ECHO_WORDS = "#!/bin/sh\nfor w; do printf '%s|' \"$w\"; done\n";

accept(
  "S-22 to S-25 whose words the shell is called with",
  `shell_args: [-u]
env:
  - PATH: "@W:\${env.PATH}"
steps:
  - {id: root_args, run: "echo $- > @W/root_args"}
  - {id: step_args, run: "echo $- > @W/step_args", with: {shell_args: [-f]}}
  - {id: own, run: "echo $- > @W/own", with: {shell: "/bin/bash -f", shell_args: [-x]}}
  - {id: nix, run: "a b", with: {shell: nix-shell, shell_packages: [jq, curl]}, stdout: @W/nix}
  - {id: pwsh, run: "a b", with: {shell: pwsh}, stdout: @W/pwsh_words}
  - {id: other, run: "a b", with: {shell: [fishy, "x y"]}, stdout: @W/other}
  - id: carrier
    env: {WORD: -lc}
    run: touch @W/never
    with: {shell: ["/bin/bash", "\${env.WORD}"]}
    continue_on: failed
`,
  [{
    args: ["status", "w.yaml"],
    code: 1,
    write: { "nix-shell": ECHO_WORDS, pwsh: ECHO_WORDS, fishy: ECHO_WORDS },
    check: async (_result, folder) => {
      for (const name of ["nix-shell", "pwsh", "fishy"]) await Deno.chmod(`${folder}/${name}`, 0o755);
    },
  }, {
    args: START,
    out: ["shell argument -lc combines"],
    files: {
      root_args: /^ue$/m,
      step_args: /^(?=.*u)(?=.*f)(?=.*e)\w+$/m,
      own: /^(?=.*f)(?=.*x)(?!.*e)\w+$/m,
      nix: "-p|jq|-p|curl|--pure|--run|a b|",
      pwsh_words: "-NoProfile|-NonInteractive|-Command|a b|",
      other: "x y|-c|a b|",
      never: false,
    },
  }],
);
