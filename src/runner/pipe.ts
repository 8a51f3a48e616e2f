/**
 * Whoever opens a pipe waits for its other end, and neither a stop nor a time limit ends that wait. One without a name, as
 * `/dev/stdout` may be, has its other end already.
 */
export async function isNamedPipe(path: string): Promise<boolean> {
  if ((await Deno.stat(path).catch(() => null))?.isFifo !== true) return false;
  return await Deno.realPath(path).then(() => true, () => false);
}
