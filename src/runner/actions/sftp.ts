/** `sftp.upload` and `sftp.download`: files and whole folders (workflow-language contract 6.5). */
import { basename, dirname, join, posix } from "node:path";
import type { SFTPWrapper, Stats } from "ssh2";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError, printResult } from "./deed.ts";
import { joinDir, stepDir } from "./host.ts";
import { notPlain } from "./plain-file.ts";
import { cutOnStop, openSsh, readSettings } from "./ssh-connection.ts";
import type { Work } from "./work.ts";

interface Moved {
  files: number;
  bytes: number;
}

export async function sftpUpload(given: With<"sftp.upload">, work: Work): Promise<Outcome> {
  const source = joinDir(stepDir(work), given.source);
  const info = await Deno.stat(source).catch(() => null);
  if (info === null) throw new ActionError(`source ${source} does not exist`, "correct source");
  if (!info.isDirectory && !info.isFile) throw notPlain(source);
  return await transfer("upload", given, work, async (remote, moved) => {
    const destination = info.isDirectory
      ? given.destination
      : await remote.targetOf(given.destination, source);
    await remote.makeFolder(info.isDirectory ? destination : posix.dirname(destination));
    if (info.isDirectory) await uploadFolder(remote, source, destination, moved, work);
    else await uploadFile(remote, source, destination, info, moved, work);
    return { source, destination };
  });
}

export async function sftpDownload(given: With<"sftp.download">, work: Work): Promise<Outcome> {
  return await transfer("download", given, work, async (remote, moved) => {
    const { source } = given;
    const stats = await remote.look(source);
    if (stats === null) {
      throw new ActionError(`source ${source} does not exist on the server`, "correct source");
    }
    const place = joinDir(stepDir(work), given.destination);
    const isInto = given.destination.endsWith("/") || (await Deno.stat(place).catch(() => null))?.isDirectory;
    const destination = !stats.isDirectory() && isInto === true ? join(place, posix.basename(source)) : place;
    if (stats.isDirectory()) await downloadFolder(remote, source, destination, moved, work);
    else await downloadFile(remote, source, destination, stats, moved, work);
    return { source, destination };
  });
}

async function transfer(
  operation: string,
  given: With<"sftp.upload">,
  work: Work,
  deed: (remote: Remote, moved: Moved) => Promise<{ readonly source: string; readonly destination: string }>,
): Promise<Outcome> {
  const { source: _source, destination: _destination, ...own } = given;
  await using connection = await openSsh(readSettings(own, work), work);
  using _cut = cutOnStop(connection, work.signal);
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
    connection.client.sftp((error, opened) => error === undefined ? resolve(opened) : reject(error));
  });
  const moved: Moved = { files: 0, bytes: 0 };
  const places = await deed(newRemote(sftp), moved);
  return await printResult(work, { operation, ...places, ...moved });
}

// ---- upload -----------------------------------------------------------------------------------------------------

async function uploadFolder(
  remote: Remote,
  source: string,
  destination: string,
  moved: Moved,
  work: Work,
): Promise<void> {
  for await (const entry of Deno.readDir(source)) {
    const [from, to] = [join(source, entry.name), posix.join(destination, entry.name)];
    if (entry.isDirectory) {
      await remote.makeFolder(to);
      await uploadFolder(remote, from, to, moved, work);
      continue;
    }
    // A link to a folder may lead round in a circle.
    const info = await Deno.stat(from).catch(() => null);
    if (info?.isFile === true) await uploadFile(remote, from, to, info, moved, work);
  }
}

/** Who reads the destination finds the old file or the whole new one. */
async function uploadFile(
  remote: Remote,
  source: string,
  destination: string,
  info: Deno.FileInfo,
  moved: Moved,
  work: Work,
): Promise<void> {
  const part = posix.join(posix.dirname(destination), `.${work.attempt.ids.uuid()}.part`);
  try {
    await remote.put(source, part, (info.mode ?? 0o644) & 0o777);
    await remote.rename(part, destination);
  } catch (error) {
    await remote.remove(part);
    throw explained(error, destination);
  }
  moved.files += 1;
  moved.bytes += info.size;
}

