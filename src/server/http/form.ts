/** What a page's form sends: under a cap, and a form or else the sender's mistake. */
import type { Context } from "hono";
import { refused } from "./answer.ts";
import { readBody } from "./body.ts";

/** The text of a definition is the largest that a page sends. */
const FORM_MAX_BYTES = 4_194_304;

export async function readForm(c: Context, maxBytes = FORM_MAX_BYTES): Promise<FormData> {
  const body = await readBody(c.req.raw, maxBytes);
  if (!body.ok) throw refused("payload_too_large", `the form is larger than ${maxBytes} bytes`);
  const form = await new Response(body.bytes, {
    headers: { "Content-Type": c.req.header("Content-Type") ?? "" },
  })
    .formData().catch(() => null);
  if (form === null) throw refused("bad_request", "what was sent is not a form");
  // Postgres has no NUL in texts, and no person types one.
  if ([...form].flat().some((text) => typeof text === "string" && text.includes("\0"))) {
    throw refused("bad_request", "a field of the form holds a NUL character");
  }
  return form;
}
