/** The control plane behind a socket: its periodic work, its folder of definitions, and the record by which others find it. */
import { createApiToken, endToken, LOCAL_COMMANDS } from "../server/access/tokens.ts";
import { missingKeys } from "../server/secrets/rotation.ts";
import type { AuthMode } from "../server/settings.ts";
import { tick } from "../server/tick/tick.ts";
import { type Context, type Option, UserError } from "./command.ts";
import { type DagsFolder, openDagsFolder } from "./dags-folder.ts";
import { openHome, readServerRecord, writeServerRecord } from "./home.ts";
import { type Host, type HostOptions, openHost } from "./host.ts";
import { openLog } from "./log.ts";
import { settingOf } from "./setting.ts";

export const LISTEN_OPTIONS: Readonly<Record<string, Option>> = {
  host: {
    type: "string",
    short: "s",
    value: "ADDRESS",
    help: "address to listen on (DAGU_HOST, default 127.0.0.1)",
  },
  port: { type: "string", short: "p", value: "PORT", help: "port to listen on (DAGU_PORT, default 8080)" },
  dags: {
    type: "string",
    short: "d",
    value: "DIR",
    help: "folder whose YAML files are the definitions (DAGU_DAGS_DIR, default $DAGU_HOME/dags)",
  },
};

export interface Listen {
  readonly hostname: string;
  readonly port: number;
}

function readListen(context: Context): Listen {
  const hostname = context.flags.text("host") ?? settingOf(context.env, "DAGU_HOST") ?? "127.0.0.1";
  const text = context.flags.text("port") ?? settingOf(context.env, "DAGU_PORT") ?? "8080";
  return { hostname, port: readPort(text) };
}

/** Throws `UserError`. */
export function readPort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new UserError(`"${text}" is not a port: a number from 0 (any) to 65535`);
  }
  return Number(text);
}

const LOOPBACK = ["127.0.0.1", "localhost", "::1"];

/**
 * `DAGU_AUTH_MODE`: none, basic or token. Without it, a loopback address needs no credentials; any other address is refused,
 * since whoever reaches the API can run commands on the runners.
 */
function readAuth(env: Readonly<Record<string, string>>, hostname: string): AuthMode {
  const mode = env["DAGU_AUTH_MODE"]?.trim().toLowerCase() ?? "";
  switch (mode) {
    case "basic": {
      const username = env["DAGU_AUTH_BASIC_USERNAME"] ?? "";
      const password = env["DAGU_AUTH_BASIC_PASSWORD"] ?? "";
      if (username === "" || password === "") {
        throw new UserError(
          "DAGU_AUTH_MODE=basic needs DAGU_AUTH_BASIC_USERNAME and DAGU_AUTH_BASIC_PASSWORD",
        );
      }
      return { kind: "basic", username, password };
    }
    case "token":
      return { kind: "token" };
    case "":
    case "none":
      if (LOOPBACK.includes(hostname)) return { kind: "none" };
      throw new UserError(
        `listening on ${hostname} needs credentials: whoever reaches the API can run commands on the runners\n` +
          "Set DAGU_AUTH_MODE=token (then: dagu token create), or DAGU_AUTH_MODE=basic with DAGU_AUTH_BASIC_USERNAME and DAGU_AUTH_BASIC_PASSWORD.",
      );
    default:
      throw new UserError(`DAGU_AUTH_MODE is "${mode}"; it can be none, basic or token`);
  }
}

export interface ControlPlaneOptions extends HostOptions {
  readonly at: Listen;
  readonly dagsDir: string;
}

/** What the flags and the environment of a command say. */
export async function readControlPlane(context: Context): Promise<ControlPlaneOptions> {
  const { env } = context;
  const home = await openHome(env);
  const at = readListen(context);
  return {
    home,
    env,
    log: openLog(env),
    auth: readAuth(env, at.hostname),
    at,
    dagsDir: context.flags.text("dags") ?? home.dagsDir,
  };
}

export interface ControlPlane extends AsyncDisposable {
  readonly host: Host;
  readonly folder: DagsFolder;
  /** Where it answers, with the port that it really has. */
  readonly url: string;
  /** For the API, of this process's own. */
  readonly token: string;
}

export async function openControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  await using built = new AsyncDisposableStack();
  const host = built.use(await openHost(options));
  const missing = await missingKeys(host.ports.db, host.settings);
  if (missing.length > 0) {
    throw new UserError(
      `secrets of this database are sealed under a key that is not given: ${missing.join(", ")}\n` +
        "Give it in DAGU_ENCRYPTION_KEYS again, after the first; dagu secret rewrap moves what it sealed to the first.",
    );
  }
  const folder = built.use(await openDagsFolder(host.ports, options.dagsDir));
  // What an earlier server of this home left when it was killed opens nothing any more.
  const left = await readServerRecord(options.home);
  if (left !== null) await endToken(host.ports, left.token);
  const { token } = await createApiToken(host.ports, LOCAL_COMMANDS, null);
  built.defer(() => endToken(host.ports, token).catch(() => {}));
  const { url } = built.use(listen(host, options.at));
  built.use(await writeServerRecord(options.home, { url, token, pid: Deno.pid }));
  const kept = built.move();
  return { host, folder, url, token, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

const TICK_MS = 10_000;

function listen(host: Host, at: Listen): AsyncDisposable & { readonly url: string } {
  const stop = new AbortController();
  const server = serve(host, at);
  const ticking = (async () => {
    while (!stop.signal.aborted) {
      await tick(host.ports, host.settings);
      await host.ports.clock.sleep(TICK_MS, stop.signal);
    }
  })();
  const name = at.hostname.includes(":")
    ? `[${at.hostname}]`
    : at.hostname === "0.0.0.0"
    ? "127.0.0.1"
    : at.hostname;
  return {
    url: `http://${name}:${server.addr.port}`,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ticking;
      // Long polls and event streams end by themselves only when nobody waits: cut them.
      await Promise.race([server.shutdown(), host.ports.clock.sleep(1_000)]);
    },
  };
}

function serve(host: Host, at: Listen): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve(
      { hostname: at.hostname, port: at.port, onListen: () => {} },
      (request, { remoteAddr }) => host.fetch(request, { remoteAddress: remoteAddr.hostname }),
    );
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new UserError(`port ${at.port} on ${at.hostname} is taken; choose another with --port`);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `cannot listen on ${at.hostname}, port ${at.port}: ${reason}\n` +
        "The address must be one of this machine's (--host), the port one that this user may have (--port).",
    );
  }
}
