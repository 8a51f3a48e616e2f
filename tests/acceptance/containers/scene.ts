/**
 * One acceptance case of the containers contract (section 10) on each engine: a real runner executes a workflow, and
 * nothing of it may be left afterwards: no container, network, anonymous volume, image or file.
 */
import assert from "node:assert/strict";
import * as v from "valibot";
import { RunEvent } from "../../../src/run/event.ts";
import { newRunState, reduce, type RunState, type StepState } from "../../../src/run/state.ts";
import { readRuntime } from "../../../src/runner/containers/runtime.ts";
import { systemIds } from "../../../src/runner/clock.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import { type EngineClient, openEngineClient } from "../../support/engine-client.ts";
import { ENGINE_NAMES, type EngineUnderTest, engineUnderTest } from "../../support/engines.ts";
import { newGrant, openRunnerBench, type RunnerBench } from "../../support/runner-bench.ts";
import { type EngineLine, openEngineLine } from "./line.ts";

export interface Scene {
  readonly engine: EngineUnderTest;
  /** To the engine itself, beside the runner. */
  readonly client: EngineClient;
  /** The run's work folder on the host: where relative volumes are. */
  readonly workDir: string;
  /** Every request that reached the engine from the runner. */
  readonly requests: readonly string[];
  /** Asks the runner to stop the run. */
  stop(): void;
  /** Resolves when the step's stdout has the text. */
  printed(step: string, text: string): Promise<void>;
  /** Resolves when the run has told an event of that type. */
  told(type: string, step?: string): Promise<void>;
  /** The line between runner and engine; `mend` makes it again. */
  readonly line: Pick<EngineLine, "cut" | "mend" | "spoil">;
  /** Resolves when the run or one of its steps has told such a note. */
  noted(words: RegExp): Promise<void>;
  /** Resolves when such a request was made. */
  asked(request: RegExp): Promise<void>;
  /** Ids of the run's containers, running or not. */
  containers(): Promise<string[]>;
}

export interface End extends Scene {
  readonly state: RunState;
  /** Seconds from start to end. */
  readonly seconds: number;
  /** Or a handler, under its node name. */
  step(name: string): StepState;
  stdout(step: string): string;
  stderr(step: string): string;
  notes(): string[];
  count(request: RegExp): number;
  /** Anonymous volumes that its removed containers had. */
  volumes(): readonly string[];
}

export interface Case {
  readonly yaml: string;
  /** Given to the run, which has no control plane to read them from `yaml`. */
  readonly params?: Readonly<Record<string, string>>;
  /** Of the run; default `succeeded`. */
  readonly status?: string;
  readonly stdout?: Readonly<Record<string, string | RegExp>>;
  readonly stderr?: Readonly<Record<string, string | RegExp>>;
  /** Exit code and class of a step: `7 COMMAND_FAILED`; `0` for success; with words of its message. */
  readonly steps?: Readonly<Record<string, string | readonly [string, RegExp]>>;
  /** How many containers were created. */
  readonly created?: number;
  /** The outside world before the run (`E:` of the contract). */
  readonly before?: (scene: Scene) => Promise<void>;
  readonly meanwhile?: (scene: Scene) => Promise<void>;
  readonly check?: (end: End) => void | Promise<void>;
  /** Undoes `before`, and removes what is meant to be left. Also after a failure. */
  readonly after?: (scene: Scene) => Promise<void>;
  /** What an engine cannot do: why, and how that shows instead of the case's own expectations. */
  readonly except?: Partial<Record<EngineUnderTest["name"], Exception>>;
  /** A pull is part of the case. Otherwise none may be asked for. */
  readonly pulls?: boolean;
}

type Exception = Expectation & { readonly why: string; readonly yaml?: string };
type Expectation = Pick<Case, "status" | "stdout" | "stderr" | "steps" | "created" | "check">;

/** The title begins with the case's id in the contract; `complete_test.ts` sees that none is missing. */
export function onEngines(title: string, given: Case): void {
  for (const name of ENGINE_NAMES) {
    const instead = given.except?.[name];
    const suffix = instead === undefined ? "" : `; not here: ${instead.why}`;
    const played = { ...given, yaml: instead?.yaml ?? given.yaml };
    Deno.test(`${title} (${name}${suffix})`, () => play(engineUnderTest(name), played, instead ?? given));
  }
}

