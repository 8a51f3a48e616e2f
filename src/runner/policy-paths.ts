/** Paths under a policy: where they really lead, links followed, also when their end is not there yet. */
import { dirname, join, normalize } from "node:path";

/** More than anything that opens paths follows. */
const LINKS_MAX = 255;

/** The real path of the nearest part that exists, with the rest behind it. Of links in a circle nobody knows: "/", as of anything. */
export async function whereItLeads(path: string): Promise<string> {
  let at = normalize(path);
  let rest = "";
  for (let links = 0; links <= LINKS_MAX;) {
    const real = await Deno.realPath(at).catch(() => null);
    if (real !== null) return rest === "" ? real : join(real, rest);
    // A link to nowhere leads where somebody may make something later.
    const link = await Deno.readLink(at).catch(() => null);
    if (link !== null) {
      at = join(link.startsWith("/") ? "/" : dirname(at), link, rest);
      rest = "";
      links++;
      continue;
    }
    if (dirname(at) === at) return normalize(path);
    rest = rest === "" ? baseOf(at) : join(baseOf(at), rest);
    at = dirname(at);
  }
  return "/";
}

export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
