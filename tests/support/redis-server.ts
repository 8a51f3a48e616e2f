/** Debian's Redis on loopback, empty, without files. `infra/dev/up` installs it. */
import { freePort } from "./dagu.ts";

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
}

const PROGRAM = "/usr/bin/redis-server";
const PATIENCE_MS = 10_000;

export async function openRedisServer(password: string | null): Promise<RedisServer> {
  const port = freePort();
  const child = new Deno.Command(PROGRAM, {
    args: [
      ...["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
      ...(password === null ? [] : ["--requirepass", password]),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const close = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.status;
  };
  try {
    await listening(port);
  } catch (error) {
    await close();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: close };
}

async function listening(port: number): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
