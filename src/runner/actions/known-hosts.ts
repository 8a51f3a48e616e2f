/** What a `known_hosts` file says about the key of a host (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";

export interface KnownKey {
  readonly type: string;
  /** Base64 of the key. */
  readonly key: string;
  readonly isRevoked: boolean;
}

export type Verdict = "known" | "unknown" | "changed" | "revoked";

/** The keys that the file has for a host. */
export function knownKeys(file: string, host: string, port: number): KnownKey[] {
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
  return file.split("\n").flatMap((line): KnownKey[] => {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith("@") === true ? words.shift() : null;
    const [hosts = "", type = "", key = ""] = words;
    if (hosts === "" || hosts.startsWith("#") || key === "") return [];
    // Certificates of hosts are not read: such a line vouches for no key by itself.
    if (marker === "@cert-authority" || !names(hosts, name)) return [];
    return [{ type, key, isRevoked: marker === "@revoked" }];
  });
}

export function judgeKey(known: readonly KnownKey[], key: Buffer): Verdict {
  const text = key.toString("base64");
  const same = known.filter((one) => one.key === text);
  if (same.some((one) => one.isRevoked)) return "revoked";
  if (same.length > 0) return "known";
  return known.some((one) => !one.isRevoked) ? "changed" : "unknown";
}

function names(hosts: string, name: string): boolean {
  if (hosts.startsWith("|1|")) return isHashOf(hosts, name);
  const patterns = hosts.toLowerCase().split(",");
  const isMeant = (pattern: string): boolean => matches(pattern, name);
  return patterns.some((one) => !one.startsWith("!") && isMeant(one)) &&
    !patterns.some((one) => one.startsWith("!") && isMeant(one.slice(1)));
}

function isHashOf(hashed: string, name: string): boolean {
  const [, , salt = "", hash = ""] = hashed.split("|");
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
}

/** `*` and `?` are the only wildcards; a bracket belongs to `[host]:port`. */
function matches(pattern: string, name: string): boolean {
  const source = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${source}$`).test(name);
}
