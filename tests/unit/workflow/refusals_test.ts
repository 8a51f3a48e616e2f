/** What a definition is refused for: the token that the contract wants in the message, at the right place (10.3). */
import assert from "node:assert/strict";
import { parseWorkflow } from "../../../src/workflow/parse.ts";

const STEP = "\nsteps: [{id: a, run: x}]";

/** YAML, then what some problem's path and message together must contain. */
const cases: readonly [name: string, yaml: string, ...tokens: string[]][] = [
  [
    "AC-12 container.runtime (root)",
    `container: {image: "alpine:3.20", runtime: podman}${STEP}`,
    "runtime",
    "DAGU_CONTAINER_RUNTIME",
  ],
  [
    "AC-12 container.runtime (step)",
    `steps: [{id: a, run: x, container: {image: "alpine:3.20", runtime: podman}}]`,
    "runtime",
    "DAGU_CONTAINER_RUNTIME",
  ],
  ["1.3 root ssh", `ssh: {host: h, hots: x}${STEP}`, "invalid keys", "hots", "did you mean host?"],
  ["1.3 root s3", `s3: {bucket: b, forcePathStyle: true}${STEP}`, "forcePathStyle -> force_path_style"],
  ["1.3 root redis", `redis: {host: h, mode: cluster}${STEP}`, "invalid keys", "mode"],
  ["1.3 root llm", `llm: {model: m, temprature: 1}${STEP}`, "invalid keys", "temprature"],
  ["AC-13 image and exec", `container: {image: "alpine:3.20", exec: x}${STEP}`, "exec", "image"],
  ["AC-14 neither image nor exec", `container: {pull_policy: always}${STEP}`, "image"],
  ["AC-15 a blank container", `container: "   "${STEP}`, "container"],
  ["AC-15 a number", `container: 5${STEP}`, "container"],
  ["AC-15 a list", `container: []${STEP}`, "container"],
  [
    "AC-16 exec form with creation keys",
    `container: {exec: x, volumes: ["a:/b"], ports: ["80"]}${STEP}`,
    "volumes",
    "ports",
  ],
  ["AC-17 camelCase", `container: {image: "alpine:3.20", pullPolicy: never}${STEP}`, "pull_policy"],
  ["AC-18 IfNotPresent", `container: {image: "alpine:3.20", pull_policy: IfNotPresent}${STEP}`, "missing"],
  ["AC-18 a number as policy", `container: {image: "alpine:3.20", pull_policy: 1}${STEP}`, "missing"],
  ["AC-19 env without =", `container: {image: "alpine:3.20", env: [FOO]}${STEP}`, "FOO"],
  ["AC-19 env name", `container: {image: "alpine:3.20", env: [{"1A": x}]}${STEP}`, "1A"],
  ["AC-20 one part", `container: {image: "alpine:3.20", volumes: ["/data"]}${STEP}`, "/data"],
  ["AC-20 mode", `container: {image: "alpine:3.20", volumes: ["/a:/b:rx"]}${STEP}`, "/a:/b:rx"],
  ["AC-20 four parts", `container: {image: "alpine:3.20", volumes: ["a:b:c:d"]}${STEP}`, "a:b:c:d"],
  ["AC-21 protocol", `container: {image: "alpine:3.20", ports: ["80/icmp"]}${STEP}`, "80/icmp"],
  ["AC-21 four parts", `container: {image: "alpine:3.20", ports: ["1:2:3:4"]}${STEP}`, "1:2:3:4"],
  ["AC-22 startup: command alone", `container: {image: "alpine:3.20", startup: command}${STEP}`, "startup"],
  ["AC-22 startup", `container: {image: "alpine:3.20", startup: boot}${STEP}`, "startup"],
  ["AC-22 wait_for", `container: {image: "alpine:3.20", wait_for: ready}${STEP}`, "wait_for"],
  [
    "AC-22 restart_policy",
    `container: {image: "alpine:3.20", restart_policy: on-failure}${STEP}`,
    "restart_policy",
  ],
  ["AC-22 log_pattern", `container: {image: "alpine:3.20", log_pattern: "("}${STEP}`, "log_pattern"],
  [
    "AC-23 test without kind",
    `container: {image: "alpine:3.20", healthcheck: {test: ["true"]}}${STEP}`,
    "test",
  ],
  [
    "AC-23 NONE with more",
    `container: {image: "alpine:3.20", healthcheck: {test: [NONE, x]}}${STEP}`,
    "test",
  ],
  ["AC-23 CMD alone", `container: {image: "alpine:3.20", healthcheck: {test: [CMD]}}${STEP}`, "test"],
  [
    "AC-23 interval",
    `container: {image: "alpine:3.20", healthcheck: {test: [CMD, "true"], interval: soon}}${STEP}`,
    "interval",
  ],
  [
    "AC-24 container on another action",
    `steps: [{id: a, action: http.request, container: {image: "alpine:3.20"}, with: {method: GET, url: "http://x"}}]`,
    "container",
  ],
  [
    "AC-25 exec under a root container",
    `container: {image: "alpine:3.20"}\nsteps: [{id: a, action: exec, with: {command: ls}}]`,
    "exec",
  ],
  [
    "AC-26 docker.run without a target",
    `steps: [{id: a, action: docker.run, with: {pull: never, command: ls}}]`,
    "image",
  ],
  [
    "AC-27 exec options without container_name",
    `steps: [{id: a, action: docker.run, with: {image: "alpine:3.20", exec: {User: root}}}]`,
    "container_name",
  ],
  [
    "6.3 5.2 the container of a container that runs already",
    "steps: [{id: a, action: docker.run, with: {container_name: db, container: {User: root}}}]",
    "container_name names a running one",
  ],
  [
    "6.3 5.2 the host of a container that runs already",
    "steps: [{id: a, action: docker.run, with: {container_name: db, host: {Memory: 1}}}]",
    "container_name names a running one",
  ],
  [
    "6.3 5.2 the network of a container that runs already",
    "steps: [{id: a, action: docker.run, with: {container_name: db, network: {EndpointsConfig: {}}}}]",
    "container_name names a running one",
  ],
  [
    "AC-28 env under docker.run",
    `steps: [{id: a, action: docker.run, with: {image: "alpine:3.20", env: [A=1]}}]`,
    "env",
    "container.Env",
  ],
  ["AC-29 no prompt", `steps: [{id: a, action: harness.run, with: {provider: claude}}]`, "prompt"],
  [
    "AC-29 blank prompt",
    `steps: [{id: a, action: harness.run, with: {provider: claude, prompt: ""}}]`,
    "prompt",
  ],
  ["AC-29 no provider", `steps: [{id: a, action: harness.run, with: {prompt: x}}]`, "provider"],
  [
    "AC-29 unknown provider",
    `steps: [{id: a, action: harness.run, with: {prompt: x, provider: nope}}]`,
    "nope",
  ],
  [
    "AC-30 binary",
    `steps: [{id: a, action: harness.run, with: {prompt: x, provider: claude, binary: sh}}]`,
    "binary",
  ],
  [
    "AC-30 prompt_args",
    `steps: [{id: a, action: harness.run, with: {prompt: x, provider: claude, prompt_args: [x]}}]`,
    "prompt_args",
  ],
  [
    "AC-30 fallback is no list",
    `steps: [{id: a, action: harness.run, with: {prompt: x, provider: claude, fallback: codex}}]`,
    "fallback",
  ],
  [
    "AC-30 nested fallback",
    `steps: [{id: a, action: harness.run, with: {prompt: x, provider: claude, fallback: [{provider: codex, fallback: []}]}}]`,
    "fallback",
  ],
  ["AC-31 flag mode without flag", `harnesses: {h: {binary: x, prompt_mode: flag}}${STEP}`, "prompt_flag"],
  ["AC-31 flag without flag mode", `harnesses: {h: {binary: x, prompt_flag: -p}}${STEP}`, "prompt_flag"],
  ["AC-31 unknown key", `harnesses: {h: {binary: x, mode: arg}}${STEP}`, "mode"],
  ["AC-31 no binary", `harnesses: {h: {prompt_mode: arg}}${STEP}`, "binary"],
  ["AC-31 flag style", `harnesses: {h: {binary: x, flag_style: dos}}${STEP}`, "flag_style"],
  [
    "AC-32 stdin with a step container",
    `steps: [{id: a, action: harness.run, container: {image: "alpine:3.20"}, with: {prompt: x, provider: claude, stdin: hi}}]`,
    "stdin",
  ],
  [
    "AC-33 a named harness container",
    `steps: [{id: a, action: harness.run, container: {image: "alpine:3.20", name: fixed}, with: {prompt: x, provider: claude}}]`,
    "name",
  ],
  ["AC-34 memory", `resources: {limits: {memory: "0"}}${STEP}`, "0"],
  ["AC-34 cpu", `resources: {limits: {cpu: "-1"}}${STEP}`, "-1"],
  ["AC-34 unit", `resources: {limits: {memory: 5X}}${STEP}`, "5X"],
  ["F-03 an empty file", "", "empty"],
  ["F-03 only comments", "# nothing\n", "empty"],
  ["F-07 no steps", "env: [A=1]", "must define steps"],
  ["F-07 an empty list", "steps: []", "steps must be a non-empty sequence"],
  ["F-10 malformed", "steps: [", "yaml"],
  ["F-11 a repeated key", "steps:\n  - id: a\n    run: x\n    run: y", "already defined"],
  ["11 type: agent", `type: agent${STEP}`, "type: agent is not supported"],
  ["11 type: controller", `type: controller${STEP}`, "type: controller is not supported"],
  ["11 type: build", `type: build${STEP}`, "type: build is not supported"],
  [
    "11 inputs of a step",
    `steps: [{id: a, run: x, inputs: [{name: i, path: p}]}]`,
    "inputs is not supported",
  ],
  [
    "11 path of an output",
    `steps: [{id: a, run: x, outputs: [{name: o, path: p}]}]`,
    "path is not supported",
  ],
  ["11 tasks", `tasks: [{name: t}]${STEP}`, "tasks"],
  ["11 tasks", `tasks: [x]${STEP}`, "tasks is not supported"],
  ["11 tools", `tools: [jq@1.7]${STEP}`, "tools is not supported"],
  ["11 k8s.run", `steps: [{id: a, action: k8s.run}]`, "k8s.run", "is not supported"],
  ["11 kubernetes.run", `steps: [{id: a, action: kubernetes.run}]`, "kubernetes.run", "is not supported"],
  ["11 kubernetes", `kubernetes: {namespace: n}${STEP}`, "kubernetes is not supported"],
  ["11 otel", `otel: {endpoint: "http://x"}${STEP}`, "otel is not supported"],
  ["11 otel switched on", `otel: {enabled: true}${STEP}`, "otel is not supported"],
  ["1.3 an unknown key of otel", `otel: {enabled: false, sampler: x}${STEP}`, "sampler"],
  ["11 a remote action", `steps: [{id: a, action: owner/repo@v1}]`, "owner/repo@v1", "not supported"],
  ["11 an official action", `steps: [{id: a, action: slack.send@v1}]`, "slack.send@v1", "not supported"],
  [
    "11 the managed mode of opencode",
    `steps: [{id: a, action: harness.run, with: {provider: opencode, prompt: x, managed: true}}]`,
    "managed",
  ],
  ["11 wiki", `wiki: docs${STEP}`, "invalid keys", "wiki"],
  [
    "11 CR-07 a schedule of a profile",
    `schedule: [{expression: "0 9 * * *", profile: prod}]${STEP}`,
    'profile "prod"',
    "profiles are not supported",
  ],
  [
    "R-26 a profile's name",
    `schedule: [{expression: "0 9 * * *", profile: "a b"}]${STEP}`,
    "invalid profile name",
  ],
  [
    "11 a trigger of a profile",
    `triggers: [{git: {event: push}, profile: p}]${STEP}`,
    "profile",
    "is not supported",
  ],
  ["F-20 an unknown root key", `unknown: 1${STEP}`, "invalid keys", "unknown"],
  ["F-21 camelCase at the root", `workingDir: /x${STEP}`, "working_dir"],
  ["F-14 an unsupported key is named", `tools: [jq]${STEP}`, "tools", "not supported"],
  ["5.1 type", `type: tree${STEP}`, "invalid type: tree"],
  ["S-04 id format", "steps: [{id: 1a, run: x}]", "invalid step ID format"],
  ["S-05 reserved id", "steps: [{id: Params, run: x}]", "reserved word"],
  ["S-06 duplicate id", "steps: [{id: a, run: x}, {id: a, run: y}]", "duplicate step ID: a"],
  [
    "S-12 depends in a chain",
    "type: chain\nsteps: [{id: a, run: x}, {id: b, run: y, depends: a}]",
    "depends field is not allowed",
  ],
  [
    "S-14 unknown dependency",
    "steps: [{id: a, run: x, depends: nope}]",
    "depends on non-existent step",
    "nope",
  ],
  ["S-19 an empty command", 'steps: [{id: a, run: "  "}]', "step command is empty"],
  [
    "S-01 run and action",
    "steps: [{id: a, run: x, action: docker.run}]",
    "run cannot be used together with action",
  ],
  ["A-01 unknown action", "steps: [{id: a, action: do.it}]", 'unknown action "do.it"'],
  ["P-20 consts as a map", `consts: {A: 1}${STEP}`, "consts must use list form"],
  ["P-26 env of another type", `env: 5${STEP}`, "env must be map or array"],
  ["S-40 outputs without id", "steps: [{run: x, outputs: [{name: a}]}]", "must define id"],
  [
    "4.13 retry without limit",
    "steps: [{id: a, run: x, retry_policy: {interval_sec: 1}}]",
    "limit is required",
  ],
  [
    "F-05 a number is no name of a later document",
    `steps: [{id: a, run: x}]\n---\nname: 5${STEP}`,
    "document 2 must define name",
  ],
  ["F-21 a root key that is read before the others", `stepTypes: {}${STEP}`, "stepTypes -> step_types"],
  ["F-21 a step's older key", "steps: [{id: a, run: x, shellArgs: [-x]}]", "shellArgs -> shell_args"],
  ["F-29 R-26 the second schedule", `schedule: ["0 3 * * *", "x"]${STEP}`, "schedule[1]", "invalid cron"],
  [
    "R-26 a day that there is not",
    `schedule: {at: "2026-02-30T09:00:00Z"}${STEP}`,
    "schedule",
    "schedule at must be RFC 3339",
  ],
  ["F-29 R-26 a stop", `schedule: {start: "0 3 * * *", stop: [""]}${STEP}`, "schedule.stop[0]", "empty"],
  ["S-98 a list of signals", "steps: [{id: a, run: x, signal_on_stop: [{a: 1}]}]", "invalid signal: a list"],
  ["WH-14 a credential header", `webhook: {forward_headers: [Authorization]}${STEP}`, "authorization"],
  [
    "QU-22 a group that is empty",
    `triggers: [{git: {event: push}, concurrency: {group: ""}}]${STEP}`,
    "group must not be empty",
  ],
  [
    "QU-22 another way to cancel",
    `triggers: [{git: {event: push}, concurrency: {group: a, cancel: true}}]${STEP}`,
    "none, queued",
  ],
  [
    "A-41 a router in a handler",
    `handler_on: {exit: {action: router.route, with: {value: a, routes: {a: [a]}}}}${STEP}`,
    "router.route has nothing to route to in handler_on.exit",
  ],
  [
    "FG-73 another word for a trigger's status",
    `triggers: [{git: {event: push}, status: always}]${STEP}`,
    "triggers[0].status",
    "true, false or required",
  ],
  ["TR-01 no source", `triggers: [{name: a}]${STEP}`, "git is required"],
  [
    "TR-01 a source that nothing listens to",
    `triggers: [{webhook: {}}]${STEP}`,
    "a workflow's own webhook needs no trigger",
  ],
  ["S-07 half a character", `steps: [{name: "a\\uD800", run: x}]`, "steps[0].name", "half a character"],
  ["S-07 NUL in the name of a handler", `handler_on: {exit: {name: "a\\0", run: x}}${STEP}`, "NUL"],
  [
    "S-56 a type that no schema knows",
    `steps: [{run: x, output_schema: {type: strng}}]`,
    "type must be one of",
  ],
  ["S-56 a pattern that is none", `steps: [{run: x, output_schema: {pattern: "("}}]`, "pattern is invalid"],
  ["S-56 properties as a list", `steps: [{run: x, output_schema: {properties: [a]}}]`, "must be a mapping"],
  ["S-56 an enum that is no list", `steps: [{run: x, output_schema: {enum: a}}]`, "enum must be a list"],
  [
    "P-12 properties as a list",
    `params: {type: object, properties: [A], required: [A]}${STEP}`,
    "properties must be a mapping",
  ],
  [
    "S-124 an input_schema with a pattern that is none",
    `actions: {n.a: {input_schema: {type: object, properties: {a: {pattern: "("}}}, template: {run: x}}}
steps: [{action: n.a, with: {a: b}}]`,
    "actions.n.a.input_schema",
    "pattern is invalid",
  ],
  [
    "S-124 an output_schema that is none",
    `actions: {n.a: {input_schema: {type: object}, output_schema: 5, template: {run: x}}}${STEP}`,
    "actions.n.a.output_schema",
  ],
  [
    "S-125 inputs that are no mapping",
    `actions: {n.a: {input_schema: {type: object}, template: {run: x}}}
steps: [{action: n.a, with: [b]}]`,
    "steps[0].with",
    "with must be an object",
  ],
  [
    "S-59 one artifact for both streams",
    "steps: [{run: x, stdout: {artifact: a//b}, stderr: {artifact: ./a/b}}]",
    "steps[0].stderr",
    "must not name the same file",
  ],
  [
    "S-112 an id of a body that the workflow has, too",
    "steps: [{id: a, run: x}, {id: f, foreach: {items: [1], steps: [{id: a, run: x}]}}]",
    "steps[1].foreach.steps[0].id",
    "duplicate step ID: a",
  ],
  [
    "S-116 a human task in a body",
    "steps: [{id: f, foreach: {items: [1], steps: [{id: a, action: human.task, with: {prompt: p}}]}}]",
    "human.task cannot be used in foreach",
  ],
  [
    "A-40 a router to itself",
    "steps: [{id: r, action: router.route, with: {value: x, routes: {x: [r]}}}]",
    'non-existent step "r"',
  ],
  [
    "A-40 two routes to one step",
    "steps: [{id: r, action: router.route, with: {value: x, routes: {x: [b], y: [b]}}}, {id: b, run: x}]",
    "targeted by multiple routes",
  ],
  ["5.9 a window of no time", `catchup_window: 0s${STEP}`, "catchup_window", "positive duration"],
  [
    "TR-01 two triggers of one name",
    `triggers: [{name: "1", git: {event: push}}, {git: {event: push}}]${STEP}`,
    "two triggers have the same name",
  ],
  [
    "S-117 a length is of characters, not of what stands for them",
    `steps: [{id: a, action: human.task, with: {prompt: p, form: {type: object, properties: {x: {type: string, minLength: 2, default: "\u{1F600}"}}}}}]`,
    "must have at least 2 characters",
  ],
];

