import { resolve } from "node:path";

/** `resolve(path)`, which by itself loads all of `node:process` to ask where it is: a tenth of a short command. */
export function absolute(path: string): string {
  return resolve(Deno.cwd(), path);
}
