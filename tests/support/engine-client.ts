/** A client of an engine that is not ours: what tests do to an engine, and what they believe of it. */
import { Agent } from "undici";

export interface EngineClient extends AsyncDisposable {
  /** The answer's JSON, or its text when it is none; throws on a refusal that is not among `allowed`. */
  ask(method: Method, path: string, body?: unknown, allowed?: readonly number[]): Promise<unknown>;
}

type Method = "GET" | "POST" | "DELETE";

export function openEngineClient(socketPath: string): EngineClient {
  const agent = new Agent({ connect: { socketPath, timeout: 0 }, headersTimeout: 0, bodyTimeout: 0 });
  return {
    ask: async (method, path, body, allowed = []) => {
      const answer = await agent.request({
        origin: "http://engine",
        path: `/v1.41${path}`,
        method,
        headers: body === undefined ? {} : { "content-type": "application/json" },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 400 && !allowed.includes(answer.statusCode)) {
        throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
      }
      try {
        return text === "" ? null : JSON.parse(text);
      } catch {
        return text;
      }
    },
    [Symbol.asyncDispose]: () => agent.close(),
  };
}
