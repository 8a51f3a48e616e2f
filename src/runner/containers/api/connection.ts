/** The undici client of one address: no connection before the first request, none left after disposal. */
import { join } from "node:path";
import { Agent } from "undici";
import type { Address, Tls } from "../runtime.ts";
import { engineError, type Reply, type SocketFile } from "./error.ts";

export interface Connection extends AsyncDisposable {
  readonly origin: string;
  /** The socket's path; null: TCP. */
  readonly path: string | null;
  agent(): Promise<Reply<Agent>>;
}

export function openConnection(address: Address): Connection {
  let opened: Promise<Reply<Agent>> | null = null;
  return {
    origin: originOf(address),
    path: address.kind === "unix" ? address.path : null,
    agent: () => opened ??= openAgent(address),
    [Symbol.asyncDispose]: async () => {
      const reply = await opened;
      if (reply?.ok) await reply.value.destroy();
    },
  };
}

/** For messages: is it a socket, and may we use it. */
export async function lookAtSocket(path: string): Promise<SocketFile> {
  try {
    const { isSocket, mode, uid, gid } = await Deno.stat(path);
    const text = `${((mode ?? 0) & 0o7777).toString(8).padStart(4, "0")} ${uid ?? "?"}:${gid ?? "?"}`;
    return { state: isSocket === true ? "socket" : "other", mode: text };
  } catch (error) {
    return { state: error instanceof Deno.errors.NotFound ? "missing" : "hidden", mode: "" };
  }
}

function originOf(address: Address): string {
  if (address.kind === "unix") return "http://engine";
  return `${address.tls === null ? "http" : "https"}://${address.host}:${address.port}`;
}

async function openAgent(address: Address): Promise<Reply<Agent>> {
  if (address.kind === "unix") return { ok: true, value: newAgent({ socketPath: address.path }) };
  if (address.tls === null) return { ok: true, value: newAgent({}) };
  try {
    return { ok: true, value: newAgent(await readCertificates(address.tls)) };
  } catch (error) {
    const message = `certificates of DOCKER_CERT_PATH: ${error instanceof Error ? error.message : error}`;
    return { ok: false, error: engineError("config", "connect", message) };
  }
}

/** Without undici's own time limits: their timer is shared and outlives the client. `socket.ts` keeps the time. */
function newAgent(connect: Record<string, unknown>): Agent {
  return new Agent({ connect: { timeout: 0, ...connect }, headersTimeout: 0, bodyTimeout: 0 });
}

async function readCertificates(tls: Tls): Promise<Record<string, unknown>> {
  const [ca, cert, key] = await Promise.all(
    ["ca.pem", "cert.pem", "key.pem"].map((name) => Deno.readTextFile(join(tls.certPath, name))),
  );
  return { ca, cert, key, rejectUnauthorized: tls.isVerified };
}
