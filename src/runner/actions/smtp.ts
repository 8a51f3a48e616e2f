/** Mail through an SMTP server. */
import { Buffer } from "node:buffer";
import { createTransport } from "nodemailer";
import { ActionError } from "./deed.ts";
import type { Environment } from "./environment.ts";

export interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly username: string | null;
  readonly password: string | null;
  /** `oauth` of the workflow's `smtp`; null: a password, or nothing. */
  readonly oauth: Readonly<Record<string, unknown>> | null;
}

/**
 * Of root `smtp`, and what that leaves out of the runner's environment; only of `smtp` when that names the host: the
 * runner's password is for the runner's server.
 */
export function readMailServer(smtp: Readonly<Record<string, unknown>>, runnerEnv: Environment): MailServer {
  const isOwn = String(smtp["host"] ?? "").trim() !== "";
  const setting = (key: string): string | null => {
    const known = isOwn ? undefined : runnerEnv[`DAGU_SMTP_${key.toUpperCase()}`];
    return String(smtp[key] ?? known ?? "").trim() || null;
  };
  const host = setting("host");
  if (host === null) {
    throw new ActionError(
      "there is no mail server",
      "set smtp.host in the workflow, or DAGU_SMTP_HOST on the runner",
    );
  }
  const port = Number(setting("port") ?? "587");
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new ActionError(`smtp.port ${setting("port")} is not a port`, "use 25, 465 or 587");
  }
  const { oauth } = smtp;
  return {
    host,
    port,
    username: setting("username"),
    password: setting("password"),
    oauth: typeof oauth === "object" && oauth !== null ? { ...oauth } : null,
  };
}

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly message: string;
  readonly attachments: readonly { readonly name: string; readonly content: Uint8Array }[];
}

export interface SentMail {
  readonly messageId: string;
  readonly accepted: readonly string[];
}

const CONNECT_MS = 30_000;
const SILENCE_MS = 120_000;

/** Fails too when the server takes the message for some of the recipients only. */
export async function sendMail(server: MailServer, mail: Mail, signal: AbortSignal): Promise<SentMail> {
  const transport = createTransport({
    host: server.host,
    port: server.port,
    secure: server.port === 465,
    requireTLS: server.username !== null && !isThisMachine(server.host),
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    // What a message names is never fetched or opened on the way.
    disableFileAccess: true,
    disableUrlAccess: true,
    ...authOf(server),
  });
  try {
    const sent = await transport.sendMail({
      from: mail.from,
      to: [...mail.to],
      subject: mail.subject,
      ...(isHtml(mail.message) ? { html: mail.message } : { text: mail.message }),
      attachments: mail.attachments.map(({ name, content }) => ({
        filename: name,
        content: Buffer.from(content),
      })),
      signal,
    });
    refuseRejected(sent.rejected);
    return { messageId: sent.messageId, accepted: sent.accepted.map(String) };
  } catch (error) {
    throw explained(error, server);
  } finally {
    transport.close();
  }
}

function authOf({ username, password, oauth }: MailServer): object {
  if (username === null) return {};
  if (oauth === null) return { auth: { user: username, pass: password ?? "" } };
  const text = (key: string): string | undefined => oauth[key] === undefined ? undefined : String(oauth[key]);
  return {
    auth: {
      type: "OAuth2",
      user: username,
      clientId: text("client_id"),
      clientSecret: text("client_secret"),
      refreshToken: text("refresh_token"),
      accessToken: text("access_token"),
      accessUrl: text("token_url"),
    },
  };
}

/** A password goes to another machine over TLS only, also when somebody on the way hides that the server can do it. */
function isThisMachine(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|::1)$/i.test(host);
}

function isHtml(message: string): boolean {
  return /^\s*<(!doctype html|html)\b/i.test(message);
}

function refuseRejected(rejected: readonly unknown[] | undefined): void {
  if (rejected === undefined || rejected.length === 0) return;
  throw new ActionError(
    `the server took the message, but not for ${rejected.map(String).join(", ")}`,
    "correct to; the others have got it",
  );
}

function explained(error: unknown, { host, port }: MailServer): Error {
  if (error instanceof ActionError) return error;
  const why = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? error.code : null;
  const remedy = code === "EAUTH"
    ? "check smtp.username and smtp.password"
    : code === "ETLS"
    ? "a password is sent over TLS only: use a server that offers STARTTLS, or port 465"
    : "";
  return new ActionError(`mail server ${host}:${port}: ${why}`, remedy);
}
