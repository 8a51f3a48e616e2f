/** Which engine answers, and which API version we speak with it (containers contract 1.5). */
import { engineError, type Reply } from "./error.ts";

export interface Identity {
  /** The version of our requests. */
  readonly apiVersion: string;
  /** By its answers, not by the name of the mode (1.2.2). */
  readonly isPodman: boolean;
  /** "" when it does not tell. */
  readonly engineVersion: string;
}

/** Docker 20.10 and Podman 4 both have it. */
const FLOOR = "1.41";
/** The newest whose changes we know; newer engines still speak it. */
const CEILING = "1.47";

/** From the headers of a ping; null: not an engine. The version is the engine's own newest. */
export function readIdentity(headers: Readonly<Record<string, string>>): Identity | null {
  const apiVersion = headers["api-version"];
  if (apiVersion === undefined || !/^\d+\.\d+$/.test(apiVersion)) return null;
  const libpod = headers["libpod-api-version"];
  const product = /^(?:Docker|Libpod)\/([^\s(]+)/.exec(headers["server"] ?? "");
  return { apiVersion, isPodman: libpod !== undefined, engineVersion: libpod ?? product?.[1] ?? "" };
}

/** The lower of the two maxima, or the pinned one. */
export function pickVersion(identity: Identity, pinned: string | null): Reply<Identity> {
  if (pinned !== null) return { ok: true, value: { ...identity, apiVersion: pinned } };
  if (isLower(identity.apiVersion, FLOOR)) {
    const message =
      `the engine speaks API ${identity.apiVersion} at most; ${FLOOR} is the least that is needed`;
    return { ok: false, error: engineError("version", "ping", message) };
  }
  const apiVersion = isLower(identity.apiVersion, CEILING) ? identity.apiVersion : CEILING;
  return { ok: true, value: { ...identity, apiVersion } };
}

function isLower(one: string, other: string): boolean {
  const [major = 0, minor = 0] = one.split(".").map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split(".").map(Number);
  return major !== otherMajor ? major < otherMajor : minor < otherMinor;
}
