/** A forge's API on loopback that takes statuses of commits, and answers as a test wants. */
import { openGithub } from "../../src/server/outbound/github.ts";
import type { Clock } from "../../src/run/ports.ts";
import type { Forge } from "../../src/server/ports.ts";

export interface PostedStatus {
  readonly path: string;
  readonly authorization: string;
  readonly state: string;
  readonly context: string;
  readonly description: string;
  readonly target_url: string;
}

export interface ForgeServer extends AsyncDisposable {
  readonly forge: Forge;
  readonly address: string;
  /** Those that were taken, in their order. */
  readonly posted: readonly PostedStatus[];
  /** Asked so often, taken or not. */
  readonly asked: number;
  /** Of the next requests, one after the other; then everything is taken. */
  readonly answers: (() => Response | Promise<Response>)[];
}

export function openForgeServer(clock: Clock): ForgeServer {
  const posted: PostedStatus[] = [];
  const answers: (() => Response | Promise<Response>)[] = [];
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    asked++;
    const body = await request.text();
    const answer = answers.shift();
    if (answer !== undefined) return await answer();
    if (request.method === "GET") return Response.json({});
    const { pathname } = new URL(request.url);
    const authorization = request.headers.get("Authorization") ?? "";
    posted.push({ path: pathname, authorization, ...JSON.parse(body) });
    return Response.json({}, { status: 201 });
  });
  const address = `http://127.0.0.1:${server.addr.port}`;
  return {
    forge: openGithub({ fetch, clock }, address),
    address,
    posted,
    get asked(): number {
      return asked;
    },
    answers,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
