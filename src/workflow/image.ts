/** Image references, in the grammar of the distribution specification (registry, path, tag, digest). */
import { own } from "./own.ts";

const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const DOMAIN = "(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:]+\\])(?::[0-9]+)?";
const REFERENCE = new RegExp(
  `^(?:(${DOMAIN})/)?(${COMPONENT}(?:/${COMPONENT})*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,}))?$`,
);

/** Longer than any registry accepts: a name has 255 characters, a tag 128. */
const MAX_LENGTH = 1_024;

export interface ImageReference {
  /** As written: "" when the name begins with no registry. */
  readonly registry: string;
  readonly path: string;
  /** `latest` when neither tag nor digest was written (6.1.5). */
  readonly tag: string | null;
  readonly digest: string | null;
}

/** null: not a legal reference. An image id (`sha256:...` or hex) is legal to an engine and kept as a path. */
export function parseImage(text: string): ImageReference | null {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return { registry: "", path: text, tag: null, digest: null };
  const match = text.length > MAX_LENGTH ? null : REFERENCE.exec(text);
  if (match === null) return null;
  const [, domain, rest = "", tag, digest] = match;
  const isRegistry = domain !== undefined && (/[.:]/.test(domain) || domain === "localhost");
  if (domain !== undefined && !isRegistry && domain !== domain.toLowerCase()) return null;
  return {
    registry: isRegistry ? domain : "",
    path: isRegistry || domain === undefined ? rest : `${domain}/${rest}`,
    tag: tag ?? (digest === undefined ? "latest" : null),
    digest: digest ?? null,
  };
}

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
  const registry = written === "" ? DEFAULT_REGISTRY : own(REGISTRY_ALIASES, written) ?? written;
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
