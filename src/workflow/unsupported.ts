/** What the language knows and this version refuses by its name. */

export function unsupported(what: string): string {
  return `${what} is not supported by this version of dagu-edge`;
}

export const UNSUPPORTED_PROFILES = "profiles are not supported by this version of dagu-edge";
