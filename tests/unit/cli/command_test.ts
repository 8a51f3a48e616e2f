import assert from "node:assert/strict";
import { type Command, writeBytes } from "../../../src/cli/command.ts";
import { dagu, freePort, spawnDagu } from "../../support/dagu.ts";

const BYTES = new TextEncoder().encode("abcdef");

Deno.test("writeBytes: C-02 goes on until everything is written", () => {
  let written = "";
  writeBytes({
    writeSync: (bytes) => {
      written += new TextDecoder().decode(bytes.subarray(0, 2));
      return Math.min(2, bytes.length);
    },
  }, BYTES);
  assert.equal(written, "abcdef");
});

Deno.test("writeBytes: C-01 a reader that has gone is no failure, anything else is", () => {
  const failing = (error: Error) => ({
    writeSync: (): number => {
      throw error;
    },
  });
  writeBytes(failing(new Deno.errors.BrokenPipe("gone")), BYTES);
  assert.throws(() => writeBytes(failing(new Error("disk full")), BYTES), /disk full/);
});

Deno.test("commands: C-01 each that the help names has its file, and is the one that its file says it is", async () => {
  const { stdout } = await dagu({ args: ["--help"], env: {} });
  const names = [...stdout.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name = ""]) => name);
  assert.ok(names.length > 30, stdout);
  for (const name of names) {
    const { command }: { command: Command } = await import(`../../../src/cli/commands/${name}.ts`);
    assert.match(command.usage, new RegExp(`^${name}(?: |$)`));
  }
});

Deno.test("C-01 what the environment and the flags of a service say wrongly is named, with what would be right", async () => {
  const home = await Deno.makeTempDir();
  const file = `${home}/file`;
  await Deno.writeTextFile(file, "");
  const token = { DAGU_AUTH_MODE: "token" };
  const postgres = { DATABASE_URL: "postgres:/secret" };
  const cases: [args: string[], env: Record<string, string>, message: RegExp][] = [
    [
      ["server", "--host", "192.0.2.1"],
      token,
      /^dagu server: cannot listen on 192\.0\.2\.1, port 8080: .*\n.*--host/,
    ],
    [
      ["server", "--dags", file],
      {},
      /^dagu server: cannot use .*file as the folder of definitions: .*\n.*--dags/,
    ],
    [
      ["server"],
      { DATABASE_URL: "mysql://x:secret@y" },
      /^dagu server: DATABASE_URL is not .* write postgres:\/\//,
    ],
    [["server"], postgres, /^dagu server: DATABASE_URL is not .* write postgres:\/\//],
    [
      ["server"],
      { DAGU_DATABASE_URL: "x", DATABASE_URL: "postgres://y" },
      /^dagu server: DAGU_DATABASE_URL is not .* write postgres:\/\//,
    ],
    [["server"], { DAGU_BLOB_STORE_URL: "x" }, /^dagu server: DAGU_BLOB_STORE_URL must be s3:\/\/BUCKET/],
    [
      ["server"],
      { DAGU_GITHUB_API_URL: "ftp://x" },
      /^dagu server: DAGU_GITHUB_API_URL must be the address of GitHub's API/,
    ],
    [
      ["server"],
      { DAGU_GITHUB_API_URL: "https://me:secret@x/api/v3" },
      /^dagu server: DAGU_GITHUB_API_URL must be [^@]* without credentials\n$/,
    ],
    [
      ["server"],
      { DAGU_PUBLIC_URL: "x" },
      /^dagu server: DAGU_PUBLIC_URL is "x"; write the address of this server/,
    ],
    [
      ["server"],
      { DAGU_IP_ACCESS_TRUSTED_PROXIES: "10.0.0.0/8, proxy" },
      /^dagu server: DAGU_IP_ACCESS_TRUSTED_PROXIES: "proxy" is no address and no network/,
    ],
    [
      ["start-all", "--port", "0"],
      { DAGU_LOG_DIR: "/proc/x" },
      /^dagu start-all: DAGU_LOG_DIR is "\/proc\/x", where no file can be written: /,
    ],
    [
      ["worker", "--url", "http://h", "--token", "t"],
      { DAGU_LOG_DIR: file },
      /^dagu worker: DAGU_LOG_DIR is ".*file", where no file can be written: /,
    ],
    [
      ["server"],
      { DAGU_LOG_FORMAT: "xml" },
      /^dagu server: DAGU_LOG_FORMAT is "xml"; it can be text or json/,
    ],
    [
      ["worker", "--url", "ftp://host"],
      {},
      /^dagu worker: "ftp:\/\/host" is not the address of a control plane; write --url/,
    ],
    [
      ["worker", "--url", "http://h", "--token", "t", "--labels", "=x"],
      {},
      /^dagu worker: the label "=x" has no name/,
    ],
    [
      ["worker", "--url", "http://h", "--token", "t", "--capacity", "-5"],
      {},
      /^dagu worker: .*--capacity/,
    ],
    [
      ["worker", "--url", "http://h", "--token", "t"],
      { DAGU_WORKER_MAX_ACTIVE_RUNS: "many" },
      /^dagu worker: DAGU_WORKER_MAX_ACTIVE_RUNS \(--capacity\) must be a number of runs, 1 to 1000, got "many"/,
    ],
    [
      ["worker", "--url", "http://h", "--token", "t"],
      { DAGU_RUNNER_MEMORY: "plenty" },
      /^dagu worker: DAGU_RUNNER_MEMORY: .*plenty.* is not an amount of memory such as 512Mi or 1G/,
    ],
    [
      ["status", "x", "--server", "ftp://host"],
      {},
      /^dagu status: "ftp:\/\/host" is not a URL; use --server/,
    ],
  ];
  for (const [args, env, message] of cases) {
    const { code, stderr } = await dagu({ args, env: { DAGU_HOME: `${home}/home`, ...env } });
    assert.equal(code, 1, stderr);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /secret|\n\s+at /);
  }
  await Deno.remove(home, { recursive: true });
});

