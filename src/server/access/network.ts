/** Addresses of the Internet and the networks that they are in. */

/** Addresses that begin with the same bits. IPv4 is that part of IPv6 which stands for it. */
export interface Network {
  readonly address: Uint8Array;
  readonly bits: number;
}

/** What stands before the four bytes of IPv4. */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];

/** `10.0.0.0/8`, `::1`; null: it is none. */
export function readNetwork(text: string): Network | null {
  const [host = "", length, ...rest] = text.split("/");
  const address = bytesOf(host);
  if (address === null || rest.length > 0) return null;
  const widest = host.includes(":") ? 128 : 32;
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > widest)) return null;
  return { address, bits: 128 - widest + Number(length ?? widest) };
}

/** Of private use: a proxy's, most often. */
const PRIVATE = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "100.64.0.0/10",
  "::1",
  "fc00::/7",
  "fe80::/10",
].flatMap((text) => readNetwork(text) ?? []);

export function isShared(address: string): boolean {
  return isIn(address, PRIVATE);
}

export function isIn(text: string, networks: readonly Network[]): boolean {
  const address = bytesOf(text);
  return address !== null && networks.some((network) => isBelow(address, network));
}

function isBelow(address: Uint8Array, network: Network): boolean {
  return address.every((byte, i) => {
    const bits = Math.min(8, Math.max(0, network.bits - 8 * i));
    return (byte ^ (network.address[i] ?? 0)) >> (8 - bits) === 0;
  });
}

/** As it is written most often; null: it is no address. */
export function plainAddress(text: string): string | null {
  const bytes = bytesOf(text);
  if (bytes === null) return null;
  return isIPv4(bytes) ? bytes.slice(12).join(".") : text.toLowerCase();
}

function isIPv4(bytes: Uint8Array): boolean {
  return bytes.slice(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 255));
}

/** 16 bytes; null: it is no address. */
function bytesOf(text: string): Uint8Array | null {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const four = text.split(".").map(Number);
    return four.every((byte) => byte < 256) ? Uint8Array.of(...MAPPED, ...four) : null;
  }
  // An address with a zone is one of this machine's links.
  const bare = text.replace(/%.*$/, "");
  const url = `http://[${bare}]/`;
  if (!/^[0-9a-f:.]+$/i.test(bare) || !URL.canParse(url)) return null;
  const [head = "", tail] = new URL(url).hostname.slice(1, -1).split("::");
  const groups = (part: string | undefined): string[] =>
    (part ?? "").split(":").filter((group) => group !== "");
  const [first, last] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => "0");
  return Uint8Array.from([...first, ...zeros, ...last].flatMap((group) => {
    const number = Number.parseInt(group, 16);
    return [number >> 8, number & 255];
  }));
}
