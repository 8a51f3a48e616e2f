/** A real SMTP server that keeps what it is given. */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { SMTPServer } from "smtp-server";

export interface Delivered {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
  readonly user: string;
}

export interface MailServer extends AsyncDisposable {
  readonly port: number;
  readonly delivered: Delivered[];
}

/** Takes mail for everybody but `nobody@...`, from everybody or from one user. */
export async function openMailServer(password: string | null): Promise<MailServer> {
  const delivered: Delivered[] = [];
  const server = new SMTPServer({
    authOptional: password === null,
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    authMethods: ["PLAIN", "XOAUTH2"],
    disableReverseLookup: true,
    closeTimeout: 100,
    onAuth: (auth, _session, done) => {
      const isKnown = auth.username === "robot" && (auth.password ?? auth.accessToken) === password;
      done(isKnown ? null : new Error("who are you?"), isKnown ? { user: auth.username } : undefined);
    },
    onRcptTo: (address, _session, done) => {
      done(address.address.startsWith("nobody@") ? new Error("no such mailbox") : null);
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk) => chunks.push(chunk));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        delivered.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString(),
          user: String(session.user ?? ""),
        });
        done();
      });
    },
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.server.address();
  assert.ok(address !== null && typeof address === "object");
  return {
    port: address.port,
    delivered,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
