/** Scripts that travel into a container as a file, through the engine's archive call (containers contract 4.4.2). */
import { packTar } from "modern-tar";
import { dirname } from "node:path";
import { putArchive } from "./api/container.ts";
import type { Reply } from "./api/error.ts";
import { createExec, startExec } from "./api/exec.ts";
import type { Engine } from "./engine.ts";
import { drain } from "./output.ts";
import type { ScriptFile } from "./shell.ts";

/** Whoever runs it may not be root, and nobody can guess the folder's name. */
const FOLDER_MODE = 0o711;
const FILE_MODE = 0o755;

/** Works before the start of a container, too. */
export async function putScript(
  engine: Engine,
  id: string,
  { path, text }: ScriptFile,
  signal: AbortSignal,
): Promise<Reply<unknown>> {
  const body = new TextEncoder().encode(text);
  const name = path.slice(1);
  const archive = await packTar([
    { header: { name: `${dirname(name)}/`, size: 0, type: "directory", mode: FOLDER_MODE } },
    { header: { name, size: body.length, type: "file", mode: FILE_MODE }, body },
  ]);
  return await putArchive(engine.socket, id, "/", archive, signal);
}

const REMOVAL_MS = 10_000;

/** From a container that goes on. One that cannot do it keeps a file that nobody reads. */
export async function removeScript(engine: Engine, id: string, { path }: ScriptFile): Promise<void> {
  const deadline = AbortSignal.timeout(REMOVAL_MS);
  const created = await createExec(
    engine.socket,
    id,
    { Cmd: ["rm", "-rf", dirname(path)], User: "0" },
    deadline,
  );
  if (!created.ok) return;
  const started = await startExec(engine.socket, created.value, deadline);
  if (!started.ok) return;
  const nowhere = { write: () => Promise.resolve() };
  await drain(started.value, false, "exec start", nowhere);
}
