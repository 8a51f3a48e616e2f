/** A case that needs more than calls one after the other: a process in the background, a server, an engine in between. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { dagu, type DaguResult, freePort, type RunningDagu, spawnDagu } from "../support/dagu.ts";

const PATIENCE_MS = 75_000;
const LOOK_MS = 50;

type Env = Readonly<Record<string, string>>;

/** `@W` in arguments and values of the environment is the case's folder, as it is in its `w.yaml`. */
export interface Case extends AsyncDisposable {
  readonly folder: string;
  readonly home: string;
  run(args: readonly string[], env?: Env): Promise<DaguResult>;
  /** `through`: a program that starts it. */
  spawn(args: readonly string[], env?: Env, through?: readonly string[]): RunningDagu;
  /** null: there is no such file. */
  read(path: string): Promise<string | null>;
  write(path: string, text: string): Promise<void>;
}

/** An empty folder that anybody may write to (a rootless engine is another user), and a home of its own. */
export async function openCase(yaml: string): Promise<Case> {
  const folder = await Deno.makeTempDir({ prefix: "dagu-case-" });
  const home = await Deno.makeTempDir({ prefix: "dagu-acceptance-" });
  await Promise.all([Deno.chmod(folder, 0o777), Deno.chmod(home, 0o755)]);
  await Deno.writeTextFile(join(folder, "w.yaml"), yaml.replaceAll("@W", folder));
  const place = (text: string): string => text.replaceAll("@W", folder);
  const options = (args: readonly string[], env: Env) => ({
    args: args.map(place),
    env: {
      DAGU_HOME: home,
      SHELL: "/bin/sh",
      ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, place(value)])),
    },
    cwd: folder,
  });
  return {
    folder,
    home,
    run: (args, env = {}) => dagu(options(args, env)),
    spawn: (args, env = {}, through = []) => spawnDagu({ ...options(args, env), through }),
    read: (path) => Deno.readTextFile(join(folder, path)).catch(() => null),
    write: (path, text) => Deno.writeTextFile(join(folder, path), text),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([folder, home].map((dir) => Deno.remove(dir, { recursive: true })));
    },
  };
}

/** Looks until there is an answer; what a process did cannot be awaited otherwise. */
export async function until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    assert.ok(performance.now() < end, `not within ${PATIENCE_MS / 1_000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

export interface Service extends AsyncDisposable {
  /** `running`, `queued` ...: what the API says about a run of `w`. */
  status(runId: string): Promise<string>;
  /** The stdout of a step so far; "" when there is none. */
  stdout(runId: string, step: string): Promise<string>;
  get(path: string): Promise<Record<string, unknown>>;
  post(path: string, body: BodyInit, headers?: Env): Promise<Record<string, unknown>>;
  kill(): Promise<void>;
}

/** `dagu start-all` on the case's home, whose definitions are the case's folder. */
export async function openService(
  on: Case,
  env: Env = { DAGU_CONTAINER_RUNTIME: "none" },
): Promise<Service> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}/api/v1`;
  const server = on.spawn(["start-all", "--port", String(port), "--dags", "@W"], env);
  await server.said("runner ready");
  return {
    status: async (runId) => {
      const answer = await (await fetch(`${url}/dag-runs/w/${runId}`)).json();
      return String(answer.dagRunDetails?.statusLabel);
    },
    get: async (path) => await (await fetch(`${url}${path}`)).json(),
    stdout: async (runId, step) => {
      const answer = await fetch(`${url}/dag-runs/w/${runId}/steps/${step}/log/download`);
      const text = await answer.text();
      return answer.ok ? text : "";
    },
    post: async (path, body, headers = {}) => {
      const response = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body,
      });
      const text = await response.text();
      assert.ok(response.ok, `${path}: ${response.status} ${text}`);
      return JSON.parse(text);
    },
    kill: async () => {
      server.kill("SIGKILL");
      await server.status;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
