/**
 * Engines of one test's own, beside the shared ones of `infra/dev/up`: to be killed, to be filled up, to be set up badly.
 * Root only, as the shared ones are.
 */
import { join } from "node:path";
import { openEngineClient } from "./engine-client.ts";
import { required } from "./engines.ts";

export interface OwnEngine extends AsyncDisposable {
  readonly kind: "docker" | "podman";
  readonly socket: string;
  /** Folder in which it keeps images and containers. */
  readonly store: string;
  /** SIGKILL to the engine itself. */
  crash(): Promise<void>;
  start(): Promise<void>;
}

export interface OwnEngineOptions {
  /** Size of its store; absent: the disk's. */
  readonly storeBytes?: number;
  /** Docker: lines of `daemon.json`. */
  readonly daemon?: Readonly<Record<string, unknown>>;
  /** Podman: lines of two sections of `containers.conf`, and of `registries.conf`. */
  readonly containers?: string;
  readonly engine?: string;
  readonly registries?: string;
}

/** Its image, with a shell. */
export const ownImage = (): string => `${required("REGISTRY")}/library/alpine:3.20`;

export async function openOwnDocker(options: OwnEngineOptions = {}): Promise<OwnEngine> {
  return await openOwn("docker", options, async ({ at, socket, store }) => {
    await Deno.writeTextFile(at("daemon.json"), JSON.stringify(options.daemon ?? {}));
    // A process that nobody has buried yet would count as running.
    for (const left of ["docker.pid", "x/containerd/containerd.pid"]) {
      await Deno.remove(at(left)).catch(() => {});
    }
    return [
      "dockerd",
      ...["--config-file", at("daemon.json"), "--host", `unix://${socket}`, "--pidfile", at("docker.pid")],
      ...["--data-root", store, "--exec-root", at("x"), "--shutdown-timeout", "1"],
      ...["--containerd-namespace", "dagu-own", "--containerd-plugins-namespace", "dagu-own-plugins"],
      ...["--bridge", "none", "--iptables=false", "--ip-masq=false", "--ip-forward=false"],
    ];
  });
}

export async function openOwnPodman(options: OwnEngineOptions = {}): Promise<OwnEngine> {
  return await openOwn("podman", options, async ({ at, socket, store }) => {
    await Deno.writeTextFile(
      at("containers.conf"),
      `[containers]
${options.containers ?? ""}
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[engine]
${options.engine ?? ""}
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "${at("tmp")}"
`,
    );
    const registries = `[[registry]]\nlocation = "${required("REGISTRY")}"\ninsecure = true\n`;
    await Deno.writeTextFile(at("registries.conf"), `${options.registries ?? ""}\n${registries}`);
    return [
      "env",
      `CONTAINERS_CONF=${at("containers.conf")}`,
      `CONTAINERS_REGISTRIES_CONF=${at("registries.conf")}`,
      ...["podman", "--runtime", "/usr/sbin/runc", "--root", store, "--runroot", at("x")],
      ...["--storage-driver", "overlay", "system", "service", "-t", "0", `unix://${socket}`],
    ];
  });
}

interface Places {
  at(name: string): string;
  readonly socket: string;
  readonly store: string;
}

async function openOwn(
  kind: OwnEngine["kind"],
  { storeBytes }: OwnEngineOptions,
  commandOf: (places: Places) => Promise<readonly string[]>,
): Promise<OwnEngine> {
  const folder = await Deno.makeTempDir({ dir: "/tmp", prefix: "own-" });
  const places = {
    at: (name: string) => join(folder, name),
    socket: join(folder, "e.sock"),
    store: join(folder, "store"),
  };
  await Deno.mkdir(places.store);
  if (storeBytes !== undefined) {
    await run("mount", "-t", "tmpfs", "-o", `size=${storeBytes}`, "own-store", places.store);
  }
  let child: Deno.ChildProcess | null = null;
  const start = async (): Promise<void> => {
    await Deno.remove(places.socket).catch(() => {});
    const [program = "", ...args] = await commandOf(places);
    const log = await Deno.open(places.at("log"), { create: true, append: true });
    child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
    const streams = [child.stdout, child.stderr];
    void Promise.all(streams.map(async (stream) => {
      for await (const bytes of stream) await log.write(bytes);
    })).finally(() => log.close());
    await answers(places.socket, places.at("log"));
  };
  const end = async (signal: Deno.Signal): Promise<void> => {
    const ending = child;
    child = null;
    try {
      ending?.kill(signal);
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await ending?.status;
  };
  await using made = new AsyncDisposableStack();
  made.defer(async () => {
    await end("SIGTERM");
    await sweep(folder);
  });
  await start();
  const held = made.move();
  return {
    kind,
    socket: places.socket,
    store: places.store,
    start,
    crash: () => end("SIGKILL"),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

const PATIENCE_MS = 30_000;

async function answers(socket: string, log: string): Promise<void> {
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until;) {
    await using client = openEngineClient(socket);
    if (await client.ask("GET", "/_ping").then(() => true, () => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the engine at ${socket} did not come up:\n${await Deno.readTextFile(log)}`);
}

/** What an engine that was killed left: its helpers, which know the folder by their arguments, and mounts below it. */
async function sweep(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (words.includes(`${folder}/`)) await run("kill", "-KILL", name).catch(() => {});
  }
  const mounts = await Deno.readTextFile("/proc/self/mounts");
  const below = mounts.split("\n").map((line) => line.split(" ")[1] ?? "")
    .filter((place) => place.startsWith(`${folder}/`));
  for (const place of below.reverse()) await run("umount", "-l", place).catch(() => {});
  await Deno.remove(folder, { recursive: true });
}

async function run(program: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
