/** `ssh.run`: a command on another machine; its exit code is the step's (workflow-language contract 6.5). */
import { constants } from "node:os";
import type { Client, ClientChannel } from "ssh2";
import { exitMessage, failed, newTails, succeeded, tailSink } from "../../run/outcome.ts";
import type { Outcome, OutputSink, StreamName } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError } from "./deed.ts";
import { cutOnStop, openSsh, readSettings, type SshConnection } from "./ssh-connection.ts";
import { stopRules, type Work } from "./work.ts";

export async function sshRun(given: With<"ssh.run">, work: Work): Promise<Outcome> {
  const { command, ...own } = given;
  const settings = readSettings(own, work);
  await using connection = await openSsh(settings, work);
  const execution = await execute(connection, wrap(command, settings.shell), work);
  const tails = newTails();
  const hearsSignals = settings.user !== "root";
  const exitCode = await follow(connection, { ...execution, hearsSignals }, tailSink(work.sink, tails), work);
  return exitCode === 0
    ? succeeded(null)
    : failed("COMMAND_FAILED", exitMessage(exitCode, tails), "", exitCode);
}

/** The server hands the text to the user's login shell; `shell` puts another one in between. */
function wrap(command: string, shell: readonly string[]): string {
  if (shell.length === 0) return command;
  const words = shell.includes("-c") ? shell : [...shell, "-c"];
  return [...words, command].map(quote).join(" ");
}

function quote(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

interface Execution {
  readonly channel: ClientChannel;
  /** null: the server told none, so far. */
  exitCode(): number | null;
  readonly closed: Promise<void>;
}

async function execute(connection: SshConnection, command: string, work: Work): Promise<Execution> {
  using _cut = cutOnStop(connection, work.signal);
  const { client } = connection;
  return await new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error === undefined) resolve(watch(channel, client));
      else reject(new ActionError(`the server does not run the command: ${error.message}`));
    });
  });
}

/** From the first moment on: a short command's end may be in the same packet as its beginning. */
function watch(channel: ClientChannel, client: Client): Execution {
  let exitCode: number | null = null;
  channel.on("exit", (code: number | null, signal?: string) => {
    exitCode = code ?? 128 + signalNumber(signal ?? "");
  });
  const closed = new Promise<void>((resolve) => {
    channel.once("close", () => resolve());
    client.once("close", () => resolve());
  });
  return { channel, exitCode: () => exitCode, closed };
}

/**
 * Resolves with the exit code once all output is written. On stop: the signal, the grace, then whatever is left of it there is
 * killed and the connection cut. `hearsSignals`: the server passes them on, which OpenSSH does for everybody but root.
 */
async function follow(
  connection: SshConnection,
  { channel, exitCode, closed, hearsSignals }: Execution & { readonly hearsSignals: boolean },
  sink: OutputSink,
  work: Work,
): Promise<number> {
  const ended = new AbortController();
  const signal = (name: string): Promise<void> =>
    hearsSignals
      ? Promise.resolve(sendSignal(connection, channel, name))
      : signalThere(connection, name, work);
  const stopping = stopWhenAsked(connection, signal, work, ended.signal);
  channel.end();
  try {
    await Promise.all([pump(channel, "stdout", sink), pump(channel.stderr, "stderr", sink)]);
    // The code may come after the end of the streams.
    await closed;
  } catch (error) {
    // Cut by us, or by the other side: either is told below.
    if (!work.signal.aborted && connection.broken() === null) throw error;
  } finally {
    ended.abort();
    await stopping;
  }
  const code = exitCode();
  if (code !== null) return code;
  const why = connection.broken()?.message ?? "it told no exit code";
  throw new ActionError(
    work.signal.aborted ? "stopped" : `the connection ended before the command did: ${why}`,
  );
}

async function pump(stream: AsyncIterable<Uint8Array>, name: StreamName, sink: OutputSink): Promise<void> {
  for await (const bytes of stream) await sink.write(name, bytes);
}

async function stopWhenAsked(
  connection: SshConnection,
  signalCommand: (name: string) => Promise<void>,
  work: Work,
  ended: AbortSignal,
): Promise<void> {
  const either = AbortSignal.any([work.signal, ended]);
  if (!either.aborted) {
    await new Promise<void>((resolve) => either.addEventListener("abort", () => resolve(), { once: true }));
  }
  if (ended.aborted) return;
  const { signal, graceMs, hurry } = stopRules(work);
  await signalCommand(signal);
  await work.attempt.clock.sleep(graceMs, AbortSignal.any([ended, hurry]));
  // Also where the command itself has ended: what it left behind there belongs to the step.
  await signalThere(connection, "SIGKILL", work);
  connection.client.destroy();
}

/** sshd puts the connection's two ends, ports included, into the environment of all that it starts for it. */
const SIGNAL_ALL = `for p in /proc/[0-9]*; do
  test "$p" = "/proc/$$" && continue
  tr "\\000" "\\n" <"$p/environ" 2>/dev/null | grep -qxF "SSH_CONNECTION=$SSH_CONNECTION" &&
    kill -s "$0" "\${p#/proc/}" 2>/dev/null
done`;
const SIGNAL_MS = 5_000;

/**
 * By a second command of the same connection, since OpenSSH takes no signals for root, and none for what has left the
 * session's process group. Where there is no `/proc`, or a second command is not allowed, nobody hears it.
 */
async function signalThere({ client }: SshConnection, name: string, { attempt }: Work): Promise<void> {
  const command = ["sh", "-c", SIGNAL_ALL, name.replace(/^SIG/, "")].map(quote).join(" ");
  const enough = new AbortController();
  const done = new Promise<void>((resolve) => {
    client.once("close", () => resolve());
    try {
      client.exec(command, (error, channel) => {
        if (error !== undefined) return resolve();
        channel.once("close", () => resolve()).resume();
        channel.stderr.resume();
        channel.end();
      });
    } catch {
      resolve();
    }
  });
  await Promise.race([done, attempt.clock.sleep(SIGNAL_MS, enough.signal)]);
  enough.abort();
}

interface SignalSender {
  readonly _protocol: { signal(channel: number, name: string): void };
}

interface NumberedChannel {
  readonly outgoing: { readonly id: number };
}

/**
 * SSH allows a signal after the end of the input (RFC 4254, 6.9), `channel.signal` of ssh2 does not, and the input of a
 * step is at its end from the beginning: so this goes one level below, to names that its types do not tell.
 */
function sendSignal({ client }: SshConnection, channel: ClientChannel, name: string): void {
  const sender = client as unknown as SignalSender;
  const { outgoing } = channel as unknown as NumberedChannel;
  try {
    sender._protocol.signal(outgoing.id, name);
  } catch {
    // A signal that SSH has no name for, or a connection that is gone: the cut follows.
  }
}

function signalNumber(name: string): number {
  return Object.entries(constants.signals).find(([other]) => other === `SIG${name.replace(/^SIG/, "")}`)
    ?.[1] ?? 0;
}
