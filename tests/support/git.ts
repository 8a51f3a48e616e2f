/** Real repositories in a folder of their own, and a real server for them. */
import { join } from "node:path";

export interface GitFolder extends AsyncDisposable {
  readonly path: string;
}

export async function openGitFolder(): Promise<GitFolder> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "dagu-git-" }));
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Must succeed; its stdout without the line break at the end. */
export async function git(folder: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("git", {
    args: ["-c", "user.name=Tester", "-c", "user.email=tester@example.com", ...args],
    cwd: folder,
    env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" },
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`git ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout).trimEnd();
}

/** On `main`, with one commit. */
export async function makeRepository(path: string): Promise<string> {
  await Deno.mkdir(path, { recursive: true });
  await git(path, "init", "--quiet", "--initial-branch=main");
  await commitFile(path, "readme", "one\n");
  return path;
}

/** Returns the new commit. */
export async function commitFile(tree: string, name: string, text: string): Promise<string> {
  await Deno.writeTextFile(join(tree, name), text);
  await git(tree, "add", "--", name);
  await git(tree, "commit", "--quiet", "-m", `change ${name}`);
  return await git(tree, "rev-parse", "HEAD");
}

export interface GitServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly { readonly path: string; readonly authorization: string | null }[];
}

/** Serves the repositories below a folder over HTTP, to one user alone. */
export function serveGit(folder: string, user: string, password: string): GitServer {
  const requests: { path: string; authorization: string | null }[] = [];
  const expected = `Basic ${btoa(`${user}:${password}`)}`;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const authorization = request.headers.get("authorization");
    requests.push({ path: pathname, authorization });
    if (authorization !== expected) {
      return new Response("who are you?", {
        status: 401,
        headers: { "www-authenticate": 'Basic realm="git"' },
      });
    }
    return await backend(folder, request, pathname, search);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** `git http-backend` is a CGI program: headers, an empty line, the body. */
async function backend(folder: string, request: Request, path: string, search: string): Promise<Response> {
  const child = new Deno.Command("git", {
    args: ["http-backend"],
    env: {
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: path,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers.get("content-type") ?? "",
      HTTP_CONTENT_ENCODING: request.headers.get("content-encoding") ?? "",
      GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
      REMOTE_USER: "tester",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new Uint8Array(await request.arrayBuffer()));
  await input.close();
  const { stdout } = await child.output();
  const text = new TextDecoder("latin1").decode(stdout);
  const end = text.indexOf("\r\n\r\n");
  const headers = new Headers(
    text.slice(0, end).split("\r\n").map((line): [string, string] => {
      const [name = "", value = ""] = line.split(": ");
      return [name, value];
    }),
  );
  const status = Number(headers.get("status")?.split(" ")[0] ?? "200");
  headers.delete("status");
  return new Response(stdout.slice(end + 4), { status, headers });
}
