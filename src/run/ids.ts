import * as v from "valibot";

/** 1 to 64 of letters, digits, `_`, `-`. `latest` is an alias in read paths, never an id (ID-02). */
export const RunId = v.pipe(v.string(), v.regex(/^[-\w]{1,64}$/), v.notValue("latest"), v.brand("RunId"));
export type RunId = v.InferOutput<typeof RunId>;

/** 1 to 40 of letters, digits, `_`, `.`, `-`; not `.` or `..` (ID-01). */
export const WorkflowName = v.pipe(
  v.string(),
  v.regex(/^[\w.-]{1,40}$/),
  v.notValues([".", ".."]),
  v.brand("WorkflowName"),
);
export type WorkflowName = v.InferOutput<typeof WorkflowName>;

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
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