for (const [name, yaml, ...tokens] of cases) {
  Deno.test(`refused: ${name}`, () => {
    const { workflow, problems } = parseWorkflow(yaml, "load");
    assert.equal(workflow, null, "it was accepted");
    const texts = problems.filter((one) => one.severity === "error").map((one) =>
      `${one.path} ${one.message} ${one.remedy}`
    );
    const isNamed = texts.some((text) => tokens.every((token) => text.includes(token)));
    assert.ok(isNamed, `no problem names ${tokens.join(" and ")}:\n${texts.join("\n")}`);
  });
}

Deno.test("F-16 F-29 all problems at once, each at its line, column and path", () => {
  const { problems } = parseWorkflow(
    `container:
  image: "alpine:3.20"
  runtime: podman
steps:
  - id: a
    run: x
    tiemout_sec: 5
  - id: b
    run: x
    retry_policy: {limit: 1}
`,
    "load",
  );
  assert.deepEqual(
    problems.map(({ path, position }) => `${position?.line}:${position?.column} ${path}`).sort(),
    ["10:5 steps[1].retry_policy", "3:3 container.runtime", "7:5 steps[0].tiemout_sec"],
  );
});

Deno.test("F-11 F-16 what else is wrong is told beside a key that is there twice", () => {
  const text =
    'env: {A: "1", A: "2"}\ncolour: red\nsteps: [{id: a, run: 5, id: b}]\n---\nname: kid\nsteps: []\n';
  const { workflow, problems } = parseWorkflow(text, "validate");
  assert.equal(workflow, null);
  assert.deepEqual(problems.map(({ position, path }) => [position?.line, path]), [
    [1, ""],
    [2, "colour"],
    [3, "steps[0].run"],
    [3, ""],
    [6, "document[1].steps"],
  ]);
  const [, ...others] = parseWorkflow(`env: *none\n${text}`, "validate").problems;
  assert.ok(others.every(({ code }) => code === "YAML_INVALID"), "an alias of nothing may mean anything");
});