// ---- download ---------------------------------------------------------------------------------------------------

async function downloadFolder(
  remote: Remote,
  source: string,
  destination: string,
  moved: Moved,
  work: Work,
): Promise<void> {
  await Deno.mkdir(destination, { recursive: true });
  for (const { filename, attrs } of await remote.list(source)) {
    // A name is the server's to choose, where it is written is ours.
    if (filename === "." || filename === ".." || filename.includes("/") || filename.includes("\0")) continue;
    const [from, to] = [posix.join(source, filename), join(destination, filename)];
    if (attrs.isDirectory()) {
      await downloadFolder(remote, from, to, moved, work);
      continue;
    }
    const stats = attrs.isSymbolicLink() ? await remote.look(from) : attrs;
    if (stats?.isFile() === true) await downloadFile(remote, from, to, stats, moved, work);
  }
}

async function downloadFile(
  remote: Remote,
  source: string,
  destination: string,
  stats: Stats,
  moved: Moved,
  work: Work,
): Promise<void> {
  await Deno.mkdir(dirname(destination), { recursive: true });
  const known = await Deno.stat(destination).catch(() => null);
  if (known !== null && !known.isFile && !known.isDirectory) throw notPlain(destination);
  const part = join(dirname(destination), `.${work.attempt.ids.uuid()}.part`);
  try {
    await remote.get(source, part);
    await Deno.chmod(part, stats.mode & 0o777);
    await Deno.rename(part, destination);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw explained(error, source);
  }
  moved.files += 1;
  moved.bytes += stats.size;
}

function explained(error: unknown, path: string): ActionError {
  return new ActionError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
}

// ---- the other side ---------------------------------------------------------------------------------------------

interface Remote {
  /** Links followed; null: there is nothing. */
  look(path: string): Promise<Stats | null>;
  /** Where a file goes: into a folder that is there or written with a slash, or to that very path. */
  targetOf(destination: string, source: string): Promise<string>;
  list(path: string): Promise<readonly { readonly filename: string; readonly attrs: Stats }[]>;
  /** With those above it. */
  makeFolder(path: string): Promise<void>;
  put(local: string, path: string, mode: number): Promise<void>;
  get(path: string, local: string): Promise<void>;
  /** In the place of what may be there. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

const NO_SUCH_FILE = 2;

function newRemote(sftp: SFTPWrapper): Remote {
  const look = async (path: string): Promise<Stats | null> => {
    try {
      return await called<Stats>((done) => sftp.stat(path, done));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === NO_SUCH_FILE) return null;
      throw explained(error, path);
    }
  };
  const makeFolder = async (path: string): Promise<void> => {
    if (path === "." || path === "/" || await look(path) !== null) return;
    await makeFolder(posix.dirname(path));
    await done((end) => sftp.mkdir(path, end)).catch((error) => {
      throw explained(error, path);
    });
  };
  const remove = (path: string): Promise<void> => done((end) => sftp.unlink(path, end)).catch(() => {});
  return {
    look,
    makeFolder,
    remove,
    targetOf: async (destination, source) => {
      const isInto = destination.endsWith("/") || (await look(destination))?.isDirectory() === true;
      return isInto ? posix.join(destination, basename(source)) : destination;
    },
    list: (path) =>
      called<readonly { readonly filename: string; readonly attrs: Stats }[]>((end) =>
        sftp.readdir(path, end)
      ),
    put: (local, path, mode) => done((end) => sftp.fastPut(local, path, { mode }, end)),
    get: (path, local) => done((end) => sftp.fastGet(path, local, end)),
    rename: async (from, to) => {
      try {
        await done((end) => sftp.ext_openssh_rename(from, to, end));
      } catch {
        // Another server than OpenSSH: the plain rename takes nobody's place.
        await remove(to);
        await done((end) => sftp.rename(from, to, end));
      }
    },
  };
}

function called<T>(start: (end: (error: Error | undefined, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => error === undefined || error === null ? resolve(value) : reject(error));
  });
}

function done(start: (end: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => error === undefined || error === null ? resolve() : reject(error));
  });
}
