/** What approvers say, and what comes of it: S-122 and the `pushback` rows of 7.1. */
import assert from "node:assert/strict";
import { accept, acceptEach, START } from "./harness.ts";

const REVIEW = `
steps:
  - id: draft
    run: 'echo "draft \${DAG_PUSHBACK_ITERATION-0} \${FEEDBACK-none}" | tee -a @W/drafts'
    output: DRAFT
  - id: other
    run: 'echo "other \${DAG_PUSHBACK-unset}" >> @W/other'
  - id: review
    depends: draft
    run: 'echo "review of $DRAFT"'
    approval: {prompt: Good?, input: [FEEDBACK, WHO], required: [WHO], rewind_to: draft}
  - id: publish
    depends: review
    run: 'echo "$DRAFT by $WHO; \${DAG_PUSHBACK_ITERATION-never}" >> @W/published'
`;

accept("S-122 AP-76 push back rewinds to the step that it names, and tells it why", REVIEW, [
  { args: [...START, "--run-id", "back1"], out: ["Status: Waiting", "prompt: Good?"] },
  {
    args: ["push-back", "w", "--run-id", "back1", "--step", "review", "--input", "FEEDBACK=shorter"],
    out: ["Pushed back step review (iteration 1); DAG-run queued for resume."],
    // What was done again is told from its beginning, and nothing else.
    err: ["draft │ draft 1 shorter\n", "review │ review of draft 1 shorter\n"],
    notErr: ["draft 0", "other │"],
  },
  {
    args: ["push-back", "w", "--step", "review", "--input", "FEEDBACK=once more"],
    out: ["Pushed back step review (iteration 2); DAG-run queued for resume."],
  },
  {
    args: ["approve", "w", "--step", "review", "--input", "WHO=ann"],
    out: ["Approved step review; DAG-run queued for resume."],
    files: {
      drafts: "draft 0 none\ndraft 1 shorter\ndraft 2 once more\n",
      // What does not come after the step to which it was rewound is not run again.
      other: "other unset\n",
      // What comes after it is told, whenever it runs.
      published: "draft 2 once more by ann; 2\n",
    },
  },
  {
    args: ["status", "w"],
    out: ["Result: Succeeded", 'pushed back (2) by local FEEDBACK="once more"'],
  },
]);

accept(
  "S-122 7.1 without rewind_to the step alone runs again, and knows the push-back by every name",
  `
steps:
  - {id: before, run: echo ran >> @W/before}
  - id: ask
    depends: before
    approval: {input: [NOTE]}
    env:
      - SEEN: "\${context.pushback.iteration}"
      - DAG_PUSHBACK_ITERATION: mine
    run: |
      echo "try \${DAG_PUSHBACK_ITERATION} $NOTE"
      echo '\${context.pushback.iteration} \${pushback.iteration}' > @W/facts
      if test -n "$DAG_PUSHBACK_PREVIOUS_STDOUT_FILE"; then
        cat "\${context.pushback.previous_stdout_file}" > @W/previous
        test "$DAG_PUSHBACK_PREVIOUS_STDOUT_FILE" = "\${pushback.previous_stdout_file}" && echo same > @W/same
        printf %s "$DAG_PUSHBACK" > @W/payload
        echo "$SEEN" > @W/seen
      fi
  - {id: after, depends: ask, run: 'echo "\${NOTE-none} \${DAG_PUSHBACK-unset}" > @W/after'}
`,
  [
    {
      args: [...START, "--run-id", "back2"],
      files: { facts: "${context.pushback.iteration} ${pushback.iteration}\n", previous: false },
    },
    {
      args: ["push-back", "w", "--run-id", "back2", "--step", "ask", "--input", 'NOTE=say "more"'],
      files: {
        before: "ran\n",
        facts: "1 1\n",
        previous: "try mine \n",
        same: "same\n",
        seen: "1\n",
      },
      check: async (_result, folder) => {
        const payload = JSON.parse(await Deno.readTextFile(`${folder}/payload`));
        const { at, previousStdoutFile, ...rest } = payload;
        assert.match(at, /^\d{4}-\d\d-\d\dT/);
        assert.ok(previousStdoutFile.startsWith("/"));
        const inputs = { NOTE: 'say "more"' };
        assert.deepEqual(rest, {
          iteration: 1,
          by: "local",
          inputs,
          step: "ask",
          history: [{ iteration: 1, by: "local", at, inputs }],
        });
      },
    },
    {
      args: ["approve", "w", "--run-id", "back2", "--step", "ask"],
      files: { before: "ran\n", after: "none unset\n" },
    },
  ],
);

