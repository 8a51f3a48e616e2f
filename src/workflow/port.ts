/** `[[ip:]host:]container[/protocol]` of a published port (containers contract 2.7). */

export interface Port {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  /** null: exposed, not published. */
  readonly hostPort: number | null;
  readonly hostIp: string;
}

export function parsePort(text: string): Port | { readonly error: string } {
  const match = /^(?:(?:(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):)?(\d{1,5}):)?(\d{1,5})(?:\/([a-z]+))?$/
    .exec(text.trim());
  const error = {
    error: `port "${text}" must be container, host:container or ip:host:container, with /tcp, /udp or /sctp`,
  };
  if (match === null) return error;
  const [, ip = "0.0.0.0", host, container = "0", protocol = "tcp"] = match;
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp") return error;
  if (!isAddress(ip)) return error;
  const containerPort = Number(container);
  const hostPort = host === undefined ? null : Number(host);
  if (containerPort < 1 || containerPort > 65_535 || (hostPort ?? 0) > 65_535) return error;
  return { containerPort, protocol, hostPort, hostIp: ip.replace(/^\[|\]$/g, "") };
}

/** Of the host: four numbers, or IPv6 in brackets. */
function isAddress(text: string): boolean {
  if (!text.startsWith("[")) return text.split(".").every((part) => Number(part) <= 255);
  return URL.canParse(`http://${text}/`);
}
