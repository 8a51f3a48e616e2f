/** References that will stay as written, told by `validate` (workflow-language contract 2.11). */
import assert from "node:assert/strict";
import { accept, VALIDATE } from "./harness.ts";

/** path, token, reason */
type Told = readonly [path: string, token: string, reason: string];
interface Case {
  readonly title: string;
  readonly yaml: string;
  readonly defects?: readonly Told[];
  readonly later?: readonly Told[];
}

const P = '- {id: p, run: "true", outputs: [{name: v}]}';
const P_STEP = `steps: [${P.slice(2)}]\n`;
const CASES: readonly Case[] = [
  {
    title: "unknown_const_name",
    yaml: 'consts: [{a: 1}]\nsteps: [{id: s, run: "echo ${consts.b} ${consts.a}"}]\n',
    defects: [["steps[0].run", "${consts.b}", "unknown_const_name"]],
  },
  {
    title: "unknown_step_id, a name is no id",
    yaml: 'steps:\n  - {name: p, run: "true"}\n  - {id: s, depends: p, run: "echo ${steps.p.outputs.v}"}\n',
    defects: [["steps[1].run", "${steps.p.outputs.v}", "unknown_step_id"]],
  },
  {
    title: "unknown_output_name",
    yaml:
      `steps:\n  ${P}\n  - {id: s, depends: p, run: "echo \${steps.p.outputs.w} \${steps.p.outputs.v}"}\n`,
    defects: [["steps[1].run", "${steps.p.outputs.w}", "unknown_output_name"]],
  },
  {
    title: "unknown_output_name comes before missing_dependency",
    yaml: `steps:\n  ${P}\n  - {id: s, run: "echo \${steps.p.outputs.w} \${steps.p.outputs.v}"}\n`,
    defects: [
      ["steps[1].run", "${steps.p.outputs.w}", "unknown_output_name"],
      ["steps[1].run", "${steps.p.outputs.v}", "missing_dependency"],
    ],
  },
  {
    title: "self_reference comes before unknown_output_name",
    yaml:
      'steps: [{id: s, env: [{A: "${steps.s.outputs.v}"}], run: "echo ${steps.s.outputs.w}", outputs: [{name: v}]}]\n',
    defects: [
      ["steps[0].env[0]", "${steps.s.outputs.v}", "self_reference"],
      ["steps[0].run", "${steps.s.outputs.w}", "self_reference"],
    ],
  },
  {
    title: "an ancestor may be far",
    yaml:
      `steps:\n  ${P}\n  - {id: m, depends: p, run: "true"}\n  - {id: s, depends: m, run: "echo \${steps.p.outputs.v}"}\n`,
  },
  {
    title: "a step before in a chain is an ancestor",
    yaml: `type: chain\nsteps:\n  ${P}\n  - {id: s, run: "echo \${steps.p.outputs.v}"}\n`,
  },
  {
    title: "unknown_context_field, aliases without notice",
    yaml:
      'steps: [{id: s, run: "echo ${context.run.hue} ${context.a.b.c} ${run.hue} ${dag.x} ${context.run} ${context}"}]\n',
    defects: [
      ["steps[0].run", "${context.run.hue}", "unknown_context_field"],
      ["steps[0].run", "${context.a.b.c}", "unknown_context_field"],
    ],
  },
  {
    title: "the start of the attempt is a fact under its own name, the alias has none under context",
    yaml:
      'steps: [{id: s, run: "echo ${context.attempt.started_at} ${run.started_at} ${context.run.started_at}"}]\n',
    defects: [["steps[0].run", "${context.run.started_at}", "unknown_context_field"]],
  },
  {
    title: "S-113 the env of defaults is not known in the body of a foreach",
    yaml: `defaults: {env: [{D: "[1]"}]}
steps: [{id: e, env: [{O: 1}], foreach: {items: "\${env.D}", steps: [{id: a, run: "echo \${env.D} \${env.O}"}]}}]
`,
    later: [["steps[0].foreach.steps[0].run", "${env.D}", "unknown_env_binding"]],
  },
  {
    title: "namespace_unavailable for steps, in root env and handlers, whatever the id",
    yaml: `env: [{A: "\${steps.p.outputs.v}"}, {B: "\${steps.ghost.outputs.v}"}]
handler_on: {exit: {run: "echo \${steps.p.outputs.v}"}}
steps:\n  ${P}\n`,
    defects: [
      ["env[0]", "${steps.p.outputs.v}", "namespace_unavailable"],
      ["env[1]", "${steps.ghost.outputs.v}", "namespace_unavailable"],
      ["handler_on.exit.run", "${steps.p.outputs.v}", "namespace_unavailable"],
    ],
  },
  {
    title: "namespace_unavailable for foreach outside of a body",
    yaml: 'steps: [{id: s, run: "echo ${foreach.index} ${foreach.item.x} ${foreach.a.b.c}"}]\n',
    defects: [
      ["steps[0].run", "${foreach.index}", "namespace_unavailable"],
      ["steps[0].run", "${foreach.item.x}", "namespace_unavailable"],
    ],
  },
  {
    title: "inside of a body there is none",
    yaml: `steps:
  - id: f
    foreach:
      items: [1]
      key: "\${foreach.index}"
      steps:
        - {id: b, run: 'echo "v=\${foreach.item}" >> "$DAGU_OUTPUT_FILE"', outputs: [{name: v}]}
      collect: {v: "\${steps.b.outputs.v} \${steps.b.outputs.w}"}
`,
    defects: [["steps[0].foreach.collect.v", "${steps.b.outputs.w}", "unknown_output_name"]],
  },
  {
    title: "namespace_unavailable for context",
    yaml: `env: [{A: "\${context.step.name}"}, {B: "\${context.paths.step_stdout_file}"}]
steps: [{id: s, run: "echo \${context.run.status} \${run.status}"}, {name: t, run: "echo \${context.step.id}"}]
`,
    later: [
      ["env[0]", "${context.step.name}", "namespace_unavailable"],
      ["env[1]", "${context.paths.step_stdout_file}", "namespace_unavailable"],
      ["steps[0].run", "${context.run.status}", "namespace_unavailable"],
      ["steps[0].run", "${run.status}", "namespace_unavailable"],
      ["steps[1].run", "${context.step.id}", "namespace_unavailable"],
    ],
  },
  {
    title: "parameters without declaration or value",
    yaml: 'params: [{name: A, type: string}, {name: B, default: ""}, {name: C, eval: x}]\n' +
      'steps: [{id: s, run: "echo ${params.A} ${params.B} ${params.C} ${params.D}"}]\n',
    later: [
      ["steps[0].run", "${params.A}", "missing_param_value"],
      ["steps[0].run", "${params.D}", "unknown_param_name"],
    ],
  },
  {
    title: "unknown_env_binding, and $X in declarations only",
    yaml: `env: [{A: "\${env.X} $Y \${env.B}"}, {B: "$A \${A}"}]
steps: [{id: s, env: [{C: "$Z"}, {D: "\${env.C}"}], run: "echo \${env.Q} $R \${env.A} \${env.D} \${env.DAG_RUN_ID}"}]
`,
    later: [
      ["env[0]", "${env.X}", "unknown_env_binding"],
      ["env[0]", "$Y", "unknown_env_binding"],
      ["env[0]", "${env.B}", "unknown_env_binding"],
      ["steps[0].env[0]", "$Z", "unknown_env_binding"],
      ["steps[0].run", "${env.Q}", "unknown_env_binding"],
    ],
  },
  {
    title:
      "V-38 V-39 R-16 an entry of an env sees earlier ones, and neither it nor a handler the files of a try",
    yaml: `container: {image: i, env: [{A: "$A \${env.B} \${env.DAG_NAME}"}, {B: "$A"}]}
handler_on: {exit: {run: "echo \${env.DAGU_OUTPUT_FILE} \${env.PWD}"}}
steps:
  - {id: s, env: [{A: "\${env.B} $A \${env.DAGU_OUTPUT_FILE} \${env.PWD}"}, {B: "\${env.A}"}], run: "echo \${env.B} \${env.DAGU_OUTPUT_FILE}"}
  - {id: t, env: [{E: x}], container: {image: i, env: ["C=$E \${env.D}", "D=$C"]}, run: "echo \${env.C} \${env.E}"}
`,
    later: [
      ["container.env[0]", "$A", "unknown_env_binding"],
      ["container.env[0]", "${env.B}", "unknown_env_binding"],
      ["handler_on.exit.run", "${env.DAGU_OUTPUT_FILE}", "unknown_env_binding"],
      ["steps[0].env[0]", "${env.B}", "unknown_env_binding"],
      ["steps[0].env[0]", "$A", "unknown_env_binding"],
      ["steps[0].env[0]", "${env.DAGU_OUTPUT_FILE}", "unknown_env_binding"],
      // Its container does not reach the file (containers contract 3.6.2).
      ["steps[0].run", "${env.DAGU_OUTPUT_FILE}", "unknown_env_binding"],
      ["steps[1].container.env[0]", "${env.D}", "unknown_env_binding"],
    ],
  },
  {
    title: "consts that look ahead, at themselves or at a run",
    yaml:
      'consts: [{a: "${consts.a} ${consts.b}"}, {b: "${params.p} ${consts.a}"}, {c: "${context.run.id}"}]\nparams: {p: 1}\nsteps: [{id: s, run: "true"}]\n',
    later: [
      ["consts.a", "${consts.a}", ""],
      ["consts.a", "${consts.b}", ""],
      ["consts.b", "${params.p}", ""],
      ["consts.c", "${context.run.id}", ""],
    ],
  },
  {
    title: "V-53 the same token of the same field once",
    yaml: 'steps: [{id: s, run: "echo ${consts.b} ${consts.b}"}, {id: t, run: "echo ${consts.b}"}]\n',
    defects: [
      ["steps[0].run", "${consts.b}", "unknown_const_name"],
      ["steps[1].run", "${consts.b}", "unknown_const_name"],
    ],
  },
  {
    title: "V-13 V-06 V-11 V-55 escapes, other text and eval cause none",
    yaml: `params: [{name: A, eval: "\${consts.no} \${steps.no.outputs.v} \${params.no}"}]
steps: [{id: s, run: 'echo "\\\${consts.no} \${steps.a.b} \${steps.a.outputs} \${a.b.c} \${a.output} \${} $params.x"'}]
`,
  },
  {
    title: "V-56 outputs that an action has of its own",
    yaml: `steps:
  - {id: a, run: "true", stdout: {outputs: {fields: {x: {decode: json}}}}}
  - {id: b, action: outputs.write, with: {values: {y: 1}}}
  - {id: s, depends: [a, b], run: "echo \${steps.a.outputs.x} \${steps.b.outputs.y}"}
`,
  },
  {
    title: "2.6 fields of containers, as their author named them; literal ones cause none",
    yaml: `container:
  image: "\${consts.no}"
  name: "\${consts.no}"
  user: "\${consts.no}"
  working_dir: "\${consts.no}"
  network: "\${consts.no}"
  volumes: ["\${consts.no}:/x"]
  ports: ["\${consts.no}:80"]
  command: ["\${consts.no}"]
  shell: ["\${consts.no}"]
  env: [{A: "\${consts.no}"}]
  log_pattern: "\${consts.literal}"
  healthcheck: {test: [CMD, "\${consts.literal}"]}
steps:
  - {id: s, container: {exec: "\${consts.no}", user: "\${consts.no}"}, run: x}
  - {id: t, container: "\${consts.no}", run: x}
`,
    defects: [
      "container.image",
      "container.name",
      "container.user",
      "container.working_dir",
      "container.network",
      "container.volumes[0]",
      "container.ports[0]",
      "container.command[0]",
      "container.shell[0]",
      "container.env[0]",
      "steps[0].container.exec",
      "steps[0].container.user",
      "steps[1].container",
    ].map((path) => [path, "${consts.no}", "unknown_const_name"] as const),
  },
  {
    title: "V-26 fields of defaults, of credentials and of evals",
    yaml: `llm: {provider: openai, model: "\${consts.a}"}
s3: {region: "\${consts.b}"}
registry_auths: {ghcr.io: {username: u, password: "\${consts.c}"}}
harness: {provider: claude, model: "\${steps.b.outputs.x}", fallback: [{provider: codex, model: "\${consts.d}"}]}
preconditions: [{eval: "\${consts.e}", expected: x}]
worker_selector: {"\${params.f}": y}
steps:
  - {id: a, action: harness.run, with: {provider: "\${consts.g}", prompt: x, fallback: []}}
  - {id: b, run: x, preconditions: [{eval: "$(echo \${consts.h})", expected: x}], outputs: [{name: x}]}
  - {id: c, run: x, repeat_policy: {repeat: true, interval_sec: 1, max_interval_sec: "\${consts.i}"}}
  - {id: d, action: dag.enqueue, with: {dag: x, queue: "\${consts.j}"}, worker_selector: {"\${consts.k}": v}}
`,
    defects: [
      ["llm.model", "${consts.a}", "unknown_const_name"],
      ["s3.region", "${consts.b}", "unknown_const_name"],
      ["registry_auths.ghcr.io.password", "${consts.c}", "unknown_const_name"],
      ["harness.model", "${steps.b.outputs.x}", "missing_dependency"],
      ["harness.fallback[0].model", "${consts.d}", "unknown_const_name"],
      ["preconditions[0].eval", "${consts.e}", "unknown_const_name"],
      ["steps[0].with.provider", "${consts.g}", "unknown_const_name"],
      ["steps[1].preconditions[0].eval", "${consts.h}", "unknown_const_name"],
      ["steps[2].repeat_policy.max_interval_sec", "${consts.i}", "unknown_const_name"],
      ["steps[3].with.queue", "${consts.j}", "unknown_const_name"],
      ["steps[3].worker_selector.${consts.k}", "${consts.k}", "unknown_const_name"],
    ],
    later: [["worker_selector.${params.f}", "${params.f}", "unknown_param_name"]],
  },
  {
    title: "paths of fields",
    yaml: `shell: "\${consts.z0}"
working_dir: "\${consts.z1}"
dotenv: ["\${consts.z2}"]
preconditions: [{condition: "\${consts.z3}", expected: "\${consts.no}"}]
worker_selector: {zone: "\${consts.z4}"}
handler_on: {success: {action: noop, env: [{A: "\${consts.z7}"}]}}
steps:
  - {id: a, action: file.write, working_dir: "\${consts.y0}", stdout: "\${consts.y1}", stderr: {artifact: "\${consts.y2}"}, with: {path: "\${consts.y3}", content: x}}
  - {id: b, action: dag.run, with: {dag: "\${consts.y4}", params: {A: "\${consts.y5}"}}, parallel: {items: [{value: "\${consts.y6}"}]}}
  - {id: c, run: [x, "\${consts.y7}"], with: {shell: "\${consts.y8}"}, retry_policy: {limit: "\${consts.y9}", interval_sec: 1}}
  - {id: d, run: x, repeat_policy: {repeat: while, condition: "\${consts.x0}", expected: y, interval_sec: 1, limit: "\${consts.x1}"}}
  - {id: e, run: x, output: {a: "\${consts.x2}"}}
  - {id: f, run: x, stdout: {outputs: {fields: {a: "\${consts.x3}"}}}}
  - {id: g, run: x, preconditions: [{condition: "\${consts.x4}", expected: y}], container: {image: "\${consts.x5}", env: {A: "\${consts.x6}"}}}
  - {id: h, action: human.task, with: {prompt: "\${consts.x7}"}}
  - {id: i, foreach: {items: ["\${consts.x8}"], steps: [{id: j, run: "\${consts.x9}"}]}}
  - {id: k, action: exec, with: {command: "\${consts.w0}", args: ["\${consts.w1}"]}}
  - {id: l, action: router.route, with: {value: "\${consts.w2}", routes: {"\${consts.no}": [a]}}}
  - {id: m, action: template.render, with: {template: "\${consts.no}", data: {a: "\${consts.w3}"}}}
  - {id: n, action: harness.run, with: {provider: claude, prompt: "\${consts.w4}", model: "\${consts.w5}"}}
`,
    defects: ([
      ["shell", "z0"],
      ["working_dir", "z1"],
      ["dotenv[0]", "z2"],
      ["preconditions[0].condition", "z3"],
      ["worker_selector.zone", "z4"],
      ["handler_on.success.env[0]", "z7"],
      ["steps[0].working_dir", "y0"],
      ["steps[0].stdout", "y1"],
      ["steps[0].stderr.artifact", "y2"],
      ["steps[0].with.path", "y3"],
      ["steps[1].with.dag", "y4"],
      ["steps[1].with.params.A", "y5"],
      ["steps[1].parallel.items[0].value", "y6"],
      ["steps[2].run[1]", "y7"],
      ["steps[2].with.shell", "y8"],
      ["steps[2].retry_policy.limit", "y9"],
      ["steps[3].repeat_policy.condition", "x0"],
      ["steps[3].repeat_policy.limit", "x1"],
      ["steps[4].output.a", "x2"],
      ["steps[5].stdout.outputs.fields.a", "x3"],
      ["steps[6].preconditions[0].condition", "x4"],
      ["steps[6].container.image", "x5"],
      ["steps[6].container.env.A", "x6"],
      ["steps[7].with.prompt", "x7"],
      ["steps[8].foreach.items[0]", "x8"],
      ["steps[8].foreach.steps[0].run", "x9"],
      ["steps[9].with.command", "w0"],
      ["steps[9].with.args[0]", "w1"],
      ["steps[10].with.value", "w2"],
      ["steps[11].with.data.a", "w3"],
      ["steps[12].with.prompt", "w4"],
      ["steps[12].with.model", "w5"],
    ] as const).map(([path, name]) => [path, `\${consts.${name}}`, "unknown_const_name"] as const),
  },
  {
    title: "S-02 F-24 paths of steps in groups and of older keys",
    yaml: `
type: chain
steps:
  - {id: a, run: "true"}
  - - {id: b, run: "echo \${consts.b}"}
    - {id: c, run: "echo \${consts.c}"}
  - {id: d, run: "echo \${consts.d}"}
  - {id: e, command: "echo \${consts.e}"}
`,
    defects: [
      ["steps[1][0].run", "${consts.b}", "unknown_const_name"],
      ["steps[1][1].run", "${consts.c}", "unknown_const_name"],
      ["steps[2].run", "${consts.d}", "unknown_const_name"],
      ["steps[3].command", "${consts.e}", "unknown_const_name"],
    ],
  },
];

function expectTold(stderr: string, told: readonly Told[]): void {
  const lines = stderr.split("\n").filter((line) => line.includes("was left unchanged"));
  const missing = told.filter(([path, token, reason]) =>
    !lines.some((line) =>
      line.includes(`${path}:`) && line.includes(token) && line.includes(`reason=${reason}`)
    )
  );
  assert.deepEqual(missing, [], stderr);
  assert.equal(lines.length, told.length, stderr);
}

accept(
  "2.11 F-29 a const is named, and found in its list",
  `consts:\n  - a: x\n  - b: "\${consts.no}"\n${P_STEP}`,
  [
    { args: VALIDATE, err: ["w.yaml:3:5: consts.b: ${consts.no} was left unchanged"] },
  ],
);

for (const { title, yaml, defects = [], later = [] } of CASES) {
  accept(`2.11 ${title}`, yaml, [
    {
      args: VALIDATE,
      check: ({ stdout, stderr }) => {
        assert.equal(stdout, "");
        expectTold(stderr, defects);
      },
    },
    {
      args: ["validate", "--show-unresolved", "w.yaml"],
      check: ({ stderr }) => expectTold(stderr, [...defects, ...later]),
    },
  ]);
}
