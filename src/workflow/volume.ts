/** `source:target[:mode]` of a volume (containers contract 2.6). */

export interface Volume {
  readonly source: string;
  readonly target: string;
  readonly mode: "rw" | "ro";
}

/** Splits the text; whether the source is a folder or a named volume is the runner's to decide, after resolution. */
export function parseVolume(text: string): Volume | { readonly error: string } {
  const parts = text.split(":");
  const [source = "", target = "", mode = "rw"] = parts;
  if (parts.length < 2 || parts.length > 3) {
    return { error: `volume "${text}" must be source:target or source:target:mode` };
  }
  if (source === "") return { error: `volume "${text}" has no source` };
  if (mode !== "rw" && mode !== "ro") return { error: `volume "${text}" has mode "${mode}"; use ro or rw` };
  if (!target.startsWith("/") && !target.includes("$")) {
    return { error: `volume "${text}" has a target that is not absolute` };
  }
  if (/^~[^/]/.test(source)) return { error: `volume "${text}": ~user is not supported, write the path` };
  return { source, target, mode };
}
