/** Section 4 of the language, rule by rule, where the acceptance cases of section 10 have none. */
import { accept, acceptEach, START } from "./harness.ts";

// ---- identity, commands ---------------------------------------------------------------------------------------

accept(
  "S-03 S-08 S-10 a bare text is a step, and steps without names get some",
  `
handler_on: {exit: {run: "true", id: mine}}
steps:
  - echo hi
  - run: echo there
  - run: |
      echo script
`,
  [{ args: START, out: ["cmd_1", "cmd_2", "script_3", "onExit"] }],
);
acceptEach("S-07 S-13 names and dependencies", [
  [`steps: [{id: a, name: "${"x".repeat(256)}", run: x}]`, {
    code: 1,
    err: ["step name must be at most 255"],
  }],
  [`steps: [{id: a, run: x}, {id: b, depends: A, run: x}]`, { code: 1, err: ["A"] }],
  [`steps: [{id: a, name: the first, run: x}, {id: b, depends: the first, run: x}]`, {}],
]);
accept(
  "S-09 a name is no id for references",
  `
steps:
  - {name: a, run: "echo x", output: X}
  - {id: b, depends: a, run: "echo '\${steps.a.exit_code}' > @W/o"}
`,
  [{ args: START, files: { o: "${steps.a.exit_code}\n" } }],
);
acceptEach("S-12 S-15 no item of a chain says what it depends on; null is no word", [
  [`type: chain\nsteps: [{id: a, run: x}, {id: b, depends: [], run: x}]`, {
    code: 1,
    err: ["depends field is not allowed"],
  }],
  [`type: chain\nsteps: [{id: a, run: x}, {id: b, depends: null, run: x}]`, {}],
]);
accept(
  "S-17 a reference is no dependency",
  `
steps:
  - {id: slow, run: "sleep 0.3; echo x=1 >> $DAGU_OUTPUT_FILE", outputs: [{name: x}]}
  - {id: quick, run: "echo '\${steps.slow.outputs.x}' > @W/o"}
`,
  [{ args: START, files: { o: "${steps.slow.outputs.x}\n" } }],
);
accept(
  "S-34 S-35 exec starts a program, each value one argument",
  `
params: [{P: "a b"}]
steps:
  - id: a
    action: exec
    env: [{E: "x y"}]
    working_dir: "@W/sub"
    with: {command: sh, args: ["-c", 'printf "%s|" "$@" "$E" "$PWD" > "$0"', "@W/o", "\${params.P}", 7, true, "$E"]}
`,
  [{ args: START, files: { o: "a b|7|true|x y|x y|@W/sub|" } }],
);
accept(
  "S-38 S-39 DAG_RUN_WORK_DIR is the run's own, and ~ is the home",
  `
working_dir: "~/below"
steps: [{id: a, run: 'echo "$PWD"; test "$PWD" = "$HOME/below" && test "$DAG_RUN_WORK_DIR" != "$PWD"'}]
`,
  [{ args: START, env: { HOME: "/tmp/dagu-home-of-rules" } }],
);

// ---- outputs --------------------------------------------------------------------------------------------------

accept(
  "S-43 S-46 the output file, to the byte",
  `
steps:
  - id: a
    run: |
      {
        printf 'empty=\\n'
        printf 'eq=a=b<<c\\n'
        printf 'sp=  x  \\r\\n'
        printf 'block<<END\\n\\n one \\nEND_\\n\\nEND\\n'
      } >> "$DAGU_OUTPUT_FILE"
    outputs: [{name: empty}, {name: eq}, {name: sp}, {name: block}]
  - id: b
    depends: a
    env:
      - A: "\${steps.a.outputs.empty}"
      - B: "\${steps.a.outputs.eq}"
      - C: "\${steps.a.outputs.sp}"
      - D: "\${steps.a.outputs.block}"
    run: printf '%s|' "$A" "$B" "$C" "$D" > @W/o
`,
  [{ args: START, files: { o: "|a=b<<c|  x  |\n one \nEND_\n|" } }],
);
accept(
  "S-47 S-49 S-50 a failed output is a failed try; only the good one counts",
  `
steps:
  - id: a
    retry_policy: {limit: 1, interval_sec: 0}
    run: 'test -e @W/again && echo x=second >> "$DAGU_OUTPUT_FILE" || { touch @W/again; echo y=first >> "$DAGU_OUTPUT_FILE"; }'
    outputs: [{name: x}]
  - id: bad
    continue_on: failed
    run: 'echo z=1 >> "$DAGU_OUTPUT_FILE"; exit 1'
    outputs: [{name: z}]
  - {id: c, depends: [a, bad], run: "echo '\${steps.a.outputs.x} \${steps.bad.outputs.z}' > @W/o"}
`,
  [{ args: START, files: { o: "second ${steps.bad.outputs.z}\n" } }],
);
accept(
  "S-51 S-61 S-62 output is trimmed, a redirect is not, and is appended to",
  `
steps:
  - {id: a, run: "printf '\\n  two\\nlines  \\n\\n'", output: $TWO, stdout: "@W/all"}
  - {id: b, depends: a, run: 'printf "[%s]" "$TWO" > @W/o'}
`,
  [
    { args: START, files: { o: "[two\nlines]", all: "\n  two\nlines  \n\n" } },
    { args: START, files: { all: "\n  two\nlines  \n\n\n  two\nlines  \n\n" } },
  ],
);
accept(
  "S-54 S-55 what cannot be decoded or selected fails the step; a step of values alone does nothing",
  `
steps:
  - {id: v, output: {greeting: "hello \${DAG_NAME}"}}
  - {id: a, run: "echo '{'", output: {x: {from: stdout, decode: json}}, continue_on: failed}
  - {id: b, run: "echo '{}'", output: {x: {from: stdout, decode: json, select: a.b}}, continue_on: failed}
  - {id: c, run: "true", output: {x: {from: file, path: "@W/none"}}, continue_on: failed}
  - {id: d, depends: [v, a, b, c], run: "echo '\${v.output.greeting}' > @W/o"}
`,
  [{ args: START, out: ["Result: Partially Succeeded"], files: { o: "hello w\n" } }],
);

