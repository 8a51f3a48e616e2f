/** Whether this runner can work with its engine: told at registration, and by `dagu doctor` (containers contract 1.6). */
import type { EngineFacts } from "../../protocol/messages.ts";
import { createContainer, removeContainer, statInContainer } from "./api/container.ts";
import { type EngineError, isMissing } from "./api/error.ts";
import { listImages } from "./api/image.ts";
import { type SystemInfo, systemInfo } from "./api/system.ts";
import { diagnose } from "./diagnose.ts";
import type { Engine } from "./engine.ts";

type Problem = NonNullable<EngineFacts["problem"]>;

/** Never fails: what is wrong is part of the answer. */
export async function checkEngine(
  engine: Engine,
  workDir: string,
  signal: AbortSignal,
): Promise<EngineFacts> {
  const base = { engine: engine.runtime.kind, address: engine.address };
  const identity = await engine.socket.identity(signal);
  if (!identity.ok) return { ...base, problem: problemOf(engine, identity.error, signal) };
  const { apiVersion, engineVersion } = identity.value;
  const known = { ...base, apiVersion, ...(engineVersion === "" ? {} : { engineVersion }) };
  const info = await systemInfo(engine.socket, signal);
  if (!info.ok) return { ...known, problem: problemOf(engine, info.error, signal) };
  const rootless = isRootless(info.value);
  const problem = await checkSharedFolder(engine, workDir, signal);
  return { ...known, rootless, ...(problem === null ? {} : { problem }) };
}

export function isRootless({ Rootless, SecurityOptions }: SystemInfo): boolean {
  return Rootless || (SecurityOptions ?? []).some((option) => option.includes("name=rootless"));
}

function problemOf(engine: Engine, error: EngineError, signal: AbortSignal): Problem {
  const { code, message, remedy } = diagnose(engine.runtime, error, {}, signal).failure;
  return { code, message, remedy };
}

const PROBE_TARGET = "/dagu-probe";
const CREATE_MS = 30_000;
const REMOVE_MS = 10_000;

/**
 * Bind sources are the engine's paths, not ours: a file that we write must be seen by a container (1.6.2). The container is
 * made of any image of the store and never started; with an empty store nothing can be said.
 */
export async function checkSharedFolder(
  engine: Engine,
  workDir: string,
  signal: AbortSignal,
): Promise<Problem | null> {
  const images = await listImages(engine.socket, signal);
  if (!images.ok) return problemOf(engine, images.error, signal);
  const [image] = images.value;
  if (image === undefined) return null;
  const folder = await Deno.makeTempDir({ dir: workDir, prefix: "probe-" });
  const name = crypto.randomUUID();
  try {
    // A rootless engine's user must be able to look.
    await Deno.chmod(folder, 0o755);
    await Deno.writeTextFile(`${folder}/${name}`, "");
    const body = {
      Image: image,
      Entrypoint: ["/never-started"],
      HostConfig: { Binds: [`${folder}:${PROBE_TARGET}:ro`], NetworkMode: "none" },
    };
    // The answer is what tells of the container that is to be removed: it is waited for, whoever stops us.
    const patience = AbortSignal.timeout(CREATE_MS);
    const created = await createContainer(engine.socket, `dagu-probe-${name}`, body, null, patience);
    if (!created.ok) return notShared(engine, workDir, created.error.message);
    try {
      const seen = await statInContainer(engine.socket, created.value.Id, `${PROBE_TARGET}/${name}`, signal);
      if (seen.ok) return null;
      return isMissing(seen.error)
        ? notShared(engine, workDir, "a file of it is not seen in a container")
        : problemOf(engine, seen.error, signal);
    } finally {
      await removeContainer(engine.socket, created.value.Id, true, AbortSignal.timeout(REMOVE_MS));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function notShared(engine: Engine, workDir: string, why: string): Problem {
  return {
    code: "MOUNT_SOURCE_UNAVAILABLE",
    message: `the work folder ${workDir} is not the same folder for ${engine.runtime.kind}: ${why}`,
    remedy:
      "run runner and engine on one machine; a runner in a container mounts the folder under the same path; " +
      "a rootless engine's user needs access to it",
  };
}
