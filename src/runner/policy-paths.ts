/** Paths under a policy: where they really lead, links followed, also when their end is not there yet. */
import { dirname, join, normalize } from "node:path";

/** The real path of the nearest part that exists, with the rest behind it. */
export async function whereItLeads(path: string): Promise<string> {
  let rest = "";
  for (let at = normalize(path);; at = dirname(at)) {
    const real = await Deno.realPath(at).catch(() => null);
    if (real !== null) return rest === "" ? real : join(real, rest);
    // A link to nowhere leads where somebody may make something later.
    const link = await Deno.readLink(at).catch(() => null);
    if (link !== null) return await whereItLeads(join(link.startsWith("/") ? "/" : dirname(at), link, rest));
    if (dirname(at) === at) return normalize(path);
    rest = rest === "" ? baseOf(at) : join(baseOf(at), rest);
  }
}

export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
