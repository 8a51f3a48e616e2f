/** `source:target[:mode]` of a volume (containers contract 2.6). */

export interface Volume {
  readonly source: string;
  readonly target: string;
  readonly mode: "rw" | "ro";
  /** `z`, `Z`: labels of SELinux hosts; `U`: owned by the container's user (B27, B28). */
  readonly options: readonly ("z" | "Z" | "U")[];
}

/** Splits the text; whether the source is a folder or a named volume is the runner's to decide, after resolution. */
export function parseVolume(text: string): Volume | { readonly error: string } {
  const parts = text.split(":");
  const [source = "", target = "", mode = "rw"] = parts;
  if (parts.length < 2 || parts.length > 3) {
    return { error: `volume "${text}" must be source:target or source:target:mode` };
  }
  if (source === "") return { error: `volume "${text}" has no source` };
  const read = readMode(mode);
  if (read === null) return { error: `volume "${text}" has mode "${mode}"; use ro or rw, with z, Z or U` };
  if (!target.startsWith("/") && !target.includes("$")) {
    return { error: `volume "${text}" has a target that is not absolute` };
  }
  // Docker refuses it, and on Podman the image would be gone.
  if (/^\/+(?:\.{1,2}(?:\/+|$))*$/.test(target)) {
    return { error: `volume "${text}" has the whole file system as its target` };
  }
  if (/^~[^/]/.test(source)) return { error: `volume "${text}": ~user is not supported, write the path` };
  return { source, target, ...read };
}

/** null: it says something else, or the same thing twice. */
function readMode(text: string): Pick<Volume, "mode" | "options"> | null {
  const words = text.split(",");
  const access = words.filter((word) => word === "ro" || word === "rw");
  const options = words.filter((word) => word === "z" || word === "Z" || word === "U");
  const isTwice = new Set(words).size < words.length || access.length > 1;
  const isBoth = options.includes("z") && options.includes("Z");
  if (isTwice || isBoth || access.length + options.length < words.length) return null;
  return { mode: access[0] ?? "rw", options };
}