Deno.test("F-16 a name that is given twice is told also where another entry of the list is wrong", () => {
  const { problems } = parseWorkflow(
    `consts: [{a: 1}, {a-b: 1}, {a: 2}, {a: 3}]
secrets: [{name: S, provider: env, key: X}, {name: T}, {name: S, provider: env, key: Y}]
params: [one, {name: p, default: 1}, two, {name: q, type: fancy}, {name: p, default: 2}]
steps: [{id: a, run: x, outputs: [{name: o}, {name: o}, {}]}]
`,
  );
  assert.deepEqual(problems.map(({ path }) => path).sort(), [
    "consts[1]",
    "consts[2]",
    "consts[3]",
    "params[3].type",
    "params[4]",
    "secrets[1]",
    "secrets[2]",
    "steps[0].outputs[1]",
    "steps[0].outputs[2]",
  ]);
});

Deno.test("F-16 R-26 what is wrong with a schedule is told with what would be right", () => {
  const { problems } = parseWorkflow(
    `schedule: [{at: "2026-05-01"}, {expression: "x", at: "y"}, {foo: 1}, "x"]${STEP}`,
  );
  assert.deepEqual(problems.map(({ remedy }) => remedy), [
    "for example 2026-08-01T09:00:00+02:00",
    "keep one of them",
    "keys: expression, at, kind, profile",
    'for example "0 3 * * *"',
  ]);
});

