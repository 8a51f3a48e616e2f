/** What people may read while something else is done. */
export function writeStderr(bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch {
    // Nobody reads it, or its disk is full: no reason to leave the work alone, and there is nowhere to tell it.
  }
}
