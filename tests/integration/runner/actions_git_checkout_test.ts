/** `git.checkout` from real repositories, on disk and over HTTP (workflow-language contract 6.4). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { commitFile, git, makeRepository, openGitFolder, serveGit } from "../../support/git.ts";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall, resultOf } from "../../support/named-call.ts";

type Given = Readonly<Record<string, unknown>>;

interface Bench extends AsyncDisposable {
  readonly top: string;
  readonly origin: string;
  readonly clone: string;
  readonly host: HostBench;
  checkout(given?: Given): Promise<Performed>;
}

async function openBench(): Promise<Bench> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await openGitFolder());
  const host = stack.use(await openHostBench());
  const origin = await makeRepository(join(folder.path, "origin"));
  return {
    top: folder.path,
    origin,
    clone: join(folder.path, "below/clone"),
    host,
    checkout: (given = {}) =>
      host.perform({
        action: namedCall("git.checkout", { repository: "origin", path: "below/clone", ...given }),
        workingDir: folder.path,
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function assertRefused({ outcome }: Performed, pattern: RegExp): void {
  assert.equal(outcome.failure?.code, "ACTION_FAILED");
  assert.match(outcome.failure?.message ?? "", pattern);
}

Deno.test("6.4 git.checkout clones the default branch, then follows it", async () => {
  await using bench = await openBench();
  const first = await git(bench.origin, "rev-parse", "HEAD");
  const facts = { operation: "checkout", path: bench.clone, ref: "main" };
  assert.deepEqual(resultOf((await bench.checkout()).stdout), {
    ...facts,
    commit: first,
    cloned: true,
    changed: true,
  });
  const same = resultOf((await bench.checkout()).stdout);
  assert.deepEqual(same, { ...facts, commit: first, cloned: false, changed: false });
  const second = await commitFile(bench.origin, "readme", "two\n");
  const moved = resultOf((await bench.checkout({ ref: "main" })).stdout);
  assert.deepEqual(moved, { ...facts, commit: second, cloned: false, changed: true });
  assert.equal(await Deno.readTextFile(join(bench.clone, "readme")), "two\n");
  assert.equal(await git(bench.clone, "branch", "--show-current"), "main");
});

Deno.test("6.4 git.checkout finds branches, tags, commits and other refs, whole or with depth", async () => {
  for (const depth of [0, 1, "2"]) {
    await using bench = await openBench();
    const one = await git(bench.origin, "rev-parse", "HEAD");
    await git(bench.origin, "tag", "-a", "-m", "first", "v1");
    const two = await commitFile(bench.origin, "readme", "two\n");
    await git(bench.origin, "branch", "feature/two");
    const hidden = await commitFile(bench.origin, "readme", "three\n");
    await git(bench.origin, "update-ref", "refs/pull/7/head", hidden);
    await git(bench.origin, "reset", "--quiet", "--hard", two);
    const cases = [
      ["feature/two", two],
      ["v1", one],
      ["refs/tags/v1", one],
      ["refs/heads/feature/two", two],
      ["refs/pull/7/head", hidden],
      [one, one],
      [one.slice(0, 10), one],
      ["main", two],
    ] as const;
    for (const [ref, commit] of cases) {
      const { stdout, outcome } = await bench.checkout({ ref, depth });
      assert.equal(outcome.failure, null, `${ref} with depth ${depth}: ${outcome.failure?.message}`);
      assert.deepEqual([resultOf(stdout)["commit"], resultOf(stdout)["ref"]], [commit, ref]);
      assert.equal(await git(bench.clone, "rev-parse", "HEAD"), commit);
    }
  }
});

Deno.test("6.4 git.checkout with depth fetches no more than that, and without it the rest later", async () => {
  await using bench = await openBench();
  await commitFile(bench.origin, "readme", "two\n");
  // Only a server cuts a history: a path on disk is copied whole.
  const repository = `file://${bench.origin}`;
  await bench.checkout({ repository, depth: 1 });
  assert.equal(await git(bench.clone, "rev-list", "--count", "HEAD"), "1");
  await commitFile(bench.origin, "readme", "three\n");
  const next = await bench.checkout({ repository, depth: 1 });
  assert.equal(next.outcome.failure, null);
  await bench.checkout({ repository });
  assert.equal(await git(bench.clone, "rev-list", "--count", "HEAD"), "3");
});

Deno.test("6.4 git.checkout throws local work away only with force", async () => {
  await using bench = await openBench();
  await bench.checkout();
  await Deno.writeTextFile(join(bench.clone, "readme"), "mine\n");
  await Deno.writeTextFile(join(bench.clone, "unknown"), "stays\n");
  assertRefused(await bench.checkout(), /has local changes in 1 file/);
  assert.equal(resultOf((await bench.checkout({ force: true })).stdout)["changed"], true);
  assert.equal(await Deno.readTextFile(join(bench.clone, "readme")), "one\n");
  assert.equal(await Deno.readTextFile(join(bench.clone, "unknown")), "stays\n");

  await commitFile(bench.clone, "readme", "mine\n");
  assertRefused(await bench.checkout(), /branch "main" in .* has commits that the repository has not/);
  assert.equal((await bench.checkout({ force: true })).outcome.failure, null);
  assert.equal(await Deno.readTextFile(join(bench.clone, "readme")), "one\n");
});

Deno.test("6.4 git.checkout refuses what is not its own, and leaves no half clone", async () => {
  await using bench = await openBench();
  const other = await makeRepository(join(bench.top, "other"));
  await Deno.mkdir(join(bench.top, "full/inner"), { recursive: true });
  await git(bench.top, "init", "--quiet", "--bare", "empty.git");
  const cases: readonly (readonly [Given, RegExp])[] = [
    [{ ref: "nope" }, /ref "nope" is no branch, tag or commit/],
    [{ ref: "0123456789012345678901234567890123456789" }, /not our ref|is not in the repository|failed/],
    [{ ref: "--upload-pack=touch x" }, /begins with a dash/],
    [{ ref: "main~1" }, /is not a name/],
    [{ repository: "--upload-pack=touch x" }, /begins with a dash/],
    [{ repository: "ext::sh -c id" }, /names a transport helper/],
    [{ repository: "missing" }, /git ls-remote failed/],
    [{ repository: "empty.git" }, /has no commit yet/],
    [{ path: "full" }, /full exists and is not a clone/],
    [{ path: "other/../other" }, /is a clone of another repository/],
    [{ ssh_passphrase: "x" }, /without ssh_key_path/],
  ];
  for (const [given, pattern] of cases) assertRefused(await bench.checkout(given), pattern);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(bench.clone)), []);
  assert.equal(await Deno.readTextFile(join(other, "readme")), "one\n");
});

Deno.test("6.4 git.checkout proves who it is, and the secret stays out of repository, message and command line", async () => {
  await using bench = await openBench();
  await using server = serveGit(bench.top, "robot", "s3cret pa'ss");
  const repository = `${server.url}/origin`;
  const anonymous = await bench.checkout({ repository });
  assertRefused(anonymous, /could not read Username|terminal prompts disabled/);
  const wrong = await bench.checkout({ repository, username: "robot", password: "not-this" });
  assertRefused(wrong, /Authentication failed/);
  assert.doesNotMatch(wrong.outcome.failure?.message ?? "", /not-this/);

  const waysIn: readonly Given[] = [
    { repository, username: "robot", password: "s3cret pa'ss" },
    { repository, username: "robot", token: "s3cret pa'ss" },
    { repository: repository.replace("//", `//robot:${encodeURIComponent("s3cret pa'ss")}@`) },
  ];
  for (const given of waysIn) {
    const { outcome, stdout, stderr } = await bench.checkout(given);
    assert.equal(outcome.failure, null, outcome.failure?.message);
    assert.doesNotMatch(stdout + stderr, /s3cret/);
    assert.doesNotMatch(await Deno.readTextFile(join(bench.clone, ".git/config")), /s3cret|robot|helper/);
  }
  const left = await Array.fromAsync(Deno.readDir(bench.host.workspace.attemptDir));
  assert.deepEqual(left.filter(({ name }) => name.endsWith(".askpass")), []);
});

Deno.test("6.4 git.checkout gives the secret to no host that its own leads it to", async () => {
  await using bench = await openBench();
  await using thief = serveGit(bench.top, "robot", "s3cret");
  await using host = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { pathname, search } = new URL(request.url);
    return Response.redirect(`${thief.url}${pathname}${search}`, 302);
  });
  const repository = `http://127.0.0.1:${host.addr.port}/origin`;
  const { outcome } = await bench.checkout({ repository, username: "robot", password: "s3cret" });
  assert.equal(outcome.failure?.code, "ACTION_FAILED");
  assert.deepEqual(thief.requests.filter(({ authorization }) => authorization !== null), []);
});