Deno.test("F-16 R-26 every wrong time of a schedule is told at its place", () => {
  const { problems } = parseWorkflow(`schedule: {start: ["", {at: x}], restart: {}, foo: x}${STEP}`);
  assert.deepEqual(problems.map(({ path }) => path), [
    "schedule.start[0]",
    "schedule.start[1]",
    "schedule.restart",
    "schedule.foo",
  ]);
});

Deno.test("1.5 a command of the old type http is a method and an address, its script the body", () => {
  const withOf = (fields: string) => {
    const { workflow, problems } = parseWorkflow(`steps: [{name: a, type: http, ${fields}}]`);
    const action = workflow?.steps[0]?.action;
    return action?.name === "http.request" ? action.with : problems[0]?.message;
  };
  const url = "https://example.com/x?q=a b";
  const config = "config: {timeout: 5, headers: {A: b}}";
  assert.partialDeepStrictEqual(withOf(`${config}, command: "POST ${url}", script: "{}"`), {
    method: "POST",
    url,
    body: "{}",
    timeout: 5,
    headers: { A: "b" },
  });
  assert.partialDeepStrictEqual(withOf(`command: "${url}"`), { method: "GET", url });
  assert.partialDeepStrictEqual(withOf(`config: {url: "${url}"}`), { url });
  assert.equal(withOf("command: GET"), "url must be an absolute http or https address");
});

