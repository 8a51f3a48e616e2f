/** Images under a policy: one name for each, so that no other spelling of it goes by the patterns. */
import { compileGlob } from "../workflow/glob.ts";
import { parseImage } from "../workflow/image.ts";

/** Where Docker and Podman's compatible API look for a name without a registry. */
const DEFAULT_REGISTRY = "docker.io";
/** Other names of the same registry. */
const REGISTRY_ALIASES: Readonly<Record<string, string>> = { "index.docker.io": DEFAULT_REGISTRY };

export interface FullImage {
  /** `docker.io/library/alpine`. */
  readonly repository: string;
  /** null when a digest decides: engines ignore the tag beside it, whatever it says. */
  readonly tag: string | null;
  readonly digest: string | null;
}

/** null: not a name that says where the image comes from, such as the id of one in the store. */
export function fullImage(text: string): FullImage | null {
  const parsed = parseImage(text);
  if (parsed === null || parsed.path.startsWith("sha256:")) return null;
  const written = parsed.registry.toLowerCase();
  const registry = written === "" ? DEFAULT_REGISTRY : REGISTRY_ALIASES[written] ?? written;
  const isOfficial = registry === DEFAULT_REGISTRY && !parsed.path.includes("/");
  const digest = parsed.digest?.toLowerCase() ?? null;
  return {
    repository: `${registry}/${isOfficial ? "library/" : ""}${parsed.path}`,
    tag: digest === null ? parsed.tag ?? "latest" : null,
    digest,
  };
}

export function imageText({ repository, tag, digest }: FullImage): string {
  return digest === null ? `${repository}:${tag}` : `${repository}@${digest}`;
}

export type MatchesImage = (image: FullImage) => boolean;

/**
 * `registry/path`, `registry/path:tag` or `registry/path@sha256:...`, the parts globs. A pattern with a tag does not fit an
 * image that is named by digest: nobody knows that the tag has that digest.
 */
export function compileImagePattern(pattern: string): MatchesImage {
  const { repository, tag, digest } = splitPattern(pattern);
  const isRepository = compileGlob(repository);
  const isTag = tag === null ? null : compileGlob(tag);
  const isDigest = digest === null ? null : compileGlob(digest);
  return (image) => {
    if (!isRepository(image.repository)) return false;
    if (isDigest !== null) return image.digest !== null && isDigest(image.digest);
    return isTag === null || (image.tag !== null && isTag(image.tag));
  };
}

/** What is wrong with a pattern; null: nothing. */
export function imagePatternProblem(pattern: string): string | null {
  const { repository } = splitPattern(pattern);
  if (repository === "**") return null;
  const [registry = "", ...path] = repository.split("/");
  if (path.length === 0) return "names no registry";
  if (!/[.:*?[{]/.test(registry) && registry !== "localhost") return "does not begin with a registry";
  return repository === repository.toLowerCase() ? null : "has capital letters, which no image has";
}

function splitPattern(pattern: string): { repository: string; tag: string | null; digest: string | null } {
  const at = pattern.indexOf("@");
  const named = at === -1 ? pattern : pattern.slice(0, at);
  const digest = at === -1 ? null : pattern.slice(at + 1);
  // A colon before the last slash is the registry's port.
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  return colon === -1
    ? { repository: named, tag: null, digest }
    : { repository: named.slice(0, colon), tag: named.slice(colon + 1), digest };
}
