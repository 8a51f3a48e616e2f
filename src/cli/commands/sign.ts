import * as v from "valibot";
import { parseJson } from "../../workflow/json.ts";
import { parseWorkflow } from "../../workflow/parse.ts";
import { withBase } from "../../workflow/base.ts";
import { digestOfBase, digestOfText, type Signed, signedBytes } from "../../workflow/signature.ts";
import { systemClock } from "../../runner/clock.ts";
import { readBaseConfig } from "../base-config.ts";
import { type Command, type Context, UserError, writeErr, writeOut } from "../command.ts";
import { locateHome } from "../home.ts";
import { signaturePath } from "../signature-file.ts";
import { readWorkflowFile } from "../workflow-file.ts";
import { readInstant } from "../../workflow/instant.ts";

const ED25519 = { name: "Ed25519" } as const;
/** A private key of RFC 8037, with the id by which runners know its public half. */
const PrivateJwk = v.object({
  kty: v.literal("OKP"),
  crv: v.literal("Ed25519"),
  kid: v.pipe(v.string(), v.minLength(1)),
  x: v.string(),
  d: v.string(),
});

export const command: Command = {
  usage: "sign FILE --key KEY | sign --new-key KEY",
  summary:
    "Signs a workflow file: runners whose policy names the key execute it, and nothing that was changed since. The signature is\n" +
    "written beside the file, as NAME.sig, and goes where the file goes. The base configuration of this home is signed with it.\n" +
    "--new-key makes a private key and prints its public half as the set that a runner's policy names.",
  examples: [
    "dagu sign --new-key release.jwk > keys.json",
    "dagu sign deploy.yaml --key release.jwk --not-after 2027-01-01T00:00:00Z",
  ],
  options: {
    key: { type: "string", value: "KEY", help: "file of the private key (JWK); no server needs it" },
    "new-key": { type: "string", value: "KEY", help: "file to write a new private key to" },
    "not-after": { type: "string", value: "TIME", help: "end of the signature, RFC 3339 (default: none)" },
    "declared-params": { type: "boolean", help: "good for values of declared parameters only" },
  },
  arguments: [0, 1],
  run: async (context) => {
    const [file] = context.positionals;
    const [key, newKey] = [context.flags.text("key"), context.flags.text("new-key")];
    if (newKey !== null && file === undefined && key === null) await makeKey(newKey);
    else if (file !== undefined && key !== null && newKey === null) await sign(context, file, key);
    else throw new UserError(`Usage: dagu ${command.usage}`);
    return 0;
  },
};

async function makeKey(path: string): Promise<void> {
  const pair = await crypto.subtle.generateKey(ED25519, true, ["sign", "verify"]);
  const { x, d } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  const about = { kty: "OKP", crv: "Ed25519", kid: crypto.randomUUID(), x };
  try {
    await Deno.writeTextFile(path, `${JSON.stringify({ ...about, d })}\n`, { createNew: true, mode: 0o600 });
  } catch (error) {
    throw new UserError(`cannot write the key to ${path}: ${error instanceof Error ? error.message : error}`);
  }
  writeOut(JSON.stringify({ keys: [about] }, null, 2));
  writeErr(
    `private key in ${path}: keep it where no server is. The set above goes to the runners: signing.keys.`,
  );
}

async function sign({ env, flags }: Context, argument: string, keyPath: string): Promise<void> {
  const { path, stem, text } = await readWorkflowFile(argument, locateHome(env).dagsDir);
  const base = await readBaseConfig(env);
  if (parseWorkflow(withBase(text, base), "load").workflow === null) {
    throw new UserError(`${path} has mistakes, and is not signed; see: dagu validate ${argument}`);
  }
  const { kid, ...jwk } = await readKey(keyPath);
  const end = flags.text("not-after");
  const signed: Signed = {
    v: 1,
    alg: "Ed25519",
    workspace: "default",
    fileName: stem,
    digest: await digestOfText(text),
    baseDigest: await digestOfBase(base),
    keyId: kid,
    signedAt: new Date(systemClock().now()).toISOString(),
    ...(end === null ? {} : { notAfter: readEnd(end) }),
    allow: { params: flags.has("declared-params") ? "declared" : "any" },
  };
  const key = await crypto.subtle.importKey("jwk", jwk, ED25519, false, ["sign"]).catch(() => {
    throw new UserError(`${keyPath} holds no key that can sign`);
  });
  const value = new Uint8Array(await crypto.subtle.sign(ED25519, key, signedBytes(signed))).toBase64();
  const place = signaturePath(path);
  await Deno.writeTextFile(place, `${JSON.stringify({ ...signed, value }, null, 2)}\n`);
  if (!flags.has("quiet")) writeErr(`signed with key ${kid}: ${place}`);
}

async function readKey(path: string): Promise<v.InferOutput<typeof PrivateJwk>> {
  const text = await Deno.readTextFile(path).catch((error: Error) => {
    throw new UserError(
      `cannot read the key ${path}: ${error.message}; make one: dagu sign --new-key ${path}`,
    );
  });
  const read = v.safeParse(PrivateJwk, parseJson(text));
  if (read.success) return read.output;
  throw new UserError(
    `${path} is no private Ed25519 key as a JWK with a kid; make one: dagu sign --new-key FILE`,
  );
}

function readEnd(text: string): string {
  const instant = readInstant(text);
  if (instant === null) throw new UserError(`--not-after must be RFC 3339, got "${text}"`);
  return new Date(instant).toISOString();
}
