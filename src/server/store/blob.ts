/** A content and its digest. */
import { sha256 } from "../../workflow/digest.ts";

/** `sha256:` and 64 hex digits. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha256:${await sha256(bytes)}`;
}

export interface Blob {
  readonly digest: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

export async function newBlob(data: Uint8Array<ArrayBuffer>): Promise<Blob> {
  return { digest: await digestOf(data), data };
}
