/** The few, flat texts that an S3 server answers with. */
import { own } from "../../workflow/own.ts";

/**
 * What is between the tags of each element of this name; elements of one name do not lie in each other
 * here.
 */
export function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^]*?)</${name}>`, "g"))].map(([, inner = ""]) => inner);
}

/** Of the first element of this name; empty: there is none. */
export function elementText(xml: string, name: string): string {
  return unescapeXml(elements(xml, name)[0] ?? "");
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) => {
    if (name !== undefined) return own(NAMED, name) ?? all;
    return String.fromCodePoint(hex === undefined ? Number(decimal) : parseInt(hex, 16));
  });
}

export function escapeXml(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters would be lost on the way
  return text.replace(/[&<>"'\x00-\x1f]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
