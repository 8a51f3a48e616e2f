/** A connection to an SSH server: whose key is known, on which the step proves who it is, perhaps through a bastion. */
import type { Buffer } from "node:buffer";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import ssh2 from "ssh2";
import type { Client, ConnectConfig } from "ssh2";
import * as v from "valibot";
import { type SshSettings, sshSettings } from "../../workflow/actions/ssh.ts";
import { readComplaint } from "../../workflow/schema/fields.ts";
import { ActionError } from "./deed.ts";
import { joinDir, stepDir } from "./host.ts";
import { startLimit } from "./limit.ts";
import { judgeKey, type KnownKey, knownKeys } from "./known-hosts.ts";
import type { Work } from "./work.ts";

export interface SshConnection extends AsyncDisposable {
  readonly client: Client;
  /** Why the connection broke off; null: it did not. */
  broken(): Error | null;
}

const KEEPALIVE_MS = 15_000;
/** One that never opened tells no end. */
const CLOSE_MS = 1_000;

/** Keys of root `ssh` stand in for those that the step leaves out. */
export function readSettings(given: Readonly<Record<string, unknown>>, work: Work): SshSettings {
  const parsed = v.safeParse(sshSettings, { ...work.attempt.scope.defaults["ssh"], ...given });
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  const { message, remedy } = readComplaint(issue.message);
  throw new ActionError(`ssh.${v.getDotPath(issue) ?? ""}: ${message}`, remedy);
}

export async function openSsh(settings: SshSettings, work: Work): Promise<SshConnection> {
  const stack = new AsyncDisposableStack();
  try {
    const bastion = settings.bastion === undefined
      ? null
      : stack.use(await connect({ ...settings, ...blank, ...settings.bastion }, null, "bastion", work));
    const connection = stack.use(await connect(settings, bastion, "ssh", work));
    return { ...connection, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Cuts the connection when the step is stopped meanwhile: whoever waits for the server then hears that it is gone. */
export function cutOnStop({ client }: SshConnection, signal: AbortSignal): Disposable {
  const cut = (): void => void client.destroy();
  if (signal.aborted) cut();
  signal.addEventListener("abort", cut, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", cut) };
}

/** Nothing of how the target is entered is good for the bastion. */
const blank = { user: undefined, host: undefined, port: undefined, key: undefined, password: undefined };

async function connect(
  settings: SshSettings,
  through: SshConnection | null,
  what: string,
  work: Work,
): Promise<SshConnection> {
  const { user, host, port = 22 } = settings;
  if (host === undefined || user === undefined) {
    const missing = host === undefined ? "host" : "user";
    throw new ActionError(`${what}.${missing} is missing`, `give ${missing} in with, or in ssh at the root`);
  }
  const place = `${user}@${host}:${port}`;
  const hostKeys = settings.strict_host_key ? await readKnownKeys(settings, host, port, work) : null;
  const identity = await readIdentity(settings, place, work);
  const sock = through === null ? null : await forward(through, host, port, settings, work);
  let refusal: ActionError | null = null;
  const config: ConnectConfig = {
    host,
    port,
    username: user,
    ...identity,
    ...(sock === null ? {} : { sock }),
    // Zero would mean for ever.
    readyTimeout: Math.max(1, settings.timeout * 1000),
    keepaliveInterval: KEEPALIVE_MS,
    ...preferKnown(hostKeys),
    hostVerifier: (key: Buffer): boolean => {
      refusal = hostKeys === null ? null : refuseKey(hostKeys, key, host);
      return refusal === null;
    },
  };
  return await start(config, place, () => refusal, work);
}

function start(
  config: ConnectConfig,
  place: string,
  refusal: () => ActionError | null,
  work: Work,
): Promise<SshConnection> {
  const client = new ssh2.Client();
  let broken: Error | null = null;
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  const connection: SshConnection = {
    client,
    broken: () => broken,
    [Symbol.asyncDispose]: async () => {
      client.end();
      client.destroy();
      const enough = new AbortController();
      await Promise.race([closed, work.attempt.clock.sleep(CLOSE_MS, enough.signal)]);
      enough.abort();
    },
  };
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      client.destroy();
      reject(new ActionError("stopped"));
    };
    const settle = (): void => work.signal.removeEventListener("abort", stop);
    client.once("ready", () => {
      settle();
      resolve(connection);
    });
    // A client tells several errors, also after it was closed; one without a listener would end the runner.
    client.on("error", (error: Error) => {
      broken ??= error;
      settle();
      reject(refusal() ?? explained(error, place));
    });
    client.once("close", () => {
      settle();
      reject(new ActionError(`${place} closed the connection`));
    });
    if (work.signal.aborted) return stop();
    work.signal.addEventListener("abort", stop, { once: true });
    try {
      client.connect(config);
    } catch (error) {
      settle();
      reject(explained(error instanceof Error ? error : new Error(String(error)), place));
    }
  });
}

function explained(error: Error, place: string): ActionError {
  const level = "level" in error ? error.level : null;
  if (level === "client-authentication") {
    return new ActionError(
      `${place} does not let us in: ${error.message}`,
      "check user, and key or password",
    );
  }
  if (level === "client-timeout") {
    return new ActionError(`${place} did not answer in time`, "check host and port, or raise timeout");
  }
  return new ActionError(
    `${place}: ${error.message || ("code" in error ? String(error.code) : "no connection")}`,
  );
}

/** A bastion may take minutes to find out that nobody is there: it has as long as the target itself would have. */
async function forward(
  bastion: SshConnection,
  host: string,
  port: number,
  { timeout }: SshSettings,
  work: Work,
): Promise<Duplex> {
  using limit = startLimit(Math.max(0.001, timeout), work);
  using _cut = cutOnStop(bastion, limit.signal);
  return await new Promise((resolve, reject) => {
    bastion.client.forwardOut("127.0.0.1", 0, host, port, (error, stream) => {
      if (error === undefined) resolve(stream);
      else if (limit.isOver()) reject(new ActionError(`the bastion did not reach ${host}:${port} in time`));
      else if (work.signal.aborted) reject(new ActionError("stopped"));
      else reject(new ActionError(`the bastion cannot reach ${host}:${port}: ${error.message}`));
    });
  });
}

// ---- the server's key -------------------------------------------------------------------------------------------

async function readKnownKeys(
  settings: SshSettings,
  host: string,
  port: number,
  work: Work,
): Promise<readonly KnownKey[]> {
  const own = settings.known_host_file;
  const files = own === undefined || own === ""
    ? [join(homeOf(work), ".ssh/known_hosts"), "/etc/ssh/ssh_known_hosts"]
    : [joinDir(stepDir(work), own)];
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(file).catch(() => "")));
  return texts.flatMap((text) => knownKeys(text, host, port));
}

