/** Files that are written whole: who reads the path finds the old content or the new one, never half of it. */
import { dirname, join } from "node:path";
import { ActionError } from "./deed.ts";
import { notPlain } from "./plain-file.ts";
import type { Work } from "./work.ts";

export async function writeStream(
  path: string,
  stream: AsyncIterable<Uint8Array>,
  work: Work,
): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await replaceFile(path, work, {}, async (file) => {
    for await (const bytes of stream) {
      if (work.signal.aborted) throw new ActionError("stopped");
      await writeAll(file, bytes);
    }
  });
}

/** Of what is written to a device such as `/dev/null` nobody finds half, and it stays what it is. */
export async function replaceFile(
  path: string,
  work: Work,
  { mode }: { readonly mode?: number },
  fill: (file: Deno.FsFile) => Promise<void>,
): Promise<void> {
  const known = await Deno.stat(path).catch(() => null);
  if (known?.isCharDevice) {
    using device = await Deno.open(path, { write: true });
    return await fill(device);
  }
  if (known !== null && !known.isFile && !known.isDirectory) throw notPlain(path);
  // Without the file's own name, which may be as long as names can be.
  const target = join(dirname(path), `.${work.attempt.ids.uuid()}.part`);
  try {
    {
      using file = await Deno.open(target, {
        createNew: true,
        write: true,
        ...(mode === undefined ? {} : { mode }),
      });
      await fill(file);
    }
    // Not as an option of open, which takes the umask off.
    if (mode !== undefined) await Deno.chmod(target, mode);
    await Deno.rename(target, path);
  } catch (error) {
    await Deno.remove(target).catch(() => {});
    throw error;
  }
}

export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
}