async function play(engine: EngineUnderTest, given: Case, wanted: Expectation): Promise<void> {
  const stateDir = await Deno.makeTempDir({ dir: "/tmp", prefix: "dagu-ac-" });
  await Deno.chmod(stateDir, 0o755);
  await using bench = await openRunnerBench(stateDir);
  await using client = openEngineClient(engine.socket);
  const socket = `${stateDir}/engine.sock`;
  await using line = openEngineLine(socket, engine.socket, client);
  // The owner of the socket is the user whose engine it is.
  const { uid, gid } = await Deno.stat(engine.socket);
  await Deno.chown(socket, uid, gid);

  const values = given.params ?? {};
  const params = { values, json: JSON.stringify(values), given: Object.keys(values) };
  const grant = await newGrant(given.yaml, { params });
  const runId = systemIds().uuid();
  const { attemptId } = grant;
  const workDir = `${stateDir}/runs/flow/${runId}/work`;
  const containers = async (): Promise<string[]> => {
    const filters = encodeURIComponent(JSON.stringify({ label: [`dagu-edge.run=${runId}`] }));
    const listed = await client.ask("GET", `/containers/json?all=1&filters=${filters}`);
    return (listed as { Id: string }[]).map(({ Id }) => Id);
  };
  const scene: Scene = {
    engine,
    client,
    line,
    workDir,
    requests: line.requests,
    containers,
    told: (type, step) => bench.told(type, step),
    noted: (words) =>
      until(
        () =>
          bench.plane.events.some(({ type, data }) =>
            type === "note" && words.test(String(data?.["message"]))
          ),
        String(words),
      ),
    asked: (request) => until(() => line.requests.some((each) => request.test(each)), String(request)),
    printed: (step, text) => until(() => logText(bench, `${step}/stdout`).includes(text), `${step}: ${text}`),
    stop: () => {
      const id = systemIds().uuid();
      bench.plane.directives.push({ id, type: "cancel", attemptId, fence: 1, reason: "test" });
    },
  };
  try {
    await Deno.mkdir(workDir, { recursive: true });
    await given.before?.(scene);
    const run = { ...grant.run, dagRunId: runId as typeof grant.run.dagRunId };
    bench.plane.grants.push({ ...grant, run });
    const begin = performance.now();
    const { end } = bench.start({ once: true, runtime: runtimeAt(engine, socket) });
    await Promise.all([end, given.meanwhile?.(scene)]);
    const ended = newEnd(bench, given.yaml, scene, line, (performance.now() - begin) / 1_000);
    await judge(ended, wanted);
    await given.after?.(scene);
    await assertClean(ended, line, given, stateDir);
  } finally {
    await given.after?.(scene);
    for (const id of await containers()) await client.ask("DELETE", `/containers/${id}?force=1&v=1`);
  }
}

function runtimeAt(engine: EngineUnderTest, socket: string): ReturnType<typeof readRuntime> {
  const host = engine.kind === "docker" ? "DOCKER_HOST" : "DAGU_PODMAN_HOST";
  return readRuntime({ DAGU_CONTAINER_RUNTIME: engine.kind, [host]: `unix://${socket}` });
}

function newEnd(bench: RunnerBench, yaml: string, scene: Scene, line: EngineLine, seconds: number): End {
  const { workflow, problems } = parseWorkflow(yaml, "load");
  assert.ok(workflow !== null, JSON.stringify(problems));
  let state = newRunState(workflow);
  for (const event of bench.plane.events) state = reduce(state, v.parse(RunEvent, event));
  assert.ok(state.finishedAt !== null, `the attempt told no end:\n${bench.logLines.join("\n")}`);
  return {
    ...scene,
    state,
    seconds,
    stdout: (step) => logText(bench, `${step}/stdout`),
    stderr: (step) => logText(bench, `${step}/stderr`),
    notes: () => [...state.notes, ...[...state.steps, ...state.handlers].flatMap(({ notes }) => notes)],
    volumes: () => line.volumes,
    count: (request) => scene.requests.filter((each) => request.test(each)).length,
    step: (name) => {
      const found = [...state.steps, ...state.handlers].find((step) => step.name === name);
      assert.ok(found, `no step ${name}`);
      return found;
    },
  };
}

