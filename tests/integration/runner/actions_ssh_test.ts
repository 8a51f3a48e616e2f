/** `ssh.run`, `sftp.upload` and `sftp.download` with OpenSSH's server (workflow-language contract 6.5). */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import ssh2 from "ssh2";
import type { Server, SFTPWrapper } from "ssh2";
import { freePort } from "../../support/dagu.ts";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall, resultOf } from "../../support/named-call.ts";
import { openSshd, type Sshd } from "../../support/sshd.ts";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";

type Given = Readonly<Record<string, unknown>>;

interface Bench extends AsyncDisposable {
  readonly server: Sshd;
  readonly host: HostBench;
  /** Where transfers go to and come from. */
  readonly far: string;
  readonly near: string;
  perform(name: NamedAction, given: Given, signal?: AbortSignal): Promise<Performed>;
}

async function openBench(changes: Given = {}, onOutput = (_text: string): void => {}): Promise<Bench> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await openSshd(freePort()));
  const ssh = {
    host: "127.0.0.1",
    port: server.port,
    user: server.user,
    key: server.key,
    known_host_file: server.knownHosts,
    ...changes,
  };
  const host = stack.use(
    await openHostBench({ scope: { defaults: { ssh } }, onOutput }),
  );
  const far = join(server.folder, "far");
  await Deno.mkdir(far);
  return {
    server,
    host,
    far,
    near: host.workspace.workDir,
    perform: (name, given, signal) => host.perform({ action: namedCall(name, given), graceMs: 300 }, signal),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("6.5 ssh.run runs the command there, with both streams and its exit code", async () => {
  await using bench = await openBench();
  const good = await bench.perform("ssh.run", { command: "echo out; echo err >&2; pwd | wc -l" });
  assert.equal(good.outcome.failure, null, good.outcome.failure?.message);
  assert.deepEqual([good.stdout, good.stderr], ["out\n1\n", "err\n"]);
  const bad = await bench.perform("ssh.run", { command: "echo why >&2; exit 7" });
  assert.equal(bad.outcome.exitCode, 7);
  assert.equal(bad.outcome.failure?.message, "exit status 7\nrecent stderr:\nwhy");
  const killed = await bench.perform("ssh.run", { command: "kill -KILL $$" });
  assert.equal(killed.outcome.exitCode, 137);
  const large = await bench.perform("ssh.run", { command: "head -c 3000000 /dev/zero | tr '\\0' x" });
  assert.equal(large.stdout.length, 3_000_000);
});

Deno.test("6.5 ssh.run with shell hands the whole text to it", async () => {
  await using bench = await openBench();
  const command = `echo "it's $0" | tr a-z A-Z\necho two`;
  for (const shell of ["/bin/bash -e", ["/bin/bash", "-e", "-c"]]) {
    const { stdout } = await bench.perform("ssh.run", { command, shell });
    assert.equal(stdout, "IT'S /BIN/BASH\ntwo\n");
  }
});

Deno.test("6.5 ssh.run goes through a bastion", async () => {
  await using bench = await openBench();
  await using target = await openSshd(freePort());
  const known = await Deno.readTextFile(target.knownHosts) + await Deno.readTextFile(bench.server.knownHosts);
  await Deno.writeTextFile(bench.server.knownHosts, known);
  const bastion = {
    host: "127.0.0.1",
    port: bench.server.port,
    user: bench.server.user,
    key: bench.server.key,
  };
  const given = { command: "echo $SSH_CONNECTION", port: target.port, key: target.key, bastion };
  const { stdout, outcome } = await bench.perform("ssh.run", given);
  assert.equal(outcome.failure, null, outcome.failure?.message);
  assert.match(stdout, new RegExp(`^127\\.0\\.0\\.1 \\d+ 127\\.0\\.0\\.1 ${target.port}\n$`));
  const lost = await bench.perform("ssh.run", { command: "true", bastion: { ...bastion, user: undefined } });
  assert.match(lost.outcome.failure?.message ?? "", /bastion\.user is missing/);
});

Deno.test("6.5 ssh.run trusts only a host key that it knows", async () => {
  await using bench = await openBench();
  const { port, knownHosts, folder } = bench.server;
  const line = (await Deno.readTextFile(knownHosts)).trim();
  const [, type, key] = line.split(" ");
  const other = (await Deno.readTextFile(join(folder, "client.pub"))).split(" ")[1];
  const name = `[127.0.0.1]:${port}`;
  const hashed = join(folder, "hashed");
  await Deno.writeTextFile(hashed, `${line}\n`);
  await new Deno.Command("ssh-keygen", { args: ["-H", "-f", hashed] }).output();
  const cases: readonly (readonly [string, RegExp | null])[] = [
    [await Deno.readTextFile(hashed), null],
    [`# a comment\n\n[127.0.0.*]:${port},other ${type} ${key} comment\n`, null],
    ["", /is not known/],
    [`127.0.0.1 ${type} ${key}\n`, /is not known/],
    [`[127.0.0.*]:${port},!${name} ${type} ${key}\n`, /is not known/],
    [`@cert-authority ${name} ${type} ${key}\n`, /is not known/],
    [`${name} ${type} ${other}\n`, /another key than the known one/],
    [`${line}\n@revoked ${name} ${type} ${key}\n`, /is revoked/],
  ];
  assert.doesNotMatch(cases[0]?.[0] ?? "", /127/);
  for (const [index, [text, refusal]] of cases.entries()) {
    const file = join(folder, `known-${index}`);
    await Deno.writeTextFile(file, text);
    const { outcome, stdout } = await bench.perform("ssh.run", { command: "echo in", known_host_file: file });
    if (refusal === null) assert.equal(stdout, "in\n", outcome.failure?.message);
    else assert.match(outcome.failure?.message ?? "", refusal);
    const lax = { command: "echo in", known_host_file: file, strict_host_key: "false" };
    assert.equal((await bench.perform("ssh.run", lax)).stdout, "in\n");
  }
});

Deno.test("6.5 ssh.run says why it cannot get in", async () => {
  await using bench = await openBench();
  const { folder } = bench.server;
  await new Deno.Command("ssh-keygen", {
    args: ["-q", "-t", "ed25519", "-N", "secret", "-f", join(folder, "locked")],
  }).output();
  const cases: readonly (readonly [Given, RegExp])[] = [
    [{ port: 9 }, /root@127\.0\.0\.1:9: .*refused/i],
    [{ key: join(folder, "host") }, /does not let us in/],
    [{ key: "", password: "wr0ng" }, /does not let us in/],
    [{ key: "missing" }, /key \S+\/missing cannot be read/],
    [{ key: join(folder, "locked") }, /locked has a passphrase/],
    [{ key: join(folder, "config") }, /is no private key/],
  ];
  for (const [given, pattern] of cases) {
    const { outcome } = await bench.perform("ssh.run", { command: "true", ...given });
    assert.match(outcome.failure?.message ?? "", pattern);
    assert.equal(outcome.exitCode, 1);
  }
  const text = await Deno.readTextFile(bench.server.key);
  const { stdout } = await bench.perform("ssh.run", { command: "echo in", key: text.trimEnd() });
  assert.equal(stdout, "in\n");
});

Deno.test("6.5 ssh.run stops with the step, also where the command does not hear the signal", async () => {
  const stop = new AbortController();
  await using bench = await openBench({}, () => stop.abort());
  const pids = join(bench.far, "pids");
  const stray = `setsid sh -c 'echo $$ >> ${pids}; exec sleep 300' >/dev/null 2>&1 &`;
  const command =
    `trap '' TERM; echo $$ >> ${pids}; ${stray} sleep 0.5; echo go; while :; do sleep 0.1; done`;
  const { stdout, outcome } = await bench.perform("ssh.run", { command }, stop.signal);
  assert.equal(stdout, "go\n");
  assert.notEqual(outcome.failure, null);
  const left = (await Deno.readTextFile(pids)).trim().split("\n");
  assert.equal(left.length, 2);
  for (const pid of left) assert.equal(await isThere(pid), false, `${pid} goes on after the stop`);
});

// OpenSSH signals for everybody but root; infra/dev/up installs the other user.
for (const user of ["postgres", "root"]) {
  Deno.test(`6.5 ssh.run gives the command its signal first, as ${user}`, async () => {
    const stop = new AbortController();
    await using bench = await openBench({}, () => stop.abort());
    const command = "trap 'echo bye; exit 3' TERM; echo go; while :; do sleep 0.1; done";
    const { stdout, outcome } = await bench.perform("ssh.run", { command, user }, stop.signal);
    assert.equal(stdout, "go\nbye\n", outcome.failure?.message);
    assert.equal(outcome.exitCode, 3);
  });
}

async function isThere(pid: string): Promise<boolean> {
  try {
    return !/^State:\s+[ZX]/m.test(await Deno.readTextFile(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

Deno.test("6.5 ssh.run enters with a password, which no message tells", async () => {
  await using bench = await openBench({ key: "", password: "s3cret", strict_host_key: false });
  await using server = await openOwnServer(await Deno.readTextFile(join(bench.server.folder, "host")));
  const given = { command: "hello", user: "robot", port: server.port };
  const { stdout, outcome } = await bench.perform("ssh.run", given);
  assert.equal(stdout, "ran hello\n", outcome.failure?.message);
  assert.equal(outcome.exitCode, 3);
  const wrong = await bench.perform("ssh.run", { ...given, password: "wr0ng" });
  assert.match(wrong.outcome.failure?.message ?? "", /does not let us in/);
  assert.doesNotMatch(wrong.outcome.failure?.message ?? "", /wr0ng/);
});

Deno.test("6.5 sftp.download writes nowhere but below its destination, whatever names the server tells", async () => {
  await using bench = await openBench({ key: "", password: "s3cret", strict_host_key: false });
  await using server = await openOwnServer(await Deno.readTextFile(join(bench.server.folder, "host")));
  const given = { source: "/tree", destination: "here", user: "robot", port: server.port };
  const { outcome, stdout } = await bench.perform("sftp.download", given);
  assert.equal(outcome.failure, null, outcome.failure?.message);
  assert.equal(resultOf(stdout)["files"], 0);
  assert.deepEqual([...Deno.readDirSync(bench.near)].map(({ name }) => name), ["here"]);
});

Deno.test("6.5 sftp.upload and sftp.download carry a file there and back", async () => {
  await using bench = await openBench();
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  await Deno.writeFile(join(bench.near, "data.bin"), bytes, { mode: 0o750 });
  const target = join(bench.far, "new/folder/data.bin");
  const up = await bench.perform("sftp.upload", { source: "data.bin", destination: target });
  assert.equal(up.outcome.failure, null, up.outcome.failure?.message);
  assert.deepEqual(resultOf(up.stdout), {
    operation: "upload",
    source: join(bench.near, "data.bin"),
    destination: target,
    files: 1,
    bytes: 60_000,
  });
  assert.deepEqual(await Deno.readFile(target), bytes);
  assert.equal(((await Deno.stat(target)).mode ?? 0) & 0o777, 0o750);
  // Over an old file, and into a folder.
  await Deno.writeTextFile(join(bench.near, "data.bin"), "new");
  await bench.perform("sftp.upload", { source: "data.bin", destination: target });
  await bench.perform("sftp.upload", { source: "data.bin", destination: bench.far });
  assert.equal(await Deno.readTextFile(target), "new");
  assert.equal(await Deno.readTextFile(join(bench.far, "data.bin")), "new");

  const down = await bench.perform("sftp.download", { source: target, destination: "back/" });
  assert.equal(down.outcome.failure, null, down.outcome.failure?.message);
  assert.equal(resultOf(down.stdout)["destination"], join(bench.near, "back/data.bin"));
  assert.equal(await Deno.readTextFile(join(bench.near, "back/data.bin")), "new");
  assert.deepEqual([...Deno.readDirSync(join(bench.near, "back"))].map(({ name }) => name), ["data.bin"]);
});

Deno.test("6.5 sftp.upload and sftp.download carry folders, without going round in links", async () => {
  await using bench = await openBench();
  const tree = join(bench.near, "tree");
  await Deno.mkdir(join(tree, "a/empty"), { recursive: true });
  await Deno.writeTextFile(join(tree, "top"), "1");
  await Deno.writeTextFile(join(tree, "a/deep"), "22");
  await Deno.symlink("..", join(tree, "a/round"));
  await Deno.symlink("deep", join(tree, "a/link"));
  const up = await bench.perform("sftp.upload", { source: "tree", destination: join(bench.far, "copy") });
  assert.deepEqual([resultOf(up.stdout)["files"], resultOf(up.stdout)["bytes"]], [3, 5]);
  await Deno.symlink("..", join(bench.far, "copy/a/round"));
  const down = await bench.perform("sftp.download", { source: join(bench.far, "copy"), destination: "back" });
  assert.equal(resultOf(down.stdout)["files"], 3, down.outcome.failure?.message);
  assert.equal(await Deno.readTextFile(join(bench.near, "back/a/link")), "22");
  assert.ok((await Deno.stat(join(bench.near, "back/a/empty"))).isDirectory);
});

Deno.test("6.5 sftp says what it cannot find or write, and leaves no part of a file", async () => {
  await using bench = await openBench();
  await Deno.writeTextFile(join(bench.near, "file"), "x");
  await Deno.writeTextFile(join(bench.far, "file"), "x");
  const cases: readonly (readonly [NamedAction, Given, RegExp])[] = [
    ["sftp.upload", { source: "none", destination: bench.far }, /source \S+none does not exist/],
    ["sftp.download", { source: "/none", destination: "x" }, /source \/none does not exist on the server/],
    ["sftp.upload", { source: "file", destination: join(bench.far, "file/x") }, /file/],
  ];
  for (const [name, given, pattern] of cases) {
    assert.match((await bench.perform(name, given)).outcome.failure?.message ?? "", pattern);
  }
  assert.deepEqual([...Deno.readDirSync(bench.far)].map(({ name }) => name), ["file"]);
});

for (const how of ["time limit", "stop"] as const) {
  Deno.test(`6.5 S-97 the ${how} of ssh.run ends its waiting for a bastion that gets nowhere`, async () => {
    const asked = Promise.withResolvers<void>();
    await using bench = await openBench({ key: "", password: "s3cret", strict_host_key: false });
    const hostKey = await Deno.readTextFile(join(bench.server.folder, "host"));
    await using server = await openOwnServer(hostKey, () => asked.resolve());
    const bastion = { host: "127.0.0.1", port: server.port, user: "robot", password: "s3cret" };
    const stop = new AbortController();
    const given = { command: "true", user: "robot", host: "10.0.0.1", port: 22, bastion };
    const isStop = how === "stop";
    const performed = bench.perform("ssh.run", { ...given, timeout: isStop ? 60 : 1 }, stop.signal);
    await asked.promise;
    if (isStop) stop.abort();
    const message = (await performed).outcome.failure?.message ?? "";
    assert.match(message, isStop ? /stopped/ : /the bastion did not reach 10\.0\.0\.1:22 in time/);
  });
}

/** Lets `robot` in. Its commands end with 3; its one folder claims to hold a file above itself. */
async function openOwnServer(
  hostKey: string,
  onForward = (): void => {},
): Promise<AsyncDisposable & { readonly port: number }> {
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.on("error", () => {});
    client.on("authentication", (auth) => {
      if (auth.method === "password" && auth.username === "robot" && auth.password === "s3cret") {
        auth.accept();
      } else auth.reject(["password"]);
    });
    // Never answered.
    client.on("tcpip", onForward);
    client.on("session", (accept) => {
      const session = accept();
      session.on("exec", (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        channel.write(`ran ${command}\n`);
        channel.exit(3);
        channel.end();
      });
      session.on("sftp", (acceptSftp) => tellLies(acceptSftp()));
    });
  });
  const port = freePort();
  await new Promise<void>((resolve) => void server.listen(port, "127.0.0.1", () => resolve()));
  return { port, [Symbol.asyncDispose]: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}

function tellLies(sftp: SFTPWrapper): void {
  const { OK, EOF, FAILURE } = ssh2.utils.sftp.STATUS_CODE;
  const folder = { mode: 0o40755, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 };
  const file = { ...folder, mode: 0o100644, size: 4 };
  let isListed = false;
  sftp.on("STAT", (id) => sftp.attrs(id, folder));
  sftp.on("OPENDIR", (id) => sftp.handle(id, Buffer.from("tree")));
  sftp.on("READDIR", (id) => {
    if (isListed) return sftp.status(id, EOF);
    isListed = true;
    sftp.name(id, [{ filename: "../evil", longname: "evil", attrs: file }]);
  });
  sftp.on("CLOSE", (id) => sftp.status(id, OK));
  sftp.on("OPEN", (id) => sftp.status(id, FAILURE));
}