Deno.test("F-27 any max_active_runs loads, also the one that once meant no limit", () => {
  const { workflow, problems } = parseWorkflow(`max_active_runs: -1${STEP}`, "validate");
  assert.notEqual(workflow, null);
  assert.deepEqual(problems.map(({ severity, path }) => [severity, path]), [["warning", "max_active_runs"]]);
});

Deno.test("F-04 validate refuses a name in the entry document, start accepts it", () => {
  const yaml = `name: mine${STEP}`;
  assert.match(
    parseWorkflow(yaml, "validate").problems[0]?.message ?? "",
    /entrypoint document must not define name/,
  );
  assert.equal(parseWorkflow(yaml, "load").workflow?.name, "mine");
});

Deno.test("4.21 files for other runners have no effect yet, and validation says so", () => {
  const text = "steps: [{id: a, action: dag.run, with: {dag: kid}, dependencies: [data/**]}]\n---\n" +
    "name: kid\nsteps: [{run: x}]\n";
  const { workflow, problems } = parseWorkflow(text, "validate");
  assert.ok(workflow);
  assert.deepEqual(problems.map(({ severity, path }) => [severity, path]), [[
    "warning",
    "steps[0].dependencies",
  ]]);
});

Deno.test("1.5 a key without a value is absent in an older step too", () => {
  const { workflow } = parseWorkflow(
    "steps: [{command: echo hi, exec: ~, call: null, messages: ~, value: ~, params: ~}]",
  );
  const action = workflow?.steps[0]?.action;
  assert.partialDeepStrictEqual(action, { name: "run", texts: ["echo hi"] });
});

