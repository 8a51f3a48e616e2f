/** Where a command's control plane is: named by a flag, running on this home, or brought up in this process. */
import * as v from "valibot";
import { type Context, type Option, UserError, writeErr } from "./command.ts";
import { type Api, newApi } from "./api-client.ts";
import { findDoor } from "./foreground.ts";
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
import type { LocalPlane } from "./local-plane.ts";
import { quietLog } from "./log.ts";
import { DetailsAnswer, runPath } from "./run-json.ts";
import { runnerName } from "./runner-name.ts";
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
  /** The control plane in this process; null: it is another process, with runners of its own. */
  readonly plane: LocalPlane | null;
}

/** Not an address: requests to it go to the control plane in this process. */
const IN_PROCESS_URL = "http://localhost";

/**
 * What a command may do with less than a control plane of its own. `door`: it needs no runner, so it may go through the door
 * of one that runs a workflow on this home. `ahead`: it runs one workflow, whose steps need not wait for the database.
 */
export type Reach = "own" | "door" | "ahead";

export async function connect(context: Context, reach: Reach = "own"): Promise<Connection> {
  const home = await openHome(context.env);
  const remote = readRemote(context);
  if (remote !== null) return remoteConnection(home, remote.url, remote.token);
  for (let isFirst = true;; isFirst = false) {
    const running = await findRunning(home);
    if (running !== null) return remoteConnection(home, running.url, running.token);
    try {
      return await inProcess(context, home, isFirst, reach);
    } catch (error) {
      if (!(error instanceof HomeInUseError)) throw error;
      const door = reach === "door" ? await findDoor(home) : null;
      if (door !== null) return remoteConnection(home, door.url, door.token);
      if (reach !== "door") await refuseOwnStep(context, home);
      if (isFirst && !context.flags.has("quiet")) {
        writeErr("waiting for another dagu on this DAGU_HOME to end");
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (context.interrupts.first.aborted) throw error;
    }
  }
}

/** A step that waited for the run that it belongs to would wait for ever. */
async function refuseOwnStep({ env }: Context, home: Home): Promise<void> {
  const { DAG_NAME: name = "", DAG_RUN_ID: dagRunId = "" } = env;
  if (name === "" || dagRunId === "") return;
  const door = await findDoor(home);
  if (door === null) return;
  const { api } = remoteConnection(home, door.url, door.token);
  const answer = await api.get(runPath({ name, dagRunId })).catch(() => null);
  if (!v.is(DetailsAnswer, answer) || answer.dagRunDetails.statusLabel !== "running") return;
  throw new UserError(
    `a step of run ${name}:${dagRunId} cannot wait for the DAGU_HOME that this run has until it ends\n` +
      "Start a workflow by the action dag.run or by dagu enqueue instead, or set DAGU_HOME to another folder.",
  );
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
    plane: null,
    [Symbol.asyncDispose]: () => Promise.resolve(),
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
  return {
    api: newApi({ url: IN_PROCESS_URL, token: null, fetch: (request) => plane.fetch(request) }),
    home,
    plane,
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  };
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
  const kept = built.move();
  return { ...plane, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Throws `HomeInUseError`. `isHeld`: not then. */
async function openPlane(
  context: Context,
  home: Home,
  isFirst: boolean,
  isHeld: boolean,
): Promise<LocalPlane> {
  const { env } = context;
  const isTold = isFirst && !context.flags.has("quiet") && databaseUrl(env) === null;
  if (isTold && !await hasData(home)) writeErr(`making the embedded database below ${home.dir}`);
  // Much of the product, and a database: loaded by who needs it.
  const { openHost } = await import("./host.ts");
  return await openHost({ home, env, log: quietLog(env), auth: { kind: "none" }, isHeld });
}

async function hasData(home: Home): Promise<boolean> {
  return await Deno.stat(home.dataDir).then(() => true, () => false);
}
