/** The real `dagu`, as a process of its own: bundled, where the test command made it, else from the sources. */
import { fileURLToPath } from "node:url";

const MAIN = Deno.env.get("DAGU_TEST_PROGRAM") ??
  fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** A test's process is over before compiling WebAssembly a second time pays (docs/contributing.md); a thousand of them wait. */
const FLAGS = "--v8-flags=--liftoff-only,--no-lazy";

/** Runs it, with its arguments behind. */
export const DAGU_WORDS = [Deno.execPath(), "run", "-A", FLAGS, "--config", CONFIG, MAIN];

/** What a process of ours inherits from the test's environment: enough to run Deno, nothing that selects an engine. */
const INHERITED = [
  "PATH",
  "HOME",
  "DENO_DIR",
  "TMPDIR",
  "LANG",
  "npm_config_registry",
  "NPM_CONFIG_REGISTRY",
];

export interface DaguOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A program that starts it with less than we have, and its arguments. */
  readonly through?: readonly string[];
}

function command(options: DaguOptions, output: "piped" | "null"): Deno.Command {
  const env: Record<string, string> = { NO_COLOR: "1" };
  for (const name of INHERITED) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  const words = [...options.through ?? [], ...DAGU_WORDS];
  const [program = "", ...first] = words;
  return new Deno.Command(program, {
    args: [...first, ...options.args],
    env: { ...env, ...options.env },
    clearEnv: true,
    stdin: "null",
    stdout: output,
    stderr: output,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
}

export interface DaguResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** To its end. */
export async function dagu(options: DaguOptions): Promise<DaguResult> {
  const output = await command(options, "piped").output();
  const decoder = new TextDecoder();
  return { code: output.code, stdout: decoder.decode(output.stdout), stderr: decoder.decode(output.stderr) };
}

export interface RunningDagu extends AsyncDisposable {
  readonly pid: number;
  /** Everything that it has written to stderr so far. */
  stderr(): string;
  /** Resolves when stderr holds the text; rejects with all of it when the process ends before. */
  said(text: string): Promise<void>;
  kill(signal: Deno.Signal): void;
  readonly status: Promise<Deno.CommandStatus>;
}

/** In the background; ended with SIGKILL at disposal if it still runs. */
export function spawnDagu(options: DaguOptions): RunningDagu {
  const child = command(options, "piped").spawn();
  let text = "";
  let isOver = false;
  const listeners = new Set<() => void>();
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) {
      text += decoder.decode(bytes, { stream: true });
      for (const listener of listeners) listener();
    }
    isOver = true;
    for (const listener of listeners) listener();
  })();
  const draining = child.stdout.pipeTo(new WritableStream()).catch(() => {});
  return {
    pid: child.pid,
    status: child.status,
    stderr: () => text,
    said: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (text.includes(wanted)) resolve();
          else if (isOver) reject(new Error(`dagu ended without saying "${wanted}":\n${text}`));
          else return;
          listeners.delete(look);
        };
        listeners.add(look);
        look();
      }),
    kill: (signal) => child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await Promise.all([child.status, reading, draining]);
    },
  };
}

/** A port that nobody listens on now. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