const unread: readonly [step: string, field: string, form: string][] = [
  [`{command: x, params: "A=1"}`, "params", "command"],
  ["{call: kid, command: x}", "command", "call"],
  ["{exec: {command: x}, shell: bash}", "shell", "exec"],
  ["{exec: {command: x}, with: {args: [y]}}", "with", "exec"],
  [`{type: docker, config: {image: "alpine:3.20"}, command: x, script: y}`, "script", "type: docker"],
  [
    "{type: docker, messages: [{role: user, content: x}], llm: {provider: openai, model: m}}",
    "type",
    "messages",
  ],
];
for (const [step, field, form] of unread) {
  Deno.test(`1.5 of an older step ${step} it is told that ${field} does nothing`, () => {
    const text = `steps: [${step}]\n---\nname: kid\nsteps: [{run: x}]\n`;
    const { workflow, problems } = parseWorkflow(text, "validate");
    assert.ok(workflow, JSON.stringify(problems));
    const told = problems.filter(({ message }) => message.includes(" has no effect "));
    assert.deepEqual(told.map(({ severity, message }) => `${severity} ${message.replace(/use.*; /, "")}`), [
      `warning Deprecated DAG syntax: steps[0].${field} is deprecated; it has no effect beside ${form}`,
    ]);
  });
}

