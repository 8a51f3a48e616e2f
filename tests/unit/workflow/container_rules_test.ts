/** What the containers contract says of the text of a workflow (sections 1.3, 2, 3, 5 and 7): one row a clause. */
import assert from "node:assert/strict";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import type { Workflow } from "../../../src/workflow/workflow.ts";

const IMAGE = 'image: "alpine:3.20"';
const PLAIN = 'steps: [{id: a, run: "true"}]';
const root = (fields: string): string => `container: {${IMAGE}, ${fields}}\n${PLAIN}`;
const step = (fields: string): string => `steps: [{id: a, run: "true", container: {${IMAGE}, ${fields}}}]`;
const docker = (fields: string): string => `steps: [{id: a, action: docker.run, with: {${fields}}}]`;
const harness = (fields: string): string => `steps: [{id: a, action: harness.run, with: {${fields}}}]`;
const harnesses = (entry: string): string => `harnesses: {${entry}}\n${PLAIN}`;

/** Path of the error, and words that must be in what it says. */
const REFUSED: [clause: string, yaml: string, path: string, words: RegExp][] = [
  ["1.3.4 runtime under container", root("runtime: podman"), "container.runtime", /DAGU_CONTAINER_RUNTIME/],
  ["1.3.4 runtime of a step's", step("runtime: x"), "steps[0].container.runtime", /DAGU_CONTAINER_RUNTIME/],
  ...["runtime", "engine", "host_url", "daemon", "socket"].map((key): (typeof REFUSED)[number] => [
    `1.3.5 ${key} of docker.run`,
    docker(`image: a, ${key}: x`),
    `steps[0].with.${key}`,
    /DAGU_CONTAINER_RUNTIME/,
  ]),
  ["2.1.2 neither", `container: {user: x}\n${PLAIN}`, "container", /'exec' or 'image'/],
  ["2.1.2 both", root("exec: x"), "container", /'exec' and 'image'/],
  ...[
    ["pullPolicy: never", "pull_policy"],
    ["workingDir: /x", "working_dir"],
    ["keepContainer: true", "keep_container"],
    ["waitFor: running", "wait_for"],
    ["logPattern: x", "log_pattern"],
    ["restartPolicy: always", "restart_policy"],
  ].map(([field = "", snake = ""]): (typeof REFUSED)[number] => [
    `2.1.3 ${field}`,
    root(field),
    `container.${field.split(":")[0]}`,
    new RegExp(snake),
  ]),
  [
    "2.1.3 startPeriod",
    root("healthcheck: {test: [NONE], startPeriod: 1s}"),
    "container.healthcheck.startPeriod",
    /start_period/,
  ],
  ["2.1.3 registryAuths", `registryAuths: {}\n${PLAIN}`, "registryAuths", /registry_auths/],
  [
    "2.1.5 another action",
    `steps: [{id: a, action: noop, container: {${IMAGE}}}]`,
    "steps[0].container",
    /noop/,
  ],
  [
    "2.1.5 exec",
    `steps: [{id: a, action: exec, with: {command: ls}, container: {${IMAGE}}}]`,
    "steps[0].container",
    /exec/,
  ],
  [
    "2.1.5 exec below a root container",
    `container: {${IMAGE}}\nsteps: [{id: a, action: exec, with: {command: ls}}]`,
    "steps[0].action",
    /exec/,
  ],
  ...["labels", "entrypoint", "privileged", "cap_add", "devices", "extra_hosts", "tmpfs", "resources"].map(
    (
      key,
    ): (typeof REFUSED)[number] => [`2.2.1 ${key}`, root(`${key}: x`), `container.${key}`, new RegExp(key)],
  ),
  ...["cpu: 0", "cpu: 0.1234", "cpu: -1", "memory: 0", "memory: -1", "memory: 5X"].map(
    (limit): (typeof REFUSED)[number] => [
      `2.2.2 ${limit}`,
      `resources: {limits: {${limit}}}\n${PLAIN}`,
      `resources.limits.${limit.split(":")[0]}`,
      new RegExp(limit.split(" ")[1] ?? ""),
    ],
  ),
  [
    "2.3 all offenders in one message",
    `container: {exec: x, volumes: ["a:/b"], ports: ["80"], pull_policy: false, keep_container: true}\n${PLAIN}`,
    "container",
    /pull_policy, volumes, ports, keep_container/,
  ],
  [
    "2.4 a spelling of Kubernetes",
    root("pull_policy: IfNotPresent"),
    "container.pull_policy",
    /always, missing, never, fallback.*use missing/,
  ],
  ["2.4 a number", root("pull_policy: 1"), "container.pull_policy", /always, missing, never, fallback/],
  ["2.5 no pass-through", root("env: [FOO]"), "container.env[0]", /FOO/],
  ["2.5 a key that is none", root('env: [{"1A": x}]'), "container.env[0].1A", /1A/],
  ["2.5 a bare string", root("env: FOO"), "container.env", /map or array/],
  ["2.6.5 a target that is not absolute", root('volumes: ["a:b"]'), "container.volumes[0]", /"a:b"/],
  ["2.6 no source", root('volumes: [":/b"]'), "container.volumes[0]", /no source/],
  ...[
    ["container: alpine:3.20", "container"],
    ["container: {exec: 'ghcr.io/acme/tool'}", "container.exec"],
  ].map(([yaml = "", path = ""]): (typeof REFUSED)[number] => [
    `2.3 an image where a container is named: ${yaml}`,
    `${yaml}\n${PLAIN}`,
    path,
    /no container's name.*write image: /,
  ]),
  [
    "2.3 no name",
    "steps: [{id: a, run: x, container: 'my app'}]",
    "steps[0].container",
    /no container's name/,
  ],
  [
    "5.1 no name",
    docker("container_name: 'a b', command: x"),
    "steps[0].with.container_name",
    /no container's/,
  ],
  ["2.6 the whole file system", root('volumes: ["x:/"]'), "container.volumes[0]", /whole file system/],
  ["2.6 the same by dots", root('volumes: ["x:/./..//"]'), "container.volumes[0]", /whole file system/],
  [
    "4.4 a foreign container without a command",
    "steps: [{id: a, container: x}]",
    "steps[0].container",
    /no command to execute/,
  ],
  ["5.4 the same of docker.run", docker("container_name: x"), "steps[0].with", /no command to execute/],
  [
    "5.5 docker.run with somebody else's container",
    "steps: [{id: a, action: docker.run, container: x}]",
    "steps[0].with",
    /no command to execute/,
  ],
  ["2.6 somebody's home", root('volumes: ["~u/x:/b"]'), "container.volumes[0]", /~user/],
  ...[
    "80/icmp",
    "80/tcp/udp",
    "1:2:3:4",
    "999.0.0.1:8080:80",
    "[zz]:1:2",
    "::1:8080:80",
    "70000",
    "0",
    "x:80",
  ].map(
    (port): (typeof REFUSED)[number] => [
      `2.7.1 ${port}`,
      root(`ports: ["${port}"]`),
      "container.ports[0]",
      new RegExp(`"${port.replace(/[[\]]/g, "\\$&")}"`),
    ],
  ),
  [
    "2.9 a duration below zero",
    root("healthcheck: {test: [CMD, x], interval: -1s}"),
    "container.healthcheck.interval",
    /-1s/,
  ],
  [
    "2.9 retries below zero",
    root("healthcheck: {test: [CMD, x], retries: -1}"),
    "container.healthcheck.retries",
    />= 0/,
  ],
  ["B31 no time", root("ready_timeout_sec: 0"), "container.ready_timeout_sec", />= 1/],
  [
    "B31 somebody else's container",
    `container: {exec: x, ready_timeout_sec: 5}\n${PLAIN}`,
    "container",
    /ready_timeout_sec cannot be used with 'exec'/,
  ],
  ["2.9 no test", root("healthcheck: {interval: 1s}"), "container.healthcheck.test", /required/],
  [
    "2.12.5 with.shell",
    `steps: [{id: a, run: x, with: {shell: sh}, container: {${IMAGE}}}]`,
    "steps[0].with.shell",
    /container\.shell/,
  ],
  [
    "4.5.3 nothing but blanks",
    `container: {${IMAGE}}\nsteps: [{id: a, run: ["", " "]}]`,
    "steps[0].run",
    /empty/,
  ],
  [
    "5.1.2 a key that no engine knows",
    docker("image: a, container: {Nope: 1}"),
    "steps[0].with.container.Nope",
    /Nope/,
  ],
  ["5.1 env", docker("image: a, env: [x]"), "steps[0].with.env", /container\.Env/],
  ["5.1 ports", docker("image: a, ports: [x]"), "steps[0].with.ports", /PortBindings/],
  [
    "5.1 network as text",
    docker("image: a, network: host"),
    "steps[0].with.network",
    /mapping.*host\.NetworkMode/,
  ],
  ["5.1 container as text", docker("image: a, container: x"), "steps[0].with.container", /mapping/],
  ["5.1 host as a list", docker("image: a, host: [x]"), "steps[0].with.host", /mapping/],
  [
    "5.1 resources as a number",
    docker("image: a, host: {resources: 5}"),
    "steps[0].with.host",
    /resources must be a mapping/,
  ],
  [
    "5.1 auto_remove that is none",
    docker("image: a, auto_remove: maybe"),
    "steps[0].with.auto_remove",
    /boolean.*maybe/,
  ],
  ["5.4 a blank command", docker('image: a, command: " "'), "steps[0].with.command", /blank/],
  ["5.4 nothing but blanks", docker('image: a, command: ["", " "]'), "steps[0].with.command", /blank/],
  ["5.1 exec without a name", docker("image: a, exec: {User: x}"), "steps[0].with", /container_name/],
  [
    "5.2 more than a command below a root container",
    `container: {${IMAGE}}\n${docker("pull: never, command: ls")}`,
    "steps[0].with",
    /image/,
  ],
  ["5.4 lines without a shell", docker('image: a, command: "a\\nb"'), "steps[0].with", /shell/],
  ...["image: b", "container_name: b", "host: {Memory: 5}", "container: {User: x}"].map(
    (field): (typeof REFUSED)[number] => [
      `5.5.1 container and ${field}`,
      `steps: [{id: a, action: docker.run, container: {${IMAGE}}, with: {${field}}}]`,
      "steps[0].with",
      new RegExp(field.split(":")[0] ?? ""),
    ],
  ),
  ["7.1 no text", harness("provider: claude, prompt: 5"), "steps[0].with.prompt", /string/],
  ["7.1 a nested flag", harness("provider: claude, prompt: x, m: {a: 1}"), "steps[0].with.m", /scalar/],
  [
    "7.1 fallback without provider",
    harness("provider: claude, prompt: x, fallback: [{}]"),
    "steps[0].with.fallback[0]",
    /provider/,
  ],
  [
    "7.1.2 a bare command",
    "harness: {provider: claude}\nsteps: [{id: a, command: do it}]",
    "steps[0].command",
    /harness\.run.*with\.prompt.*with\.stdin.*run:/,
  ],
  [
    "7.3.2 a definition that nobody uses",
    harnesses("h: {binary: x, prompt_mode: stdout}"),
    "harnesses.h.prompt_mode",
    /arg, flag, stdin/,
  ],
  ["7.3 a blank name", harnesses('" ": {binary: x}'), "harnesses. ", /blank/],
  [
    "7.3 an argument that is none",
    harnesses("h: {binary: x, prefix_args: [1]}"),
    "harnesses.h.prefix_args[0]",
    /string/,
  ],
  ["7.3 another key", harnesses("h: {binary: x, mode: arg}"), "harnesses.h.mode", /mode/],
  ["7.4.7 NUL", harness('provider: claude, prompt: "a\\0b"'), "steps[0].with.prompt", /NUL/],
  ["7.5.1 no provider", `harness: {model: x}\n${PLAIN}`, "harness", /provider/],
  [
    "7.5.1 an unknown fallback",
    `harness: {provider: claude, fallback: [{provider: nope}]}\n${PLAIN}`,
    "harness.fallback[0].provider",
    /nope/,
  ],
  [
    "7.7.1 OD-15 stdin of a folding provider",
    "steps: [{id: a, action: harness.run, container: x, with: {provider: aider, prompt: x, stdin: y}}]",
    "steps[0].with.stdin",
    /prompt/,
  ],
  [
    "7.7.3 a name",
    `steps: [{id: a, action: harness.run, container: {${IMAGE}, name: n}, with: {provider: claude, prompt: x}}]`,
    "steps[0].container.name",
    /exec form/,
  ],
  [
    "7.10 managed",
    harness("provider: opencode, prompt: x, managed: true"),
    "steps[0].with.managed",
    /managed execution is unavailable/,
  ],
];

