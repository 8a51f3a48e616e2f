/** State that survives runs (workflow-language contract 6.5). */
import { accept, START } from "./harness.ts";

accept(
  "A-05 state.* keeps values between runs, by version",
  `steps:
  - {id: before, action: state.get, with: {key: n, default: 0}, stdout: {outputs: {field: v, decode: json, select: value}}}
  - {id: set, depends: before, action: state.set, with: {key: n, value: {seen: "\${steps.before.outputs.v}"}}, stdout: @W/set}
  - {id: list, depends: set, action: state.list, with: {include_values: true}, stdout: @W/list}
  - {id: diff, depends: list, action: state.diff, with: {key: other, value: [1], update: true}, stdout: @W/diff}
  - {id: once, depends: diff, action: state.set, with: {key: n, value: 1, create_only: true}, continue_on: failed}
  - {id: old, depends: once, action: state.set, with: {key: n, value: 1, expected_version: 99}, continue_on: failed}
`,
  [
    {
      args: ["start", "--name", "keeper", "w.yaml"],
      out: ["Result: Partially Succeeded", 'state "n" exists already', 'state "n" is not at version 99'],
      files: {
        set:
          /^\{"operation":"set","scope":"dag","namespace":"","key":"n","created":true,"version":1,"hash":"[0-9a-f]{64}"\}\n$/,
        list: /"entries":\[\{"key":"n","version":1,"hash":"[0-9a-f]{64}","value":\{"seen":"0"\}\}\]/,
        diff: /"changed":true,"foundPrevious":false,"previous":null,"current":\[1\]/,
      },
    },
    {
      args: ["start", "--name", "keeper", "w.yaml"],
      files: {
        set: /"created":false,"version":2/,
        diff: /"changed":false,"foundPrevious":true,"previous":\[1\],"current":\[1\]\}\n$/,
      },
    },
  ],
);

accept(
  "A-05 state.get of nothing, required",
  "steps: [{id: g, action: state.get, with: {key: nothing, required: true}}]\n",
  [{ args: START, code: 1, err: ['there is no state "nothing"'] }],
);
