/** The least that a container costs over an engine's socket: the documented requests, one after the other, nothing checked. */
import { Agent, type Dispatcher } from "undici";

export interface RawEngine extends AsyncDisposable {
  /** Create, attach, start, wait, logs, remove. */
  step(image: string, text: string): Promise<void>;
  /** Create, attach, start, read and drop to the end, remove. */
  attached(image: string, text: string): Promise<void>;
  /** Create, start, read to the end, inspect. */
  exec(container: string, text: string): Promise<void>;
}

type Answer = Dispatcher.ResponseData;

export function openRawEngine(socketPath: string): RawEngine {
  const agent = new Agent({ connect: { socketPath, timeout: 0 }, headersTimeout: 0, bodyTimeout: 0 });
  const ask = (method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<Answer> =>
    agent.request({
      origin: "http://engine",
      path: `/v1.41${path}`,
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
  const create = async (path: string, body: unknown): Promise<string> => {
    const { Id } = await (await ask("POST", path, body)).body.json() as { readonly Id: string };
    return Id;
  };
  const container = (image: string, text: string): Promise<string> =>
    create("/containers/create", {
      Image: image,
      Entrypoint: ["/bin/sh"],
      Cmd: ["-e", "-c", text],
      HostConfig: { NetworkMode: "none" },
    });

  return {
    step: async (image, text) => {
      const id = await container(image, text);
      const output = await ask("POST", `/containers/${id}/attach?stream=1&stdout=1&stderr=1`);
      await drop(await ask("POST", `/containers/${id}/start`));
      await drop(await ask("POST", `/containers/${id}/wait`));
      await drop(output);
      await drop(await ask("GET", `/containers/${id}/logs?stdout=1&stderr=1`));
      await drop(await ask("DELETE", `/containers/${id}?force=1&v=1`));
    },
    attached: async (image, text) => {
      const id = await container(image, text);
      const output = await ask("POST", `/containers/${id}/attach?stream=1&stdout=1&stderr=1`);
      await drop(await ask("POST", `/containers/${id}/start`));
      await drop(output);
      await drop(await ask("DELETE", `/containers/${id}?force=1&v=1`));
    },
    exec: async (id, text) => {
      const exec = await create(`/containers/${id}/exec`, {
        Cmd: ["/bin/sh", "-e", "-c", text],
        AttachStdout: true,
        AttachStderr: true,
      });
      await drop(await ask("POST", `/exec/${exec}/start`, { Detach: false, Tty: false }));
      await drop(await ask("GET", `/exec/${exec}/json`));
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

async function drop({ body }: Answer): Promise<void> {
  for await (const _bytes of body) {
    // Only that it came is of interest.
  }
}
