/** The signature beside a workflow file: `deploy.sig` of `deploy.yaml` (SG-02). */
import { basename, dirname, extname, join } from "node:path";
import * as v from "valibot";
import { parseJson } from "../workflow/json.ts";
import { Signature } from "../workflow/signature.ts";
import { UserError } from "./command.ts";

export function signaturePath(path: string): string {
  return join(dirname(path), `${basename(path, extname(path))}.sig`);
}

/** null: it is not signed. */
export async function readSignature(path: string): Promise<Signature | null> {
  const place = signaturePath(path);
  let text: string;
  try {
    text = await Deno.readTextFile(place);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new UserError(`cannot read ${place}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const read = v.safeParse(Signature, parseJson(text));
  if (read.success) return read.output;
  throw new UserError(`${place} is no signature; make it anew: dagu sign ${path} --key KEY`);
}