Deno.test("C-01 a server that cannot be reached is exit code 69", async () => {
  // Fetch refuses this port by itself, so that nobody can be listening there.
  const args = ["status", "x", "--server", "http://127.0.0.1:9"];
  const { code, stderr } = await dagu({ args, env: {} });
  assert.equal(code, 69, stderr);
  assert.match(stderr, /^dagu status: no answer from http:\/\/127\.0\.0\.1:9/);
  const url = `http://127.0.0.1:${freePort()}`;
  const refused = await dagu({ args: ["status", "x", "--server", url], env: {} });
  assert.match(refused.stderr, /no answer from .*: .*Connection refused/, "the cause is told");
});

Deno.test("C-03 short flags in one word stand before the command; without a command they show the help", async () => {
  const file = await Deno.makeTempFile();
  const version = (await dagu({ args: ["version"], env: {} })).stdout;
  for (
    const args of [["-qc", file, "version"], [`-c${file}`, "version"], [`--config=${file}`, "-q", "version"]]
  ) {
    assert.equal((await dagu({ args, env: {} })).stdout, version, args.join(" "));
  }
  for (const args of [["-q"], ["--config"], ["-c", file]]) {
    const { code, stdout } = await dagu({ args, env: {} });
    assert.deepEqual([code, stdout.includes("Usage: dagu COMMAND")], [0, true], args.join(" "));
  }
  assert.match((await dagu({ args: ["--help", "version"], env: {} })).stdout, /^Usage: dagu version\n/);
  const { code, stderr } = await dagu({ args: ["--constructor", "version"], env: {} });
  assert.deepEqual([code, stderr.includes('no command "--constructor"')], [1, true], stderr);
  await Deno.remove(file);
});

Deno.test("C-03 -- ends the flags of a command that takes no words after it", async () => {
  const home = await Deno.makeTempDir();
  await Deno.writeTextFile(`${home}/-x.yaml`, "steps: [{run: 'true'}]\n");
  const env = { DAGU_HOME: home };
  const read = await dagu({ args: ["validate", "--", "-x.yaml"], env, cwd: home });
  assert.deepEqual(read, { code: 0, stdout: "", stderr: "" });
  const two = await dagu({ args: ["validate", "--", "-x.yaml", "-y.yaml"], env, cwd: home });
  assert.deepEqual([two.code, two.stderr.includes("unexpected argument -y.yaml")], [1, true], two.stderr);
  await Deno.remove(home, { recursive: true });
});

Deno.test("C-01 C-02 a full disk under stderr costs a run nothing; under stdout it is told", async () => {
  const home = await Deno.makeTempDir();
  await Deno.writeTextFile(`${home}/w.yaml`, `steps: [{run: "echo out; echo done > ${home}/done"}]\n`);
  const env = { DAGU_HOME: `${home}/home` };
  const into = (to: string) => ["sh", "-c", `exec "$@" ${to}/dev/full`, "sh"];
  const start = await dagu({ args: ["start", `${home}/w.yaml`], env, through: into("2>") });
  assert.deepEqual([start.code, start.stdout.includes("Result: Succeeded")], [0, true]);
  assert.equal(await Deno.readTextFile(`${home}/done`), "done\n");
  const version = await dagu({ args: ["version"], env, through: into(">") });
  assert.equal(version.code, 1);
  assert.match(version.stderr, /^dagu version: cannot write to stdout: No space left on device.*\n$/);
  await Deno.remove(home, { recursive: true });
});

Deno.test("8.4 schema: a part of it holds what it refers to; what objects inherit is no field", async () => {
  const steps = JSON.parse((await dagu({ args: ["schema", "dag", "steps"], env: {} })).stdout);
  assert.ok("step" in steps.$defs, "steps hold steps");
  assert.equal(
    "$defs" in JSON.parse((await dagu({ args: ["schema", "dag", "env"], env: {} })).stdout),
    false,
  );
  const { code, stderr } = await dagu({ args: ["schema", "dag", "toString"], env: {} });
  assert.deepEqual([code, stderr], [1, "dagu schema: workflows have no field toString\n"]);
});

