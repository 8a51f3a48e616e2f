/**
 * Is a request signed as Signature Version 4 wants it? Written from AWS's description, beside the library
 * that signs.
 */
import { createHash, createHmac } from "node:crypto";

interface SignedRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export function isSigned(request: SignedRequest, secret: string): boolean {
  const [, scope = "", names = "", signature] =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      header(request, "authorization"),
    ) ?? [];
  const text = [
    "AWS4-HMAC-SHA256",
    header(request, "x-amz-date"),
    scope,
    createHash("sha256").update(canonical(request, names)).digest("hex"),
  ].join("\n");
  const key = scope.split("/").reduce<Uint8Array>(
    (last, part) => createHmac("sha256", last).update(part).digest(),
    new TextEncoder().encode(`AWS4${secret}`),
  );
  const isWhole = Object.keys(request.headers).every((name) =>
    !name.startsWith("x-amz-") || names.split(";").includes(name)
  );
  return isWhole && createHmac("sha256", key).update(text).digest("hex") === signature;
}

function canonical(request: SignedRequest, names: string): string {
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const pairs = query.split("&").filter((pair) => pair !== "").map((pair) => {
    const [name = "", value = ""] = pair.split("=").map((part) =>
      decodeURIComponent(part.replaceAll("+", " "))
    );
    return `${encode(name)}=${encode(value)}`;
  });
  const headers = names.split(";").map((name) =>
    `${name}:${header(request, name).trim().replace(/ +/g, " ")}\n`
  );
  return [
    request.method,
    path.split("/").map((part) => encode(decodeURIComponent(part))).join("/"),
    pairs.sort().join("&"),
    headers.join(""),
    names,
    header(request, "x-amz-content-sha256"),
  ].join("\n");
}

function header(request: SignedRequest, name: string): string {
  return String(request.headers[name] ?? "");
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
