/** Where a command's control plane is: named by a flag, running on this home, or brought up in this process. */
import { type Context, type Option, UserError, writeErr } from "./command.ts";
import { type Api, newApi } from "./api-client.ts";
import { findDoor } from "./foreground.ts";
import { type Home, HomeInUseError, openHome, readServerRecord } from "./home.ts";
import { databaseUrl } from "./database.ts";
import { type Host, openHost } from "./host.ts";
import { quietLog } from "./log.ts";

export const CONNECT_OPTIONS: Readonly<Record<string, Option>> = {
  server: { type: "string", value: "URL", help: "control plane to use (DAGU_SERVER)" },
  "api-key": { type: "string", value: "TOKEN", help: "API token for it; better: the variable DAGU_API_KEY" },
};

export interface Connection extends AsyncDisposable {
  readonly api: Api;
  readonly home: Home;
  /** The control plane in this process; null: it is another process, with runners of its own. */
  readonly host: Host | null;
}

/** Not an address: requests to it go to the control plane in this process. */
const IN_PROCESS_URL = "http://localhost";

/** `throughDoor`: a command that needs no runner may go through the door of one that runs a workflow on this home. */
export async function connect(context: Context, throughDoor = false): Promise<Connection> {
  const home = await openHome(context.env);
  const remote = readRemote(context);
  if (remote !== null) return remoteConnection(home, remote.url, remote.token);
  for (let isFirst = true;; isFirst = false) {
    const running = await findRunning(home);
    if (running !== null) return remoteConnection(home, running.url, running.token);
    try {
      return await inProcess(context, home, isFirst);
    } catch (error) {
      if (!(error instanceof HomeInUseError)) throw error;
      const door = throughDoor ? await findDoor(home) : null;
      if (door !== null) return remoteConnection(home, door.url, door.token);
      if (isFirst && !context.flags.has("quiet")) {
        writeErr("waiting for another dagu on this DAGU_HOME to end");
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (context.interrupts.first.aborted) throw error;
    }
  }
}

function readRemote(context: Context): { url: string; token: string | null } | null {
  const url = context.flags.text("server") ?? context.env["DAGU_SERVER"] ?? "";
  if (url === "") return null;
  if (!URL.canParse(url)) throw new UserError(`"${url}" is not a URL; use --server http://HOST:PORT`);
  return {
    url: url.replace(/\/+$/, ""),
    token: context.flags.text("api-key") ?? context.env["DAGU_API_KEY"] ?? null,
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
    host: null,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function inProcess(context: Context, home: Home, isFirst: boolean): Promise<Connection> {
  const isTold = isFirst && !context.flags.has("quiet") && databaseUrl(context.env) === null;
  if (isTold && !await hasData(home)) {
    writeErr(`making the embedded database below ${home.dir}`);
  }
  const host = await openHost({ home, env: context.env, log: quietLog(context.env), auth: { kind: "none" } });
  return {
    api: newApi({ url: IN_PROCESS_URL, token: null, fetch: (request) => host.fetch(request) }),
    home,
    host,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

async function hasData(home: Home): Promise<boolean> {
  return await Deno.stat(home.dataDir).then(() => true, () => false);
}