accept(
  "S-122 S-108 a sub-workflow whose work is sent back runs again; a retry would have found it done",
  `
steps:
  - {id: sub, action: dag.run, with: {dag: below}, approval: {}}
---
name: below
steps: [{id: b, run: echo ran >> @W/ran}]
`,
  [
    { args: [...START, "--run-id", "back3"], files: { ran: "ran\n" } },
    { args: ["push-back", "w", "--run-id", "back3", "--step", "sub"], files: { ran: "ran\nran\n" } },
    { args: ["approve", "w", "--run-id", "back3", "--step", "sub"], files: { ran: "ran\nran\n" } },
  ],
);

accept(
  "S-122 reject ends step and run as rejected, its dependents do not run; who waits no more is not asked again",
  `
handler_on: {failure: {run: echo failed > @W/failed}}
steps:
  - {id: a, run: echo hi, approval: {input: [X]}}
  - {id: b, depends: a, run: echo ran > @W/b}
`,
  [
    { args: [...START, "--run-id", "no1"] },
    {
      args: ["push-back", "w", "--run-id", "no1", "--step", "a", "--input", "Y=1"],
      code: 1,
      err: ['unknown input "Y"; the approval takes: X'],
    },
    { args: ["push-back", "w", "--run-id", "no1", "--step", "b"], code: 1, err: ["asks for no approval"] },
    { args: ["push-back", "w", "--run-id", "no1", "--step", "zzz"], code: 1, err: ['no step "zzz"'] },
    {
      args: ["reject", "w", "--run-id", "no1", "--step", "a", "--reason", "ugly"],
      out: ["Rejected step a."],
      files: { b: false, failed: "failed\n" },
    },
    { args: ["status", "w", "--run-id", "no1"], out: ["Result: Rejected", "ugly", "upstream rejected"] },
    { args: ["push-back", "w", "--run-id", "no1", "--step", "a"], code: 1, err: ["rejected, not waiting"] },
    { args: ["approve", "w", "--run-id", "no1"], code: 1, err: ["--step is required"] },
  ],
);

accept(
  "R-20 CN-01 a run that waits is stopped at once, and the step for which it waited is aborted",
  "steps:\n  - {id: a, run: echo work, approval: {prompt: Good?}}\n" +
    "  - {id: t, action: human.task, with: {prompt: Well?}}\n  - {id: b, depends: a, run: touch @W/b}\n",
  [
    { args: [...START, "--run-id", "stop1"], out: ["Status: Waiting"] },
    { args: ["stop", "w", "--run-id", "stop1"] },
    {
      args: ["status", "w", "--run-id", "stop1"],
      out: ["Result: Aborted"],
      notOut: ["[waiting]", "prompt:"],
      check: ({ stdout }) => {
        assert.match(stdout, /─a \(.*\) \[aborted\]/);
        assert.match(stdout, /─t \(.*\) \[aborted\]/);
        assert.match(stdout, /─b \[not_started\]/);
      },
    },
    { args: ["approve", "w", "--run-id", "stop1", "--step", "a"], code: 1, err: ["aborted, not waiting"] },
    { args: ["stop", "w", "--run-id", "stop1"], code: 1, err: ["is aborted, not running"] },
  ],
);

acceptEach("S-122 S-115 approvals where nobody could decide, and rewinds to nowhere", [
  ["steps: [{id: a, run: x, approval: {rewind_to: zzz}}]", {
    code: 1,
    err: ['approval.rewind_to names the non-existent step "zzz"'],
  }],
  ["steps: [{id: a, run: x}, {id: b, run: x, approval: {rewind_to: a}}]", {
    code: 1,
    err: ['approval.rewind_to: step "a" is not upstream of this step'],
  }],
  ["handler_on: {exit: {run: x, approval: {}}}\nsteps: [{id: a, run: x}]", {
    code: 1,
    err: ["approval cannot be used in handler_on.exit"],
  }],
  ["steps: [{id: f, foreach: {items: [1], steps: [{id: a, run: x, approval: {}}]}}]", {
    code: 1,
    err: ["approval cannot be used in foreach"],
  }],
  ["steps: [{id: a, name: First one, run: x}, {id: b, depends: a, run: x, approval: {rewind_to: a}}]", {}],
  ["type: chain\nsteps: [{id: a, run: x}, {id: b, run: x, approval: {rewind_to: a}}]", {}],
]);
