/** `mail.send` through a real SMTP server (workflow-language contract 6.5). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openMailServer } from "../../support/mail-server.ts";
import { openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall, resultOf } from "../../support/named-call.ts";

type Given = Readonly<Record<string, unknown>>;

const MAIL = { from: "dagu@example.com", to: "ann@example.com", message: "All is well.\n" };

async function send(
  given: Given,
  smtp: Given,
  options: { runnerEnv?: Readonly<Record<string, string>>; file?: string; signal?: AbortSignal } = {},
): Promise<Performed> {
  const runnerEnv = { PATH: "/usr/bin:/bin", ...options.runnerEnv };
  await using host = await openHostBench({ scope: { defaults: { smtp } }, runnerEnv });
  if (options.file !== undefined) {
    await Deno.writeTextFile(join(host.workspace.workDir, options.file), "a,b\n1,2\n");
  }
  return await host.perform({ action: namedCall("mail.send", { ...MAIL, ...given }) }, options.signal);
}

Deno.test("6.5 mail.send delivers through the workflow's smtp, to one or to many", async () => {
  await using server = await openMailServer(null);
  const smtp = { host: "127.0.0.1", port: String(server.port) };
  const one = await send({ subject: "Grüße\r\nBcc: thief@example.com" }, smtp);
  assert.equal(one.outcome.failure, null, one.outcome.failure?.message);
  assert.deepEqual(resultOf(one.stdout)["accepted"], ["ann@example.com"]);
  await send({ to: ["Ann <ann@example.com>", "bob@example.com"] }, smtp);
  const [first, second] = server.delivered;
  assert.deepEqual([first?.from, first?.to], ["dagu@example.com", ["ann@example.com"]]);
  assert.match(first?.text ?? "", /^Subject: =\?UTF-8\?/m);
  assert.doesNotMatch(first?.text ?? "", /^Bcc:/im);
  assert.match(first?.text ?? "", /\r\n\r\nAll is well\.\r\n/);
  assert.deepEqual(second?.to, ["ann@example.com", "bob@example.com"]);
});

Deno.test("6.5 mail.send attaches files of the step's folder, and sends HTML as such", async () => {
  await using server = await openMailServer(null);
  const smtp = { host: "localhost", port: server.port };
  const given = { message: "<!DOCTYPE html><p>Hi</p>", attachments: ["table.csv"] };
  const { outcome } = await send(given, smtp, { file: "table.csv" });
  assert.equal(outcome.failure, null, outcome.failure?.message);
  const text = server.delivered[0]?.text ?? "";
  assert.match(text, /Content-Type: text\/html/);
  assert.match(text, /filename=table\.csv/);
  assert.match(text, new RegExp(btoa("a,b\n1,2\n")));
});

Deno.test("6.5 mail.send takes the runner's server, whose password goes to no other", async () => {
  await using server = await openMailServer("s3cret");
  const runnerEnv = {
    DAGU_SMTP_HOST: "127.0.0.1",
    DAGU_SMTP_PORT: String(server.port),
    DAGU_SMTP_USERNAME: "robot",
    DAGU_SMTP_PASSWORD: "s3cret",
  };
  assert.equal((await send({}, {}, { runnerEnv })).outcome.failure, null);
  assert.equal(server.delivered[0]?.user, "robot");
  const own = await send({}, { host: "127.0.0.1", port: server.port }, { runnerEnv });
  assert.match(own.outcome.failure?.message ?? "", /mail server 127\.0\.0\.1:\d+: .*[Aa]uthentication/);
  assert.equal(server.delivered.length, 1);
});

Deno.test("6.5 mail.send logs in with an OAuth access token", async () => {
  await using server = await openMailServer("token-1");
  const smtp = {
    host: "127.0.0.1",
    port: server.port,
    username: "robot",
    oauth: { access_token: "token-1" },
  };
  const { outcome } = await send({}, smtp);
  assert.equal(outcome.failure, null, outcome.failure?.message);
  assert.equal(server.delivered[0]?.user, "robot");
});

Deno.test("6.5 mail.send says what went wrong, and no password", async () => {
  await using server = await openMailServer("s3cret");
  const good = { host: "127.0.0.1", port: server.port, username: "robot", password: "s3cret" };
  const cases: readonly (readonly [Given, Given, RegExp])[] = [
    [{}, {}, /there is no mail server/],
    [{}, { host: "h", port: "smtp" }, /smtp\.port smtp is not a port/],
    [{}, { ...good, port: 9 }, /mail server 127\.0\.0\.1:9: .*refused/i],
    [{}, { ...good, password: "wr0ng" }, /Invalid login/],
    [{ to: ["nobody@example.com"] }, good, /no such mailbox|recipients were rejected/],
    [{ to: ["nobody@example.com", "ann@example.com"] }, good, /but not for nobody@example\.com/],
    [{ attachments: "missing.txt" }, good, /attachment \S+missing\.txt is not a file/],
  ];
  for (const [given, smtp, pattern] of cases) {
    const { outcome } = await send(given, smtp);
    assert.match(outcome.failure?.message ?? "", pattern);
    assert.doesNotMatch(outcome.failure?.message ?? "", /s3cret|wr0ng/);
  }
});

Deno.test("6.5 mail.send sends a password to another machine over TLS only", async () => {
  await using server = await openMailServer("s3cret");
  // A name of this machine that does not look like one.
  const smtp = { host: "localhost.", port: server.port, username: "robot", password: "s3cret" };
  const { outcome } = await send({}, smtp);
  assert.match(outcome.failure?.message ?? "", /STARTTLS/);
  assert.match(outcome.failure?.remedy ?? "", /TLS only/);
  assert.equal(server.delivered.length, 0);
});

Deno.test("6.5 mail.send stops with the step", async () => {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const stop = new AbortController();
  const sending = send({}, { host: "127.0.0.1", port: listener.addr.port }, { signal: stop.signal });
  // A server that never greets.
  using _connection = await listener.accept();
  stop.abort();
  assert.equal((await sending).outcome.failure?.code, "ACTION_FAILED");
});
