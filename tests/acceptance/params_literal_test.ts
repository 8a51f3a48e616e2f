/** Section 3 of the workflow-language contract by its letter, where the numbered cases do not go. */
import { accept, VALIDATE } from "./harness.ts";

accept(
  "P-01, P-21, P-22, 3.5: every wrong declaration of a file is told at its place",
  `params: [[1], null, {name: A, required: "yes"}]
consts: [{a: 1}, {}, {b: [1]}, {c: .nan}, {a: 2}]
secrets:
  - {name: A, provider: env, key: ""}
  - {name: B, provider: env, key: x, options: [a]}
shell_args: -x
steps: [{id: s, run: "true"}]
`,
  [{
    args: VALIDATE,
    code: 1,
    err: [
      "params[0]: an item of params must be a text or a mapping, got a list",
      "params[1]: an item of params must be a text or a mapping, got nothing",
      "params[2].required: required must be a boolean",
      "consts[1]: consts entries must have exactly one key",
      "must be a literal string, number, or boolean",
      "must be finite",
      "secrets[0]: a secret needs both provider and key",
      "secrets[1].options: options must be a mapping of strings",
      "shell_args must be a list of strings",
    ],
    notErr: ["undefined"],
  }],
);

accept(
  "P-22, 3.5: a name is given once, and the second place is told",
  `consts: [{a: 1}, {b: 2}, {a: 3}]
secrets:
  - {name: A, provider: env, key: X}
  - {name: A, provider: env, key: Y}
steps: [{id: s, run: "true"}]
`,
  [{
    args: VALIDATE,
    code: 1,
    err: ['consts[2]: duplicate consts key "a"', 'secrets[1]: duplicate secret name "A"'],
  }],
);