Deno.test("1.5 what an older step takes its work from may stand beside it", () => {
  const { problems } = parseWorkflow(`steps:
  - {type: jq, command: ., script: "{}"}
  - {type: noop, command: x, shell: bash, with: {}}
  - {type: dag, call: kid, params: x}
  - {type: chat, llm: {provider: openai, model: m}, messages: [{role: user, content: c}]}
  - {id: a, exec: x, with: {args: [1]}}
  - {type: router, value: x, routes: {x: [a]}}
---
name: kid
steps: [{run: x}]
`);
  assert.deepEqual(problems.filter(({ severity }) => severity === "error"), []);
});

Deno.test("S-08 a blank name is none", () => {
  const { workflow } = parseWorkflow(`steps: [{name: "", run: x}, {name: " ", id: b, run: x}]`);
  assert.deepEqual(workflow?.steps.map(({ name }) => name), ["cmd_1", "b"]);
});

Deno.test("1.5 a type of one's own is named by type, as when it was declared under step_types", () => {
  const { workflow, problems } = parseWorkflow(
    `step_types: {greet: {input_schema: {type: object}, template: {run: "echo {{ .input.a }} {{ .input.b }}"}}}
steps: [{type: greet, config: {a: 1, b: 1}, with: {b: 2}}]`,
    "validate",
  );
  assert.partialDeepStrictEqual(workflow?.steps[0]?.action, { name: "run", texts: ["echo 1 2"] });
  assert.deepEqual(problems.map(({ message }) => message), [
    "Deprecated DAG syntax: step_types is deprecated; use actions",
    "Deprecated DAG syntax: steps[0].type is deprecated; use action",
    "Deprecated DAG syntax: steps[0].config is deprecated; use with",
  ]);
});

Deno.test("S-126 a key without a value leaves a custom action what its template says", () => {
  const { workflow, problems } = parseWorkflow(`actions:
  n.a:
    input_schema: {type: object, properties: {toString: {type: string, default: x}}}
    template: {run: "echo {{ .input.toString }}", action: ~, timeout_sec: 5, env: {A: "1"}}
steps: [{action: n.a, env: ~, timeout_sec: ~, with: ~}]
`);
  assert.deepEqual(problems, []);
  assert.partialDeepStrictEqual(workflow?.steps[0], {
    timeoutSec: 5,
    env: [{ name: "A", value: "1" }],
    action: { name: "run", texts: ["echo x"] },
  });
});

Deno.test("S-89 a repeat_policy that repeats nothing is warned of, unless it says so", () => {
  const told = (policy: string) =>
    parseWorkflow(`steps: [{run: x, repeat_policy: ${policy}}]`, "validate").problems
      .map(({ severity, path }) => `${severity} ${path}`);
  assert.deepEqual(told("{limit: 3, interval_sec: 1}"), ["warning steps[0].repeat_policy"]);
  for (const policy of ["{limit: 3, repeat: false}", "{exit_code: 1}", "{repeat: true}", "~"]) {
    assert.deepEqual(told(policy), [], policy);
  }
});

Deno.test("F-29 a problem is told at the place where its author wrote the value, in whatever form", () => {
  const { problems } = parseWorkflow(`labels: {a: ~, b: x}
worker_selector: {a: [1]}
triggers: [{git: {event: nope}}]
env: ["1K=v"]
container: {image: "alpine:3.20", volumes: a}
steps:
  - [{command: [1, [2]]}, {run: x, retry_policy: {limit: 1, interval_sec: 1, exit_code: x}}]
  - {run: x, worker_selector: [a]}
`);
  assert.deepEqual(problems.map(({ path, position }) => `${position?.line}:${position?.column} ${path}`), [
    "1:10 labels.a",
    "2:19 worker_selector.a",
    "3:19 triggers[0].git.event",
    "4:7 env[0]",
    "5:35 container.volumes",
    "7:20 steps[0][0].command[1]",
    "7:78 steps[0][1].retry_policy.exit_code",
    "8:14 steps[1].worker_selector",
  ]);
  assert.match(problems[1]?.message ?? "", /^a must be a string, got a list/);
});

Deno.test("F-16 what only follows from a field that cannot be read is not told", () => {
  const pathsOf = (text: string) => parseWorkflow(text, "validate").problems.map(({ path }) => path);
  assert.deepEqual(pathsOf("steps: [{id: [a], run: x}, {id: b, run: x, depends: a}]"), ["steps[0].id"]);
  assert.deepEqual(pathsOf("steps: [{id: [a], run: x, outputs: [{name: o}]}]"), ["steps[0].id"]);
  assert.deepEqual(
    pathsOf("harnesses: 5\nsteps: [{id: a, action: harness.run, with: {provider: mine, prompt: x}}]"),
    ["harnesses"],
  );
});