for (const [clause, yaml, path, words] of REFUSED) {
  Deno.test(`${clause} is refused by name`, () => {
    const { workflow, problems } = parseWorkflow(yaml, "load");
    assert.equal(workflow, null);
    const found = problems.find((problem) => problem.severity === "error" && problem.path === path);
    assert.ok(found, JSON.stringify(problems, null, 1));
    assert.match(`${found.message} ${found.remedy}`, words);
  });
}

const containerOf = ({ container }: Workflow) => container;
const actionOf = ({ steps }: Workflow) => steps[0]?.action;

/** What is read, as far as it is named. */
const READ: [clause: string, yaml: string, part: (workflow: Workflow) => unknown, want: unknown][] = [
  ["2.1 null is none", `container: null\n${PLAIN}`, containerOf, null],
  [
    "2.1.4 plain text of numbers, lists of scalars, booleans of text",
    root('user: 1000, volumes: "a:/b", keep_container: "true", command: 5, ports: 80, shell: sh'),
    containerOf,
    { user: "1000", volumes: ["a:/b"], keepContainer: true, command: ["5"], ports: ["80"], shell: ["sh"] },
  ],
  [
    "2.2 trimmed, whatever the case",
    root('name: " n ", startup: " Command ", command: [x], wait_for: HEALTHY, restart_policy: Always'),
    containerOf,
    { containerName: "n", startup: "command", waitFor: "healthy", restartPolicy: "always" },
  ],
  ["2.2.2 binary", `resources: {limits: {memory: "1gib"}}\n${PLAIN}`, (one) => one.resources, {
    memoryBytes: 2 ** 30,
  }],
  ["2.2.2 decimal", `resources: {limits: {memory: 2G, cpu: 500m}}\n${PLAIN}`, (one) => one.resources, {
    memoryBytes: 2e9,
    cpu: 0.5,
  }],
  [
    "2.3.1 nothing said counts as absent",
    `container: {exec: x, volumes: [], ports: [], pull_policy: null, keep_container: false}\n${PLAIN}`,
    containerOf,
    { kind: "exec", target: "x" },
  ],
  ...[["true", "always"], ["false", "never"], ['"1"', "always"], ['"F"', "never"], ['""', "missing"]].map(
    (
      [text, want],
    ): (typeof READ)[number] => [`2.4 ${text}`, root(`pull_policy: ${text}`), containerOf, {
      pullPolicy: want,
    }],
  ),
  [
    "2.5.2 in the order of the document, values to the first equals sign",
    root('env: ["Z=b=c", {B: 2, A: true}, "K="]'),
    containerOf,
    {
      env: [
        { name: "Z", value: "b=c" },
        { name: "B", value: "2" },
        { name: "A", value: "true" },
        { name: "K", value: "" },
      ],
    },
  ],
  [
    "2.9 durations",
    root("healthcheck: {test: [CMD, x], interval: 1m30s, timeout: 500ms, start_period: 1h, retries: 0}"),
    containerOf,
    {
      healthcheck: {
        test: ["CMD", "x"],
        intervalMs: 90_000,
        timeoutMs: 500,
        startPeriodMs: 3_600_000,
        retries: 0,
      },
    },
  ],
  ["B31 its own time to be ready", root("ready_timeout_sec: 300"), containerOf, { readyTimeoutSec: 300 }],
  ["2.12.5 the root's shell is for the host", `shell: bash\n${root("user: x")}`, containerOf, {
    shell: null,
  }],
  [
    "4.5.3 scalars and one-key maps are texts, blanks are left out",
    `container: {${IMAGE}}\nsteps: [{id: a, run: [5, true, {echo: hi}, ""]}]`,
    actionOf,
    { texts: ["5", "true", "echo: hi"] },
  ],
  ...[["t", true], ["TRUE", true], ["True", true], ["0", false], ["f", false], ["False", false]].map(
    (
      [text, want],
    ): (typeof READ)[number] => [
      `5.1 auto_remove ${text}`,
      docker(`image: a, auto_remove: "${text}"`),
      actionOf,
      {
        with: { autoRemove: want },
      },
    ],
  ),
  [
    "5.1 every limit that engines have",
    docker(
      "image: a, host: {resources: {memory_swappiness: 0}, blkio_device_read_bps: [{Path: /dev/x, Rate: 1}]}",
    ),
    actionOf,
    { with: { host: { MemorySwappiness: 0, BlkioDeviceReadBps: [{ Path: "/dev/x", Rate: 1 }] } } },
  ],
  ["5.1 booleans", docker('image: a, pull: true, auto_remove: "1"'), actionOf, {
    with: { pullPolicy: "always", autoRemove: true },
  }],
  ["5.1 the default keeps", docker("image: a"), actionOf, { with: { autoRemove: false } }],
  ["5.1.1 AutoRemove", docker("image: a, host: {AutoRemove: true}"), actionOf, {
    with: { autoRemove: true },
  }],
  ["5.1.1 auto_remove wins", docker("image: a, host: {AutoRemove: true}, auto_remove: false"), actionOf, {
    with: { autoRemove: false },
  }],
  [
    "5.1.2 any case, snake_case, flat wins",
    docker("image: a, container: {working_dir: /x, ENV: [a]}, host: {resources: {memory: 5}, Memory: 6}"),
    actionOf,
    {
      with: { container: { WorkingDir: "/x", Env: ["a"] }, host: { Memory: 6 } },
    },
  ],
  ["5.4 a list is one argv", docker("image: a, command: [1, true, x]"), actionOf, {
    with: { command: { kind: "words", words: ["1", "true", "x"] } },
  }],
  ["7.1.3 harness changes no run", `harness: {provider: claude}\n${PLAIN}`, actionOf, { name: "run" }],
  ["7.10 managed: false", harness("provider: opencode, prompt: x, managed: false"), actionOf, {
    name: "harness.run",
  }],
];

