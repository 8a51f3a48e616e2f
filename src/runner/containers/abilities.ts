/** What only some engines can do, refused in words by those that cannot: they would ignore it or answer with riddles (B27). */
import { systemInfo } from "./api/system.ts";
import { describe, diagnose } from "./diagnose.ts";
import { isRootless } from "./doctor.ts";
import type { Engine } from "./engine.ts";
import type { Mount } from "./mounts.ts";
import { type Diagnosis, unmade } from "./outcome.ts";
import type { ContainerRequest } from "./spec.ts";

/** null: the engine can do all that is asked for. */
export async function findInability(
  engine: Engine,
  { container }: ContainerRequest,
  mounts: readonly Mount[],
  signal: AbortSignal,
): Promise<Diagnosis | null> {
  const isOwned = mounts.some(({ options = [] }) => options.includes("U"));
  if ((container.userns === undefined && !isOwned) || engine.isPaper) return null;
  const { image } = container;
  const identity = await engine.socket.identity(signal);
  if (!identity.ok) return diagnose(engine.runtime, identity.error, { image }, signal);
  const refuse = (what: string, remedy: string): Diagnosis =>
    unmade(describe(engine.runtime, { code: "OCI_RUNTIME", message: what, remedy }, { image })).error;
  if (!identity.value.isPodman) {
    const what = isOwned ? "the mount option U" : `userns ${container.userns}`;
    return refuse(
      `Docker does not know ${what}: only Podman does`,
      'use user: "UID:GID" with a folder that this user owns, or a Podman runner',
    );
  }
  if (container.userns === undefined) return null;
  const info = await systemInfo(engine.socket, signal);
  if (!info.ok) return diagnose(engine.runtime, info.error, { image }, signal);
  if (isRootless(info.value)) return null;
  return refuse(
    `userns ${container.userns} is for rootless Podman, and this one runs as root`,
    'here user: "UID:GID" does the same; or use the rootless socket of that user',
  );
}
