/** A line to an engine at a place of its own. */
import { openSocketLine, type SocketLine } from "../../support/socket-line.ts";

export interface Proxy extends SocketLine {
  readonly path: string;
}

export async function openProxy(target: string): Promise<Proxy> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/proxy.sock`;
  const { cut, mend } = openSocketLine(path, target);
  return {
    path,
    cut,
    mend,
    [Symbol.asyncDispose]: async () => {
      await cut();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
