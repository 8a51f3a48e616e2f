/** Streams into files: who reads the path finds the old content or the whole new one. */
import { basename, dirname, join } from "node:path";
import { ActionError } from "./deed.ts";
import type { Work } from "./work.ts";

export async function writeStream(
  path: string,
  stream: AsyncIterable<Uint8Array>,
  work: Work,
): Promise<void> {
  const folder = dirname(path);
  await Deno.mkdir(folder, { recursive: true });
  const target = join(folder, `.${basename(path)}.${work.attempt.ids.uuid()}`);
  try {
    using file = await Deno.open(target, { createNew: true, write: true });
    for await (const bytes of stream) {
      if (work.signal.aborted) throw new ActionError("stopped");
      for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
    }
    await Deno.rename(target, path);
  } catch (error) {
    await Deno.remove(target).catch(() => {});
    throw error;
  }
}
