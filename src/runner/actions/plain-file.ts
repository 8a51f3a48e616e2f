/** Regular files, and none of the others: a pipe may be waited for without end (`pipe.ts`), and a device gives without end. */
import { ActionError } from "./deed.ts";

export function notPlain(path: string): ActionError {
  return new ActionError(`not a regular file: ${path}`, "name a regular file");
}

export async function readPlain(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!(await Deno.stat(path)).isFile) throw notPlain(path);
  return await Deno.readFile(path);
}
