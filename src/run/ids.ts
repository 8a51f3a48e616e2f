import * as v from "valibot";
import { isRunId } from "../workflow/names.ts";

export const RunId = v.pipe(v.string(), v.check(isRunId), v.brand("RunId"));
export type RunId = v.InferOutput<typeof RunId>;

/** Internal row ids: UUIDv7 text (ID-09). */
export const Uuid = v.pipe(v.string(), v.uuid());

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The 22-character base62 form of a UUID: sorts as the UUID does (ID-02). */
export function toBase62(uuid: string): string {
  let rest = BigInt(`0x${uuid.replaceAll("-", "")}`);
  let text = "";
  for (let i = 0; i < 22; i++) {
    text = BASE62.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}

/** A UUIDv7 (RFC 9562, 5.7) from milliseconds since the epoch and ten random bytes. */
export function uuidV7(nowMs: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(nowMs) << 16n);
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toHex();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
