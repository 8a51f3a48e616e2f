/** An engine that answers as a test says: for what real ones do too rarely to wait for. */
import { createServer } from "node:http";

export interface FakeEngine extends AsyncDisposable {
  readonly path: string;
  /** `METHOD /path`, without version and query. */
  readonly asked: string[];
}

/** What of Node's messages the answers use: two versions of its types meet here, which differ in the rest. */
export interface Asked {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
}

export interface Reply {
  writeHead(status: number, headers?: Record<string, string>): Reply;
  write(text: string, done?: () => void): unknown;
  end(text?: string): unknown;
  destroy(): unknown;
}

type Answer = (request: Asked, response: Reply, path: string) => void;

export async function openFake(answer: Answer): Promise<FakeEngine> {
  const folder = await Deno.makeTempDir();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? "").replace(/^\/v[\d.]+/, "").replace(/\?.*/, "");
    asked.push(`${request.method} ${path}`);
    answer(request, response, path);
  });
  const path = `${folder}/fake.sock`;
  await new Promise<void>((resolve) => server.listen(path, () => resolve()));
  return {
    path,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await Deno.remove(folder, { recursive: true });
    },
  };
}

export function json(response: Reply, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "api-version": "1.41" });
  response.end(JSON.stringify(body));
}
