/** What a webhook's body means to the run (WH-10 to WH-16). */
import { isMapping } from "../../workflow/json.ts";
import { isRunId } from "../../workflow/names.ts";
import { type Refusal, refuse } from "../dispatch/refusal.ts";
import { NOT_JSON, parseJson } from "./json.ts";

export interface Payload {
  /** JSON text for `WEBHOOK_PAYLOAD`. */
  readonly text: string;
  /** Run id that the sender chose; null: none. */
  readonly dagRunId: string | null;
}

export function readPayload(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string | null,
): { ok: true; payload: Payload } | Refusal {
  const type = (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (bytes.length === 0) return { ok: true, payload: { text: "{}", dagRunId: null } };
  if (type === "" || type === "application/json" || type.endsWith("+json")) return fromJson(bytes);
  if (type === "application/x-www-form-urlencoded") {
    const fields = new URLSearchParams(new TextDecoder().decode(bytes));
    return plain(Object.fromEntries(fields));
  }
  if (type.startsWith("text/")) return plain({ text: new TextDecoder().decode(bytes) });
  return refuse("unsupported_media_type", `content type ${type} is not supported; send application/json`);
}

function fromJson(bytes: Uint8Array<ArrayBuffer>): { ok: true; payload: Payload } | Refusal {
  const value = parseJson(bytes);
  if (value === undefined) return refuse("bad_request", NOT_JSON);
  const text = new TextDecoder().decode(bytes);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: true, payload: { text, dagRunId: null } };
  }
  const body = new Map<string, unknown>(Object.entries(value));
  const chosen = body.get("dagRunId");
  if (chosen !== undefined && (typeof chosen !== "string" || !isRunId(chosen))) {
    return refuse("bad_request", 'dagRunId must be 1 to 64 of letters, digits, _ and -, and not "latest"');
  }
  const inner = body.get("payload");
  const isWrapped = isMapping(inner);
  return {
    ok: true,
    payload: {
      text: isWrapped ? JSON.stringify(inner) : text,
      dagRunId: typeof chosen === "string" ? chosen : null,
    },
  };
}

function plain(value: Readonly<Record<string, string>>): { ok: true; payload: Payload } {
  return { ok: true, payload: { text: JSON.stringify(value), dagRunId: null } };
}

/** Headers that the workflow asked for, as lowercased name -> values (WH-13). Credentials were refused at load. */
export function pickHeaders(headers: Headers, wanted: readonly string[]): string {
  const picked: Record<string, string[]> = {};
  for (const name of wanted) {
    const value = headers.get(name);
    if (value !== null) picked[name] = [value];
  }
  return JSON.stringify(picked);
}

const SECRET_HEADER =
  /^(authorization|cookie|proxy-authorization|x-dagu-signature|webhook-signature|x-hub-signature.*|x-gitlab-token|x-gitea-signature|x-forgejo-signature)$/;
const HEADER_BYTES = 32_768;

/** The headers that a delivery record keeps: no credential, bounded (1.10). */
export function recordedHeaders(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {};
  let size = 0;
  for (const [name, value] of headers) {
    size += name.length + value.length;
    if (Object.keys(kept).length >= 100 || size > HEADER_BYTES) break;
    kept[name] = SECRET_HEADER.test(name) ? "(not kept)" : value;
  }
  return kept;
}