async function judge(end: End, wanted: Expectation): Promise<void> {
  const story = `${JSON.stringify(end.state.failure)}\n${end.notes().join("\n")}`;
  for (const [name, expected] of Object.entries(wanted.steps ?? {})) {
    const { status, exitCode, failure } = end.step(name);
    const [code, words] = typeof expected === "string" ? [expected, /(?:)/] as const : expected;
    const got = status === "succeeded" ? "0" : `${exitCode ?? status} ${failure?.code ?? ""}`.trim();
    assert.equal(got, code, `${name}: ${JSON.stringify(failure)}\n${end.stderr(name)}`);
    assert.match(`${failure?.message ?? ""} | ${failure?.remedy ?? ""}`, words, name);
  }
  assert.equal(end.state.status, wanted.status ?? "succeeded", story);
  for (const stream of ["stdout", "stderr"] as const) {
    for (const [name, expected] of Object.entries(wanted[stream] ?? {})) {
      const got = end[stream](name);
      if (typeof expected === "string") assert.equal(got, expected, `${stream} of ${name}`);
      else assert.match(got, expected, `${stream} of ${name}`);
    }
  }
  if (wanted.created !== undefined) assert.equal(end.count(CREATION), wanted.created, "containers created");
  await wanted.check?.(end);
}

export const CREATION = /^POST \S*\/containers\/create/;
export const PULL = /^POST \S*\/images\/create/;
/** What a run never makes on an engine. */
const MAKING = /^POST \S*\/(?:networks\/create|volumes\/create|commit|build|images\/load)/;

/** Nothing of the run is left on the engine, and of its files only those that are kept for its retries. */
async function assertClean(end: End, line: EngineLine, given: Case, stateDir: string): Promise<void> {
  assert.deepEqual(await end.containers(), [], "containers are left");
  assert.equal(end.count(MAKING), 0, "networks, volumes or images were made");
  if (given.pulls !== true) assert.equal(end.count(PULL), 0, "a pull was asked for");
  for (const volume of line.volumes) {
    const known = await end.client.ask("GET", `/volumes/${volume}`, undefined, [404, 500]);
    assert.ok(
      typeof known !== "object" || known === null || !("Mountpoint" in known),
      `volume ${volume} is left`,
    );
  }
  const left: string[] = [];
  for (const folder of [`${end.workDir}/../attempts`, `${stateDir}/spool`]) {
    for await (const entry of Deno.readDir(folder)) left.push(`${folder}/${entry.name}`);
  }
  assert.deepEqual(left, [], "files are left");
}

function logText(bench: RunnerBench, key: string): string {
  return new TextDecoder().decode(bench.plane.logs.get(key));
}

const PATIENCE_MS = 30_000;
const LOOK_MS = 20;

export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  assert.fail(`not within ${PATIENCE_MS / 1_000} s: ${what}`);
}

/** A container of somebody else's, running `argv`. */
export async function runForeign(scene: Scene, name: string, argv: readonly string[]): Promise<void> {
  await makeForeign(scene, name, argv);
  await scene.client.ask("POST", `/containers/${name}/start`);
}

export async function makeForeign(scene: Scene, name: string, argv: readonly string[]): Promise<void> {
  await removeForeign(scene, name);
  const body = { Image: "alpine:3.20", Cmd: argv, HostConfig: { Init: true, NetworkMode: "none" } };
  await scene.client.ask("POST", `/containers/create?name=${name}`, body);
}

export async function removeForeign(scene: Scene, name: string): Promise<void> {
  await scene.client.ask("DELETE", `/containers/${name}?force=1&v=1`, undefined, [404]);
}

/** null: there is no such container. */
export async function stateOf(scene: Scene, target: string): Promise<string | null> {
  const inspected = await scene.client.ask("GET", `/containers/${target}/json`, undefined, [404]);
  const { State } = inspected as { State?: { Status: string } };
  // Podman calls an exited container so before its clean-up.
  return State === undefined ? null : State.Status === "stopped" ? "exited" : State.Status;
}