// ---- conditions, continue, retry, repeat -------------------------------------------------------------------------

accept(
  "S-78 a child whose preconditions are not met fails its step",
  `
steps: [{id: a, action: dag.run, with: {dag: child}}]
---
name: child
preconditions: ["false"]
steps: [{id: b, run: "true"}]
`,
  [{ args: START, code: 1, out: ["[failed]"] }],
);
accept(
  "S-81 what the run's timeout ended does not continue",
  `
timeout_sec: 1
steps:
  - {id: a, run: "sleep 5", continue_on: {failure: true, mark_success: true}}
  - {id: b, depends: a, run: "echo b > @W/b"}
`,
  [{ args: START, code: 1, files: { b: false } }],
);
accept(
  "S-82 O-12 mark_success holds beside a retry policy that does not list the code",
  `
steps:
  - id: a
    run: "exit 9"
    retry_policy: {limit: 1, interval_sec: 0, exit_code: [1]}
    continue_on: {failure: true, mark_success: true}
`,
  [{ args: START, out: ["Result: Succeeded"] }],
);
accept(
  "S-89 S-90 S-92 S-93 how often a step is repeated",
  `
steps:
  - id: until
    run: 'echo x >> @W/until; test $(wc -l < @W/until) -ge 3 && echo done || echo more'
    output: O
    repeat_policy: {condition: "\${O}", expected: done, interval_sec: 0}
  - id: while
    run: 'echo x >> @W/while; test $(wc -l < @W/while) -lt 3'
    repeat_policy: {exit_code: [0], interval_sec: 0}
    continue_on: failed
  - id: once
    run: 'echo x >> @W/once'
    repeat_policy: {interval_sec: 0}
  - id: again
    run: 'echo x >> @W/again; test $(wc -l < @W/again) -ge 4'
    retry_policy: {limit: 1, interval_sec: 0}
    repeat_policy: {repeat: until, exit_code: [0], interval_sec: 0}
`,
  [{
    args: START,
    files: { until: "x\nx\nx\n", while: "x\nx\nx\n", once: "x\n", again: "x\nx\nx\nx\n" },
  }],
);
acceptEach("S-91 S-98 words that need more, and signals", [
  [`steps: [{id: a, run: x, repeat_policy: {repeat: while}}]`, {
    code: 1,
    err: ["requires either 'condition' or 'exit_code'"],
  }],
  [`steps: [{id: a, run: x, signal_on_stop: SIGUSR1}]`, {}],
  [`steps: [{id: a, run: x, signal_on_stop: USR1}]`, { code: 1, err: ["signal_on_stop"] }],
  [`steps: [{id: a, run: x, signal_on_stop: 15}]`, { code: 1, err: ["signal_on_stop"] }],
]);
accept(
  "S-96 the limit holds for all entries of one try, not for the preconditions",
  `
steps:
  - id: a
    timeout_sec: 1
    preconditions: ["sleep 1.2"]
    run: ["sleep 0.1", "echo ok > @W/ok"]
  - id: b
    depends: a
    timeout_sec: 1
    run: ["sleep 0.7", "sleep 0.7"]
`,
  [{ args: START, code: 1, err: ["step timed out after"], files: { ok: "ok\n" } }],
);
accept(
  "S-74 S-75 which precondition was not met is told, as it was written",
  `
params: {MODE: fast}
steps:
  - {id: a, preconditions: ["true", "test -e /no/such"], run: "true"}
  - {id: b, preconditions: [{condition: "\${params.MODE}", expected: "re:^slow"}], run: "true"}
  - {id: c, preconditions: [{condition: "test -d /", negate: true}], run: "true"}
`,
  [{
    args: START,
    out: [
      "precondition not met: test -e /no/such\n",
      "precondition not met: ${params.MODE} (expected: re:^slow)\n",
      "precondition not met: not test -d /\n",
    ],
  }],
);
accept(
  "S-75 5.2 a run that its own precondition keeps from its steps says which one it was",
  "env: [{MODE: fast}]\npreconditions: [{condition: $MODE, expected: slow}]\nsteps: [{id: a, run: 'true'}]",
  [
    { args: START, out: ["Result: Aborted"], err: ["note: precondition not met: $MODE (expected: slow)\n"] },
    { args: ["status", "w"], out: ["note: precondition not met: $MODE (expected: slow)\n"] },
  ],
);