for (const [clause, yaml, part, want] of READ) {
  Deno.test(`${clause}`, () => {
    const { workflow, problems } = parseWorkflow(yaml, "load");
    assert.ok(workflow !== null, JSON.stringify(problems));
    const got = part(workflow);
    if (want === null) assert.equal(got, null);
    else assert.partialDeepStrictEqual(got, want);
  });
}

const NOTICES: [clause: string, yaml: string, path: string, words: RegExp][] = [
  [
    "F10 an engine's variable in env",
    `env: [{DAGU_CONTAINER_RUNTIME: podman}]\n${PLAIN}`,
    "env",
    /environment of the runner/,
  ],
  [
    "F10 in a step's",
    'steps: [{id: a, env: {DAGU_PODMAN_HOST: x}, run: "true"}]',
    "steps[0].env",
    /DAGU_PODMAN_HOST/,
  ],
  ["F10 in a container's", root("env: [DOCKER_HOST=x]"), "container.env", /DOCKER_HOST/],
  ["2.10.4 startup of one command", step("startup: entrypoint"), "steps[0].container.startup", /no effect/],
  ["2.10.4 wait_for of one command", step("wait_for: healthy"), "steps[0].container.wait_for", /no effect/],
  [
    "2.10.4 log_pattern of one command",
    step("log_pattern: x"),
    "steps[0].container.log_pattern",
    /no effect/,
  ],
  [
    "3.4.3 OD-13 a step's folder",
    `container: {${IMAGE}}\nsteps: [{id: a, run: x, working_dir: /x}]`,
    "steps[0].working_dir",
    /container\.working_dir/,
  ],
];

