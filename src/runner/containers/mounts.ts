/** Volume texts -> what the engine mounts. Decided here, since engines disagree about missing sources (2.6.6). */
import { dirname, isAbsolute, join, normalize } from "node:path";
import type { Failure } from "../../run/failure.ts";
import { parseVolume } from "../../workflow/volume.ts";

export interface Mount {
  readonly type: "bind" | "volume";
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** `z`, `Z`, `U`; absent: none. */
  readonly options?: readonly string[];
}

export interface MountOptions {
  /** Absolute; relative sources are meant against it, and what is missing below it is made. */
  readonly baseDir: string;
  /** The runner's environment: `$HOME` and the like in sources (2.6.1). */
  readonly hostEnv: Readonly<Record<string, string>>;
  /** A missing source stays missing: it is only planned. */
  readonly isPlanned?: boolean;
  /** Whether a source may be mounted, asked before a missing one is made. */
  admit?(path: string): Promise<Failure | null>;
}

export async function resolveMounts(
  volumes: readonly string[],
  options: MountOptions,
): Promise<readonly Mount[] | Failure> {
  const mounts: Mount[] = [];
  for (const [index, text] of volumes.entries()) {
    const mount = await resolveMount(text, index, options);
    if ("code" in mount) return mount;
    mounts.push(mount);
  }
  return mounts;
}

async function resolveMount(text: string, index: number, options: MountOptions): Promise<Mount | Failure> {
  const volume = parseVolume(text);
  if ("error" in volume) return invalid(`volumes[${index}]: ${volume.error}`);
  const expanded = expandSource(volume.source, options.hostEnv);
  if ("unknown" in expanded) {
    return invalid(
      `volumes[${index}] "${text}": unresolved environment variable $${expanded.unknown} (not set, or not open to volumes)`,
    );
  }
  const { source } = expanded;
  const mount = {
    target: volume.target,
    readOnly: volume.mode === "ro",
    ...(volume.options.length === 0 ? {} : { options: volume.options }),
  };
  if (!/[/\\]|^[.~]/.test(source)) return { type: "volume", source, ...mount };
  const path = toPath(source, options);
  const refused = await options.admit?.(path) ?? null;
  if (refused !== null) return refused;
  const isThere = options.isPlanned === true || await ensureSource(path, options.baseDir);
  if (isThere) return { type: "bind", source: path, ...mount };
  return {
    code: "MOUNT_SOURCE_UNAVAILABLE",
    message:
      `the source of volumes[${index}] does not exist: ${path} (written "${volume.source}", base directory ${options.baseDir})`,
    remedy: "create it on the runner's machine; only sources below the base directory are made",
  };
}

function toPath(source: string, options: MountOptions): string {
  const home = options.hostEnv["HOME"] ?? "/";
  const plain = source === "~" ? home : source.startsWith("~/") ? join(home, source.slice(2)) : source;
  const path = normalize(isAbsolute(plain) ? plain : join(options.baseDir, plain));
  return path.length > 1 ? path.replace(/\/+$/, "") : path;
}

/** Whoever writes a workflow may not look around in the runner's environment (2.6.2). */
const OPEN_NAMES: ReadonlySet<string> = new Set(["HOME", "USER", "TMPDIR"]);
/** The operator's own list of further names. */
const MORE_NAMES = "DAGU_VOLUME_VARIABLES";

function expandSource(
  text: string,
  env: Readonly<Record<string, string>>,
): { source: string } | { unknown: string } {
  let unknown: string | null = null;
  const more = new Set((env[MORE_NAMES] ?? "").split(/[\s,]+/));
  const source = text.replace(
    /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))?/g,
    (_match, braced?: string, bare?: string) => {
      const name = braced ?? bare ?? "";
      const value = OPEN_NAMES.has(name) || name.startsWith("XDG_") || more.has(name) ? env[name] : undefined;
      if (value === undefined) unknown ??= name;
      return value ?? "";
    },
  );
  return unknown === null ? { source } : { unknown };
}

/** Makes what is missing at or below the base directory, with the owner of the folder that it is made in. */
async function ensureSource(path: string, baseDir: string): Promise<boolean> {
  if (await Deno.stat(path).then(() => true, () => false)) return true;
  const isBelow = path === baseDir || path.startsWith(`${baseDir}/`);
  if (!isBelow) return false;
  const parent = dirname(path);
  await ensureSource(parent, baseDir);
  const owner = await Deno.stat(parent).catch(() => null);
  if (!await Deno.mkdir(path, { recursive: true }).then(() => true, () => false)) return false;
  if (owner !== null && owner.uid !== null && owner.gid !== null && Deno.uid() === 0) {
    await Deno.chown(path, owner.uid, owner.gid);
  }
  return true;
}

function invalid(message: string): Failure {
  return { code: "MOUNT_INVALID", message, remedy: "write volumes as source:target or source:target:ro" };
}
