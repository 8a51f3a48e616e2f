/** Images under a policy: one name for each, so that no other spelling of it goes by the patterns. */
import { compileGlob } from "../workflow/glob.ts";
import type { FullImage } from "../workflow/image.ts";

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
