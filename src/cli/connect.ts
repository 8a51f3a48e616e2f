/** Where a command's control plane is: named by a flag, running on this home, or brought up in this process. */
import { type Context, type Option, UserError, writeErr } from "./command.ts";
import { type Api, isHttpUrl, newApi } from "./api-client.ts";
import { type Door, findDoor, openDoor } from "./foreground.ts";
import {
  databaseUrl,
  type Home,
  HomeInUseError,
  openHome,
  readKeyring,
  readServerRecord,
  takeHome,
} from "./home.ts";
import { systemClock, systemIds } from "../runner/clock.ts";
import { openAhead } from "./ahead/plane.ts";
import { listRecords } from "./ahead/record.ts";
import { readBaseConfig } from "./base-config.ts";
import { joinPlane, type NextPlace } from "./joined-plane.ts";
import { IN_PROCESS_URL, type LocalPlane } from "./local-plane.ts";
import { quietLog } from "./log.ts";
import { runnerName } from "./runner-name.ts";
import { settingOf } from "./setting.ts";
import { readPatience } from "./server-settings.ts";
import { VERSION } from "./version.ts";
import { newMemoryWake } from "./wake.ts";

export const CONNECT_OPTIONS: Readonly<Record<string, Option>> = {
  server: { type: "string", value: "URL", help: "control plane to use (DAGU_SERVER)" },
  "api-key": { type: "string", value: "TOKEN", help: "API token for it; better: the variable DAGU_API_KEY" },
};

export interface Connection extends AsyncDisposable {
  readonly api: Api;
  readonly home: Home;
  /**
   * The control plane to which this process is to bring a runner: its own, or that of another command on this home. null: it
   * has runners of its own.
   */
  readonly plane: LocalPlane | null;
  /** For other terminals, while a run goes on; of a plane that is this process's own. */
  openDoor(): Promise<AsyncDisposable>;
}

/**
 * What a command may do with less than a control plane of its own. `door`: it needs no runner, so it may go through the door
 * of one that runs a workflow on this home. `ahead`: it runs one workflow, whose steps need not wait for the database.
 */
export type Reach = "own" | "door" | "ahead";