/** A server has keys of several kinds: it is asked for one of a kind that we know. */
function preferKnown(known: readonly KnownKey[] | null): Pick<ConnectConfig, "algorithms"> {
  const names = (known ?? []).flatMap(({ type }) =>
    type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type]
  );
  const usable = SERVER_KEYS.filter((name) => names.includes(name));
  const rest = SERVER_KEYS.filter((name) => !names.includes(name) && name !== "ssh-rsa");
  return { algorithms: { serverHostKey: [...usable, ...rest] } };
}

const SERVER_KEYS = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
  "ssh-rsa",
] as const;

function refuseKey(known: readonly KnownKey[], key: Buffer, host: string): ActionError | null {
  const verdict = judgeKey(known, key);
  switch (verdict) {
    case "known":
      return null;
    case "unknown":
      return new ActionError(
        `the key of host ${host} is not known`,
        "add it to known_host_file (ssh-keyscan shows it); strict_host_key: false trusts anybody",
      );
    case "changed":
      return new ActionError(
        `host ${host} shows another key than the known one: it may be an impostor`,
        "if the host was set up anew, correct its line in known_host_file",
      );
    case "revoked":
      return new ActionError(`the key of host ${host} is revoked`, "the host needs a new key");
    default:
      return verdict satisfies never;
  }
}

// ---- who we are -------------------------------------------------------------------------------------------------

type Identity = Pick<ConnectConfig, "password" | "privateKey">;

const DEFAULT_KEYS = ["id_ed25519", "id_ecdsa", "id_rsa"];

/** The key of the settings, or with no key and no password the first usual one that there is. */
async function readIdentity(settings: SshSettings, place: string, work: Work): Promise<Identity> {
  const { key = "", password = "" } = settings;
  const secret = password === "" ? {} : { password };
  if (key !== "") return { ...secret, privateKey: await readKey(key, work) };
  if (password !== "") return secret;
  for (const name of DEFAULT_KEYS) {
    const text = await Deno.readTextFile(join(homeOf(work), ".ssh", name)).catch(() => null);
    if (text !== null) return { privateKey: checkKey(text, name) };
  }
  throw new ActionError(`there is no key and no password for ${place}`, "give key or password");
}

/** A path, or the key itself, as a secret may hold it. */
async function readKey(key: string, work: Work): Promise<string> {
  if (key.includes("PRIVATE KEY-----")) return checkKey(key.endsWith("\n") ? key : `${key}\n`, "in with");
  const path = joinDir(stepDir(work), key);
  const text = await Deno.readTextFile(path).catch((error: Error) => {
    throw new ActionError(`key ${path} cannot be read: ${error.message}`, "correct key");
  });
  return checkKey(text, path);
}

function checkKey(text: string, name: string): string {
  const parsed = ssh2.utils.parseKey(text);
  if (!(parsed instanceof Error)) return text;
  const isLocked = /passphrase|encrypted/i.test(parsed.message);
  throw new ActionError(
    isLocked ? `key ${name} has a passphrase` : `key ${name} is no private key: ${parsed.message}`,
    isLocked ? "use a key without one, kept as a secret" : "give a private key in OpenSSH or PEM form",
  );
}

function homeOf(work: Work): string {
  return work.call.scopeEnv["HOME"] ?? work.attempt.hostEnv["HOME"] ?? "/";
}
