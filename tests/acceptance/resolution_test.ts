/** Value resolution (workflow-language contract 10.2). */
import assert from "node:assert/strict";
import { accept, START, VALIDATE } from "./harness.ts";

function writes(title: string, head: string, content: string, want: string): void {
  const yaml =
    `${head}steps:\n  - id: w\n    action: file.write\n    with: {path: @W/o, content: ${content}}\n`;
  accept(title, yaml, [{ args: START, files: { o: want } }]);
}

writes(
  "T-11 escapes",
  "consts:\n  - tier: gold\n",
  "'a ${consts.tier} b \\${consts.tier} c \\\\${consts.tier}'",
  "a gold b ${consts.tier} c \\\\gold",
);
writes(
  "T-12 quotes",
  "env:\n  - COLOR: blue\n",
  `"'$COLOR' \\"$COLOR\\" '\${env.COLOR}'"`,
  `'$COLOR' "blue" 'blue'`,
);
writes(
  "T-13 operators",
  'env:\n  - EMPTY: ""\n  - FILE: report.tar.gz\n',
  "'${EMPTY:-none}|${UNSET_Q:-none}|${FILE%%.*}|${FILE##*.}|${#FILE}|${FILE:0:6}'",
  "none|${UNSET_Q:-none}|report|gz|13|report",
);
writes(
  "T-14 a single pass",
  'consts:\n  - a: real\nparams:\n  - name: p\n    default: "${consts.a}"\n',
  '"${params.p}"',
  "${consts.a}",
);

const UNKNOWN = "${consts.none} ${steps.ghost.outputs.v} ${context.run.hue} ${a.b.c}";
accept(
  "T-15 unknown references are kept and reported",
  `steps:\n  - id: w\n    action: file.write\n    with: {path: @W/o, content: "${UNKNOWN}"}\n`,
  [
    { args: START, files: { o: UNKNOWN }, notErr: ["left unchanged"] },
    {
      args: VALIDATE,
      check: ({ stderr }) => {
        const told = [
          ["${consts.none}", "unknown_const_name (there are no consts)"],
          ["${steps.ghost.outputs.v}", "unknown_step_id (ids of steps: w)"],
          [
            "${context.run.hue}",
            "unknown_context_field (fields: run.id, run.status, run.scheduled_at, run.root_name, run.root_id)",
          ],
        ].map(([token, reason]) => `steps[0].with.content: ${token} was left unchanged, reason=${reason}\n`);
        assert.equal(stderr.replaceAll(/^w\.yaml:4:\d+: /gm, ""), told.join(""));
      },
    },
  ],
);

accept(
  "T-16 runtime-only notices",
  `params: {CITY: ""}\nsteps:\n  - {id: s, run: 'echo "\${env.SOMEWHERE}"'}\n`,
  [
    { args: VALIDATE, isSilent: true },
    { args: ["validate", "--show-unresolved", "w.yaml"], err: ["${env.SOMEWHERE}", "reason="] },
  ],
);

accept(
  "T-17 a missing dependency",
  `steps:
  - id: a
    run: echo v=1 >> "$DAGU_OUTPUT_FILE"
    outputs: [{name: v}]
  - {id: b, run: 'printf %s "\${steps.a.outputs.v}" || true'}
`,
  [{ args: VALIDATE, err: ["missing_dependency", "steps[1].run"] }],
);

accept(
  "T-18 no substitution outside eval",
  'steps:\n  - id: w\n    action: file.write\n    with: {path: @W/o, content: "$(touch @W/x) `touch @W/y`"}\n',
  [{ args: START, files: { o: "$(touch @W/x) `touch @W/y`", x: false, y: false } }],
);

writes(
  "T-19 kinds on insertion",
  "consts:\n  - n: 3\n  - f: 0.25\n  - b: true\n",
  '"${consts.n}/${consts.f}/${consts.b}"',
  "3/0.25/true",
);
writes(
  "9.18 large numbers are written out",
  "consts:\n  - n: 1e21\n",
  '"${consts.n}"',
  "1000000000000000000000",
);

accept(
  "T-20 engine and shell see the run environment",
  'env:\n  - PLACE: Turku\nsteps:\n  - id: s\n    run: PLACE=Oulu; echo "${env.PLACE} $PLACE" > @W/o\n',
  [{ args: START, files: { o: "Turku Oulu\n" } }],
);