Deno.test("C-01 a command that waits for a server which does not answer ends at an interrupt", async () => {
  const home = await Deno.makeTempDir();
  await Deno.writeTextFile(`${home}/w.yaml`, "steps: [{run: 'true'}]\n");
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const env = { DAGU_HOME: home, DAGU_SERVER: `http://127.0.0.1:${server.addr.port}` };
  const cases: [args: string[], signals: Deno.Signal[], code: number, says: string][] = [
    [["history"], ["SIGINT"], 130, "dagu history: interrupted\n"],
    [["secret", "keys"], ["SIGTERM"], 130, "dagu secret: interrupted\n"],
    [["start", `${home}/w.yaml`], ["SIGINT"], 130, "dagu start: interrupted before the server answered;"],
    [["stop", "w"], ["SIGINT", "SIGINT", "SIGINT"], 137, ""],
  ];
  for (const [args, signals, code, says] of cases) {
    await using running = spawnDagu({ args, env });
    using _asked = await server.accept();
    for (const signal of signals) {
      running.kill(signal);
      // Two of a kind that nobody has taken yet are one.
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const status = await running.status;
    assert.deepEqual(
      [args, status.code, running.stderr().includes(says)],
      [args, code, true],
      running.stderr(),
    );
  }
  await Deno.remove(home, { recursive: true });
});

Deno.test("8.4 C-01 a dry run is interrupted, with the command that it waits for", async () => {
  const home = await Deno.makeTempDir();
  const text = `preconditions: ['echo $$ > ${home}/pid; exec sleep 60']\nsteps: [{run: "true"}]\n`;
  await Deno.writeTextFile(`${home}/w.yaml`, text);
  await using running = spawnDagu({ args: ["dry", `${home}/w.yaml`], env: { DAGU_HOME: home } });
  let pid = "";
  while (pid === "") {
    await new Promise((resolve) => setTimeout(resolve, 50));
    pid = (await Deno.readTextFile(`${home}/pid`).catch(() => "")).trim();
  }
  running.kill("SIGINT");
  assert.equal((await running.status).code, 130);
  await assert.rejects(Deno.stat(`/proc/${pid}`), Deno.errors.NotFound);
  await Deno.remove(home, { recursive: true });
});

Deno.test("8.4 C-01 what is wrong with a command line is told in its own words", async () => {
  const home = await Deno.makeTempDir();
  const env = { DAGU_HOME: home };
  const cases: [args: string[], says: string][] = [
    [["demo", "--port", "abc"], 'dagu demo: "abc" is not a port: a number from 0 (any) to 65535\n'],
    [["demo", "--port", "65536"], 'dagu demo: "65536" is not a port: a number from 0 (any) to 65535\n'],
    [
      ["exec", "--name", "a b", "--", "true"],
      'dagu exec: name "a b" is invalid (1 to 40 of letters, digits, _ . -)\n',
    ],
  ];
  for (const [args, says] of cases) {
    assert.deepEqual(await dagu({ args, env }), { code: 1, stdout: "", stderr: says });
  }
  await Deno.remove(home, { recursive: true });
});

Deno.test("C-01 C-04 folders that cannot be used are named, with what to set", async () => {
  const home = await Deno.makeTempDir();
  const file = `${home}/file.yaml`;
  await Deno.writeTextFile(file, "steps: [{run: 'true'}]\n");
  const cases: [args: string[], env: Record<string, string>, message: RegExp][] = [
    [
      ["ls"],
      { DAGU_DAGS_DIR: file },
      /(?:^|\n)dagu ls: cannot read the folder of definitions .*\n.*DAGU_DAGS_DIR/,
    ],
    [
      ["start", "x"],
      { DAGU_DAGS_DIR: file },
      /(?:^|\n)dagu start: cannot read the folder of .*\n.*DAGU_DAGS_DIR/,
    ],
    [
      ["dry", file],
      { TMPDIR: `${home}/none` },
      /^dagu dry: cannot make a folder for the dry run: .*\n.*TMPDIR/,
    ],
  ];
  for (const [args, env, message] of cases) {
    const { code, stderr } = await dagu({ args, env: { DAGU_HOME: home, ...env } });
    assert.equal(code, 1, stderr);
    assert.match(stderr, message);
  }
  await Deno.remove(home, { recursive: true });
});

Deno.test("C-04 ls names a workflow once that has two files, and one that a link leads to", async () => {
  const home = await Deno.makeTempDir();
  await Deno.mkdir(`${home}/dags`);
  for (const name of ["a.yaml", "a.yml"]) {
    await Deno.writeTextFile(`${home}/dags/${name}`, "steps: [{run: 'true'}]\n");
  }
  await Deno.symlink("a.yaml", `${home}/dags/b.yaml`);
  assert.equal((await dagu({ args: ["ls"], env: { DAGU_HOME: home } })).stdout, "a\nb\n");
  await Deno.remove(home, { recursive: true });
});