for (const [clause, yaml, path, words] of NOTICES) {
  Deno.test(`${clause} is told, and no mistake`, () => {
    const { workflow, problems } = parseWorkflow(yaml, "load");
    assert.notEqual(workflow, null, JSON.stringify(problems));
    const found = problems.find((problem) => problem.path === path);
    assert.equal(found?.severity, "warning", JSON.stringify(problems));
    assert.match(found.message, words);
  });
}

/** Fields of every kind, each right and wrong. */
const FORMS: readonly string[] = [
  "container: busybox",
  'container: " "',
  "container: 5",
  "container: [x]",
  "container: true",
  "container: null",
  `container: {${IMAGE}}`,
  "container: {exec: x, user: 5, working_dir: /x, env: {A: 1}, shell: sh}",
  `container: {${IMAGE}, exec: x}`,
  "container: {user: x}",
  `container: {${IMAGE}, user: 1000, ports: 80, volumes: "a:/b", command: [x], keep_container: "true"}`,
  `container: {${IMAGE}, volumes: [a], ports: [x], env: [y], wait_for: z, startup: q, pull_policy: w, shell: []}`,
  `container: {${IMAGE}, healthcheck: {test: [CMD]}, log_pattern: "(", platform: x, working_dir: x, name: "-"}`,
  `container: {${IMAGE}, pullPolicy: never, nope: 1}`,
];
Deno.test("2.1.1 a step's container has the grammar of the root's", () => {
  for (const form of FORMS) {
    const atRoot = parseWorkflow(`${form}\n${PLAIN}`, "load");
    const atStep = parseWorkflow(`steps:\n  - id: a\n    run: "true"\n    ${form}\n`, "load");
    const errors = ({ problems }: typeof atRoot) =>
      problems.filter(({ severity }) => severity === "error").map(({ code, path, message, remedy }) => ({
        code,
        path: path.replace(/^steps\[0\]\./, ""),
        message: message.replace("steps[0].", ""),
        remedy,
      }));
    assert.deepEqual(errors(atStep), errors(atRoot), form);
    assert.deepEqual(atStep.workflow?.steps[0]?.container, atRoot.workflow?.container, form);
  }
});

Deno.test("3.5.1 without a type it is a graph, and what depends on nothing has no order", () => {
  const { workflow } = parseWorkflow('steps: [{id: a, run: "true"}, {id: b, run: "true"}]', "load");
  assert.equal(workflow?.type, "graph");
  assert.deepEqual(workflow?.steps.map(({ depends }) => depends), [[], []]);
});