Deno.test("F-16 of more than 200 problems the errors are told, and the rest is counted", () => {
  const text = `steps:\n${"  - command: x\n".repeat(250)}  - {run: x, nope: 1}\n`;
  const { problems } = parseWorkflow(text, "validate");
  assert.deepEqual(
    problems.filter(({ severity }) => severity === "error").map(({ path, message }) => path || message),
    [
      "steps[250].nope",
      "and 51 more",
    ],
  );
  assert.equal(problems.length, 201);
});

Deno.test("S-08 a name that is made up is no other step's", () => {
  const { workflow } = parseWorkflow(
    "steps: [{name: cmd_2, run: x}, {run: y}, {id: cmd_4, run: x}, {run: z}]",
  );
  assert.deepEqual(workflow?.steps.map(({ name }) => name), ["cmd_2", "cmd_2_", "cmd_4", "cmd_4_"]);
});

Deno.test("S-06 a step may be called as its id, and no other", () => {
  assert.deepEqual(parseWorkflow("steps: [{id: a, name: a, run: x}]").problems, []);
  const { problems } = parseWorkflow("steps: [{id: a, run: x}, {name: a, run: y}]");
  assert.deepEqual(problems.map(({ path }) => path), ["steps[0].id"]);
});

Deno.test("S-113 a step of a foreach body takes nothing from defaults", () => {
  const { workflow } = parseWorkflow(
    `defaults: {env: {A: "1"}, timeout_sec: 5, retry_policy: {limit: 1, interval_sec: 1}}
steps: [{id: a, foreach: {items: [1], steps: [{run: x}]}}]`,
  );
  const action = workflow?.steps[0]?.action;
  assert.ok(action?.name === "foreach");
  assert.equal(action.defaultEnv, 1, "of the foreach's own env, so many are not the body's");
  assert.partialDeepStrictEqual(action.steps[0], { env: [], timeoutSec: 0, retry: null });
});

Deno.test("S-123 of defaults a human task takes what is not about execution; an own repeat_policy wins", () => {
  const { workflow, problems } = parseWorkflow(`defaults:
  timeout_sec: 5
  signal_on_stop: SIGINT
  mail_on_error: true
  retry_policy: {limit: 1, interval_sec: 1}
  repeat_policy: {repeat: true}
  env: {A: "1"}
  continue_on: failed
steps:
  - {id: ask, action: human.task, with: {prompt: p}}
  - {id: b, run: x, repeat_policy: {repeat: false}}
`);
  assert.deepEqual(problems, []);
  assert.partialDeepStrictEqual(workflow?.steps, [
    {
      timeoutSec: 0,
      signalOnStop: null,
      mailOnError: false,
      retry: null,
      repeat: null,
      env: [{ name: "A", value: "1" }],
      continueOn: { failure: true },
    },
    { timeoutSec: 5, repeat: null, retry: { limit: 1 } },
  ]);
});

Deno.test("A-40 a routed step waits for its router, and runs on when that skipped others", () => {
  const { workflow } = parseWorkflow(
    "steps: [{id: r, action: router.route, with: {value: x, routes: {x: [b]}}}, {id: b, run: y}]",
  );
  assert.partialDeepStrictEqual(workflow?.steps[1], { depends: ["r"], continueOn: { skipped: true } });
});

Deno.test("S-102 S-104 an item may be written with its params, which are what it is", () => {
  const { workflow } = parseWorkflow(
    "steps: [{id: a, action: dag.run, with: {dag: d}, parallel: {items: [{params: {X: 1}}, {value: v}, {params: {}, value: 1}]}}]",
    "load",
  );
  assert.equal(workflow, null, "a mapping in a mapping is no item");
  const { workflow: whole } = parseWorkflow(
    "steps: [{id: a, action: dag.run, with: {dag: d}, parallel: [{params: {X: 1}}, {value: v}]}]",
  );
  assert.partialDeepStrictEqual(whole?.steps[0]?.action, { parallel: { items: [{ X: 1 }, "v"] } });
});

Deno.test("S-90 a limit of 0 is none", () => {
  const { workflow } = parseWorkflow("steps: [{run: x, repeat_policy: {repeat: true, limit: 0}}]");
  assert.equal(workflow?.steps[0]?.repeat?.limit, null);
});
