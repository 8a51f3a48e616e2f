/** Image references, in the grammar of the distribution specification (registry, path, tag, digest). */

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