export async function connect(context: Context, reach: Reach = "own"): Promise<Connection> {
  const home = await openHome(context.env);
  const remote = readRemote(context);
  if (remote !== null) return remoteConnection(home, remote.url, remote.token);
  for (let looks = 0;; looks++) {
    const running = await findRunning(home);
    if (running !== null) return remoteConnection(home, running.url, running.token);
    try {
      return await inProcess(context, home, looks === 0, reach);
    } catch (error) {
      if (!(error instanceof HomeInUseError)) throw error;
      const door = await findDoor(home);
      if (door !== null) {
        const connection = joined(context, home, door);
        return reach === "door" ? { ...connection, plane: null } : connection;
      }
      if (looks === TELL_AFTER_LOOKS && !context.flags.has("quiet")) {
        writeErr("waiting for another dagu on this DAGU_HOME to end");
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (context.interrupts.first.aborted) throw error;
    }
  }
}

/** One who holds the home without a door answers a question of somebody, and is done soon. */
const LOOK_MS = 100;
const TELL_AFTER_LOOKS = 10;

function readRemote(context: Context): { url: string; token: string | null } | null {
  const url = context.flags.text("server") ?? settingOf(context.env, "DAGU_SERVER") ?? "";
  if (url === "") return null;
  if (!isHttpUrl(url)) {
    throw new UserError(`"${url}" is not a URL; use --server http://HOST:PORT`);
  }
  return {
    url: url.replace(/\/+$/, ""),
    token: context.flags.text("api-key") ?? settingOf(context.env, "DAGU_API_KEY"),
  };
}

/** A server that holds this home and answers. A record that a killed process left is passed over. */
async function findRunning(home: Home): Promise<{ url: string; token: string } | null> {
  const record = await readServerRecord(home);
  if (record === null) return null;
  try {
    const response = await fetch(`${record.url}/livez`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok ? record : null;
  } catch {
    return null;
  }
}

function remoteConnection(home: Home, url: string, token: string | null): Connection {
  return {
    api: newApi({ url, token, fetch }),
    home,
    plane: null,
    openDoor: () => Promise.resolve(NO_DOOR),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const NO_DOOR: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() };

/** Beside a command that runs a workflow on this home: by its control plane, and by one of this process when that ends. */
function joined(context: Context, home: Home, door: Door): Connection {
  const next: NextPlace = async (opened, over) => {
    for (;;) {
      over.throwIfAborted();
      const server = await findRunning(home);
      if (server !== null) return { kind: "server", ...server };
      try {
        const plane = opened.use(await openPlane(context, home, false, false));
        opened.use(await openDoor(home, plane));
        return { kind: "here", plane };
      } catch (error) {
        if (!(error instanceof HomeInUseError)) throw error;
      }
      const other = await findDoor(home);
      if (other !== null) return { kind: "door", ...other };
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  };
  return withPlane(home, joinPlane({ kind: "door", ...door }, next), () => Promise.resolve(NO_DOOR));
}

function withPlane(home: Home, plane: LocalPlane, door: () => Promise<AsyncDisposable>): Connection {
  return {
    api: newApi({ url: IN_PROCESS_URL, token: null, fetch: (request) => plane.fetch(request) }),
    home,
    plane,
    openDoor: door,
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  };
}

async function inProcess(
  context: Context,
  home: Home,
  isFirst: boolean,
  reach: Reach,
): Promise<Connection> {
  const plane = reach === "ahead" && databaseUrl(context.env) === null
    ? await goAhead(context, home)
    : await openPlane(context, home, isFirst, false);
  return withPlane(home, plane, () => openDoor(home, plane));
}

/** So many starts share the time that the database needs to take their runs in. */
const AHEAD_MAX = 50;

/** Throws `HomeInUseError`. */
async function goAhead(context: Context, home: Home): Promise<LocalPlane> {
  const { env } = context;
  await using built = new AsyncDisposableStack();
  built.use(await takeHome(home));
  const records = await listRecords(home);
  const clock = systemClock();
  const open = (): Promise<LocalPlane> => openPlane(context, home, true, true);
  const plane = records.length >= AHEAD_MAX ? await open() : openAhead({
    home,
    clock,
    ids: systemIds(),
    wake: newMemoryWake(clock),
    keys: await readKeyring(home, env),
    base: await readBaseConfig(env),
    patience: readPatience(env),
    isFresh: records.length === 0 && !await hasData(home),
    runner: { name: runnerName(env), version: VERSION, os: Deno.build.os, arch: Deno.build.arch },
    open,
  });
  built.use(plane);
  return endingWith(plane, built.move());
}

/** Throws `HomeInUseError`. `isHeld`: not then. */
async function openPlane(
  context: Context,
  home: Home,
  isFirst: boolean,
  isHeld: boolean,
): Promise<LocalPlane> {
  const { env } = context;
  const isEmbedded = databaseUrl(env) === null;
  await using built = new AsyncDisposableStack();
  if (isEmbedded && !isHeld) built.use(await takeHome(home));
  const isTold = isEmbedded && isFirst && !context.flags.has("quiet");
  if (isTold && !await hasData(home)) writeErr(`making the embedded database below ${home.dir}`);
  // Much of the product, and a database: loaded by who needs it.
  const { openHost } = await import("./host.ts");
  const host = built.use(
    await openHost({ home, env, log: quietLog(env), auth: { kind: "none" }, isHeld: true }),
  );
  return endingWith(host, built.move());
}

function endingWith(plane: LocalPlane, all: AsyncDisposableStack): LocalPlane {
  return { ...plane, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function hasData(home: Home): Promise<boolean> {
  return await Deno.stat(home.dataDir).then(() => true, () => false);
}
