/** A Postgres of our own, that may be killed: its commits are on its disk, and nothing else of it is needed. */
import { join } from "node:path";
import { freePort } from "../support/dagu.ts";

export interface OwnPostgres extends AsyncDisposable {
  readonly port: number;
  readonly url: (port: number) => string;
  /** SIGKILL: its children end when they notice. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

const USER = "postgres";

export async function openPostgres(): Promise<OwnPostgres> {
  const bin = await newestBin();
  const folder = await Deno.makeTempDir({ prefix: "dagu-chaos-postgres-" });
  const data = join(folder, "data");
  const user = await ids(USER);
  const port = freePort();
  await Deno.chown(folder, user.uid, user.gid);
  await run(join(bin, "initdb"), ["-D", data, "-U", USER, "-A", "trust", "--no-sync"], user);
  let server: Deno.ChildProcess | null = null;

  const isReady = async (): Promise<boolean> =>
    (await new Deno.Command(join(bin, "pg_isready"), {
      args: ["-h", "127.0.0.1", "-p", `${port}`],
      stdout: "null",
      stderr: "null",
    }).output()).success;
  const launch = (): Deno.ChildProcess =>
    new Deno.Command(join(bin, "postgres"), {
      args: ["-D", data, "-k", folder, "-h", "127.0.0.1", "-p", `${port}`],
      cwd: folder,
      ...user,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  const start = async (): Promise<void> => {
    let isOver = true;
    for (let turn = 0; turn < 600; turn++) {
      // It refuses to start while a child of the killed one still has its memory.
      if (isOver) {
        isOver = false;
        server = launch();
        void server.status.then(() => isOver = true);
      }
      if (await isReady()) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("Postgres did not come up within 30 seconds");
  };
  const kill = async (): Promise<void> => {
    server?.kill("SIGKILL");
    await server?.status;
    server = null;
  };
  await start();
  return {
    port,
    url: (at) => `postgres://${USER}@127.0.0.1:${at}/postgres`,
    kill,
    start,
    [Symbol.asyncDispose]: async () => {
      await kill();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function newestBin(): Promise<string> {
  const root = "/usr/lib/postgresql";
  const versions = (await Array.fromAsync(Deno.readDir(root)).catch(() => [])).map((entry) =>
    Number(entry.name)
  );
  if (versions.length === 0) throw new Error('Postgres is not installed: eval "$(infra/dev/up)"');
  return join(root, `${Math.max(...versions)}`, "bin");
}

async function ids(user: string): Promise<{ uid: number; gid: number }> {
  const number = async (flag: string): Promise<number> => Number(await run("id", [flag, user]));
  return { uid: await number("-u"), gid: await number("-g") };
}

async function run(
  program: string,
  args: readonly string[],
  user: { uid?: number; gid?: number } = {},
): Promise<string> {
  const output = await new Deno.Command(program, { args: [...args], cwd: "/", ...user }).output();
  const text = new TextDecoder();
  if (!output.success) throw new Error(`${program}: ${text.decode(output.stderr)}`);
  return text.decode(output.stdout);
}
