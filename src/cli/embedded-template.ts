/**
 * A database that was just made, kept for new homes to copy. Making one (initdb in WebAssembly, then every migration) takes
 * three seconds and most of a gigabyte of memory; copying it takes a tenth of a second.
 */
import { join } from "node:path";
import { openLock } from "./cache.ts";

export interface Template {
  readonly cache: string;
  /** What it is made from, by content: another schema or engine is another template. */
  readonly key: string;
  /** Makes a database there and closes it. */
  make(dir: string): Promise<void>;
}

/** Puts a new database at `dir`, which is there whole or not at all. The caller holds the lock of its home. */
export async function copyTemplate(template: Template, dir: string): Promise<void> {
  const source = join(template.cache, `embedded-${template.key}`);
  if (!await isThere(source)) await makeOnce(template, source);
  await appear(dir, (unfinished) => copyFolder(source, unfinished));
}

async function makeOnce(template: Template, source: string): Promise<void> {
  using lock = await openLock(template.cache, "embedded");
  await lock.lock(true);
  if (await isThere(source)) return;
  await appear(source, template.make);
}

/** What a process that was killed left unfinished is thrown away. */
async function appear(dir: string, fill: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = `${dir}.new`;
  await Deno.remove(unfinished, { recursive: true }).catch(() => {});
  try {
    await fill(unfinished);
    await Deno.rename(unfinished, dir);
  } catch (error) {
    await Deno.remove(unfinished, { recursive: true }).catch(() => {});
    throw error;
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true, mode: 0o700 });
  const entries = await Array.fromAsync(Deno.readDir(from));
  await Promise.all(entries.map(async ({ name, isDirectory }) => {
    const [source, target] = [join(from, name), join(to, name)];
    await (isDirectory ? copyFolder(source, target) : Deno.copyFile(source, target));
  }));
}

export async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
