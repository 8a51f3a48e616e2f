/**
 * Secrets that a container finds as files in `/run/secrets` (containers contract B22): memory of this machine, bound into the
 * container. Nothing of them is in its configuration, so no inspect, no history and no engine's disk holds a value.
 */
import { sha256 } from "../workflow/digest.ts";
import { join, resolve } from "node:path";
import type { Failure } from "../run/failure.ts";
import type { Mount } from "./containers/mounts.ts";
import type { Owner } from "./workspace.ts";

export interface SecretFiles {
  /** The folders of one attempt lie in it. */
  readonly dir: string;
  /** Files of these secrets, for as long as they are held. */
  open(names: readonly string[]): Promise<OpenSecrets | Failure>;
}

export interface OpenSecrets extends AsyncDisposable {
  readonly mounts: readonly Mount[];
}

const TARGET = "/run/secrets";
const NO_SECRETS: OpenSecrets = { mounts: [], [Symbol.asyncDispose]: () => Promise.resolve() };

export interface SecretPlaces {
  /** Of the runner alone; made anew by each of its processes. */
  readonly base: string;
  readonly attemptId: string;
  readonly values: Readonly<Record<string, string>>;
  /** Whose engine it is, when it is not our user's. */
  readonly owner: Owner | null;
}

export function newSecretFiles({ base, attemptId, values, owner }: SecretPlaces): SecretFiles {
  const dir = join(base, attemptId);
  let count = 0;
  return {
    dir,
    open: async (names) => {
      if (names.length === 0) return NO_SECRETS;
      const missing = names.find((name) => values[name] === undefined);
      if (missing !== undefined) {
        const message = `container.secrets names ${missing}, which the workflow's secrets do not have`;
        return { code: "SPEC_INVALID", message, remedy: "declare it under secrets at the root" };
      }
      const problem = await problemOf(base);
      if (problem !== null) return problem;
      const folder = join(dir, String(++count));
      const stranger = await makeClosed(base, dir, owner);
      if (stranger !== null) return stranger;
      await Deno.mkdir(folder, { mode: 0o755 });
      for (const name of names) await writeSecret(join(folder, name), values[name] ?? "");
      await Deno.chmod(folder, 0o755);
      const mount: Mount = {
        type: "bind",
        source: folder,
        target: TARGET,
        readOnly: true,
        ...(await hasSelinux() ? { options: ["z"] } : {}),
      };
      return { mounts: [mount], [Symbol.asyncDispose]: () => remove(folder) };
    },
  };
}

/**
 * Nobody but the engine's user gets through; who is inside the container may read, whatever its user is. Everybody may make
 * folders in shared memory, under our name too, and whose folder it is may put others in the place of what lies in it.
 */
async function makeClosed(base: string, dir: string, owner: Owner | null): Promise<Failure | null> {
  await Deno.mkdir(base, { recursive: true, mode: 0o711 });
  const { isDirectory, uid, mode } = await Deno.lstat(base);
  if (!isDirectory || uid !== Deno.uid() || ((mode ?? 0) & 0o022) !== 0) {
    return {
      code: "MOUNT_SOURCE_UNAVAILABLE",
      message: `${base}, for secrets of containers, is a folder that others may change`,
      remedy: "remove it, and see who made it",
    };
  }
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  if (owner !== null) await Deno.chown(dir, owner.uid, owner.gid);
  return null;
}

async function writeSecret(path: string, value: string): Promise<void> {
  await Deno.writeTextFile(path, value, { createNew: true, mode: 0o400 });
  await Deno.chmod(path, 0o444);
}

function remove(path: string): Promise<void> {
  return Deno.remove(path, { recursive: true }).catch(() => {});
}

async function hasSelinux(): Promise<boolean> {
  return await Deno.stat("/sys/fs/selinux/enforce").then(() => true, () => false);
}

// ---- where --------------------------------------------------------------------------------------------------------

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

/** What DAGU_SECRETS_DIR names, or this machine's shared memory; of this state folder alone. */
export async function secretsBase(
  env: Readonly<Record<string, string | undefined>>,
  stateDir: string,
): Promise<string> {
  const chosen = env["DAGU_SECRETS_DIR"]?.trim() || "/dev/shm";
  return join(resolve(chosen), `dagu-secrets-${(await sha256(resolve(stateDir))).slice(0, 16)}`);
}

/** null: there is none. */
async function kindOf(folder: string): Promise<number | null> {
  const { statfs } = await import("node:fs/promises");
  return (await statfs(folder).catch(() => null))?.type ?? null;
}

async function problemOf(base: string): Promise<Failure | null> {
  const parent = resolve(base, "..");
  const type = await kindOf(parent);
  if (type === TMPFS || type === RAMFS) return null;
  return {
    code: "MOUNT_SOURCE_UNAVAILABLE",
    message: `secrets of containers need a folder in memory, and ${parent} is none`,
    remedy: "set DAGU_SECRETS_DIR of the runner to a tmpfs folder that the engine sees under the same path",
  };
}
